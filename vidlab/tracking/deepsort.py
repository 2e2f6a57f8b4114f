"""DeepSORT (Wojke et al., Simple Online and Realtime Tracking with a Deep Association Metric, ICIP 2017)."""

from dataclasses import replace

import numpy as np

from vidlab.errors import ShapeError
from vidlab.tracking.box_tracker import BoxTracker
from vidlab.tracking.kalman import HeightMotion
from vidlab.tracking.matching import Pairs, Table, best_pairs
from vidlab.tracking.protocol import Embed
from vidlab.tracking.sightings import BoxTrack, Sightings, namesakes, overlap_table
from vidlab.types import Float32Array, Instances, UInt8Image

ALLOWED = 1e-6  # what a pair is worth that is just allowed: more than none


class DeepSortTracker(BoxTracker):
    """Looks first, then places: written from the paper.

        tracks with an identity, seen 0, 1, 2, … frames ago ──looks, near enough──▶ matching cascade
        what is left, and tentative tracks                  ──IoU────────────────▶ Hungarian method

    Each track remembers its last looks; a detection is as far from it as from the most similar of them. A
    place farther off than `gate` (squared Mahalanobis distance over 4 numbers) is out of the question.
    """

    def __init__(
        self,
        *,
        min_iou: float,
        max_missed: int,
        min_score: float,
        min_hits: int,
        gate: float,
        max_cosine: float,
        motion_weight: float,
        gallery: int,
        embed: Embed,
    ) -> None:
        """Set up without any object; the arguments are the fields of `DeepSortParams`, and an `Embed`."""
        self._min_iou, self._gate, self._max_cosine = min_iou, gate, max_cosine
        self._motion_weight, self._gallery, self._embed = motion_weight, gallery, embed
        super().__init__(
            motion=HeightMotion(),
            low_score=min_score,
            start_score=min_score,
            min_hits=min_hits,
            max_missed=max_missed,
        )

    def _looks(self, image: UInt8Image, instances: Instances, seen: Sightings) -> Float32Array:
        among = Instances(
            instances.masks[seen.rows], instances.scores[seen.rows], instances.class_ids[seen.rows]
        )
        looks = self._embed(image, among)
        if looks.ndim != 2 or len(looks) != len(seen) or looks.dtype != np.float32:
            raise ShapeError(
                f"embed must return float32 ({len(seen)}, D) for {len(seen)} detections, "
                f"got {looks.dtype} {looks.shape}"
            )
        return looks

    def _pairs(self, seen: Sightings, tracks: list[BoxTrack], looks: Float32Array) -> Pairs:
        worth = self._worth(seen, tracks, looks)
        pairs: Pairs = []
        left = list(range(len(seen)))
        for age in sorted({track.missed for track in tracks if track.is_confirmed}):
            of_age = [c for c, track in enumerate(tracks) if track.is_confirmed and track.missed == age]
            pairs += best_pairs(worth, rows=left, columns=of_age)
            left = [row for row in left if row not in dict(pairs)]
        taken = {column for _, column in pairs}
        recent = [column for column, track in enumerate(tracks) if column not in taken and track.missed == 1]
        overlap = overlap_table(seen, tracks, motion=self._motion)
        return pairs + best_pairs(np.where(overlap >= self._min_iou, overlap, 0), rows=left, columns=recent)

    def _worth(self, seen: Sightings, tracks: list[BoxTrack], looks: Float32Array) -> Table:
        """Return by how much less than allowed a detection costs a track with an identity, else 0: (N, M)."""
        worth = np.zeros((len(seen), len(tracks)))
        for column, track in enumerate(tracks):
            if not track.is_confirmed or not len(seen):
                continue
            cosine = 1 - (looks @ track.looks.T).max(axis=1).astype(np.float64)
            place = self._motion.distances(track.belief, seen.boxes)
            share = self._motion_weight
            cost = share * place / self._gate + (1 - share) * cosine / self._max_cosine
            allowed = (cosine <= self._max_cosine) & (place <= self._gate)
            worth[:, column] = np.where(allowed, np.maximum(1 - cost, 0) + ALLOWED, 0)
        return worth * namesakes(seen, tracks) if tracks else worth

    def _met(self, track: BoxTrack, seen: Sightings, row: int, looks: Float32Array) -> BoxTrack:
        remembered = np.concatenate([track.looks, looks[row : row + 1]])[-self._gallery :]
        return replace(super()._met(track, seen, row, looks), looks=remembered)

    def _born(self, seen: Sightings, row: int, looks: Float32Array) -> BoxTrack:
        return replace(super()._born(seen, row, looks), looks=looks[row : row + 1])
