"""CLEAR (Bernardin and Stiefelhagen, EURASIP JIVP 2008) and IDF1 (Ristani et al., ECCV workshops 2016).

Both in one pass over a clip, with memory for who was there, not for when: motmetrics, which gives the same
numbers, keeps every event of every frame.

    MOTA = 1 − (misses + false detections + switches) / appearances of objects
    IDF1 = 2 · IDTP / (appearances + detections), the best one-to-one naming of objects over the whole clip
"""

from collections import Counter
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

Table = NDArray[np.float64]
Ids = NDArray[np.int64]

TIE = 1e-6  # as many matches as possible come before good ones


@dataclass(frozen=True, slots=True)
class Clear:
    """What CLEAR and IDF1 count.

    Attributes:
        n_appearances: Objects, summed over the frames.
        n_detections: Detections, summed over the frames.
        n_matches: Of these, matched with one another.
        overlap: Sum of their overlaps.
        n_switches: Matches of an object that was last matched with another identity.
        n_broken: How often an object that was matched is missed, and matched again later.
        n_objects: Different objects.
        idtp: Matches under the best one-to-one naming of objects.
    """

    n_appearances: int
    n_detections: int
    n_matches: int
    overlap: float
    n_switches: int
    n_broken: int
    n_objects: int
    idtp: int

    @property
    def mota(self) -> float:
        """Multiple object tracking accuracy, at most 1; NaN where no object appears."""
        wrong = self.n_appearances + self.n_detections - 2 * self.n_matches + self.n_switches
        return 1 - _ratio(wrong, self.n_appearances)

    @property
    def motp(self) -> float:
        """Multiple object tracking precision: mean overlap of the matches; NaN without any."""
        return _ratio(self.overlap, self.n_matches)

    @property
    def idf1(self) -> float:
        """F1 of naming; NaN where nothing appears and nothing is detected."""
        return _ratio(2 * self.idtp, self.n_appearances + self.n_detections)

    @property
    def idp(self) -> float:
        """Precision of naming; NaN without detections."""
        return _ratio(self.idtp, self.n_detections)

    @property
    def idr(self) -> float:
        """Recall of naming; NaN where no object appears."""
        return _ratio(self.idtp, self.n_appearances)


class ClearAccumulator:
    """Counts one clip, one frame at a time.

    >>> clear = ClearAccumulator(match_iou=0.5)
    >>> for name in (4, 4, 5):
    ...     clear.update(np.array([[0.8]]), truth_ids=np.array([1]), ids=np.array([name]))
    >>> found = clear.compute()
    >>> found.n_switches, found.idtp, round(found.mota, 3)
    (1, 2, 0.667)
    """

    def __init__(self, *, match_iou: float) -> None:
        """Begin without any frame; `match_iou` is the overlap from which two may be matched, (0, 1)."""
        self._match_iou = match_iou
        self._last: dict[int, int] = {}  # by object, the identity it was last matched with
        self._lost: set[int] = set()  # objects that were matched, and missed since
        self._appearances: Counter[int] = Counter()
        self._detections: Counter[int] = Counter()
        self._together: Counter[tuple[int, int]] = Counter()  # frames in which the two might be one
        self._n_matches = self._n_switches = self._n_broken = 0
        self._overlap = 0.0

    def update(self, overlap: Table, *, truth_ids: Ids, ids: Ids) -> None:
        """Take the next frame; arguments are those of `TrackingMetrics.update`."""
        there, said = truth_ids.tolist(), ids.tolist()
        may_be = overlap >= self._match_iou
        self._appearances.update(there)
        self._detections.update(said)
        self._together.update((there[i], said[j]) for i, j in np.argwhere(may_be).tolist())
        pairs = self._kept(there, said, may_be)
        pairs |= self._new(overlap, may_be, pairs)
        for i, j in pairs.items():
            self._match(there[i], said[j])
            self._overlap += float(overlap[i, j])
        missed = {one for i, one in enumerate(there) if i not in pairs}
        self._lost |= missed & self._last.keys()

    def compute(self) -> Clear:
        """Return the counts of all frames so far."""
        return Clear(
            n_appearances=self._appearances.total(),
            n_detections=self._detections.total(),
            n_matches=self._n_matches,
            overlap=self._overlap,
            n_switches=self._n_switches,
            n_broken=self._n_broken,
            n_objects=len(self._appearances),
            idtp=self._idtp(),
        )

    def _kept(self, there: list[int], said: list[int], may_be: NDArray[np.bool_]) -> dict[int, int]:
        """Go on with what was matched before: row → column."""
        places = {one: j for j, one in enumerate(said)}
        kept: dict[int, int] = {}
        for i, one in enumerate(there):
            j = places.get(self._last[one]) if one in self._last else None
            if j is not None and may_be[i, j] and j not in kept.values():
                kept[i] = j
        return kept

    def _new(self, overlap: Table, may_be: NDArray[np.bool_], kept: dict[int, int]) -> dict[int, int]:
        """Match what is left: as many as possible, of these the best."""
        free = may_be.copy()
        free[list(kept), :] = False
        free[:, list(kept.values())] = False
        aims = np.where(free, 1 / TIE + overlap, 0)
        found = zip(*(side.tolist() for side in linear_sum_assignment(aims, maximize=True)), strict=True)
        return {i: j for i, j in found if free[i, j]}

    def _match(self, one: int, name: int) -> None:
        self._n_matches += 1
        self._n_switches += self._last.get(one, name) != name
        self._n_broken += one in self._lost
        self._lost.discard(one)
        self._last[one] = name

    def _idtp(self) -> int:
        rows = {one: i for i, one in enumerate(self._appearances)}
        columns = {one: j for j, one in enumerate(self._detections)}
        together = np.zeros((len(rows), len(columns)))
        for (one, name), count in self._together.items():
            together[rows[one], columns[name]] = count
        return int(together[linear_sum_assignment(together, maximize=True)].sum())


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else float("nan")
