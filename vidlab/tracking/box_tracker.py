"""What trackers of boxes have in common: how tracks begin, get an identity, and end."""

from abc import ABC, abstractmethod
from dataclasses import replace

import numpy as np

from vidlab.tracking.groups import NOBODY
from vidlab.tracking.kalman import BoxMotion
from vidlab.tracking.matching import Pairs
from vidlab.tracking.sightings import NO_LOOKS, BoxTrack, Sightings
from vidlab.types import Float32Array, Instances, UInt8Image


class BoxTracker(ABC):
    """Follows boxes; what makes a detection a track's is left to its three kinds.

    A detection that continues no track begins one. It is tentative: it gets its identity with `min_hits`
    detections in a row, and is forgotten if one of these fails. A track with an identity outlives
    `max_missed` frames without a detection. Detections of tentative tracks are NOBODY's: a causal tracker
    cannot name what it has already returned.
    """

    trusts_first_frame = False  # what is there when a clip begins needs no further detections

    def __init__(
        self, *, motion: BoxMotion, low_score: float, start_score: float, min_hits: int, max_missed: int
    ) -> None:
        """Set up without any object.

        Args:
            motion: How boxes move.
            low_score: Detections below this score are not looked at, [0, 1].
            start_score: Detections from this score on may begin a track, [0, 1].
            min_hits: Detections in a row after which a track gets its identity.
            max_missed: Frames an object may be out of sight and still come back under its old identity.
        """
        self._motion, self._low_score, self._start_score = motion, low_score, start_score
        self._min_hits, self._max_missed = min_hits, max_missed
        self.reset()

    def reset(self) -> None:
        """Forget every object; identities start at 1 again."""
        self._tracks: list[BoxTrack] = []
        self._next_id, self._is_first = 1, True

    def step(self, image: UInt8Image, instances: Instances) -> Instances:
        """Return a frame's detections as they are, with `track_ids`; see `Tracker`."""
        seen = Sightings.of(instances, low_score=self._low_score)
        looks = self._looks(image, instances, seen)
        expected = [track.onwards(self._motion) for track in self._tracks]
        rows = {column: row for row, column in self._pairs(seen, expected, looks)}
        now: list[tuple[BoxTrack, int | None]] = [
            (self._met(track, seen, rows[column], looks), rows[column]) if column in rows else (track, None)
            for column, track in enumerate(expected)
            if column in rows or self._may_come_back(track)
        ]
        free = sorted(set(range(len(seen))) - set(rows.values()))
        now += [(self._born(seen, row, looks), row) for row in free if seen.scores[row] >= self._start_score]
        given = np.full(len(instances), NOBODY, np.int64)
        self._tracks = []
        for track, row in now:
            self._tracks.append(self._confirmed(track))
            if row is not None and (track_id := self._tracks[-1].track_id) is not None:
                given[seen.rows[row]] = track_id
        self._is_first = False
        return replace(instances, track_ids=given)

    def _may_come_back(self, track: BoxTrack) -> bool:
        return track.is_confirmed and track.missed <= self._max_missed

    def _looks(self, image: UInt8Image, instances: Instances, seen: Sightings) -> Float32Array:
        """Return what the detections look like, float32 (N, D); most trackers do not care."""
        return NO_LOOKS

    @abstractmethod
    def _pairs(self, seen: Sightings, tracks: list[BoxTrack], looks: Float32Array) -> Pairs:
        """Return which detection is which track."""

    def _met(self, track: BoxTrack, seen: Sightings, row: int, looks: Float32Array) -> BoxTrack:
        return track.met(self._motion, seen.boxes[row])

    def _born(self, seen: Sightings, row: int, looks: Float32Array) -> BoxTrack:
        belief = self._motion.starting(seen.boxes[row])
        return BoxTrack(belief, int(seen.class_ids[row]), hits=1)

    def _confirmed(self, track: BoxTrack) -> BoxTrack:
        """Give a track its identity as soon as enough speaks for it."""
        is_sure = track.hits >= self._min_hits or (self._is_first and self.trusts_first_frame)
        if track.is_confirmed or not is_sure:
            return track
        self._next_id += 1
        return replace(track, track_id=self._next_id - 1)
