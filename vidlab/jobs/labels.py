"""Measure class labels: IoU of each class, and whether the classes keep still along the motion."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import islice, repeat
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vidlab.classes import class_name
from vidlab.errors import ParameterError
from vidlab.flow import DisFlow, to_gray
from vidlab.jobs.clips import ClipPaths
from vidlab.jobs.intervals import interval_json
from vidlab.jobs.measuring import FLOW_PRESET, FLOW_SCALE, Gray, pair_motion
from vidlab.jobs.output import optional_result_folder
from vidlab.jobs.progress import Progress, silent
from vidlab.jobs.record import describe_params, describe_run, write_json
from vidlab.jobs.wanted import names_beside
from vidlab.jobs.writing import BACKGROUND, LABELS, RAW_LABELS
from vidlab.masks.labels import LabelFolder
from vidlab.metrics.bootstrap import Interval, paired_change
from vidlab.metrics.clip import PairMotion
from vidlab.metrics.label_clip import LabelMetrics, LabelSummary
from vidlab.params import EvaluateParams, SourceParams
from vidlab.types import Frame
from vidlab.video import Source, open_source

Labels = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class LabelsResult:
    """What the labels of a clip are worth, and those that they are compared with.

    Attributes:
        paths: What was read.
        losses: What the video could not give.
        names: Class index → its name, for every class that is there.
        summary: The metrics of the labels.
        against_summary: Those of the other labels, None without them.
        intervals: `miou` and `tc` → how sure the mean difference per frame is, labels − the other ones.
    """

    paths: ClipPaths
    losses: tuple[str, ...]
    names: dict[int, str]
    summary: LabelSummary
    against_summary: LabelSummary | None = None
    intervals: dict[str, Interval] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return everything as JSON-ready values; what is undefined is None."""
        paths = {name: getattr(self.paths, name) for name in ("masks", "truth", "video", "against")}
        given = {name: None if path is None else str(path) for name, path in paths.items()}
        return {
            **given,
            "losses": list(self.losses),
            "classes": self.names,
            **asdict(self.summary),
            "against_summary": None if self.against_summary is None else asdict(self.against_summary),
            "intervals": {name: interval_json(one) for name, one in self.intervals.items()},
        }


def evaluate_labels(
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
) -> LabelsResult:
    """Measure a folder of class labels in one pass; arguments are those of `jobs.evaluate`.

    Labels are 8-bit PNGs of class indices, 255 = ignore; of a result folder `labels/` is read, whose
    indices are COCO ids. `out` gets `metrics.json`.

    Raises:
        ParameterError: There is neither truth nor video to measure by.
        SourceError: A folder or the video cannot be used, or they do not fit each other.
        OutputError: `out` is not empty, touches an input, or cannot be written.
    """
    paths, rules = ClipPaths(masks, truth, video, against), source or SourceParams()
    if truth is None and video is None:
        raise ParameterError("labels must be measured by --truth, --video or both, got neither")
    with optional_result_folder(out, force=force, inputs=paths.given) as folder:
        result = _measure(paths, source=rules, params=params or EvaluateParams(), progress=progress)
        if folder is not None:
            run = describe_run(job="evaluate", command=command, class_ids=None)
            content = {**run, **describe_params(source=rules), **result.to_json()}
            write_json(folder / "metrics.json", content)
    return result


def _measure(
    paths: ClipPaths, *, source: SourceParams, params: EvaluateParams, progress: Progress
) -> LabelsResult:
    roots = {"masks": paths.masks, "against": paths.against, "truth": paths.truth}
    folders = {name: LabelFolder(path) for name, path in roots.items() if path is not None}
    clip = None if paths.video is None else open_source(paths.video, fps=source.fps)
    total = min(folders["masks"].n_frames, source.max_frames or folders["masks"].n_frames)
    metrics = {name: LabelMetrics() for name in folders if name != "truth"}
    motions = _Motions()
    for n_done, (frame, labels) in enumerate(_in_step(folders, clip, source.max_frames), start=1):
        motion = None if frame is None else motions.step(frame)
        for name, metric in metrics.items():
            metric.update(labels[name], target=labels.get("truth"), motion=motion)
        progress(n_done, total)
    measured = {name: metric.compute() for name, metric in metrics.items()}
    summary, other = measured["masks"], measured.get("against")
    indices = sorted({index for one in measured.values() for index in one.iou})
    return LabelsResult(
        paths=paths,
        losses=() if clip is None else tuple(clip.losses),
        names=_names(folders["masks"].path, indices),
        summary=summary,
        against_summary=other,
        intervals={} if other is None else _intervals(summary, other, params=params),
    )


def _in_step(
    folders: Mapping[str, LabelFolder], clip: Source | None, max_frames: int
) -> Iterator[tuple[Frame | None, dict[str, Labels]]]:
    frames: Iterable[Frame | None] = repeat(None, folders["masks"].n_frames) if clip is None else clip
    size_hw = None if clip is None else clip.info.size_hw
    n_frames = 0
    for frame in islice(frames, max_frames or None):
        labels: dict[str, Labels] = {}
        for name, folder in folders.items():
            labels[name] = folder.read(n_frames, size_hw=size_hw)
            size_hw = (labels[name].shape[0], labels[name].shape[1])
        yield frame, labels
        n_frames += 1
    if n_frames != max_frames:
        for folder in folders.values():
            folder.require_end(n_frames)


class _Motions:
    """The motion that TC is defined along, from each frame to the one before."""

    def __init__(self) -> None:
        self._flow = DisFlow(preset=FLOW_PRESET, scale=FLOW_SCALE)
        self._previous: Gray | None = None

    def step(self, frame: Frame) -> PairMotion | None:
        gray, previous = to_gray(frame.image), self._previous
        self._previous = gray
        return None if previous is None else pair_motion(self._flow, gray, previous)


def _names(folder: Path, indices: Sequence[int]) -> dict[int, str]:
    """Names of COCO ids, which `labels/` of a result folder holds; elsewhere an index means anything."""
    if folder.name not in (LABELS, RAW_LABELS) or not (folder.parent / "params.json").is_file():
        return {index: f"class {index}" for index in indices}
    own = names_beside(folder.parent)
    return {index: "background" if index == BACKGROUND else class_name(index, own) for index in indices}


def _intervals(
    summary: LabelSummary, against: LabelSummary, *, params: EvaluateParams
) -> dict[str, Interval]:
    curves = {
        "miou": (against.miou_curve, summary.miou_curve),
        "tc": (against.tc_curve, summary.tc_curve),
    }
    drawn = {
        name: paired_change(before, after, rng=np.random.default_rng(params.seed), resamples=params.resamples)
        for name, (before, after) in curves.items()
    }
    return {name: interval for name, interval in drawn.items() if interval.n}
