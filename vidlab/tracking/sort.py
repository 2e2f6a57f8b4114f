"""SORT (Bewley et al., Simple Online and Realtime Tracking, ICIP 2016), written from the paper."""

from vidlab.tracking.box_tracker import BoxTracker
from vidlab.tracking.kalman import AreaMotion
from vidlab.tracking.matching import Pairs, best_pairs
from vidlab.tracking.sightings import BoxTrack, Sightings, overlap_table
from vidlab.types import Float32Array


class SortTracker(BoxTracker):
    """Boxes that move straight on; the Hungarian method on their IoU. Pixels are not looked at.

    The paper ends a track that is missed in `T_lost` = 1 frame; here, as in its authors' experiments, that is
    how many frames it survives. What is there in a clip's first frame gets its identity at once, as there.
    """

    trusts_first_frame = True

    def __init__(self, *, min_iou: float, max_missed: int, min_score: float, min_hits: int) -> None:
        """Set up without any object; the arguments are the fields of `SortParams`."""
        self._min_iou = min_iou
        super().__init__(
            motion=AreaMotion(),
            low_score=min_score,
            start_score=min_score,
            min_hits=min_hits,
            max_missed=max_missed,
        )

    def _pairs(self, seen: Sightings, tracks: list[BoxTrack], looks: Float32Array) -> Pairs:
        overlap = overlap_table(seen, tracks, motion=self._motion)
        overlap[overlap < self._min_iou] = 0
        return best_pairs(overlap, rows=range(len(seen)), columns=range(len(tracks)))
