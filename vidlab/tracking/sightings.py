"""The detections of one frame, and the tracks they are compared with, as trackers of boxes see them."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from vidlab.metrics.tracking import Table, box_iou
from vidlab.tracking.boxes import box_of
from vidlab.tracking.kalman import Belief, BoxMotion
from vidlab.types import Float32Array, Instances

NO_LOOKS: Float32Array = np.zeros((0, 0), np.float32)


@dataclass(frozen=True, slots=True)
class Sightings:
    """The detections of one frame, the surest first, whatever the order in which they were given.

    Attributes:
        boxes: float64 (N, 4), (x0, y0, x1, y1) in pixels.
        scores: float32 (N,), [0, 1].
        class_ids: int64 (N,).
        rows: int64 (N,), the place of each in the order that was given; empty masks are left out.
    """

    boxes: Table
    scores: Float32Array
    class_ids: NDArray[np.int64]
    rows: NDArray[np.int64]

    @classmethod
    def of(cls, instances: Instances, *, low_score: float) -> "Sightings":
        """Sort the detections that score at least so much."""
        boxes = np.array([box_of(mask) for mask in instances.masks], np.float64).reshape(-1, 4)
        # one by one: several times faster than along the axes of all
        areas = np.array([np.count_nonzero(mask) for mask in instances.masks], np.int64)
        order = np.lexsort((areas, *boxes.T[::-1], instances.class_ids, -instances.scores))
        order = order[(areas[order] > 0) & (instances.scores[order] >= low_score)]
        return cls(boxes[order], instances.scores[order], instances.class_ids[order], order.astype(np.int64))

    def __len__(self) -> int:
        return len(self.rows)


@dataclass(frozen=True, slots=True)
class BoxTrack:
    """One object, followed by its box.

    Attributes:
        belief: Where it is expected.
        class_id: COCO id of its detections.
        hits: Frames in a row with a detection, while it has no identity.
        track_id: Its identity; None while it is tentative.
        missed: Frames in a row without a detection.
        looks: float32 (G, D), what it looked like when it was detected, the latest last.
    """

    belief: Belief
    class_id: int
    hits: int = 0
    track_id: int | None = None
    missed: int = 0
    looks: Float32Array = field(default_factory=lambda: NO_LOOKS)

    @property
    def is_confirmed(self) -> bool:
        """Whether it has an identity."""
        return self.track_id is not None

    def onwards(self, motion: BoxMotion) -> "BoxTrack":
        """Expect it in the next frame, as one that is missed until it is found."""
        return replace(self, belief=motion.onwards(self.belief), missed=self.missed + 1)

    def met(self, motion: BoxMotion, box: NDArray[np.float64]) -> "BoxTrack":
        """Return it after a detection in this frame was found to be it."""
        return replace(self, belief=motion.seen(self.belief, box), hits=self.hits + 1, missed=0)


def overlap_table(seen: Sightings, tracks: Sequence[BoxTrack], *, motion: BoxMotion) -> Table:
    """Return the IoU of N detections with where M tracks are expected: float64 (N, M).

    Two of different classes never overlap: trackers of boxes are run class by class.
    """
    if not len(seen) or not tracks:
        return np.zeros((len(seen), len(tracks)))
    expected = np.stack([motion.box(track.belief) for track in tracks])
    return box_iou(seen.boxes, expected) * namesakes(seen, tracks)


def namesakes(seen: Sightings, tracks: Sequence[BoxTrack]) -> NDArray[np.bool_]:
    """Return which of N detections have the class of which of M tracks: bool (N, M)."""
    return np.asarray(
        seen.class_ids[:, np.newaxis] == np.array([track.class_id for track in tracks], np.int64)
    )
