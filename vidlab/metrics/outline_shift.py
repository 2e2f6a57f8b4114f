"""Which shift carries the outline of one mask onto that of another: a robust fit, piece by piece."""

import numpy as np
from numpy.typing import NDArray

from vidlab.metrics.outline_distance import SLOPE_STEP_PX, Carried, Outline
from vidlab.types import Float32Array

GOLDEN = 0.6180339887498949  # its multiples spread over [0, 1) in no rhythm that outlines could fall in with
SAME_SIDE = 0.5  # cosine of 60°: outlines that face farther apart are not of the same side of a limb
NOISE_PX = 0.5  # what a pixel grid rounds away: the least unit in which the robust fit sees distances
FIT_STEPS = 6  # in each of the two rounds of a fit; most end earlier
FIT_ENDS_PX = (0.5, 0.05)  # a round ends when no piece moves farther in a step
RIDGE = 1e-3  # of the number of points: a shift along a straight outline, which nothing shows, stays 0

# Beyond half a thin limb the nearest outline may be that of its other side: some starts are tried too.
START_RADII = (0.25, 0.5, 0.75)  # of the reach: 8, 16 and 23 px at 480p
START_DIRECTIONS = 8
START_POINTS = 300
START_SUPPORT = 10  # of these points a piece must have, or it starts without a shift: a few fit anywhere
START_MARGIN = 0.9  # of the misfit without a start: what another start must get below
SAME_MISFIT_PX = 0.1  # below this, any two shifts fit: the one without a start is taken


def fit_shifts(outline: Outline, before: Carried, *, reach_px: float) -> tuple[Float32Array, Float32Array]:
    """Find for each piece the shift that carries the previous outline onto this one, and what it leaves.

    Point-to-line matching (Chen and Medioni, "Object Modelling by Registration of Multiple Range Images",
    Image and Vision Computing 1992), all pieces at once: with s the distance of a point from the shifted
    outline and n the normal there, minimize Σ ρ(n·D − s), look up s and n anew, and again. In units of the
    median |s| of the piece, ρ grows as Huber's in a first round, which comes from far, and as Cauchy's in a
    second, which leaves out what has changed otherwise. A point and the outline it is compared with must
    face the same way, so that the two sides of a limb are not mixed up. The fit begins without a shift, and
    again with the best of some starts; of the two, a piece takes the one that leaves less.

    Args:
        outline: N points of this frame, at least one, on K pieces.
        before: Tells how far they are from the previous mask.
        reach_px: Longest shift, and the farthest an outline may be to count.

    Returns:
        The shift of each piece, float32 (K, 2), pixels; and how far each point lies outside the previous
        outline after it, float32 (N,), pixels.
    """
    starts = _starts(outline, before, reach_px=reach_px)
    shifts = _descend(outline, before, np.zeros_like(starts), reach_px=reach_px)
    if starts.any():
        others = _descend(outline, before, starts, reach_px=reach_px)
        misfits = [_misfit(outline, before, each, reach_px=reach_px) for each in (others, shifts)]
        better = misfits[0] < START_MARGIN * misfits[1]
        shifts = np.where(better[:, None], others, shifts)
    return shifts, _off(outline, before, shifts)[0]


def some(keep: NDArray[np.bool_], n: int) -> NDArray[np.intp]:
    """Places of what is kept, bool (N,), thinned out to about n, evenly: int (n,).

    >>> some(np.ones(8, bool), 3).tolist()
    [0, 2, 5, 7]
    """
    places = np.flatnonzero(keep)
    return places[(np.arange(len(places)) * GOLDEN) % 1 < n / max(len(places), 1)]


def _descend(outline: Outline, before: Carried, shifts: Float32Array, *, reach_px: float) -> Float32Array:
    """Refine the shift of each piece, float32 (K, 2), pixels."""
    for weigh, end_px in zip((_weigh_far, _weigh_near), FIT_ENDS_PX, strict=True):
        for _ in range(FIT_STEPS):
            off, facing = _off(outline, before, shifts)
            weights = weigh(off, _typical(outline, off, n_pieces=len(shifts)))
            weights *= (np.abs(off) <= reach_px) & _same_side(outline, facing)
            steps = _solve(facing, off, weights=weights, piece=outline.piece, n_pieces=len(shifts))
            shifts = shifts + steps
            length = np.hypot(shifts[:, 0], shifts[:, 1])
            shifts *= (reach_px / np.maximum(length, reach_px))[:, None]
            if np.abs(steps).max() < end_px:
                break
    return shifts


def _typical(outline: Outline, off: Float32Array, *, n_pieces: int) -> Float32Array:
    """Median distance within a point's piece, float32 (N,), pixels, but no less than the noise."""
    order = np.lexsort((np.abs(off), outline.piece))
    counts = np.bincount(outline.piece, minlength=n_pieces)
    middle = order[np.cumsum(counts) - counts + counts // 2]
    return np.asarray(np.maximum(np.abs(off[middle]), NOISE_PX)[outline.piece], np.float32)


def _off(outline: Outline, before: Carried, shifts: Float32Array) -> tuple[Float32Array, Float32Array]:
    """How far points lie outside the previous outline shifted, float32 (N,), and its normals there."""
    depths, facing = before.look(outline.points - shifts[outline.piece])
    return outline.depths - depths, facing


def _same_side(outline: Outline, facing: Float32Array) -> NDArray[np.bool_]:
    return np.asarray((facing * outline.normals).sum(axis=1) > SAME_SIDE)


def _misfit(
    outline: Outline, before: Carried, shifts: Float32Array, *, reach_px: float
) -> NDArray[np.float64]:
    """Mean of what the shift of each piece leaves, float64 (K,), pixels, but no less than SAME_MISFIT_PX."""
    off, facing = _off(outline, before, shifts)
    left = np.where(_same_side(outline, facing), np.minimum(np.abs(off), reach_px), reach_px)
    counts = np.bincount(outline.piece, minlength=len(shifts))
    return np.asarray(np.maximum(np.bincount(outline.piece, left) / counts, SAME_MISFIT_PX), np.float64)


def _weigh_far(off: Float32Array, spread: Float32Array) -> Float32Array:
    return np.asarray(1 / np.maximum(np.abs(off), spread), np.float32)


def _weigh_near(off: Float32Array, spread: Float32Array) -> Float32Array:
    return np.asarray(1 / (1 + (off / spread) ** 2), np.float32)


def _solve(
    normals: Float32Array,
    off: Float32Array,
    *,
    weights: Float32Array,
    piece: NDArray[np.int64],
    n_pieces: int,
) -> Float32Array:
    """Weighted least squares of n·D = s, one D for each piece, float32 (K, 2)."""
    x, y = normals.T

    def total(values: Float32Array) -> NDArray[np.float64]:
        return np.asarray(np.bincount(piece, weights * values, minlength=n_pieces), np.float64)

    ridge = RIDGE * total(np.ones_like(x)) + 1e-9
    xx, xy, yy = total(x * x) + ridge, total(x * y), total(y * y) + ridge
    along_x, along_y = total(x * off), total(y * off)
    solved = np.stack([yy * along_x - xy * along_y, xx * along_y - xy * along_x], axis=1)
    return np.asarray(solved / (xx * yy - xy * xy)[:, None], np.float32)


def _starts(outline: Outline, before: Carried, *, reach_px: float) -> Float32Array:
    """Try some shifts on some points; return the best for each piece, float32 (K, 2), pixels."""
    turns = np.arange(START_DIRECTIONS) * (2 * np.pi / START_DIRECTIONS)
    spokes = np.stack([np.cos(turns), np.sin(turns)], axis=1)
    tried = np.concatenate([np.zeros((1, 2)), *(share * reach_px * spokes for share in START_RADII)])
    tried = tried.astype(np.float32)
    few = some(np.ones(len(outline.piece), np.bool_), START_POINTS)
    # a step inwards goes deeper on both outlines, one outwards less deep: opposite sides never fit
    steps = np.array([[[-SLOPE_STEP_PX]], [[SLOPE_STEP_PX]]], np.float32)
    there = outline.points[few] - tried[:, None] + (steps * outline.normals[few])[:, None]
    off = np.abs(before.at(there) + steps - outline.depths[few])
    costs = np.minimum(off, reach_px).sum(axis=0)
    n_pieces = int(outline.piece.max()) + 1
    totals = np.stack([np.bincount(outline.piece[few], cost, minlength=n_pieces) for cost in costs])
    totals[0] *= START_MARGIN
    totals[:, np.bincount(outline.piece[few], minlength=n_pieces) < START_SUPPORT] = 0
    return np.asarray(tried[totals.argmin(axis=0)], np.float32)
