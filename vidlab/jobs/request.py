"""What a run of the stabilizing job is asked to do, and all that it is between two frames."""

from collections import deque
from dataclasses import dataclass, field
from pathlib import Path

from vidlab.jobs.curves import StateCurves
from vidlab.jobs.keyframes import Keyframe
from vidlab.jobs.measuring import Measuring
from vidlab.jobs.packing import PackedRaw
from vidlab.jobs.reading import MasksFrom
from vidlab.jobs.selecting import Selection
from vidlab.jobs.writing import Written
from vidlab.params import EvidenceParams, MethodParams, SegmentParams, SourceParams, WriterParams
from vidlab.temporal.protocol import Stabilizer
from vidlab.tracking import TrackBook, Tracker
from vidlab.types import Frame


@dataclass(frozen=True, slots=True)
class Request:
    """The arguments of `stabilize`, which see."""

    out: Path
    video: Path
    masks_from: MasksFrom
    class_ids: tuple[int, ...] | None
    method: str
    params: MethodParams
    select: Selection | None
    truth: Path | None
    source: SourceParams
    segment: SegmentParams
    evidence: EvidenceParams
    writer: WriterParams
    save_frames: bool
    command: tuple[str, ...]


@dataclass
class State:
    """All that a run is between two frames; what is put away now and then.

    Attributes:
        stabilizer: As it is after the frames it has taken.
        associator: As it is after the frames that the stabilizer has taken.
        measuring: The metrics so far.
        curves: The stabilizer's own curves so far.
        written: How far the files are.
        waiting: Frames whose result is owed.
        book: What is known of the tracks that are awaited or shown.
        selected: The one track that is wanted, once it is known which.
        timing: Seconds so far, as the stopwatch reports them.
        keyframe: The last one up to the frames that the stabilizer has taken; None where every frame is one.
    """

    stabilizer: Stabilizer
    associator: Tracker
    measuring: Measuring
    curves: StateCurves = field(default_factory=StateCurves)
    written: Written = field(default_factory=Written)
    waiting: deque[tuple[Frame, PackedRaw]] = field(default_factory=deque)
    book: TrackBook = field(default_factory=TrackBook)
    selected: int | None = None
    timing: dict[str, float] = field(default_factory=dict)
    keyframe: Keyframe | None = None
