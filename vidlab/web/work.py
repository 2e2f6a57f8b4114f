"""One job of the web application from its task to its result; every step that is done is not done again."""

import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

from vidlab import jobs
from vidlab.classes import class_ids
from vidlab.errors import OutputError, VideoError
from vidlab.jobs.progress import Progress
from vidlab.params import EvidenceParams, SegmentParams, WebParams, method_model
from vidlab.schema import Params, build
from vidlab.web.films import draw_films
from vidlab.web.networks import Networks
from vidlab.web.packing import pack
from vidlab.web.tasks import Task

ParamsT = TypeVar("ParamsT", bound=Params)

RESULT, FILMS, DOWNLOADS = "result", "films", "downloads"  # folders of a job
Tell = Callable[[str, int, int | None], None]
"""Called with the stage, the number of its frames that are done, and how many it has, if that is known."""


class Work:
    """Does one job; `tell` may raise to end it."""

    def __init__(self, task: Task, *, networks: Networks, tell: Tell) -> None:
        self._task, self._networks, self._tell = task, networks, tell
        self._params = WebParams.model_validate(task.limits)
        self._folder = Path(task.folder)
        self._result, self._films = self._folder / RESULT, self._folder / FILMS

    def run(self) -> int:
        """Do what is left to do, and return the number of frames.

        Raises:
            VidlabError: It cannot be done; the sentence may name paths.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        self._clear_leftovers()
        self._tell("loading", 0, None)
        if self._task.kind == "segment":
            self._segment()
            video, masks, version = Path(self._task.video), self._result / "masks", "raw"
        else:
            self._stabilize()
            video = Path(self._task.parent or "") / FILMS / "original.mp4"
            masks, version = self._result / "masks", "stable"
        n_frames = draw_films(
            video,
            self._films,
            masks={"raw": masks} if version == "raw" else {"stable": masks},
            with_original=version == "raw",
            width_px=self._params.view_width_px,
            progress=self._progress("drawing"),
        )
        self._tell("packing", n_frames, n_frames)
        pack(self._result, self._folder / DOWNLOADS, names=self._task.names)
        return n_frames

    def _clear_leftovers(self) -> None:
        """Remove what a run that was killed left, but for what a stabilization can go on from."""
        for path in self._folder.glob(f".{RESULT}.*"):
            if path.name not in (f".{RESULT}.resume", f".{RESULT}.partial-resumable"):
                shutil.rmtree(path, ignore_errors=True)

    def _segment(self) -> None:
        if (self._result / "params.json").is_file():
            return
        wanted = self._task.wanted
        segment = _part(SegmentParams, wanted["params"])
        evidence = _part(EvidenceParams, wanted["params"])
        source: jobs.MasksFrom
        if self._task.masks is not None:
            source = jobs.MaskFile(Path(self._task.masks))
        else:
            source = self._networks.get(wanted["model"], params=segment, drop_below=evidence.drop_below)
        jobs.segment(
            Path(self._task.video),
            network=source,
            out=self._result,
            class_ids=_class_ids(wanted),
            segment=segment,
            evidence=evidence,
            force=True,
            progress=self._progress("segmenting"),
        )

    def _stabilize(self) -> None:
        try:
            self._stabilize_once(resume=True)
        except OutputError:  # what a run left that was killed at a bad moment: from the start, then
            if not any(self._folder.glob(f".{RESULT}.*")):
                raise
            for path in self._folder.glob(f".{RESULT}.*"):
                shutil.rmtree(path, ignore_errors=True)
            self._stabilize_once(resume=False)

    def _stabilize_once(self, *, resume: bool) -> None:
        task = self._task
        jobs.stabilize(
            Path(task.video),
            masks_from=jobs.MaskFile(Path(task.parent or "") / RESULT),
            out=self._result,
            method=build(method_model(task.wanted["method"]), task.wanted["params"]),
            class_ids=_class_ids(task.parent_wanted),
            evidence=_part(EvidenceParams, task.parent_wanted["params"]),
            resume=resume,
            progress=self._progress("stabilizing"),
        )

    def _progress(self, stage: str) -> Progress:
        most = self._params.max_frames

        def progress(done: int, total: int | None) -> None:
            if done > most:
                raise VideoError(f"a video may have {most} frames, got more in {self._task.video}")
            self._tell(stage, done, total)

        return progress


def discard(folder: Path) -> None:
    """Remove what an unsuccessful job made."""
    with suppress(OSError):
        shutil.rmtree(folder)


def _part(model: type[ParamsT], values: dict[str, Any]) -> ParamsT:
    return build(model, {name: value for name, value in values.items() if name in model.model_fields})


def _class_ids(wanted: dict[str, Any]) -> tuple[int, ...] | None:
    return class_ids(wanted["class_names"]) or None
