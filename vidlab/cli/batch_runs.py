"""What `vidlab batch` does, and what it prints. The room is imported late: --help is instant."""

import argparse
import os
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vidlab.cli import commands
from vidlab.cli.options import given
from vidlab.errors import ParameterError
from vidlab.params import (
    BatchParams,
    ClusterParams,
    EvidenceParams,
    NetworkParams,
    SegmentParams,
    SourceParams,
    WriterParams,
    method_params,
)

if TYPE_CHECKING:
    from vidlab.batch.running import BatchResult
    from vidlab.batch.videos import StabilizeSettings
    from vidlab.batch.work import Task

ENGINES = ("local", "ray", "slurm")  # of `vidlab.batch.engines`, which is imported late
FAILED, INTERRUPTED = 1, 130  # exit codes
MODELS = (EvidenceParams, SegmentParams, NetworkParams, SourceParams, WriterParams)
# Words of `vidlab stabilize` whose option is not named like the attribute that argparse gives them.
ODD_WORDS = {"classes": "--class", "settings": "--set"}
FLAGS = ("probs", "save_frames")
WORDS = (
    "masks", "probs", "model", "weights", "classes", "method", "params", "settings", "tracker", "select",
    "truth", "save_frames",
)  # fmt: skip


def stabilize(args: argparse.Namespace) -> int:
    """Run `vidlab batch stabilize`."""
    _require_engine(args.engine)
    method, classes = commands.wanted_method(args), commands.wanted_classes(args.classes)
    methods = _methods(args)
    groups = {name: given(args, model) for name, model in _groups().items()}
    masks_from = commands.masks_source(args)
    from vidlab.batch.planning import plan_videos
    from vidlab.batch.sources import find_sources
    from vidlab.batch.videos import StabilizeSettings
    from vidlab.cli.progress import progress_bar
    from vidlab.jobs import Selection
    from vidlab.jobs.stabilize import method_name

    if args.select is not None:
        Selection.parse(args.select)  # refuses it now, not once per video
    settings = StabilizeSettings(
        masks_from=masks_from,
        method=method,
        method_name=method_name(method),
        class_ids=classes,
        select=args.select,
        truth=None if args.truth is None else Path(args.truth),
        save_frames=args.save_frames,
        **groups,
    )
    with progress_bar("reading", unit="videos") as progress:
        tasks = plan_videos(
            find_sources(args.videos),
            out=Path(args.out),
            settings=settings,
            methods=methods,
            command=_alone(args),
            progress=progress,
        )
    return _do(args, tasks)


def run(args: argparse.Namespace) -> int:
    """Run `vidlab batch run`."""
    _require_engine(args.engine)
    given(args, BatchParams)
    from vidlab.batch.grid import OUT, read_grid
    from vidlab.batch.planning import plan_notebook
    from vidlab.jobs import notebook as notebooks

    notebook = notebooks.find_notebook(args.notebook)
    defaults = notebooks.notebook_parameters(notebook)
    points = read_grid(Path(args.grid), defaults)
    own_folder = OUT in defaults and OUT not in points[0]
    return _do(args, plan_notebook(notebook, out=Path(args.out), points=points, own_folder=own_folder))


def report(args: argparse.Namespace) -> int:
    """Run `vidlab batch report`; its exit code says whether every task has its result."""
    from vidlab.batch.report import write_report
    from vidlab.batch.store import Store
    from vidlab.cli.tables import print_paths

    page, table = write_report(Path(args.folder))
    store = Store(Path(args.folder))
    outcomes = [store.outcome(task) for task in store.read_batch().tasks]
    print_paths({"report": page, "table": table})
    return 0 if all(outcome is not None and outcome.succeeded for outcome in outcomes) else FAILED


def task(args: argparse.Namespace) -> int:
    """Run `vidlab batch task`."""
    params = given(args, BatchParams).model_copy(update={"jobs": 1})
    from vidlab.batch.local import LocalEngine
    from vidlab.batch.slurm import read_task
    from vidlab.batch.store import Store

    one = read_task(Path(args.tasks), args.index)
    (outcome,) = LocalEngine(params).run([one], report=lambda _event: None)
    Store(one.out).record(one, outcome)
    print(f"{one.name}: {outcome.status}{': ' if outcome.error else ''}{outcome.error}")
    return 0 if outcome.succeeded else FAILED


def _do(args: argparse.Namespace, tasks: "list[Task]") -> int:
    """Run tasks with bars or lines, and say what came of them."""
    params, cluster = given(args, BatchParams), given(args, ClusterParams)
    from vidlab.batch.engines import create_engine
    from vidlab.batch.planning import jobs_of
    from vidlab.batch.running import run_batch
    from vidlab.cli.batch_progress import watching

    if args.engine == "local":
        params = params.model_copy(update={"jobs": jobs_of(params, tasks, n_cores=_n_cores())})
    out = Path(args.out)
    engine = create_engine(args.engine, params=params, options=cluster, out=out)
    try:
        with watching(quiet=args.quiet) as watch:
            result = run_batch(
                tasks, out=out, engine=engine, params=params, command=["vidlab", *args.words], watch=watch
            )
    except KeyboardInterrupt:
        print(
            "vidlab: interrupted; what is done is kept, and the same command goes on with it", file=sys.stderr
        )
        return INTERRUPTED
    _show(result, is_detached=engine.is_detached)
    return 0 if result.succeeded or engine.is_detached else FAILED


def _show(result: "BatchResult", *, is_detached: bool) -> None:
    from vidlab.cli.tables import print_lines, print_paths

    counts = {
        "done": result.count("done"),
        "done before": result.count("skipped"),
        "failed": result.count("failed"),
        "stopped at the time limit": result.count("timeout"),
        "handed over" if is_detached else "waiting": result.count("waiting"),
    }
    said = ", ".join(f"{n} {name}" for name, n in counts.items() if n) or "nothing to do"
    print(f"{len(result.tasks)} tasks in {result.seconds:.1f} s: {said}")
    trouble = [
        f"{task.name}: {outcome.error}"
        for task, outcome in zip(result.tasks, result.outcomes, strict=True)
        if outcome is not None and not outcome.succeeded
    ]
    print_lines("without a result:", trouble)
    print_paths({"report": result.report, "table": result.table})


def _methods(args: argparse.Namespace) -> Any:
    """Return the methods of `--methods` with their defaults, None without it."""
    if args.methods is None:
        return None
    others = [word for word in ("method", "params", "settings") if getattr(args, word)]
    if others:
        option = ODD_WORDS.get(others[0], f"--{others[0]}")
        raise ParameterError(f"methods must come from one place, got --methods and {option}; leave one out")
    names = [name.strip() for name in args.methods.split(",") if name.strip()]
    if not names:
        raise ParameterError(f"--methods must name at least one method, got {args.methods!r}")
    tracker = () if args.tracker is None else (f"tracker={args.tracker}",)
    return {name: method_params(name, tracker) for name in names}


def _groups() -> dict[str, Any]:
    return {
        "source": SourceParams,
        "segment": SegmentParams,
        "evidence": EvidenceParams,
        "writer": WriterParams,
    }


def _alone(args: argparse.Namespace) -> "Callable[[Path, StabilizeSettings, Path], list[str]]":
    """Return what words the command of one video: the one that gives the same result alone."""
    names = dict.fromkeys([*WORDS, *(name for model in MODELS for name in model.model_fields)])

    def words(video: Path, settings: "StabilizeSettings", folder: Path) -> list[str]:
        own = {**vars(args), "truth": settings.truth}
        if args.masks is not None:
            own["masks"] = settings.to_plain()["masks"]["path"]
        else:
            own["weights"] = settings.to_plain()["network"]["weights"]
        if args.methods is not None:
            own["method"] = settings.method_name
        if args.params is not None:
            own["params"] = Path(args.params).absolute()
        options = [word for name in names for word in _option(name, own[name])]
        return ["vidlab", "stabilize", str(video), *options, "--out", str(folder)]

    return words


def _option(name: str, value: Any) -> Iterable[str]:
    option = ODD_WORDS.get(name, f"--{name.replace('_', '-')}")
    if value is None or value is False:
        return ()
    if value is True:
        return (option,)
    values = value if isinstance(value, list) else [value]
    return [word for one in values for word in (option, str(one))]


def _require_engine(name: str) -> None:
    """Refuse an unknown engine before anything is read."""
    if name not in ENGINES:
        raise ParameterError(f"unknown engine {name!r}; choose from: {', '.join(ENGINES)}")


def _n_cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
