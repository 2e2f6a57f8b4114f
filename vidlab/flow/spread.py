"""From displacements at the points of a grid to one at every pixel, along the edges of the picture."""

import cv2
import numpy as np
from numpy.typing import NDArray

from vidlab.types import BoolMask, Float32Array

SPREAD_CELLS = 0.7  # standard deviation of a point's say around it, in cells of the grid
LAST_RESORT = 1e-3  # say of what was filled in, against 1 of a trusted point
MEDIAN_POINTS = 3
LEAST_SAY = 1e-6  # keeps a division by nothing away, and changes no trusted value


def spread(
    points: Float32Array, gray: NDArray[np.uint8], *, trusted: BoolMask, spacing_px: int, edge_levels: float
) -> Float32Array:
    """Give every pixel the mean of the trusted points around it that lie on its side of an edge.

    Joint bilateral upsampling (Kopf et al., SIGGRAPH 2007) of what normalized convolution (Knutsson and
    Westin, CVPR 1993) makes of the grid: where no point around is trusted, those farther away speak.

    Args:
        points: float32 (h, w, 2), displacement of the point in the middle of each cell of the grid.
        gray: uint8 (H, W), the picture on whose grid they are.
        trusted: bool (h, w), points that count.
        spacing_px: Side of a cell, pixels.
        edge_levels: Difference of gray over which points hardly speak for a pixel.

    Returns:
        float32 (H, W, 2), in the unit of `points`; zeros if no point is trusted.
    """
    say = trusted.astype(np.float32) + np.float32(LAST_RESORT)
    values = np.where(trusted[..., None], points, _filled(points, trusted)).astype(np.float32)
    height, width = gray.shape
    small = np.asarray(cv2.boxFilter(gray, cv2.CV_32F, (3, 3)), np.float32)
    middle = spacing_px // 2
    rows, columns = (np.minimum(np.arange(n) * spacing_px + middle, side - 1) for n, side in
                     zip(points.shape[:2], (height, width), strict=True))  # fmt: skip
    around = np.pad(np.dstack([values, small[rows[:, None], columns], say]), ((1, 1), (1, 1), (0, 0)), "edge")
    here = gray.astype(np.float32)
    total = np.zeros((height, width, 2), np.float32)
    weights = np.zeros((height, width), np.float32)
    for dy in (-1, 0, 1):
        for dx in (-1, 0, 1):
            near = _cells(around, dy, dx, spacing_px=spacing_px, size_hw=(height, width))
            unlike = (here - near[..., 2]) * np.float32(1 / edge_levels)
            weight: Float32Array = np.exp(-unlike * unlike)
            weight += np.float32(LEAST_SAY)
            weight *= near[..., 3]
            weight *= _nearness(height, dy, spacing_px)[:, None] * _nearness(width, dx, spacing_px)
            weights += weight
            total[..., 0] += weight * near[..., 0]
            total[..., 1] += weight * near[..., 1]
    total[..., 0] /= weights
    total[..., 1] /= weights
    return total


def smoothed(points: Float32Array, trusted: BoolMask) -> Float32Array:
    """Return the median of each point and its eight neighbors, those that are not trusted filled in.

    Args:
        points: float32 (h, w, 2), displacement of the points of a grid.
        trusted: bool (h, w), points that count.
    """
    planes = np.moveaxis(_filled(points, trusted), -1, 0)
    return np.dstack([cv2.medianBlur(np.ascontiguousarray(plane), MEDIAN_POINTS) for plane in planes])


def _filled(points: Float32Array, trusted: BoolMask) -> Float32Array:
    """Return, for each point, the mean of the trusted ones near it, from the smallest size that has any."""
    known = trusted.astype(np.float32)
    sums = points * known[..., None]
    if min(points.shape[:2]) > 1:
        half = points.shape[1] + 1 >> 1, points.shape[0] + 1 >> 1
        coarse_say = np.asarray(cv2.resize(known, half, interpolation=cv2.INTER_AREA), np.float32)
        coarse_sums = np.asarray(cv2.resize(sums, half, interpolation=cv2.INTER_AREA), np.float32)
        means = np.asarray(coarse_sums / np.maximum(coarse_say, LEAST_SAY)[..., None], np.float32)
        coarse = _filled(means, coarse_say > 0)
        below = cv2.resize(coarse, points.shape[1::-1], interpolation=cv2.INTER_LINEAR)
        return np.where(trusted[..., None], points, np.asarray(below, np.float32)).astype(np.float32)
    mean = sums.sum(axis=(0, 1)) / max(float(known.sum()), 1.0)
    return np.where(trusted[..., None], points, mean).astype(np.float32)


def _cells(
    around: Float32Array, dy: int, dx: int, *, spacing_px: int, size_hw: tuple[int, int]
) -> Float32Array:
    """Return for each pixel the values of a cell beside its own."""
    height, width = around.shape[0] - 2, around.shape[1] - 2
    part = around[1 + dy : 1 + dy + height, 1 + dx : 1 + dx + width]
    full = cv2.resize(
        np.ascontiguousarray(part), (width * spacing_px, height * spacing_px), interpolation=cv2.INTER_NEAREST
    )
    return np.asarray(full[: size_hw[0], : size_hw[1]], np.float32)


def _nearness(side: int, offset: int, spacing_px: int) -> Float32Array:
    """How much the point of a cell beside a pixel's own counts, by its distance along one axis."""
    distance = np.arange(side) % spacing_px - spacing_px // 2 - offset * spacing_px
    return np.exp(-((distance / (spacing_px * SPREAD_CELLS)) ** 2) / 2).astype(np.float32)
