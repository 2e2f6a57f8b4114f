"""Instances in, stable instances out: every object keeps its identity, and may outlive a missed detection."""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from vidlab.errors import UsageError
from vidlab.params import EvidenceParams, MethodParams
from vidlab.smoother.feed import Feed
from vidlab.temporal.evidence import track_evidence
from vidlab.temporal.protocol import StableFrame
from vidlab.tracking import NOBODY, TrackBook, create_method_tracker, ids_of, without_masks
from vidlab.types import Instances, UInt8Image

NOT_DETECTED = -1
Kept: TypeAlias = tuple[Instances, NDArray[np.int64]]  # detections without masks, and the caller's rows


@dataclass(frozen=True, slots=True)
class StableInstances:
    """The stable objects of one frame.

    Attributes:
        index: Frame, from 0.
        instances: One per visible track, with `track_ids`; masks do not overlap; scores are those of each
            track's last detection.
        rows: int64 (N,): which of the frame's own detections each track is, the surest if it is several;
            NOT_DETECTED where the frame has none of it, and the mask bridges a gap.
    """

    index: int
    instances: Instances
    rows: NDArray[np.int64]


class InstanceSmoother:
    """Stabilizes instances frame by frame, every track by itself.

    With `track_ids` of the caller's own, every track keeps its id; what has the id −1, as trackers call what
    they do not follow, is left out. Without ids, the method's `tracker` tells who is who, and numbers the
    tracks from 1.
    """

    def __init__(self, params: MethodParams, *, evidence: EvidenceParams) -> None:
        """Set up an empty smoother.

        Args:
            params: Method and tunables, as `params.method_params` builds them.
            evidence: Which detections count, and how much.
        """
        self._rules = evidence
        self._feed: Feed[Kept] = Feed(params)
        self._associator = create_method_tracker(params, evidence=evidence)
        self.delay = self._feed.delay
        self.reset()

    def reset(self) -> None:
        """Forget everything; the next frame is frame 0 of a clip."""
        self._feed.reset()
        self._associator.reset()
        self._book = TrackBook()
        self._has_ids: bool | None = None  # decided by the first detection

    def step(self, image: UInt8Image, instances: Instances) -> list[StableInstances]:
        """Take one frame; return the results that are complete now, oldest first.

        Args:
            image: uint8 (H, W, 3), RGB.
            instances: What was found in it, any number; with `track_ids` in every frame or in none.

        Raises:
            UsageError: Some frames name tracks and others do not.
        """
        self._require_consistent_ids(instances)
        places = np.flatnonzero(instances.scores >= self._rules.drop_below)
        tracked = instances.where(instances.scores >= self._rules.drop_below)
        if tracked.track_ids is None:
            tracked = self._associator.step(image, tracked)
        is_object = ids_of(tracked) != NOBODY
        places, tracked = places[is_object], tracked.where(is_object)
        evidence = track_evidence(tracked, rules=self._rules)
        self._book.announce(tracked)
        return [
            self._result(*one) for one in self._feed.step(image, evidence, (without_masks(tracked), places))
        ]

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

    def _result(self, index: int, kept: Kept, stable: StableFrame) -> StableInstances:
        tracked, places = kept
        self._book.settle(tracked, shown=stable.class_ids)
        found = self._book.instances(stable.class_ids, stable.masks)
        return StableInstances(index, found, _rows(found, tracked, places))


def _rows(found: Instances, tracked: Instances, places: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return which of the caller's rows each object is; `places` are those of the tracked ones."""
    by_track: dict[int, int] = {}
    for row in np.argsort(
        tracked.scores, kind="stable"
    ):  # of several detections of one object, the surest counts
        by_track[int(ids_of(tracked)[row])] = int(places[row])
    return np.array([by_track.get(int(track_id), NOT_DETECTED) for track_id in ids_of(found)], np.int64)
