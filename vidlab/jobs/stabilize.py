"""The main job: a video and its flickering masks in; stable masks, numbers, plots and a video out."""

import logging
from collections.abc import Sequence
from pathlib import Path

from vidlab.errors import ParameterError
from vidlab.jobs.finished import StabilizeResult, finished_result, holds_result
from vidlab.jobs.output import require_replaceable
from vidlab.jobs.progress import Progress, silent
from vidlab.jobs.reading import MaskFile, MasksFrom
from vidlab.jobs.request import Request
from vidlab.jobs.selecting import Selection
from vidlab.jobs.stabilizing import Run
from vidlab.jobs.unfinished import resumable_folder
from vidlab.params import METHODS, EvidenceParams, MethodParams, SegmentParams, SourceParams, WriterParams

__all__ = ["StabilizeResult", "method_name", "stabilize"]

logger = logging.getLogger(__name__)


def stabilize(
    video: Path,
    *,
    masks_from: MasksFrom,
    out: Path,
    method: MethodParams,
    class_ids: tuple[int, ...] | None = None,
    select: Selection | None = None,
    truth: Path | None = None,
    source: SourceParams | None = None,
    segment: SegmentParams | None = None,
    evidence: EvidenceParams | None = None,
    writer: WriterParams | None = None,
    save_frames: bool = False,
    force: bool = False,
    resume: bool = False,
    progress: Progress = silent,
    command: Sequence[str] = (),
) -> StabilizeResult:
    """Stabilize the masks of a video in one pass and write everything worth keeping.

    Args:
        video: Video file, or folder of numbered images.
        masks_from: The masks to stabilize, or the network that finds them.
        out: Folder for the results; appears when they are complete.
        method: The method with its tunables, as `params.method_params` builds them.
        class_ids: COCO ids of the wanted classes; None takes all.
        select: The one object that is wanted; everything written and measured is of it alone. The clip is
            read twice then, and a network run twice. None takes all.
        truth: Folder of PNGs with true masks, one per frame; J and F are measured then.
        source: How frames are read; None takes the defaults of `SourceParams`, and so on.
        segment: How the network is run.
        evidence: Which detections count.
        writer: How the video is encoded.
        save_frames: Write the frames as PNGs too.
        force: Replace a non-empty `out`.
        resume: Go on with a run of the same request that was killed, if there is one; its result is the same
            as if it had not been. If `out` already holds the result, it is returned as it is.
        progress: Told after every frame how many are done.
        command: Command line, for `params.json`.

    Raises:
        UsageError: Method, class or value is wrong.
        SourceError: Video, masks or truth cannot be used, or do not fit each other; no such object.
        OutputError: `out` is not empty, touches an input, or cannot be written; or what a killed run left is
            damaged, or of another request.
        WeightsError: The network has no weights.
        DeviceError: The device is not here.
    """
    request = Request(
        out=out,
        video=video,
        masks_from=masks_from,
        class_ids=class_ids,
        method=method_name(method),
        params=method,
        select=select,
        truth=truth,
        source=source or SourceParams(),
        segment=segment or SegmentParams(),
        evidence=evidence or EvidenceParams(),
        writer=writer or WriterParams(),
        save_frames=save_frames,
        command=tuple(command),
    )
    inputs = [video, truth, masks_from.path if isinstance(masks_from, MaskFile) else None]
    touching = [path for path in inputs if path is not None]
    with resumable_folder(out, force=force, resume=resume, inputs=touching) as folders:
        run = Run(request, folders)
        if not resume:
            folders.start_over()
            return run.finish(progress)
        if holds_result(out, run.description):
            logger.info("%s is complete; nothing was done", out)
            folders.clear()
            return finished_result(out)
        require_replaceable(out, force=force)
        return run.resume(progress)


def method_name(params: MethodParams) -> str:
    """Return the name of the method whose tunables these are.

    Raises:
        ParameterError: No method takes parameters of this type.

    >>> method_name(MethodParams.model_validate({}))
    Traceback (most recent call last):
    vidlab.errors.ParameterError: params must be those of a method, got MethodParams
    """
    for name, model in METHODS.items():
        if type(params) is model:
            return name
    raise ParameterError(f"params must be those of a method, got {type(params).__name__}")
