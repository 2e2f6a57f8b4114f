"""What is known of each track while its masks are made and shown: its class, and the score it last had."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from vidlab.tracking.groups import ids_of, likeliest
from vidlab.types import BoolMask, Float32Array, Instances


class TrackBook:
    """Names and scores of tracks, between a stabilizer that knows only numbers and those who want instances.

    `announce` every frame's detections when they get their identities, `settle` them when the stable result
    of their frame comes, which may be many frames later. A track is forgotten once it is neither awaited nor
    shown any more.
    """

    def __init__(self) -> None:
        """Begin an empty book."""
        self._names: dict[int, dict[int, float]] = {}  # by track and class, the sum of the scores
        self._scores: dict[int, float] = {}
        self._awaited: dict[int, int] = {}  # by track, the last frame that was announced with it
        self._n_announced = self._n_settled = 0

    def __len__(self) -> int:
        return len(self._names)

    def announce(self, tracked: Instances) -> None:
        """Take a frame's detections, with `track_ids`, as soon as these are known."""
        for track_id, class_id, score in _facts(tracked):
            names = self._names.setdefault(track_id, {})
            names[class_id] = names.get(class_id, 0.0) + score
            self._awaited[track_id] = self._n_announced
        self._n_announced += 1

    def settle(self, tracked: Instances, *, shown: Sequence[int]) -> None:
        """Take the same detections again, now that the result of their frame is there.

        Args:
            tracked: As announced.
            shown: Tracks that the stabilizer still speaks of.
        """
        best: dict[int, float] = {}
        for track_id, _, score in _facts(tracked):
            best[track_id] = max(score, best.get(track_id, 0.0))
        self._scores |= best
        self._awaited = {t: last for t, last in self._awaited.items() if last > self._n_settled}
        self._n_settled += 1
        alive = {*shown, *self._awaited}
        self._names = {track_id: names for track_id, names in self._names.items() if track_id in alive}
        self._scores = {track_id: score for track_id, score in self._scores.items() if track_id in alive}

    def class_of(self, track_id: int) -> int:
        """Return the COCO id by which most detections of a track call it, weighed by their scores.

        Detections count from their announcement on: of a stabilizer that looks ahead, the future has a say.
        """
        return likeliest(self._names.get(track_id, {}))

    def instances(self, track_ids: Sequence[int], masks: BoolMask) -> Instances:
        """Return the tracks whose masks, bool (K, H, W), are not empty, with class and last score.

        A track that is shown before its first detection has score 0.
        """
        rows = [row for row, mask in enumerate(masks) if mask.any()]
        shown = [track_ids[row] for row in rows]
        scores: Float32Array = np.array([self._scores.get(track_id, 0.0) for track_id in shown], np.float32)
        classes: NDArray[np.int64] = np.array([self.class_of(track_id) for track_id in shown], np.int64)
        return Instances(masks[rows], scores, classes, np.array(shown, np.int64))


def _facts(tracked: Instances) -> Iterator[tuple[int, int, float]]:
    return zip(ids_of(tracked).tolist(), tracked.class_ids.tolist(), tracked.scores.tolist(), strict=True)
