"""Which detection is which object: identities over time, given before anything is smoothed.

    masks of the tracks ──along the flow──▶ overlap ─┐
    boxes of the tracks ──straight on─────▶ overlap ─┴▶ Hungarian method: sure detections, then doubtful ones

The two rounds are those of ByteTrack (Zhang et al., ECCV 2022): a score too low to begin an object is enough
to go on with one. The flow tells near objects apart; a straight course outlasts an occlusion.
"""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from vidlab.flow import DisFlow, nearest, to_gray
from vidlab.flow.motion import similarity
from vidlab.params import EvidenceParams, FlowFusionParams, MethodParams
from vidlab.tracking.boxes import shared_px
from vidlab.tracking.course import Course, Vector
from vidlab.tracking.groups import NOBODY
from vidlab.tracking.likeness import Seen, Table, Track, likeness, part_of
from vidlab.types import BoolMask, Float32Array, Instances, UInt8Image

FLOW_PRESET, FLOW_SCALE = "ultrafast", 0.25  # masks are compared at the size of the flow


class Associator:
    """Gives detections identities; `step` for every frame, in order. Its memory does not grow with time."""

    def __init__(self, *, iou: float, max_missed: int, min_score: float, cut_similarity: float) -> None:
        """Set up without any object.

        Args:
            iou: Overlap of a detection with where a track is expected that makes them one object, (0, 1).
            max_missed: Frames an object may be out of sight and still come back under its old identity.
            min_score: Score from which a detection is sure, [0, 1].
            cut_similarity: Correlation with the carried previous frame below which a shot starts, [-1, 1].
        """
        self._min_iou, self._max_missed = iou, max_missed
        self._min_score, self._cut_similarity = min_score, cut_similarity
        self._flow = DisFlow(preset=FLOW_PRESET, scale=FLOW_SCALE)
        self.reset()

    def reset(self) -> None:
        """Forget every object; identities start at 1 again."""
        self._tracks: dict[int, Track] = {}
        self._previous: NDArray[np.uint8] | None = None
        self._next_id = 1

    def step(self, image: UInt8Image, instances: Instances) -> Instances:
        """Return a frame's detections as they are, with `track_ids`.

        A sure detection that continues no track, and repeats no other, founds one; a doubtful one does not.
        Several detections of a frame may have one identity: repetitions and parts of an object.

        Args:
            image: uint8 (H, W, 3), RGB.
            instances: What was found in it, any score, any order; ids that they have are not looked at.

        Returns:
            The detections with identities from 1 on, NOBODY where a detection belongs to no object.
        """
        to_prev = self._moved(image)
        seen = Seen.of(instances, small_hw=self._flow.small_hw(image.shape[:2]))
        self._tracks = {track_id: _carried(track, to_prev) for track_id, track in self._tracks.items()}
        ids, leads = self._identified(seen)
        self._remember(seen, {int(ids[row]): int(row) for row in np.flatnonzero(leads)}, to_prev)
        given = np.full(len(instances), NOBODY, np.int64)
        given[seen.rows] = ids
        return replace(instances, track_ids=given)

    def _moved(self, image: UInt8Image) -> Float32Array | None:
        """Return the small flow since the frame before; None after a cut, and with nothing to be carried."""
        gray = self._flow.shrink(to_gray(image))
        previous, self._previous = self._previous, gray
        if self._tracks and previous is not None and previous.shape == gray.shape:
            to_prev = self._flow.small(gray, previous, scale=self._flow.scale_for(image.shape[:2]))
            if similarity(gray, previous, to_prev=to_prev) >= self._cut_similarity:
                return to_prev
        self._tracks = {}
        return None

    def _identified(self, seen: Seen) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """Return the identity of each detection, and which one of each identity speaks for it."""
        ids = np.full(len(seen.rows), NOBODY, np.int64)
        by_mask, by_place = likeness(seen, list(self._tracks.values()), min_iou=self._min_iou)
        is_sure = seen.found.scores >= self._min_score
        self._match(by_mask + by_place, ids, among=is_sure)
        self._match(by_mask, ids, among=~is_sure)
        leads = ids != NOBODY
        for row in np.flatnonzero(is_sure & ~leads).tolist():
            ids[row] = part_of(row, seen, ids, nobody=NOBODY)
            if ids[row] == NOBODY:
                ids[row], leads[row] = self._next_id, True
                self._next_id += 1
        return ids, leads

    def _match(self, agreement: Table, ids: NDArray[np.int64], *, among: NDArray[np.bool_]) -> None:
        """Match some detections with the tracks that are left so that the sum of agreement is largest."""
        track_ids = np.array(list(self._tracks), np.int64)
        rows, left = np.flatnonzero(among), np.flatnonzero(~np.isin(track_ids, ids))
        table = agreement[np.ix_(rows, left)]
        for row, column in zip(*linear_sum_assignment(table, maximize=True), strict=True):
            if table[row, column] > 0:
                ids[rows[row]] = track_ids[left[column]]

    def _remember(self, seen: Seen, rows: dict[int, int], to_prev: Float32Array | None) -> None:
        """Take in where each object was seen, and let those go that were missed for too long."""
        covered = seen.small[list(rows.values())].any(axis=0)
        missing = {track_id: track for track_id, track in self._tracks.items() if track_id not in rows}
        kept = {
            track_id: replace(track, mask=track.mask & ~covered, missed=track.missed + 1)
            for track_id, track in missing.items()
            if track.missed < self._max_missed
        }
        found = {
            track_id: _met(track_id, self._tracks, seen, row, to_prev=to_prev)
            for track_id, row in rows.items()
        }
        self._tracks = kept | found


def create_associator(params: MethodParams, *, evidence: EvidenceParams) -> Associator:
    """Build the associator that a method's tunables, and the rules of evidence, describe."""
    return Associator(
        iou=params.track_iou,
        max_missed=params.track_max_missed,
        min_score=evidence.min_score,
        # classical filters have no number of their own for where a shot ends
        cut_similarity=getattr(params, "cut_similarity", FlowFusionParams().cut_similarity),
    )


def _carried(track: Track, to_prev: Float32Array | None) -> Track:
    """Expect a track in the next frame."""
    if to_prev is None:
        return track
    mask = nearest(track.mask.astype(np.float32), to_prev) > 0
    return replace(track, mask=mask, course=track.course.onwards())


def _met(
    track_id: int, tracks: Mapping[int, Track], seen: Seen, row: int, *, to_prev: Float32Array | None
) -> Track:
    """Return a track, which may be a new one, after one of the detections was found to be it."""
    score, class_id = float(seen.found.scores[row]), int(seen.found.class_ids[row])
    mask, box = seen.small[row], seen.boxes[row]
    moved = _velocity(mask, to_prev, width=seen.found.size_hw[1])
    if track_id not in tracks:
        return Track({class_id: score}, mask, Course.starting(box, velocity=moved), missed=0)
    before = tracks[track_id]
    others = [track.course.box for other, track in tracks.items() if other != track_id]
    around = before.course.surroundings[np.newaxis]
    is_crowded = bool(others) and bool(shared_px(around, np.stack(others)).any())
    course = before.course.seen(box, velocity=moved, is_crowded=is_crowded)
    names = {**before.names, class_id: before.names.get(class_id, 0.0) + score}
    return Track(names, mask, course, missed=0)


def _velocity(mask: BoolMask, to_prev: Float32Array | None, *, width: int) -> Vector | None:
    """Return how a small mask moves, pixels of the full width per frame; None where nothing tells it."""
    if to_prev is None or not mask.any():
        return None
    velocity: Vector = to_prev[mask].mean(axis=0).astype(np.float64) * (-width / mask.shape[1])
    return velocity
