"""Which points of two closed contours belong together: dynamic time warping on a matrix of costs."""

import numpy as np
from numpy.typing import NDArray

Costs = NDArray[np.float64]
Pairs = NDArray[np.int64]


def cheapest_path(costs: Costs) -> Pairs:
    """Find the cheapest way from the first cell to the last, in steps (1, 0), (0, 1) or (1, 1).

    Of ways that cost the same, the one that comes to its last cell diagonally wins, and so back to the start;
    then the one that comes by (1, 0). Ties are common, since a closed contour has its start twice.

    Args:
        costs: float64 (n, m), n and m >= 1, 0 or more for each cell that is entered; the first is free.

    Returns:
        int64 (k, 2), cells (row, column), from the last to the first.

    >>> cheapest_path(np.array([[0.0, 1, 9], [9, 0, 9], [9, 1, 0]])).tolist()
    [[2, 2], [1, 1], [0, 0]]
    """
    row, column = costs.shape[0] - 1, costs.shape[1] - 1
    came_diagonally, came_by_row = (ways.item for ways in _ways(costs))  # `item` is far faster than an index
    path = [(row, column)]
    while row or column:
        if came_diagonally(row + column, row):
            row, column = row - 1, column - 1
        elif came_by_row(row + column, row):
            row -= 1
        else:
            column -= 1
        path.append((row, column))
    return np.array(path)


def _ways(costs: Costs) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Mark how the cheapest way comes to each cell: diagonally; if not, by (1, 0); cell (i, j) at [i + j, i].

    The cells of an anti-diagonal depend on the two before only, so they are worked off together; three lines
    of sums are held, which stand one place to the right, for there is no row before the first.
    """
    n, m = costs.shape
    mirrored = costs[:, ::-1]
    diagonally, by_row = np.zeros((2, n + m - 1, n), np.bool_)
    before, last, this = np.full((3, n + 1), np.inf)
    last[1] = 0
    for line in range(1, n + m - 1):
        rows = slice(max(0, line - m + 1), min(n, line + 1))
        out = this[rows.start + 1 : rows.stop + 1]
        above, left = last[rows], last[rows.start + 1 : rows.stop + 1]
        np.less_equal(above, left, out=by_row[line, rows])
        np.minimum(above, left, out=out)
        np.less_equal(before[rows], out, out=diagonally[line, rows])
        np.minimum(out, before[rows], out=out)
        out += mirrored.diagonal(m - 1 - line)
        before, last, this = last, this, before
    return diagonally, by_row


def align_closed(costs: Costs) -> Pairs:
    """Match two closed contours that may start in different places, as DAVIS 2016 does.

    The cheapest path is searched twice: the second time, both contours start just after the cheapest cell of
    the first path (of equal ones the nearest to its end; its first cell is not asked).

    Args:
        costs: float64 (n, m), 0 or more: matching point i of one contour with point j of the other.

    Returns:
        int64 (k, 2), pairs (i, j), from the end of the second path to its start.

    >>> align_closed(np.array([[1.0, 0, 1], [1, 1, 0], [0, 1, 1]])).tolist()
    [[1, 2], [0, 1], [2, 0]]
    """
    path = cheapest_path(costs)
    asked = path[:-1] if len(path) > 1 else path
    start = asked[np.argmin(costs[asked[:, 0], asked[:, 1]])] + 1
    turned = np.roll(costs, -start, axis=(0, 1))
    return np.asarray((cheapest_path(turned) + start) % costs.shape, np.int64)


def cheapest_pairs(costs: Costs, pairs: Pairs) -> Pairs:
    """Keep the cheapest pair of each row, and of these the cheapest of each column (the first, if two tie).

    Args:
        costs: float64 (n, m).
        pairs: int64 (k, 2), (row, column).

    Returns:
        int64 (l, 2), l <= min(n, m); no row and no column comes twice.

    >>> costs, pairs = np.array([[3.0, 1, 2], [9, 9, 1]]), np.array([[1, 2], [0, 2], [0, 1], [0, 0]])
    >>> cheapest_pairs(costs, pairs).tolist()
    [[0, 1], [1, 2]]
    """
    for axis in (0, 1):
        price = costs[pairs[:, 0], pairs[:, 1]]
        pairs = pairs[np.lexsort([price, pairs[:, axis]])]  # stable: of equal ones the first stays first
        pairs = pairs[np.unique(pairs[:, axis], return_index=True)[1]]
    return pairs
