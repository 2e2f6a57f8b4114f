"""Shape context: how a contour lies around each of its points, as histograms, and what matching two costs.

Belongie, Malik and Puzicha, "Shape Matching and Object Recognition Using Shape Contexts", PAMI 2002, with the
bins of DAVIS 2016 (Perazzi et al., CVPR 2016).
"""

import math

import numpy as np
from numpy.typing import NDArray

from vidlab.types import Float32Array

Histograms = NDArray[np.int64]

MAX_STEP_PX = 3  # distance of neighbouring points, as in DAVIS
N_SECTORS = 12  # of 30 degrees
RING_EDGES = np.logspace(math.log10(1 / 8), math.log10(2), 5)  # radii of the rings, in mean distances
N_BINS = len(RING_EDGES) * N_SECTORS
HALF_SECTORS = N_SECTORS // 2
# Cotangents of the borders between the sectors of a half circle; they fall as the angle grows.
SECTOR_BORDERS = [1 / math.tan(math.pi * k / HALF_SECTORS) for k in range(1, HALF_SECTORS)]
BLOCK_ROWS = 128  # points described at once, so that memory does not grow with the square of their number
MERGED_GAP = 32  # runs of filled bins this near are worked off as one: fewer, larger array operations
SAME = 1e-14  # lower costs are rounding: histograms of n and m counts that differ cost 1 / (n·m)² or more


def resample(vertices: NDArray[np.int64]) -> Float32Array:
    """Put points along a polygon, at most 3 px apart, as DAVIS 2016 does.

    A side longer than 3 px becomes equal steps, added up in float32; the vertices stay.

    Args:
        vertices: int64 (n, 2), (x, y), pixels, n >= 2; closed, the first repeated at the end.

    Returns:
        float32 (m, 2), pixels; closed too, so the start is in twice.

    >>> resample(np.array([[0, 0], [4, 0], [4, 2], [0, 0]]))[:, 0]
    array([0., 2., 4., 4., 2., 0.], dtype=float32)
    """
    starts = vertices[:-1].astype(np.float32)
    sides = np.diff(vertices, axis=0).astype(np.float32)
    lengths = np.sqrt((sides * sides).sum(axis=1))
    n_steps = np.maximum(np.ceil(lengths / np.float32(MAX_STEP_PX)), 1).astype(np.int64)
    steps = np.repeat((sides / n_steps[:, None].astype(np.float32))[:, None], n_steps.max(), axis=1)
    steps[:, 0] = starts
    points = np.cumsum(steps, axis=1)  # a running sum in float32, as in DAVIS
    inside = np.arange(points.shape[1]) < n_steps[:, None]
    return np.concatenate([points[inside], starts[:1]])


def shape_contexts(points: Float32Array) -> Histograms:
    """Describe each point by where the others lie: counts in 5 rings of 12 sectors.

    Radii are in mean distances of all pairs of points, each with itself included; a point farther than twice
    the mean is not counted. Sectors begin in direction +x and turn towards +y. Points in the same place, such
    as the point itself, count in the inner ring, first sector.

    Args:
        points: float32 (n, 2), (x, y), n >= 2, not all the same.

    Returns:
        int64 (n, 60), counts; column `12 * ring + sector`, outermost ring first.

    >>> shape_contexts(np.array([[0, 0], [1, 0], [4, 0]], np.float32))[0].nonzero()[0]
    array([12, 48])
    """
    x, y = points.astype(np.float64).T
    blocks = [slice(start, start + BLOCK_ROWS) for start in range(0, len(x), BLOCK_ROWS)]
    total = sum(float(np.sqrt((x - x[rows, None]) ** 2 + (y - y[rows, None]) ** 2).sum()) for rows in blocks)
    squared_radii = (RING_EDGES * total / len(x) ** 2) ** 2
    return np.concatenate(
        [_count(x - x[rows, None], y - y[rows, None], squared_radii=squared_radii) for rows in blocks]
    )


def _count(
    dx: NDArray[np.float64], dy: NDArray[np.float64], *, squared_radii: NDArray[np.float64]
) -> Histograms:
    """Count the offsets of each row, (rows, n) pixels, in rings and sectors; (rows, 60)."""
    squared = dx * dx + dy * dy
    bins = np.zeros(dx.shape, np.uint8)
    for limit in squared_radii:
        bins += squared < limit  # the ring from outside, 0 for what is too far
    level = dy == 0
    bins *= 2
    bins += (dy < 0) | (level & (dx < 0))  # which half circle
    bins *= HALF_SECTORS
    with np.errstate(divide="ignore", invalid="ignore"):
        cotangent = dx / dy
    cotangent[level] = np.inf
    for border in SECTOR_BORDERS:
        bins += cotangent <= border
    n_columns = N_BINS + N_SECTORS
    columns = bins + np.arange(0, len(dx) * n_columns, n_columns)[:, None]
    counts = np.bincount(columns.ravel(), minlength=len(dx) * n_columns)
    return counts.reshape(len(dx), n_columns)[:, N_SECTORS:]


def matching_cost(first: Histograms, second: Histograms) -> NDArray[np.float64]:
    """Chi-square distance of all pairs of histograms, each normalized to sum 1.

    0.5 · Σ (a-b)²/(a+b), which is 1 - 2 · Σ 1/(1/a + 1/b) over the bins that both fill. Histograms of
    neighbouring points fill the same bins, so each bin is worked off in a few rectangles.

    Args:
        first: int64 (n, bins), counts, no row empty.
        second: int64 (m, bins), counts, no row empty.

    Returns:
        float64 (n, m), [0, 1]; exactly 0 for equal histograms.

    >>> matching_cost(np.array([[1, 1, 0]]), np.array([[2, 2, 0], [0, 0, 5], [1, 0, 1]]))
    array([[0. , 1. , 0.5]])
    """
    inverse_first, inverse_second = _inverse(first), _inverse(second)
    half = np.full((len(first), len(second)), 0.5)
    scratch = np.empty(half.size)
    for column in range(first.shape[1]):
        runs = _runs(second[:, column])
        for rows in _runs(first[:, column]):
            left = inverse_first[column, rows, None]
            for columns in runs:
                right = inverse_second[column, columns]
                term = scratch[: left.size * right.size].reshape(left.size, right.size)
                np.add(left, right, out=term)
                np.divide(1.0, term, out=term)
                half[rows, columns] -= term
    half *= 2
    half[half < SAME] = 0
    return half


def _inverse(counts: Histograms) -> NDArray[np.float64]:
    """Return one over each normalized count, (bins, n); infinite where the bin is empty."""
    with np.errstate(divide="ignore"):
        return np.ascontiguousarray((counts.sum(axis=1, keepdims=True) / counts).T)


def _runs(counts: NDArray[np.int64]) -> list[slice]:
    """Return the stretches of counts above zero, those with small gaps as one."""
    filled = np.flatnonzero(counts)
    if not len(filled):
        return []
    cuts = np.flatnonzero(np.diff(filled) > MERGED_GAP + 1)
    starts = filled[np.concatenate([[0], cuts + 1])].tolist()
    stops = (filled[np.concatenate([cuts, [len(filled) - 1]])] + 1).tolist()
    return [slice(start, stop) for start, stop in zip(starts, stops, strict=True)]
