"""Measure masks that are already there: how accurate, how calm, how consistent with the motion."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from vidlab.errors import MaskError
from vidlab.jobs.clips import ClipPaths
from vidlab.jobs.intervals import frame_intervals, interval_json
from vidlab.jobs.measuring import Measuring, Prediction
from vidlab.jobs.output import optional_result_folder
from vidlab.jobs.progress import Progress, silent
from vidlab.jobs.reading import expected
from vidlab.jobs.report import write_report
from vidlab.jobs.truth import MaskFolder
from vidlab.metrics.bootstrap import Interval
from vidlab.metrics.comparison import Comparison, compare
from vidlab.metrics.summary import ClipSummary
from vidlab.metrics.verdict import explain, explain_change
from vidlab.params import EvaluateParams, SourceParams
from vidlab.types import BoolMask, Frame
from vidlab.video import open_source

_MASKS, _AGAINST = "masks", "against"


@dataclass(frozen=True, slots=True)
class EvaluateResult:
    """What masks are worth.

    Attributes:
        masks: What was measured.
        truth: What it was compared with, None where there was no truth.
        video: The frames for the flow, None where there were none.
        losses: What the video could not give.
        summary: The metrics.
        truth_summary: What the truth itself measures, None without it.
        against: The other masks of the same clip, None where there were none.
        against_summary: Their metrics.
        change: From `against` to `masks`.
        intervals: Name of a metric → how sure the difference is, as `intervals.frame_intervals` draws it.
        params: How masks were judged.
    """

    masks: Path
    truth: Path | None
    video: Path | None
    losses: tuple[str, ...]
    summary: ClipSummary
    truth_summary: ClipSummary | None = None
    against: Path | None = None
    against_summary: ClipSummary | None = None
    change: Comparison | None = None
    intervals: dict[str, Interval] = field(default_factory=dict)
    params: EvaluateParams = field(default_factory=EvaluateParams)

    @property
    def words(self) -> list[str]:
        """What the metrics of `masks` mean."""
        return explain(self.summary, truth=self.truth_summary)

    @property
    def change_words(self) -> list[str]:
        """What is different from `against`; nothing without it."""
        return [] if self.against_summary is None else explain_change(self.against_summary, self.summary)

    def to_json(self) -> dict[str, Any]:
        """Return everything as JSON-ready values, curves included; what is undefined is None."""
        paths = {name: getattr(self, name) for name in ("masks", "truth", "video", "against")}
        given = {name: None if path is None else str(path) for name, path in paths.items()}
        others = {name: getattr(self, name) for name in ("truth_summary", "against_summary", "change")}
        return {
            **given,
            "losses": list(self.losses),
            "params": self.params.model_dump(mode="json"),
            "words": self.words,
            "change_words": self.change_words,
            **self.summary.model_dump(mode="json"),
            **{name: None if one is None else one.model_dump(mode="json") for name, one in others.items()},
            "intervals": {name: interval_json(one) for name, one in self.intervals.items()},
        }


def evaluate(
    masks: Path,
    *,
    truth: Path | None = None,
    video: Path | None = None,
    against: Path | None = None,
    source: SourceParams | None = None,
    params: EvaluateParams | None = None,
    out: Path | None = None,
    force: bool = False,
    progress: Progress = silent,
    command: Sequence[str] = (),
) -> EvaluateResult:
    """Measure a folder of masks in one pass; a second one of the same clip on the same flow and truth.

    Args:
        masks: Folder of PNGs, or a result folder (its `masks/`).
        truth: Folder of PNGs with true masks, one per frame; adds accuracy and excess flicker.
        video: Video or folder of images that the masks belong to; adds what is measured along the motion.
        against: Masks to compare with, as `masks`.
        source: How the video is read; None takes the defaults of `SourceParams`.
        params: How masks are judged; None takes the defaults of `EvaluateParams`.
        out: Folder for metrics, curves, plots and pictures of the worst frames; None writes nothing.
        force: Replace a non-empty `out`.
        progress: Told after every frame how many are done.
        command: Command line, for `metrics.json`.

    Raises:
        SourceError: A folder or the video cannot be used, or they do not fit each other.
        OutputError: `out` is not empty, touches an input, or cannot be written.
    """
    paths, rules = ClipPaths(masks, truth, video, against), source or SourceParams()
    with optional_result_folder(out, force=force, inputs=paths.given) as folder:
        result = measure_clip(paths, source=rules, params=params or EvaluateParams(), progress=progress)
        if folder is not None:
            write_report(folder, result, source=rules, command=command)
    return result


def measure_clip(
    paths: ClipPaths, *, source: SourceParams, params: EvaluateParams, progress: Progress
) -> EvaluateResult:
    """Measure one clip in one pass, writing nothing; arguments and errors are those of `evaluate`."""
    reading = _Reading(paths, source=source)
    versions = (_MASKS, _AGAINST) if paths.against is not None else (_MASKS,)
    measuring = Measuring(versions, params=params, judged=paths.video is not None)
    for n_done, (frame, masks, target) in enumerate(reading, start=1):
        found = {name: Prediction(mask, None) for name, mask in masks.items()}
        measuring.update(frame, found, target=target)
        progress(n_done, reading.n_expected)
    measured = measuring.compute()
    summary, other = measured[_MASKS], measured.get(_AGAINST)
    return EvaluateResult(
        masks=paths.masks,
        truth=paths.truth,
        video=paths.video,
        losses=reading.losses,
        summary=summary,
        truth_summary=measuring.truth(),
        against=paths.against,
        against_summary=other,
        change=None if other is None else compare(other, summary),
        intervals={} if other is None else frame_intervals(summary, other, params=params),
        params=params,
    )


class _Reading:
    """Frames, masks and truth of one clip, in step; iterate once."""

    def __init__(self, paths: ClipPaths, *, source: SourceParams) -> None:
        self._paths = paths
        self._max_frames = source.max_frames or None
        self._clip = None if paths.video is None else open_source(paths.video, fps=source.fps)
        info = None if self._clip is None else self._clip.info
        self.n_expected = None if info is None else expected(info, max_frames=self._max_frames)
        self._masks = MaskFolder(paths.masks, size_hw=None if info is None else info.size_hw)

    @property
    def losses(self) -> tuple[str, ...]:
        """What the video could not give; complete after the iteration."""
        return () if self._clip is None else tuple(self._clip.losses)

    def __iter__(self) -> Iterator[tuple[Frame | None, dict[str, BoolMask], BoolMask | None]]:
        against: MaskFolder | None = None
        truth: MaskFolder | None = None
        n_frames = 0
        for frame, mask in self._pairs():
            if n_frames == 0:  # now the size is known that the others must have
                against, truth = (self._open(path, mask) for path in (self._paths.against, self._paths.truth))
            masks = {_MASKS: mask} | ({} if against is None else {_AGAINST: against.next_mask()})
            yield frame, masks, None if truth is None else truth.next_mask()
            n_frames += 1
        if not n_frames:
            raise MaskError(f"{self._paths.masks} must hold masks, got none")
        for folder in (self._masks, against, truth):
            if folder is not None and n_frames != self._max_frames:
                folder.finish()

    def _pairs(self) -> Iterator[tuple[Frame | None, BoolMask]]:
        if self._clip is None:
            for mask in islice(self._masks, self._max_frames):
                yield None, mask
        else:
            for frame in islice(self._clip, self._max_frames):
                yield frame, self._masks.next_mask()

    def _open(self, path: Path | None, mask: BoolMask) -> MaskFolder | None:
        return None if path is None else MaskFolder(path, size_hw=(mask.shape[0], mask.shape[1]))
