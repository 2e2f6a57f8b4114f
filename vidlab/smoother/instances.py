"""Instances in, stable instances out: every object keeps its identity, and may outlive a missed detection."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from vidlab.errors import UsageError
from vidlab.params import EvidenceParams, MethodParams
from vidlab.smoother.feed import Feed
from vidlab.temporal.evidence import to_evidence
from vidlab.temporal.protocol import StableFrame
from vidlab.tracking import Tracker
from vidlab.tracking.tracker import INSIDE, box_of
from vidlab.types import OBJECT_CLASS_ID, BoolMask, Float32Array, Instances, UInt8Image

NOT_DETECTED = -1


@dataclass(frozen=True, slots=True)
class StableInstances:
    """The stable objects of one frame.

    Attributes:
        index: Frame, from 0.
        instances: One per visible track, with `track_ids`; masks do not overlap; scores are those of each
            track's last detection.
        rows: int64 (N,): which of the frame's own detections each track is; NOT_DETECTED where the frame has
            none of it, and the mask bridges a gap.
    """

    index: int
    instances: Instances
    rows: NDArray[np.int64]


class InstanceSmoother:
    """Stabilizes instances frame by frame.

    With `track_ids` of the caller's own, every track is stabilized by itself and keeps its id. Without them,
    every class is, and `tracking.Tracker` shares the stable masks out among tracks that it numbers from 1.
    """

    def __init__(self, params: MethodParams, *, evidence: EvidenceParams) -> None:
        """Set up an empty smoother.

        Args:
            params: Method and tunables, as `params.method_params` builds them.
            evidence: Which detections count, and how much.
        """
        self._rules = evidence
        self._feed: Feed[Packed] = Feed(params)
        self._tracker = Tracker(iou=params.track_iou, max_missed=params.track_max_missed)
        self.delay = self._feed.delay
        self.reset()

    def reset(self) -> None:
        """Forget everything; the next frame is frame 0 of a clip."""
        self._feed.reset()
        self._tracker.reset()
        self._has_ids: bool | None = None  # decided by the first detection
        self._known: dict[
            int, tuple[int, float]
        ] = {}  # the caller's track → class, score of its last detection

    def step(self, image: UInt8Image, instances: Instances) -> list[StableInstances]:
        """Take one frame; return the results that are complete now, oldest first.

        Args:
            image: uint8 (H, W, 3), RGB.
            instances: What was found in it, any number; with `track_ids` in every frame or in none.

        Raises:
            UsageError: Some frames name tracks and others do not.
        """
        self._require_consistent_ids(instances)
        groups = instances
        if instances.track_ids is not None:  # every track is a group of its own
            groups = Instances(instances.masks, instances.scores, instances.track_ids)
        evidence = to_evidence(
            groups,
            class_ids=None,
            min_score=self._rules.min_score,
            drop_below=self._rules.drop_below,
            prob_threshold=self._rules.prob_threshold,
        )
        for row, track_id in enumerate(
            _ids(instances)
        ):  # looking ahead, a mask may come before its detection
            self._known.setdefault(track_id, (int(instances.class_ids[row]), 0.0))
        done = self._feed.step(image, evidence, pack(instances, drop_below=self._rules.drop_below))
        return [self._result(*one) for one in done]

    def flush(self) -> list[StableInstances]:
        """Return the results still owed, oldest first, and forget the clip."""
        done = [self._result(*one) for one in self._feed.flush()]
        self.reset()
        return done

    def _require_consistent_ids(self, instances: Instances) -> None:
        if not len(instances):
            return
        has_ids = instances.track_ids is not None
        if self._has_ids not in (None, has_ids):
            got = ("ids in this frame", "none before") if has_ids else ("none in this frame", "ids before")
            raise UsageError(f"track ids must be given in every frame or in none, got {' and '.join(got)}")
        self._has_ids = has_ids

    def _result(self, index: int, detections: "Packed", stable: StableFrame) -> StableInstances:
        if self._has_ids:
            return self._of_own_tracks(index, detections, stable)
        instances = detections.instances()
        found = self._tracker.step(
            instances,
            stable.masks,
            class_ids=stable.class_ids,
            flow_to_prev=stable.flow_to_prev,
            is_cut=stable.is_cut,
        )
        rows = matched_rows(found, instances)
        places = np.append(detections.places, NOT_DETECTED)  # the last one is what row -1 takes
        return StableInstances(index, found, places[rows])

    def _of_own_tracks(self, index: int, detections: "Packed", stable: StableFrame) -> StableInstances:
        ids = [] if detections.track_ids is None else detections.track_ids.tolist()
        for row, track_id in enumerate(ids):
            self._known[track_id] = (int(detections.class_ids[row]), float(detections.scores[row]))
        alive = {*ids, *stable.class_ids}
        self._known = {track_id: facts for track_id, facts in self._known.items() if track_id in alive}
        shown = [k for k, mask in enumerate(stable.masks) if mask.any()]
        tracks = [stable.class_ids[k] for k in shown]
        facts = [self._known.get(track_id, (OBJECT_CLASS_ID, 0.0)) for track_id in tracks]
        found = Instances(
            stable.masks[shown],
            np.array([score for _, score in facts], np.float32),
            np.array([class_id for class_id, _ in facts], np.int64),
            np.array(tracks, np.int64),
        )
        rows = [detections.places[ids.index(t)] if t in ids else NOT_DETECTED for t in tracks]
        return StableInstances(index, found, np.array(rows, np.int64))


@dataclass(frozen=True, slots=True)
class Packed:
    """The detections of a frame that waits for its result, at one bit per pixel.

    Attributes:
        size_hw: Height and width of the masks, in pixels.
        bits: uint8 (N, ceil(H · W / 8)).
        scores: float32 (N,).
        class_ids: int64 (N,).
        track_ids: int64 (N,), or None.
        places: int64 (N,), the row of each among all that the caller gave.
    """

    size_hw: tuple[int, int]
    bits: NDArray[np.uint8]
    scores: Float32Array
    class_ids: NDArray[np.int64]
    track_ids: NDArray[np.int64] | None
    places: NDArray[np.int64]

    def instances(self) -> Instances:
        """Return them as they were."""
        n_px = self.size_hw[0] * self.size_hw[1]
        masks = np.unpackbits(self.bits, axis=1, count=n_px).view(np.bool_)
        shaped = masks.reshape(len(self.bits), *self.size_hw)
        return Instances(shaped, self.scores, self.class_ids, self.track_ids)


def pack(instances: Instances, *, drop_below: float) -> Packed:
    """Pack the detections that are evidence at all: those with a score of `drop_below` or more."""
    keep = instances.scores >= drop_below
    kept = instances.where(keep)
    bits = np.packbits(kept.masks.reshape(len(kept), kept.size_hw[0] * kept.size_hw[1]), axis=1)
    places = np.flatnonzero(keep).astype(np.int64)
    return Packed(kept.size_hw, bits, kept.scores, kept.class_ids, kept.track_ids, places)


def matched_rows(stable: Instances, detections: Instances) -> NDArray[np.int64]:
    """Match stable objects with the detections of the same frame and class that lie mostly inside them.

    Returns:
        int64, for each stable object the row of its detection, NOT_DETECTED where there is none; the sum of
        the overlaps (IoU) is the largest possible.
    """
    rows = np.full(len(stable), NOT_DETECTED, np.int64)
    if not len(stable) or not len(detections):
        return rows
    overlap = np.zeros((len(stable), len(detections)))
    areas = [int(np.count_nonzero(mask)) for mask in detections.masks]
    for i, mask in enumerate(stable.masks):
        x0, y0, x1, y1 = box_of(mask)
        near = detections.masks[:, y0:y1, x0:x1]
        for j in np.flatnonzero(detections.class_ids == stable.class_ids[i]):
            overlap[i, j] = _overlap(mask[y0:y1, x0:x1], near[j], areas[j])
    for row, column in zip(*linear_sum_assignment(overlap, maximize=True), strict=True):
        if overlap[row, column] > 0:
            rows[row] = column
    return rows


def _overlap(mask: BoolMask, detection: BoolMask, area: int) -> float:
    """IoU of a stable mask with a detection, both cut to a box; 0 unless most of its area lies inside."""
    shared = int(np.count_nonzero(mask & detection))
    if shared <= INSIDE * area:
        return 0.0
    return shared / (int(np.count_nonzero(mask)) + area - shared)


def _ids(instances: Instances) -> list[int]:
    return [] if instances.track_ids is None else [int(track_id) for track_id in instances.track_ids]
