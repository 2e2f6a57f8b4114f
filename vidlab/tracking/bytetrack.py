"""ByteTrack (Zhang et al., ECCV 2022), written from the paper: every detection counts, sure ones first."""

import numpy as np

from vidlab.tracking.box_tracker import BoxTracker
from vidlab.tracking.kalman import HeightMotion
from vidlab.tracking.matching import Pairs, best_pairs
from vidlab.tracking.sightings import BoxTrack, Sightings, overlap_table
from vidlab.types import Float32Array


class ByteTracker(BoxTracker):
    """Two rounds by IoU: sure detections with all tracks, then doubtful ones with tracks just lost.

    As in its authors' experiments, doubtful detections continue only tracks that were found in the frame
    before, a new track needs two detections in a row, and none in the first frame of a clip.
    """

    trusts_first_frame = True

    def __init__(
        self,
        *,
        min_iou: float,
        max_missed: int,
        min_score: float,
        start_score: float,
        low_score: float,
        low_iou: float,
        min_hits: int,
    ) -> None:
        """Set up without any object; the arguments are the fields of `ByteTrackParams`."""
        self._min_iou, self._low_iou, self._min_score = min_iou, low_iou, min_score
        super().__init__(
            motion=HeightMotion(),
            low_score=min(low_score, min_score),
            start_score=max(start_score, min_score),
            min_hits=min_hits,
            max_missed=max_missed,
        )

    def _pairs(self, seen: Sightings, tracks: list[BoxTrack], looks: Float32Array) -> Pairs:
        overlap = overlap_table(seen, tracks, motion=self._motion)
        sure = np.flatnonzero(seen.scores >= self._min_score).tolist()
        doubtful = np.flatnonzero(seen.scores < self._min_score).tolist()
        known = [column for column, track in enumerate(tracks) if track.is_confirmed]
        tentative = [column for column, track in enumerate(tracks) if not track.is_confirmed]
        near = np.where(overlap >= self._min_iou, overlap, 0)
        pairs = best_pairs(near, rows=sure, columns=known)
        taken = {column for _, column in pairs}
        just_lost = [column for column in known if column not in taken and tracks[column].missed == 1]
        nearer = np.where(overlap >= self._low_iou, overlap, 0)
        pairs += best_pairs(nearer, rows=doubtful, columns=just_lost)
        done = {row for row, _ in pairs}
        return pairs + best_pairs(near, rows=[row for row in sure if row not in done], columns=tentative)
