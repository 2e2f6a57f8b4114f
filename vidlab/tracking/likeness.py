"""How well detections and tracks agree, by what they cover and by where they are expected."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from vidlab.tracking.boxes import areas_px, box_of, shared_px
from vidlab.tracking.course import Course
from vidlab.tracking.groups import likeliest
from vidlab.types import BoolMask, Instances

INSIDE = 0.5  # share of a detection that must lie in another one for it to be a part, or a repetition, of it
SAME_MASK = 0.7  # overlap of two detections of different classes that makes them two names of one object
RENAMED = 0.5  # overlap that lets an object go on under another class name
STRANGER = 0.5  # what agreement under another class name is worth
EMERGING = 0.5  # what a part is worth that lies where the whole of a hidden object is expected

Table: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Track:
    """One identity, as it is expected in the next frame.

    Attributes:
        names: By class, the sum of the scores of the detections that named it so.
        mask: bool (h, w), small: its last mask, carried along the flow; what others cover meanwhile is gone.
        course: Where its box is going.
        missed: Frames in a row without a detection.
    """

    names: dict[int, float]
    mask: BoolMask
    course: Course
    missed: int

    @property
    def class_id(self) -> int:
        """COCO id by which most of its detections call it, weighed by their scores."""
        return likeliest(self.names)


@dataclass(frozen=True, slots=True)
class Seen:
    """The detections of one frame, the surest first, whatever the order in which they were given.

    Attributes:
        found: The detections.
        small: bool (N, h, w), their masks at a smaller size.
        boxes: float64 (N, 4), pixels of the full size.
        rows: int64 (N,), the place of each in the order that was given; empty masks are left out.
    """

    found: Instances
    small: BoolMask
    boxes: Table
    rows: NDArray[np.int64]

    @classmethod
    def of(cls, instances: Instances, *, small_hw: tuple[int, int]) -> "Seen":
        """Sort detections, and look at their masks at another size."""
        boxes = np.array([box_of(mask) for mask in instances.masks], np.float64).reshape(-1, 4)
        (y, x), size_hw = small_hw, instances.size_hw
        rows = (2 * np.arange(y) + 1) * size_hw[0] // (2 * y)
        columns = (2 * np.arange(x) + 1) * size_hw[1] // (2 * x)
        small = instances.masks[:, rows[:, np.newaxis], columns]
        areas = small.sum(axis=(1, 2))
        order = np.lexsort((areas, *boxes.T[::-1], instances.class_ids, -instances.scores))
        order = order[boxes[order, 2] > 0]
        found = Instances(instances.masks[order], instances.scores[order], instances.class_ids[order])
        return cls(found, small[order], boxes[order], order.astype(np.int64))


def likeness(seen: Seen, tracks: Sequence[Track], *, min_iou: float) -> tuple[Table, Table]:
    """Compare N detections with M tracks.

    Args:
        seen: The detections.
        tracks: The tracks, carried to the frame of the detections.
        min_iou: Overlap from which the two may be one object.

    Returns:
        Agreement of masks and agreement of places, float64 (N, M) both, [0, 1]; both 0 where neither says
        that they may be one object, or where they have different class names and not nearly the same mask.
    """
    if not len(seen.rows) or not tracks:
        nothing = np.zeros((len(seen.rows), len(tracks)))
        return nothing, nothing
    by_mask, _ = overlaps(seen.small, np.stack([track.mask for track in tracks]))
    by_place = _places(seen.boxes, tracks)
    namesake = seen.found.class_ids[:, np.newaxis] == np.array([track.class_id for track in tracks])
    may_be_one = (by_mask >= np.where(namesake, min_iou, RENAMED)) | (namesake & (by_place >= min_iou))
    worth = np.where(namesake, 1.0, STRANGER) * may_be_one
    return by_mask * worth, by_place * worth


def part_of(row: int, seen: Seen, ids: NDArray[np.int64], *, nobody: int) -> int:
    """Return the identity of the detection that one of N repeats, or is a part of; `nobody` if none.

    Args:
        row: Which of the detections.
        seen: All of them.
        ids: int64 (N,), their identities, `nobody` where it is not known.
        nobody: Stands for no identity.
    """
    known = np.flatnonzero(ids != nobody)
    if not len(known):
        return nobody
    iou, inside = overlaps(seen.small[[row]], seen.small[known])
    namesake = seen.found.class_ids[known] == seen.found.class_ids[row]
    share, twin = np.where(namesake, inside[0], 0.0), np.where(namesake, 0.0, iou[0])
    if share.max() > INSIDE:
        return int(ids[known[share.argmax()]])
    return int(ids[known[twin.argmax()]]) if twin.max() >= SAME_MASK else nobody


def overlaps(masks: BoolMask, others: BoolMask) -> tuple[Table, Table]:
    """Compare masks, bool (N, h, w), with others, bool (M, h, w).

    Returns:
        IoU of each pair, float64 (N, M), and the share of each mask that lies inside each of the others; 0
        for empty ones.

    >>> iou, inside = overlaps(np.array([[[True, False]]]), np.array([[[True, True]]]))
    >>> iou.tolist(), inside.tolist()
    ([[0.5]], [[1.0]])
    """
    these, those = (m.reshape(len(m), -1).astype(np.float32) for m in (masks, others))
    shared = (these @ those.T).astype(np.float64)
    areas, other_areas = these.sum(axis=1)[:, np.newaxis], those.sum(axis=1)
    return shared / np.maximum(areas + other_areas - shared, 1), shared / np.maximum(areas, 1)


def _places(boxes: Table, tracks: Sequence[Track]) -> Table:
    """Compare boxes with where the tracks are expected; a hidden object may come out part by part."""
    expected = np.stack([track.course.box for track in tracks])
    areas, shared = areas_px(boxes)[:, np.newaxis], shared_px(boxes, expected)
    iou = shared / (areas + areas_px(expected) - shared)
    hidden = np.array([track.missed > 0 for track in tracks])
    return np.where(hidden, np.maximum(iou, EMERGING * shared / areas), iou)
