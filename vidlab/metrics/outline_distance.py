"""Outlines of masks at subpixel: the edges of their pixels, and how far from them a place is."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from vidlab.types import BoolMask, Float32Array

PLUS = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))
SMOOTH_PX = 5  # side of the window that irons out the steps of a slanted pixel edge
SLOPE_STEP_PX = 2.0  # normals look this far to either side, for the same steps
REMAP_COLUMNS = 16384  # OpenCV takes maps of less than 32,767 columns
AROUND: Float32Array = np.array([[[0, 0]], [[-1, 0]], [[1, 0]], [[0, -1]], [[0, 1]]], np.float32)
AROUND *= np.float32(SLOPE_STEP_PX)


@dataclass(frozen=True, slots=True)
class Outline:
    """Points on the outline of a mask.

    Attributes:
        points: float32 (N, 2), pixels (x, y).
        depths: float32 (N,), `signed_distance` at the points: how far the smoothed outline is from them.
        normals: float32 (N, 2), unit vectors away from the mask.
        piece: int64 (N,), which piece of the mask a point belongs to, 0 to K − 1.
    """

    points: Float32Array
    depths: Float32Array
    normals: Float32Array
    piece: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Carried:
    """The signed distance of the previous mask, looked up from this frame along the motion.

    The distance is carried, not the labels: those would be rounded to whole pixels on the way.

    Attributes:
        distance: float32 (h, w), `signed_distance` of a cutout of the previous mask.
        motion: float32 (h', w', 2), pixels, (dx, dy): where pixels of a cutout of this frame were.
        motion_step: The motion tells every so many pixels, along both axes, from the first.
        offset: float32 (2,), pixels, (x, y): from a place in this cutout to the same place in the other.
    """

    distance: Float32Array
    motion: Float32Array
    motion_step: int
    offset: Float32Array

    def moved(self, points: Float32Array) -> Float32Array:
        """Displacement of points of this frame, float32 (..., N, 2), to where they were, pixels."""
        return _sample(self.motion, points / np.float32(self.motion_step))

    def at(self, points: Float32Array) -> Float32Array:
        """Distance at points of this frame, float32 (..., N, 2): float32 (..., N), pixels."""
        return _sample(self.distance, points + self.moved(points) + self.offset)

    def look(self, points: Float32Array) -> tuple[Float32Array, Float32Array]:
        """Distance at points, float32 (N,), and the unit vector away from the mask, float32 (N, 2)."""
        return _look(self.distance, points + self.moved(points) + self.offset)


def signed_distance(mask: BoolMask) -> Float32Array:
    """Distance to the smoothed outline of a mask, float32 (H, W), pixels: above 0 inside, below 0 outside.

    The frame of the picture is no outline; without one, the distance is very large everywhere.

    >>> signed_distance(np.array([[True, True, True, True, False, False, False]]))[0, 2:5].tolist()
    [1.5, 0.5, -0.5]
    """
    both_sides = cv2.morphologyEx(mask.view(np.uint8), cv2.MORPH_GRADIENT, PLUS)
    away = np.asarray(cv2.distanceTransform(1 - both_sides, cv2.DIST_L2, 5), np.float32)
    away += np.float32(0.5)  # the outline lies between the two rows of pixels
    np.negative(away, where=~mask, out=away)
    cv2.blur(away, (SMOOTH_PX, SMOOTH_PX), dst=away, borderType=cv2.BORDER_REPLICATE)
    return away


def edge_points(mask: BoolMask) -> tuple[Float32Array, tuple[NDArray[np.int32], NDArray[np.int32]]]:
    """Find the edges between the pixels of a mask, bool (H, W), and their neighbours.

    Returns:
        The middle of each edge, float32 (N, 2), pixels (x, y), and the pixel of the mask it belongs to: rows
        and columns, int32 (N,) each. The frame of the picture is no edge.

    >>> edge_points(np.array([[True, True, False]]))[0].tolist()
    [[1.5, 0.0]]
    """
    across = _places(mask[:, :-1] != mask[:, 1:])
    down = _places(mask[:-1] != mask[1:])
    to_right = ~mask[across[:, 1], across[:, 0]]  # the mask lies to the right of the edge, or below it
    below = ~mask[down[:, 1], down[:, 0]]
    points = np.concatenate([across + np.array([0.5, 0.0]), down + np.array([0.0, 0.5])])
    rows = np.concatenate([across[:, 1], down[:, 1] + below])
    columns = np.concatenate([across[:, 0] + to_right, down[:, 0]])
    return points.astype(np.float32), (rows, columns)


def outline_at(points: Float32Array, *, distance: Float32Array, piece: NDArray[np.int64]) -> Outline:
    """Make an outline of points, float32 (N, 2), and the `signed_distance` of their mask, float32 (H, W)."""
    depths, normals = _look(distance, points)
    return Outline(points, depths, normals, piece)


def _places(edges: BoolMask) -> NDArray[np.int32]:
    """Where true, int32 (N, 2), (x, y); several times faster than np.nonzero."""
    found = cv2.findNonZero(edges.view(np.uint8)) if edges.size else None
    return np.zeros((0, 2), np.int32) if found is None else np.asarray(found, np.int32).reshape(-1, 2)


def _sample(field: Float32Array, points: Float32Array) -> Float32Array:
    """Interpolate float32 (H, W) or (H, W, C) at float32 (..., N, 2); outside it stays as at its border."""
    if not points.size:
        return np.zeros((*points.shape[:-1], *field.shape[2:]), np.float32)
    n_parts = -(-points.shape[-2] // REMAP_COLUMNS)
    if n_parts > 1:
        parts = [_sample(field, part) for part in np.array_split(points, n_parts, axis=-2)]
        return np.concatenate(parts, axis=points.ndim - 2)
    x, y = (np.ascontiguousarray(points[..., axis]).reshape(-1, points.shape[-2]) for axis in (0, 1))
    values = cv2.remap(field, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(values, np.float32).reshape(*points.shape[:-1], *field.shape[2:])


def _look(field: Float32Array, points: Float32Array) -> tuple[Float32Array, Float32Array]:
    """Value of a field at points, and the unit vector down its slope there (0 where it is flat)."""
    here, left, right, above, below = _sample(field, points + AROUND)
    slope = np.stack([left - right, above - below], axis=1)
    length = np.hypot(slope[:, 0], slope[:, 1])
    return here, slope / np.maximum(length, np.float32(1e-6))[:, None]
