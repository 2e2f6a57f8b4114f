"""Identities over time: stable masks shared out among tracks that are carried along the flow.

One map holds the track of every pixel. It follows the flow from frame to frame, is corrected by the
detections (matched to the carried tracks by mask overlap, Hungarian method), and fills the stable masks.
"""

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from vidlab.flow import nearest
from vidlab.types import BoolMask, Float32Array, Instances

NOBODY = 0
INSIDE = 0.5  # share of a detection that must lie in the stable mask for the detection to have a say
Box = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class _Track:
    """One identity.

    Attributes:
        class_id: COCO id.
        score: Score of its last detection, [0, 1].
        missed: Frames in a row without a detection.
        box: (x0, y0, x1, y1) of its last mask, pixels, half-open.
    """

    class_id: int
    score: float
    missed: int
    box: Box


class Tracker:
    """Gives stable masks identities; `step` for every frame, in order."""

    def __init__(self, *, iou: float, max_missed: int) -> None:
        """Set up an empty tracker.

        Args:
            iou: Overlap of a detection with a carried track that makes them one object, (0, 1).
            max_missed: Frames an object may be out of sight and still come back under its old identity.
        """
        self._min_iou, self._max_missed = iou, max_missed
        self.reset()

    def reset(self) -> None:
        """Forget every object; identities start at 1 again."""
        self._owner: NDArray[np.int32] | None = None
        self._tracks: dict[int, _Track] = {}
        self._next_id = 1

    def step(
        self,
        instances: Instances,
        masks: BoolMask,
        *,
        class_ids: tuple[int, ...],
        flow_to_prev: Float32Array | None,
        is_cut: bool,
    ) -> Instances:
        """Share out one frame's stable masks.

        Args:
            instances: The frame's detections, any score.
            masks: bool (K, H, W), the frame's stable masks, one per class, without overlap.
            class_ids: COCO id of each of the K classes.
            flow_to_prev: float32 (H, W, 2), pixels; None where nothing is known of the motion.
            is_cut: The frame starts a new shot; no identity is carried into it.

        Returns:
            One instance per visible track; their masks do not overlap and together are the stable masks.
            Scores are those of each track's last detection.
        """
        if is_cut:
            self._owner, self._tracks = None, {}
        carried = self._carried(masks.shape[1:], flow_to_prev)
        owner = np.zeros_like(carried)
        for class_id, mask in zip(class_ids, masks, strict=True):
            here = instances.where(instances.class_ids == class_id)
            owner[mask] = self._shared_out(carried, mask, class_id, _supported(here, mask))[mask]
        self._owner = owner
        self._update_boxes(owner)
        return self._instances(owner)

    def _carried(self, size_hw: tuple[int, ...], flow_to_prev: Float32Array | None) -> NDArray[np.int32]:
        if self._owner is None or self._owner.shape != size_hw:
            return np.zeros(size_hw, np.int32)
        if flow_to_prev is None:
            return self._owner.copy()
        return nearest(self._owner.astype(np.float32), flow_to_prev).astype(np.int32)

    def _shared_out(
        self, carried: NDArray[np.int32], mask: BoolMask, class_id: int, detections: Instances
    ) -> NDArray[np.int32]:
        """Return the track of each pixel of one class's stable mask."""
        carried = np.where(mask, carried, NOBODY)
        own_ids = [t for t in np.unique(carried) if t != NOBODY and self._tracks[int(t)].class_id == class_id]
        carried[~np.isin(carried, own_ids)] = NOBODY
        ids = self._identify(carried, [int(t) for t in own_ids], class_id, detections)
        for i in np.argsort(detections.scores):  # the surest detection is painted last
            carried[detections.masks[i] & mask] = ids[i]
        unowned = mask & (carried == NOBODY)
        if unowned.any():
            self._adopt(carried, mask, unowned, class_id)
        return carried

    def _identify(
        self, carried: NDArray[np.int32], own_ids: list[int], class_id: int, detections: Instances
    ) -> list[int]:
        """Return the track of each detection: carried ones by overlap, lost ones by place, else new ones."""
        ids = [NOBODY] * len(detections)
        for row, column in _matches(detections.masks, carried, own_ids, min_iou=self._min_iou):
            ids[row] = own_ids[column]
        for track_id in own_ids:
            missed = 0 if track_id in ids else self._tracks[track_id].missed + 1
            self._tracks[track_id] = replace(self._tracks[track_id], missed=missed)
        for i in np.argsort(-detections.scores):
            if ids[i] == NOBODY:
                ids[i] = self._known_here(carried, detections.masks[i], ids, detections) or self._found_again(
                    class_id, box_of(detections.masks[i]), ids
                )
            if ids[i] == NOBODY:
                ids[i] = self._new(class_id, box_of(detections.masks[i]))
        for i in np.argsort(detections.scores):  # of several detections of one object, the surest counts
            score = float(detections.scores[i])
            self._tracks[ids[i]] = replace(self._tracks[ids[i]], score=score, missed=0)
        return ids

    def _known_here(
        self, carried: NDArray[np.int32], mask: BoolMask, ids: list[int], detections: Instances
    ) -> int:
        """Return the identified detection that this one repeats, or the track it is a part of."""
        area = max(1, int(np.count_nonzero(mask)))
        for i, track_id in enumerate(ids):
            if track_id != NOBODY and np.count_nonzero(mask & detections.masks[i]) > INSIDE * area:
                return track_id
        inside = carried[mask]
        inside = inside[inside != NOBODY]
        if inside.size > INSIDE * area:
            track_id = int(np.bincount(inside).argmax())
            return track_id if track_id not in ids else NOBODY
        return NOBODY

    def _found_again(self, class_id: int, box: Box, ids: list[int]) -> int:
        """Return the track out of sight that was last seen here, NOBODY if there is none."""
        lost = [
            (box_iou(track.box, box), track_id)
            for track_id, track in self._tracks.items()
            if track.class_id == class_id and track.missed > 0 and track_id not in ids
        ]
        best_iou, track_id = max(lost, default=(0.0, NOBODY))
        return track_id if best_iou >= self._min_iou else NOBODY

    def _new(self, class_id: int, box: Box) -> int:
        track_id, self._next_id = self._next_id, self._next_id + 1
        self._tracks[track_id] = _Track(class_id, score=0.0, missed=0, box=box)
        return track_id

    def _adopt(self, carried: NDArray[np.int32], mask: BoolMask, unowned: BoolMask, class_id: int) -> None:
        """Give pixels that no detection and no track claims to the nearest track; to a new one if none."""
        if not (carried[mask] != NOBODY).any():
            carried[mask] = self._new(class_id, box_of(mask))
            return
        x0, y0, x1, y1 = box_of(mask)
        part, missing = carried[y0:y1, x0:x1], unowned[y0:y1, x0:x1]
        _, nearest_seed = cv2.distanceTransformWithLabels(
            (part == NOBODY).astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
        )
        seeds = part != NOBODY
        owner_of_seed = np.zeros(int(nearest_seed.max()) + 1, np.int32)
        owner_of_seed[nearest_seed[seeds]] = part[seeds]
        part[missing] = owner_of_seed[nearest_seed[missing]]

    def _update_boxes(self, owner: NDArray[np.int32]) -> None:
        visible = {int(t) for t in np.unique(owner)} - {NOBODY}
        for track_id, track in list(self._tracks.items()):
            if track_id in visible:
                self._tracks[track_id] = replace(track, box=box_of(owner == track_id))
            elif track.missed >= self._max_missed:
                del self._tracks[track_id]
            else:
                self._tracks[track_id] = replace(track, missed=track.missed + 1)

    def _instances(self, owner: NDArray[np.int32]) -> Instances:
        ids = [int(t) for t in np.unique(owner) if t != NOBODY]
        masks = np.stack([owner == t for t in ids]) if ids else np.zeros((0, *owner.shape), bool)
        scores: Float32Array = np.array([self._tracks[t].score for t in ids], np.float32)
        class_ids = np.array([self._tracks[t].class_id for t in ids], np.int64)
        return Instances(masks, scores, class_ids, np.array(ids, np.int64))


def _supported(detections: Instances, mask: BoolMask) -> Instances:
    """Keep the detections that lie mostly inside a stable mask."""
    areas = detections.masks.sum(axis=(1, 2))
    share = (detections.masks & mask).sum(axis=(1, 2)) / np.maximum(areas, 1)
    return detections.where(share > INSIDE)


def _matches(
    masks: BoolMask, carried: NDArray[np.int32], own_ids: list[int], *, min_iou: float
) -> list[tuple[int, int]]:
    """Match detections with carried tracks so that the sum of their IoU is largest."""
    if not len(masks) or not own_ids:
        return []
    tracks = [carried == track_id for track_id in own_ids]
    overlap = np.array([[_iou(mask, track) for track in tracks] for mask in masks])
    rows, columns = linear_sum_assignment(overlap, maximize=True)
    return [(int(r), int(c)) for r, c in zip(rows, columns, strict=True) if overlap[r, c] >= min_iou]


def _iou(a: BoolMask, b: BoolMask) -> float:
    union = int(np.count_nonzero(a | b))
    return int(np.count_nonzero(a & b)) / union if union else 0.0


def box_of(mask: BoolMask) -> Box:
    """Return the box around a mask, bool (H, W), as (x0, y0, x1, y1), half-open; zeros if it is empty.

    >>> box_of(np.array([[False, True], [False, True]]))
    (1, 0, 2, 2)
    """
    x, y, width, height = cv2.boundingRect(np.ascontiguousarray(mask).view(np.uint8))
    return int(x), int(y), int(x + width), int(y + height)


def box_iou(a: Box, b: Box) -> float:
    """Return intersection over union of two boxes (x0, y0, x1, y1); 0 if either is empty.

    >>> box_iou((0, 0, 2, 2), (1, 0, 3, 2)) == 1 / 3
    True
    """
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    shared = max(0, width) * max(0, height)
    total = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - shared
    return shared / total if shared else 0.0
