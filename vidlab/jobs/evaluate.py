"""Measure masks that are already there: how calm, how accurate, how consistent with the motion."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from vidlab.errors import MaskError
from vidlab.jobs.measuring import Measuring, Prediction
from vidlab.jobs.progress import Progress, silent
from vidlab.jobs.reading import expected
from vidlab.jobs.truth import MaskFolder
from vidlab.metrics.summary import ClipSummary
from vidlab.params import SourceParams
from vidlab.types import BoolMask, Frame
from vidlab.video import open_source

_VERSION = "masks"


@dataclass(frozen=True, slots=True)
class EvaluateResult:
    """What masks are worth.

    Attributes:
        masks: What was measured.
        truth: What it was compared with, None where there was no truth.
        video: The frames for the flow, None where there were none.
        losses: What the video could not give.
        summary: The metrics.
    """

    masks: Path
    truth: Path | None
    video: Path | None
    losses: tuple[str, ...]
    summary: ClipSummary

    def to_json(self) -> dict[str, Any]:
        """Return everything as JSON-ready values, curves included."""
        paths = {name: getattr(self, name) for name in ("masks", "truth", "video")}
        given = {name: None if path is None else str(path) for name, path in paths.items()}
        return {**given, "losses": list(self.losses), **self.summary.model_dump(mode="json")}


def evaluate(
    masks: Path,
    *,
    truth: Path | None = None,
    video: Path | None = None,
    source: SourceParams | None = None,
    progress: Progress = silent,
) -> EvaluateResult:
    """Measure a folder of masks in one pass.

    Args:
        masks: Folder of PNGs, or a result folder (its `masks/`).
        truth: Folder of PNGs with true masks, one per frame; adds J and F.
        video: Video or folder of images that the masks belong to; adds the flow-compensated consistency.
        source: How the video is read; None takes the defaults of `SourceParams`.
        progress: Told after every frame how many are done.

    Raises:
        SourceError: A folder or the video cannot be used, or they do not fit each other.
    """
    rules = source or SourceParams()
    max_frames = rules.max_frames or None
    clip = open_source(video, fps=rules.fps) if video is not None else None
    pred = MaskFolder(masks, size_hw=None if clip is None else clip.info.size_hw)
    target = None
    total = max_frames if clip is None else expected(clip.info, max_frames=max_frames)
    measuring = Measuring((_VERSION,))
    pairs = _without_video(pred, max_frames) if clip is None else _with_video(islice(clip, max_frames), pred)
    n_frames = 0
    for frame, mask in pairs:
        if truth is not None:
            target = target or MaskFolder(truth, size_hw=(mask.shape[0], mask.shape[1]))
        wanted = None if target is None else target.next_mask()
        measuring.update(frame, {_VERSION: Prediction(mask, None)}, target=wanted)
        n_frames += 1
        progress(n_frames, total)
    if not n_frames:
        raise MaskError(f"{masks} must hold masks, got none")
    for folder in (pred, target):
        if folder is not None and n_frames != max_frames:
            folder.finish()
    losses = () if clip is None else tuple(clip.losses)
    return EvaluateResult(masks, truth, video, losses, measuring.compute()[_VERSION])


def _without_video(masks: MaskFolder, max_frames: int | None) -> Iterator[tuple[None, BoolMask]]:
    for mask in islice(masks, max_frames):
        yield None, mask


def _with_video(frames: Iterator[Frame], masks: MaskFolder) -> Iterator[tuple[Frame, BoolMask]]:
    for frame in frames:
        yield frame, masks.next_mask()
