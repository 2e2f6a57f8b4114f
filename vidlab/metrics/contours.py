"""Contours of a mask as DAVIS 2016 has them: outlines on the pixel grid, simplified to polygons.

Perazzi et al., "A Benchmark Dataset and Evaluation Methodology for Video Object Segmentation", CVPR 2016, the
first step of the temporal stability T. Simplification: Douglas and Peucker, Cartographica 1973.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from vidlab.metrics.outlines import Outline, trace_outlines, twice_area
from vidlab.types import BoolMask

STRAIGHT_PX = 0.05  # first pass: only joins edges in a straight line
TOLERANCE_PX = 1.5  # second pass: how far the polygon may stray from the outline, as in DAVIS
MIN_VERTICES = 4  # a triangle; the first vertex is in twice


class Contour(NamedTuple):
    """A closed polygon on the grid of pixel corners.

    Attributes:
        vertices: int64 (n, 2), (x, y), pixels; the first is repeated at the end. Around an object they run
            clockwise on the screen, around a hole counter-clockwise.
        is_hole: It surrounds background.
    """

    vertices: NDArray[np.int64]
    is_hole: bool


def find_contours(mask: BoolMask) -> list[Contour]:
    """Return the contours of all parts and holes of a mask, as DAVIS 2016 does.

    Args:
        mask: bool (H, W).

    Returns:
        The contours of three or more different vertices, in the order of `trace_outlines`; specks of about
        2 px and lines one pixel wide have none, nor has an empty mask.

    Raises:
        ShapeError: Another dtype or rank.

    >>> find_contours(np.ones((4, 6), bool))[0].vertices.tolist()
    [[0, 0], [6, 0], [6, 4], [0, 4], [0, 0]]
    """
    contours = [_to_contour(outline) for outline in trace_outlines(mask)]
    return [contour for contour in contours if len(contour.vertices) >= MIN_VERTICES]


def main_contour(mask: BoolMask) -> Contour | None:
    """Return the contour with the most vertices, the one that T looks at; of two, the later one.

    It need not be the longest, and can be a hole. Outlines too short to win are not simplified.

    Args:
        mask: bool (H, W).

    Returns:
        One of `find_contours`; None where there are none.

    Raises:
        ShapeError: Another dtype or rank.

    >>> main_contour(np.zeros((4, 6), bool)) is None
    True
    """
    outlines = trace_outlines(mask)
    best: tuple[int, int, Contour] | None = None
    for index in sorted(range(len(outlines)), key=lambda i: len(outlines[i].corners), reverse=True):
        if best is not None and _most_vertices(outlines[index]) < best[0]:
            break
        contour = _to_contour(outlines[index])
        n_vertices = len(contour.vertices)
        if n_vertices >= MIN_VERTICES and (best is None or (n_vertices, index) > best[:2]):
            best = (n_vertices, index, contour)
    return best[2] if best is not None else None


def _most_vertices(outline: Outline) -> int:
    """Bound the vertices of a contour: they are 1.5 px apart, so two steps at least, except the last."""
    return (len(outline.corners) - 1) // 2 + 2


def _to_contour(outline: Outline) -> Contour:
    """Simplify an outline, in two passes as DAVIS does, and turn it the way it should run."""
    points = outline.corners.astype(np.float64)
    points = points[douglas_peucker(points, tolerance=STRAIGHT_PX)]
    points = points[keep_apart(points, distance=TOLERANCE_PX)]
    vertices = points[douglas_peucker(points, tolerance=TOLERANCE_PX)].astype(np.int64)
    if (twice_area(vertices) > 0) == outline.is_hole:
        vertices = vertices[::-1]
    return Contour(vertices, outline.is_hole)


def keep_apart(points: NDArray[np.float64], *, distance: float) -> NDArray[np.intp]:
    """Return which points are at least `distance` from the last one kept; the first and the last are always.

    Args:
        points: float64 (n, 2), n >= 1.
        distance: In the units of the points; larger keeps fewer.

    Returns:
        int (k,), indices, ascending.

    >>> keep_apart(np.array([[0.0, 0], [1, 0], [2, 0], [3, 0]]), distance=1.5)
    array([0, 2, 3])
    """
    kept = [0]
    x, y = points[0].tolist()
    limit = distance * distance
    for index, (px, py) in enumerate(points.tolist()):
        dx, dy = px - x, py - y
        if dx * dx + dy * dy >= limit:
            kept.append(index)
            x, y = px, py
    if kept[-1] != len(points) - 1:
        kept.append(len(points) - 1)
    return np.array(kept)


def douglas_peucker(points: NDArray[np.float64], *, tolerance: float) -> NDArray[np.intp]:
    """Return the points of a line that Douglas-Peucker keeps; all parts of one depth are split at once.

    A part is split at the point farthest from the segment between its ends, if that is farther than the
    tolerance; of two equally far, at the later.

    Args:
        points: float64 (n, 2), n >= 1; a closed line repeats its first point.
        tolerance: In the units of the points; larger keeps fewer.

    Returns:
        int (k,), indices, ascending; the first and the last are always kept.

    >>> douglas_peucker(np.array([[0.0, 0], [1, 0.1], [2, 2], [3, 0]]), tolerance=0.5)
    array([0, 1, 2, 3])
    """
    keep = np.zeros(len(points), np.bool_)
    keep[[0, -1]] = True
    first, last = np.array([0]), np.array([len(points) - 1])
    while True:
        wide = last - first > 1
        first, last = first[wide], last[wide]
        if not len(first):
            return np.flatnonzero(keep)
        n_inside = last - first - 1
        offsets = np.cumsum(n_inside) - n_inside
        part = np.repeat(np.arange(len(first)), n_inside)
        inside = np.arange(len(part)) + (first + 1 - offsets)[part]
        squared = _squared_distance(points[inside], start=points[first], end=points[last], part=part)
        farthest = np.maximum.reduceat(squared, offsets)
        is_farthest = np.flatnonzero(squared == farthest[part])
        split = np.empty_like(first)
        split[part[is_farthest]] = inside[is_farthest]  # of several the last one stays
        far = farthest > tolerance * tolerance
        keep[split[far]] = True
        first, last = (
            np.concatenate([first[far], split[far]]),
            np.concatenate([split[far], last[far]]),
        )


def _squared_distance(
    points: NDArray[np.float64],
    *,
    start: NDArray[np.float64],
    end: NDArray[np.float64],
    part: NDArray[np.intp],
) -> NDArray[np.float64]:
    """Squared distance of each point to the segment of its part.

    Where on the segment the nearest point lies goes through float32, as in DAVIS, where it decides between
    points that are equally far.
    """
    along = end - start
    length = np.einsum("ij,ij->i", along, along)[part]
    origin, along = start[part], along[part]
    projection = np.einsum("ij,ij->i", points - origin, along)
    inner = (projection > 0) & (projection < length)
    fraction = np.zeros_like(projection)
    np.divide(projection, length, out=fraction, where=inner)
    fraction = fraction.astype(np.float32).astype(np.float64)
    fraction[projection >= length] = 1
    fraction[projection <= 0] = 0
    offset = points - (origin + fraction[:, None] * along)
    return np.asarray(np.einsum("ij,ij->i", offset, offset), np.float64)
