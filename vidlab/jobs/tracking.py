"""Who is who in a video: detections of each frame in, the same with identities out, judged against truth."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vidlab.errors import MaskError, OutputError, ParameterError
from vidlab.jobs.output import result_file, result_folder
from vidlab.jobs.progress import Progress, silent
from vidlab.jobs.reading import MaskFile, Network, Reading, describe_masks
from vidlab.jobs.record import describe_file, describe_params, describe_run, write_json
from vidlab.jobs.stopwatch import Stopwatch
from vidlab.jobs.tracking_judge import IdentityJudge, plain
from vidlab.jobs.tracking_writing import SUFFIXES, Kind, TrackWriter
from vidlab.metrics.tracking import TrackingScore
from vidlab.models import Segmenter
from vidlab.models.device import require_torch
from vidlab.params import (
    DEFAULT_TRACKER,
    DeepSortParams,
    EvidenceParams,
    SegmentParams,
    SourceParams,
    TrackerParams,
    TrackingJudgeParams,
    WriterParams,
    tracker_model,
)
from vidlab.tracking import Embed, create_tracker, one_each
from vidlab.tracking.appearance import color_texture
from vidlab.types import Instances

WITHOUT_WEIGHTS = "color_texture"


@dataclass(frozen=True, slots=True)
class TrackRules:
    """How a tracking job reads, judges and writes.

    Attributes:
        source: How frames are read.
        segment: How the network is run.
        evidence: Which detections the tracker is told of.
        judge: How identities are judged.
        writer: How the video is encoded.
    """

    source: SourceParams = field(default_factory=SourceParams)
    segment: SegmentParams = field(default_factory=SegmentParams)
    evidence: EvidenceParams = field(default_factory=EvidenceParams)
    judge: TrackingJudgeParams = field(default_factory=TrackingJudgeParams)
    writer: WriterParams = field(default_factory=WriterParams)


@dataclass(frozen=True, slots=True)
class TrackResult:
    """What a tracking job made.

    Attributes:
        path: The file or folder.
        n_frames: Frames that were read.
        n_tracks: Identities that were given.
        n_detections: Detections that got one, at most one for each identity and frame.
        losses: What the source could not give.
        score: How well the identities fit the truth; None without one.
        weights: Label of the weights that tell looks apart; None where no network does.
    """

    path: Path
    n_frames: int
    n_tracks: int
    n_detections: int
    losses: tuple[str, ...]
    score: TrackingScore | None
    weights: str | None


def track(
    video: Path,
    *,
    masks_from: MaskFile | Network | Segmenter,
    out: Path,
    tracker: str = DEFAULT_TRACKER,
    params: TrackerParams | None = None,
    looks_weights: str | None = None,
    truth: Path | None = None,
    class_ids: tuple[int, ...] | None = None,
    rules: TrackRules | None = None,
    force: bool = False,
    progress: Progress = silent,
    command: Sequence[str] = (),
) -> TrackResult:
    """Give the detections of a video identities, in one pass.

    Args:
        video: Video file, or folder of numbered images.
        masks_from: The detections, or the network that finds them.
        out: A file ending in .txt (MOTChallenge), .json (COCO) or .mp4 (to look at), or a folder for all of
            them; appears when it is complete.
        tracker: One of `vidlab.tracking.TRACKERS`.
        params: Its numbers; None takes those of its paper.
        looks_weights: Weights of the network that tells looks apart, if `params` name one: a file, `random`,
            or None for its own.
        truth: Who is truly where: MOTChallenge's text, or COCO with `track_id`.
        class_ids: COCO ids of the wanted classes; None takes all.
        rules: How to read, judge and write; None takes the defaults.
        force: Replace `out`.
        progress: Told after every frame how many are done.
        command: Command line, for `params.json`.

    Raises:
        UsageError: Tracker, class or value is wrong, or a given identity is missing.
        SourceError: Video, detections or truth cannot be used, or do not fit each other.
        OutputError: `out` is there already, touches an input, or cannot be written.
        WeightsError: A network has no weights.
    """
    rules, numbers = rules or TrackRules(), params or tracker_model(tracker)()
    kind = _kind_of(out)
    inputs = [
        video,
        *([truth] if truth else []),
        *([masks_from.path] if isinstance(masks_from, MaskFile) else []),
    ]
    reading = _open(video, masks_from, class_ids, rules)
    embed, weights = _looks(numbers, weights=looks_weights, device=reading.device)
    follow = create_tracker(tracker, params=numbers, embed=embed)
    judge = None if truth is None else IdentityJudge(truth, info=reading.info, params=rules.judge)
    with _aside(out, kind, force=force, inputs=inputs) as partial:
        with TrackWriter(partial, kind=kind, info=reading.info, params=rules.writer) as writer:
            for frame, found in reading:
                tracked = one_each(follow.step(frame.image, _instances(found)))
                writer.write(frame, tracked)
                if judge is not None:
                    judge.update(tracked)
                progress(writer.n_frames, reading.n_expected)
        score = None if judge is None else judge.compute(is_whole=writer.n_frames != rules.source.max_frames)
        counts = (writer.n_frames, writer.n_tracks, writer.n_detections)
        result = TrackResult(out, *counts, reading.losses, score, weights)
        if kind is None:
            told = describe_run(job="track", command=command, class_ids=class_ids)
            told |= {"video": describe_file(video), **describe_masks(masks_from, reading)}
            told |= {"truth": describe_file(truth), "tracker": tracker, "looks_weights": weights}
            _record(partial, result, told | describe_params(tracker_params=numbers, **_groups(rules)))
    return result


def _open(
    video: Path,
    masks_from: MaskFile | Network | Segmenter,
    class_ids: tuple[int, ...] | None,
    rules: TrackRules,
) -> Reading:
    reading = Reading(
        video,
        masks_from=masks_from,
        class_ids=class_ids,
        source=rules.source,
        segment=rules.segment,
        evidence=rules.evidence,
        stopwatch=Stopwatch(),
    )
    if reading.kind != "instances":
        raise MaskError("tracking needs detections, one mask for each object, got class probabilities")
    return reading


def _instances(found: object) -> Instances:
    if not isinstance(found, Instances):
        raise MaskError(f"tracking needs detections in every frame, got {type(found).__name__}")
    return found


def _looks(params: TrackerParams, *, weights: str | None, device: str) -> tuple[Embed, str | None]:
    """Return what tells looks apart, and the label of its weights."""
    name = params.appearance if isinstance(params, DeepSortParams) else WITHOUT_WEIGHTS
    if name == WITHOUT_WEIGHTS:
        if weights is not None:
            raise ParameterError(
                "weights that tell looks apart must come with a tracker and an appearance that take them, "
                "got neither; choose tracker deepsort with appearance=resnet18"
            )
        return color_texture, None
    require_torch()
    from vidlab.models.embeddings import create_embedding  # loads torch

    embedding = create_embedding(name, weights=weights, device=device)
    return embedding, embedding.weights


def _kind_of(out: Path) -> Kind | None:
    """Return what a file is by its ending, None for a folder."""
    suffix = out.suffix.lower()
    if suffix in SUFFIXES and not out.is_dir():
        return SUFFIXES[suffix]
    if suffix and not out.is_dir():
        raise ParameterError(f"the result must end in {', '.join(SUFFIXES)} or be a folder, got {out}")
    return None


def _aside(
    out: Path, kind: Kind | None, *, force: bool, inputs: Sequence[Path]
) -> AbstractContextManager[Path]:
    if kind is None:
        return result_folder(out, force=force, inputs=inputs)
    for path in inputs:
        if path.resolve() == out.resolve():
            raise OutputError(f"the result must not touch what is read, got {out} for the input {path}")
    return result_file(out, force=force)


def _groups(rules: TrackRules) -> dict[str, Any]:
    return {name: getattr(rules, name) for name in ("evidence", "source", "segment", "judge", "writer")}


def _record(folder: Path, result: TrackResult, told: dict[str, Any]) -> None:
    counts = {"n_frames": result.n_frames, "n_tracks": result.n_tracks, "losses": list(result.losses)}
    write_json(folder / "params.json", told | counts)
    if result.score is not None:
        write_json(folder / "metrics.json", plain(result.score))
