"""Which detection is which track: the pairs whose worth adds up to most."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

Table = NDArray[np.float64]
Pairs = list[tuple[int, int]]


def best_pairs(worth: Table, *, rows: Sequence[int], columns: Sequence[int]) -> Pairs:
    """Pair rows with columns so that the sum of worth is largest (Kuhn, 1955).

    Args:
        worth: float64 (N, M); a pair that is worth 0 or less is never made.
        rows: Rows that may be paired.
        columns: Columns that may be paired.

    >>> best_pairs(np.array([[0.9, 0.8], [0.8, 0.0]]), rows=[0, 1], columns=[0, 1])
    [(0, 1), (1, 0)]
    """
    if not rows or not columns:
        return []
    table = np.maximum(worth[np.ix_(list(rows), list(columns))], 0)
    found = zip(*(side.tolist() for side in linear_sum_assignment(table, maximize=True)), strict=True)
    return [(rows[i], columns[j]) for i, j in found if table[i, j] > 0]
