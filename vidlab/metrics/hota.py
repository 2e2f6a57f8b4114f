"""HOTA: how well objects are found, and kept apart over time (Luiten et al., IJCV 2021), to the definition.

At each overlap α = 0.05, 0.10, …, 0.95 detections are matched with objects, frame by frame:

    DetA = |TP| / (|TP| + |FN| + |FP|)
    AssA = mean over the TP c of  |TPA(c)| / (|TPA(c)| + |FNA(c)| + |FPA(c)|)
    HOTA = √(DetA · AssA)

TPA(c) are the TP with the same object and the same identity as c, FNA(c) the other appearances of that
object, FPA(c) those of that identity. The matching is the one that the paper prescribes: as many TP as
possible, of those the best associated (by what the association would be if every pair with enough overlap
were a TP), of those the best localized. (The authors' own code matches once for all α, by a soft overlap:
where several pairs compete for one object its values may differ a little.)
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from vidlab.metrics.columns import Spill

ALPHAS: NDArray[np.float64] = np.arange(1, 20) / 20
TIE = 1e-6  # of the three aims of the matching each outweighs the next by far
EXACT = 1e-9  # an overlap that falls short of α by rounding alone reaches it

Table = NDArray[np.float64]
Ids = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Hota:
    """The family of HOTA, each the mean over α, [0, 1], 1 is perfect; NaN where there is nothing to find.

    Attributes:
        hota: Geometric mean of detection and association.
        deta: Detection accuracy.
        assa: Association accuracy; 0 where nothing is found.
        loca: Mean overlap of what is found; 1 where nothing is found.
    """

    hota: float
    deta: float
    assa: float
    loca: float


@dataclass(slots=True)
class _Counts:
    """What is known at one α of all frames: the TP of each pair, and the sum of their overlaps."""

    n_pairs: Table
    overlap: float = 0.0


class HotaAccumulator:
    """HOTA of one clip, one frame at a time; the overlaps of old frames rest in a temporary file.

    >>> hota = HotaAccumulator()
    >>> hota.update(np.array([[1.0]]), truth_ids=np.array([7]), ids=np.array([1]))
    >>> hota.update(np.array([[1.0]]), truth_ids=np.array([7]), ids=np.array([2]))
    >>> found = hota.compute()
    >>> found.deta, found.assa, round(found.hota, 4)
    (1.0, 0.5, 0.7071)
    """

    def __init__(self) -> None:
        """Begin without any frame."""
        self._frames = Spill()
        self._lengths: list[tuple[int, int]] = []  # objects and detections of each frame
        self._objects: dict[int, int] = {}  # truth id → row
        self._tracks: dict[int, int] = {}  # identity → column
        self._n_of_object: dict[int, int] = defaultdict(int)
        self._n_of_track: dict[int, int] = defaultdict(int)

    def update(self, overlap: Table, *, truth_ids: Ids, ids: Ids) -> None:
        """Take the next frame.

        Args:
            overlap: float64 (N, M), [0, 1], of each object with each detection.
            truth_ids: int64 (N,), who the objects are, no one twice.
            ids: int64 (M,), who the detections are said to be, no one twice.
        """
        rows = [self._objects.setdefault(int(one), len(self._objects)) for one in truth_ids]
        columns = [self._tracks.setdefault(int(one), len(self._tracks)) for one in ids]
        for row in rows:
            self._n_of_object[row] += 1
        for column in columns:
            self._n_of_track[column] += 1
        self._frames.write(np.array(rows, np.int64).tobytes() + np.array(columns, np.int64).tobytes())
        self._frames.write(np.ascontiguousarray(overlap, np.float64).tobytes())
        self._lengths.append((len(rows), len(columns)))

    def compute(self) -> Hota:
        """Return HOTA of all frames so far."""
        of_object = np.array([self._n_of_object[row] for row in range(len(self._objects))], np.float64)
        of_track = np.array([self._n_of_track[column] for column in range(len(self._tracks))], np.float64)
        if not len(of_object) and not len(of_track):
            return Hota(*[float("nan")] * 4)
        found = [self._at(alpha, of_object, of_track) for alpha in ALPHAS.tolist()]
        return Hota(*np.mean(found, axis=0).tolist())

    def _at(self, alpha: float, of_object: Table, of_track: Table) -> tuple[float, float, float, float]:
        """Return HOTA, DetA, AssA and LocA at one α."""
        counts = self._matched(alpha, of_object, of_track)
        n_found = counts.n_pairs.sum()
        deta = n_found / (of_object.sum() + of_track.sum() - n_found)
        shares = counts.n_pairs / np.maximum(of_object[:, np.newaxis] + of_track - counts.n_pairs, 1)
        assa = float((counts.n_pairs * shares).sum() / n_found) if n_found else 0.0
        loca = counts.overlap / n_found if n_found else 1.0
        return float(np.sqrt(deta * assa)), float(deta), assa, float(loca)

    def _matched(self, alpha: float, of_object: Table, of_track: Table) -> _Counts:
        possible = np.zeros((len(of_object), len(of_track)))
        for rows, columns, overlap in self._read():
            possible[np.ix_(rows, columns)] += overlap >= alpha - EXACT
        best = possible / np.maximum(of_object[:, np.newaxis] + of_track - possible, 1)
        counts = _Counts(np.zeros_like(possible))
        for rows, columns, overlap in self._read():
            may_be = overlap >= alpha - EXACT
            aims = np.where(may_be, 1 / TIE + best[np.ix_(rows, columns)] + TIE * overlap, 0)
            for i, j in zip(*linear_sum_assignment(aims, maximize=True), strict=True):
                if may_be[i, j]:
                    counts.n_pairs[rows[i], columns[j]] += 1
                    counts.overlap += float(overlap[i, j])
        return counts

    def _read(self) -> Iterator[tuple[Ids, Ids, Table]]:
        """Yield rows, columns and overlaps of the frames in which there are both."""
        start = 0
        for n, m in self._lengths:
            size = 8 * (n + m + n * m)
            if n and m:
                numbers = self._frames.read(start, size)
                overlap = np.frombuffer(numbers, np.float64, n * m, 8 * (n + m)).reshape(n, m)
                columns = np.frombuffer(numbers, np.int64, m, 8 * n)
                yield np.frombuffer(numbers, np.int64, n), columns, overlap
            start += size
