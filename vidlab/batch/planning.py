"""From what a user asks to tasks: one per video and method, or one per run of a notebook."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from vidlab.batch.keys import ContentHashes, task_key
from vidlab.batch.sources import Source, belonging
from vidlab.batch.store import Store
from vidlab.batch.videos import StabilizeSettings
from vidlab.batch.work import Kind, Task
from vidlab.jobs.progress import Progress, silent
from vidlab.jobs.reading import MaskFile, Network
from vidlab.params import METHODS, BatchParams, MethodParams

HASHES = ".hashes.json"  # in the folder of the batch
SAVE_EVERY = 100  # videos; what a kill while they are read may cost
MASK_SUFFIXES = (".json", ".npz")
MAX_NAME = 80  # characters of a name, which is part of file names


def plan_videos(
    sources: Sequence[Source],
    *,
    out: Path,
    settings: StabilizeSettings,
    methods: Mapping[str, MethodParams] | None = None,
    command: Callable[[Path, StabilizeSettings, Path], Sequence[str]] | None = None,
    progress: Progress = silent,
) -> list[Task]:
    """Plan to stabilize videos.

    Args:
        sources: The videos.
        out: Folder of the batch.
        settings: What holds for all of them; paths of masks and truth may be folders with one for each
            video, or hold `{name}`.
        methods: Several methods by name, in place of that of `settings`; then there is a task per video and
            method.
        command: Gives the words that make the same result alone, from the video, its own settings and the
            folder, for `params.json`.
        progress: Told how many videos are read: their contents make the keys.

    Raises:
        ParameterError: One file of masks for several videos, or an unknown model.
    """
    store, hashes = Store(out), ContentHashes(out.absolute() / HASHES)
    chosen = methods or {settings.method_name: settings.method}
    tasks: list[Task] = []
    for number, source in enumerate(sources):
        own = _for_source(settings, source, n_sources=len(sources))
        for method, params in chosen.items():
            name = source.name if len(chosen) == 1 else f"{source.name}.{method}"
            asked = replace(own, method=params, method_name=method)
            task = _task("stabilize", name, source.path, asked.to_plain(), store=store, hashes=hashes)
            words = command(source.path, asked, Path(task.folder)) if command else ()
            tasks.append(replace(task, settings={**task.settings, "command": list(words)}))
        progress(number + 1, len(sources))
        if (number + 1) % SAVE_EVERY == 0:
            hashes.save()
    return _finished_plan(tasks, out=out, hashes=hashes)


def plan_notebook(
    notebook: Path, *, out: Path, points: Iterable[Mapping[str, Any]], own_folder: bool
) -> list[Task]:
    """Plan to execute a notebook with several sets of parameters.

    Args:
        notebook: The notebook.
        out: Folder of the batch.
        points: The sets, by name of parameter.
        own_folder: The parameter `out` is given a folder inside each result.
    """
    store, hashes = Store(out), ContentHashes(out.absolute() / HASHES)
    tasks, taken = [], set[str]()
    for point in points:
        name = _point_name(notebook, point, taken)
        settings = {"parameters": dict(point), "own_folder": own_folder}
        tasks.append(_task("notebook", name, notebook.absolute(), settings, store=store, hashes=hashes))
    return _finished_plan(tasks, out=out, hashes=hashes)


def method_defaults(names: Iterable[str]) -> dict[str, MethodParams]:
    """Return methods by name, each with its defaults."""
    return {name: METHODS[name]() for name in names}


def jobs_of(params: BatchParams, tasks: Sequence[Task], *, n_cores: int) -> int:
    """Return how many tasks run at once: as asked, or as their kind allows (see `BatchParams.jobs`)."""
    if params.jobs:
        return params.jobs
    light = all(task.kind == "stabilize" and task.settings["network"] is None for task in tasks)
    return n_cores if light else 1


def unique(tasks: Iterable[Task]) -> list[Task]:
    """Return one task for each key: copies of a video are done once."""
    first: dict[str, Task] = {}
    for task in tasks:
        first.setdefault(task.key, task)
    return list(first.values())


def _task(
    kind: Kind,
    name: str,
    source: Path,
    settings: Mapping[str, Any],
    *,
    store: Store,
    hashes: ContentHashes,
) -> Task:
    key = task_key(kind, source=source, settings=settings, hashes=hashes)
    folder = store.folder_of(key, name=name)
    return Task(key, kind, name, str(source), str(folder), settings)


def _finished_plan(tasks: list[Task], *, out: Path, hashes: ContentHashes) -> list[Task]:
    hashes.save()
    folders: dict[str, str] = {}
    for task in tasks:
        folders.setdefault(task.key, task.folder)
    return [replace(task, folder=folders[task.key]) for task in tasks]


def _for_source(settings: StabilizeSettings, source: Source, *, n_sources: int) -> StabilizeSettings:
    masks_from = settings.masks_from
    if isinstance(masks_from, MaskFile):
        own = belonging(masks_from.path, source, n_sources=n_sources, suffixes=MASK_SUFFIXES)
        masks_from = replace(masks_from, path=own or masks_from.path)
    elif masks_from.weights is not None and Path(masks_from.weights).exists():
        masks_from = Network(masks_from.name, str(Path(masks_from.weights).absolute()), masks_from.options)
    truth = belonging(settings.truth, source, n_sources=n_sources, suffixes=())
    if truth is not None and (truth / "truth").is_dir():
        truth = truth / "truth"
    return replace(settings, masks_from=masks_from, truth=truth)


def _point_name(notebook: Path, point: Mapping[str, Any], taken: set[str]) -> str:
    """Return a name such as `hw2_01…-method=median-quick=True`, without what file names must not hold."""
    parts = [f"{name}={Path(value).stem if name == 'video' else value}" for name, value in point.items()]
    plain = "-".join([notebook.stem, *parts])
    kept = "".join(letter if letter.isalnum() or letter in "-_=.+" else "_" for letter in plain)[:MAX_NAME]
    name, number = kept, 1
    while name in taken:
        number += 1
        name = f"{kept}_{number}"
    taken.add(name)
    return name
