"""When objects come, go and drop out: birth latency, dropouts, ghosts and false alarms, against the truth.

truth  . . # # # # # # # # # # . . .    a presence run, frames 2 to 11
 pred  . # . . # # # # . . # # # # .
         a     b       c c     d d
a  a false alarm: no object has been there yet
b  the birth, kept for three frames: a latency of 2 frames
c  two dropout frames, one dropout
d  a ghost: the object has left, its mask has not
"""

import math
from dataclasses import dataclass

import cv2
import numpy as np

from vidlab.errors import ParameterError, ShapeError
from vidlab.metrics.overlap import iou, require_pair
from vidlab.metrics.running import RunningStats
from vidlab.types import BoolMask

GHOST_SHARE = 0.5  # a piece haunts the place of an object where at least half of it lies there
TOUCH = np.ones((3, 3), np.uint8)  # pieces that meet the truth at an edge or a corner belong to it


@dataclass(frozen=True, slots=True)
class FrameFate:
    """One frame.

    Attributes:
        found: There is truth, and the prediction overlaps with it enough.
        dropout: There is truth and its presence run has been born, but it is not found.
        ghost: A piece of the prediction touches no truth and lies where truth has been.
        ghost_area_px: Area of all such pieces, in pixels.
        false: A piece of the prediction touches no truth and lies where none has ever been.
        false_area_px: Area of all such pieces, in pixels.
    """

    found: bool
    dropout: bool
    ghost: bool
    ghost_area_px: int
    false: bool
    false_area_px: int


@dataclass(frozen=True, slots=True)
class LifetimeSummary:
    """All frames so far; the presence run that has not ended is counted as if it ended here.

    Attributes:
        present_frames: Frames with truth.
        births: Presence runs that were found and kept.
        unborn: Presence runs that never were.
        birth_latency_frames: Mean over presence runs; NaN if there were none.
        dropouts: Runs of dropout frames.
        dropout_frames: Frames in which an object that had been kept was not found.
        ghost_frames: Frames with a ghost.
        ghost_area_px: Mean ghost area of those frames, in pixels; 0 if there were none.
        false_frames: Frames with a false alarm.
        false_area_px: Mean false area of those frames, in pixels; 0 if there were none.
    """

    present_frames: int
    births: int
    unborn: int
    birth_latency_frames: float
    dropouts: int
    dropout_frames: int
    ghost_frames: int
    ghost_area_px: float
    false_frames: int
    false_area_px: float


@dataclass(slots=True)
class _Presence:
    """The presence run that is going on."""

    n_frames: int = 0
    streak: int = 0  # frames in a row, up to this one, in which it was found
    latency: int | None = None  # frames to its birth, once born

    def latency_if_ended(self) -> int:
        """Birth latency if this frame is the last: found at the end is kept, however short the streak."""
        return self.n_frames - self.streak if self.latency is None else self.latency


class Lifetimes:
    """Births, dropouts, ghosts and false alarms of a clip, one frame at a time; holds one mask.

    All masks are unions of the wanted classes. Definitions:

    - A *presence run* is a run of frames whose truth is not empty; one frame without truth ends it, also
      where the object was only hidden. A run may begin with the clip: what is there already must be found.
    - A frame is *found* if IoU(prediction, truth) ≥ `found_iou`.
    - A run is *born* in the first frame from which it is found `kept_frames` frames in a row, or up to its
      own end where fewer are left. *Birth latency*: frames of the run before that; all of them if never born.
    - *Dropout frames*: frames of a run, after its birth, that are not found.
    - *Ghost*: an 8-connected piece of the prediction that touches no truth of this frame (shares no pixel,
      edge or corner with it), at least half of which lies where truth has been in an earlier frame: a mask
      that outlives its object, or stays behind it.
    - *False alarm*: a piece that touches no truth either, but lies where no object has been. Places are
      pixels of the picture: where the camera moves, a ghost is one until it has been carried off its place.

    An empty prediction has no ghosts and no dropouts: read both beside `unborn`, and all beside `accuracy`.

    >>> here, gone = np.ones((2, 2), bool), np.zeros((2, 2), bool)
    >>> metric = Lifetimes(found_iou=0.1, kept_frames=2)
    >>> for pred, target in ((gone, here), (here, here), (here, here), (gone, here), (here, gone)):
    ...     frame = metric.update(pred, target=target)
    >>> summary = metric.compute()
    >>> summary.birth_latency_frames, summary.dropout_frames, summary.ghost_frames, summary.ghost_area_px
    (1.0, 1, 1, 4.0)
    """

    def __init__(self, *, found_iou: float, kept_frames: int) -> None:
        """Set what counts as found and as kept.

        Args:
            found_iou: IoU with the truth from which a frame counts as found, (0, 1]; higher finds more
                dropouts and later births.
            kept_frames: Frames in a row that a run must be found to be born, 1 or more; more delays births.

        Raises:
            ParameterError: A value outside its range.
        """
        if not 0 < found_iou <= 1:
            raise ParameterError(f"found_iou must lie in (0, 1], got {found_iou}")
        if kept_frames < 1:
            raise ParameterError(f"kept_frames must be at least 1, got {kept_frames}")
        self._found_iou, self._kept_frames = found_iou, kept_frames
        self.reset()

    def reset(self) -> None:
        """Forget everything; the next frame is the first of a clip."""
        self._was_here: BoolMask | None = None
        self._run: _Presence | None = None
        self._dropping = False
        self._present_frames = self._unborn = self._dropouts = self._dropout_frames = 0
        self._latency, self._ghost, self._false = RunningStats(), RunningStats(), RunningStats()

    def update(self, pred: BoolMask, *, target: BoolMask) -> FrameFate:
        """Take the next frame, bool (H, W), with its truth, bool (H, W).

        Raises:
            ShapeError: Another dtype, rank, or two sizes, or another size than the frame before.
        """
        require_pair(pred, target, names=("pred", "target"))
        was_here = np.zeros_like(target) if self._was_here is None else self._was_here
        if was_here.shape != target.shape:
            raise ShapeError(
                f"masks must match, got the frames before {was_here.shape} and pred {pred.shape}"
            )
        ghost, false = _astray(pred, target, was_here)
        self._was_here = was_here | target
        present = bool(target.any())
        found = present and iou(pred, target) >= self._found_iou
        dropout = self._follow(present, found)
        for area, stats in ((ghost, self._ghost), (false, self._false)):
            stats.update(area if area else math.nan)
        return FrameFate(found, dropout, bool(ghost), ghost, bool(false), false)

    def compute(self) -> LifetimeSummary:
        """Return the summary of all frames so far; none: counts and areas 0, latency NaN."""
        n_runs, total, unborn = self._latency.n, self._latency.n * self._latency.mean, self._unborn
        if self._run is not None:
            latency = self._run.latency_if_ended()
            total = latency + (total if n_runs else 0)
            unborn += latency == self._run.n_frames
            n_runs += 1
        return LifetimeSummary(
            present_frames=self._present_frames,
            births=n_runs - unborn,
            unborn=unborn,
            birth_latency_frames=total / n_runs if n_runs else math.nan,
            dropouts=self._dropouts,
            dropout_frames=self._dropout_frames,
            ghost_frames=self._ghost.n,
            ghost_area_px=self._ghost.mean if self._ghost.n else 0.0,
            false_frames=self._false.n,
            false_area_px=self._false.mean if self._false.n else 0.0,
        )

    def _follow(self, present: bool, found: bool) -> bool:
        """Carry the presence run on, begin or end it; return whether this is a dropout frame."""
        if not present:
            self._end_run()
            self._dropping = False
            return False
        run = self._run = self._run or _Presence()
        run.n_frames += 1
        run.streak = run.streak + 1 if found else 0
        self._present_frames += 1
        if run.latency is None and run.streak >= self._kept_frames:
            run.latency = run.n_frames - run.streak
        dropout = run.latency is not None and not found
        self._dropouts += dropout and not self._dropping
        self._dropout_frames += dropout
        self._dropping = dropout
        return dropout

    def _end_run(self) -> None:
        if self._run is not None:
            latency = self._run.latency_if_ended()
            self._latency.update(latency)
            self._unborn += latency == self._run.n_frames
        self._run = None


def _astray(pred: BoolMask, target: BoolMask, was_here: BoolMask) -> tuple[int, int]:
    """Area of the pieces of the prediction that touch no truth: ghosts, and false alarms."""
    x, y, width, height = cv2.boundingRect(pred.view(np.uint8)) if pred.size else (0, 0, 0, 0)
    if not width:
        return 0, 0
    box = np.s_[max(y - 1, 0) : y + height + 1, max(x - 1, 0) : x + width + 1]  # with what it may touch
    pred, target, was_here = pred[box], target[box], was_here[box]
    n, labels, stats, _ = cv2.connectedComponentsWithStats(pred.view(np.uint8), connectivity=8)
    near = np.asarray(cv2.dilate(target.view(np.uint8), TOUCH), np.uint8).view(np.bool_)
    touches = np.zeros(n, np.bool_)
    touches[labels[near]] = True
    touches[0] = True  # the background is no piece
    if touches.all():
        return 0, 0
    areas = stats[:, cv2.CC_STAT_AREA]
    haunting = np.bincount(labels[was_here], minlength=n)
    is_ghost = haunting >= GHOST_SHARE * areas
    return int(areas[~touches & is_ghost].sum()), int(areas[~touches & ~is_ghost].sum())
