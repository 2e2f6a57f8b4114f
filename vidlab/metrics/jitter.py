"""How far the outline of a mask moves from where motion puts it, in pixels.

Boundary F forgives what stays within its tolerance: at 480 lines, that of DAVIS is blind to a mask that
shakes by 8 pixels. This measures the shake itself, without truth. A mask that follows its object calmly has
next to none, but so has one that follows the wrong thing calmly: read it beside `accuracy`.
"""

import math
from array import array
from typing import NamedTuple

import cv2
import numpy as np

from vidlab.errors import ParameterError
from vidlab.flow.warp import require_flow
from vidlab.metrics.boundary import EDGE_TOLERANCE
from vidlab.metrics.outline_distance import SMOOTH_PX, Carried, edge_points, outline_at, signed_distance
from vidlab.metrics.outline_shift import fit_shifts, some
from vidlab.metrics.overlap import require_mask, require_pair
from vidlab.types import BoolMask, Float32Array

REACH = 4 * EDGE_TOLERANCE  # of the image diagonal (31 px at 480p): four times what F of DAVIS forgives
BORDER_PX = 2  # points this near the picture's border are left out: what moved in or out there is not seen
MAX_POINTS = 1000  # outlines are thinned to about this many; their median is then sure to 0.02 px
CORE_PX = 16  # this deep inside, a pixel moves with its object for certain
MOTION_STEP = 2  # the motion of the object is smooth: every second pixel tells it
MOTION_SIDE = 5  # steps: side of the window that carries it outward, applied twice
NEVER = np.float32(1e-6)  # weight of a pixel that counts only where no better one is near


def jitter_reach_px(size_hw: tuple[int, int]) -> float:
    """Return how far an outline may move and still be the same outline: 0.032 · image diagonal, in pixels.

    >>> round(jitter_reach_px((480, 854)), 1)
    31.3
    """
    return REACH * float(np.linalg.norm(size_hw))


def boundary_jitter(
    mask: BoolMask,
    previous: BoolMask,
    *,
    flow_to_prev: Float32Array,
    occluded: BoolMask | None,
    reach_px: float,
) -> float:
    """Distance between the outline of a mask and that of its predecessor warped onto this frame.

    The outline of an object moves with the object, not with the ground beside it: the flow of the inside is
    carried outward, deep pixels first, and the distance to the previous outline is looked up along it (labels
    would be rounded to whole pixels). Distances to the nearest outline cannot see a shift along it. So for
    each connected piece of the mask, the shift D that motion does not explain is fitted first
    (`outline_shift.fit_shifts`), and what is left of a point along its normal n is r; the point's jitter is
    |D + r·n|, the pair's the median over the points of all pieces.

    Left out: points that are occluded, come from outside the picture, or lie within 2 px of its border; and
    those with no warped outline within `reach_px`, where area was gained or lost, which other metrics
    measure. What nothing shows counts 0: the shift along a band whose two ends both lie outside the picture.
    What the flow gets wrong counts as jitter: compare with the jitter of the truth on the same flow.

    Args:
        mask: bool (H, W), this frame.
        previous: bool (H, W), the frame before.
        flow_to_prev: float32 (H, W, 2), pixels, (dx, dy): where each pixel of this frame was in the previous.
        occluded: bool (H, W), pixels to leave out (see `vidlab.flow.occluded`), or None.
        reach_px: Farthest distance that is jitter, above 0; see `jitter_reach_px`.

    Returns:
        0 or more, pixels, lower is calmer; either mask empty, or no point left: NaN.

    Raises:
        ShapeError: Another dtype, rank, or two sizes.
        ParameterError: A reach of 0 or less.

    >>> still = np.zeros((60, 60, 2), np.float32)
    >>> square = np.zeros((60, 60), bool)
    >>> square[20:40, 20:40] = True
    >>> shaken = np.roll(square, (4, 3), axis=(0, 1))
    >>> round(boundary_jitter(shaken, square, flow_to_prev=still, occluded=None, reach_px=16.0), 2)
    5.0
    """
    require_pair(previous, mask, names=("previous", "mask"))
    require_flow(flow_to_prev, mask.shape, "flow_to_prev")
    hidden = np.zeros_like(mask) if occluded is None else occluded
    require_pair(mask, hidden, names=("mask", "occluded"))
    if not reach_px > 0:
        raise ParameterError(f"reach_px must be above 0, got {reach_px}")
    if not mask.any() or not previous.any():
        return math.nan
    box, box_before = (_box(each, margin=math.ceil(reach_px) + SMOOTH_PX) for each in (mask, previous))
    whole, corner = mask[box].copy(), _corner(box)
    distance = signed_distance(whole)
    motion = _object_motion(distance, flow_to_prev[box], hidden[box])
    offset = corner - _corner(box_before)
    before = Carried(signed_distance(previous[box_before]), motion, MOTION_STEP, offset)
    points, inside = edge_points(whole)
    seen = _stays_inside(points + corner, before.moved(points), size_hw=mask.shape) & ~hidden[box][inside]
    seen &= np.abs(before.at(points)) <= reach_px
    kept = some(seen, MAX_POINTS)
    if not kept.size:
        return math.nan
    labels = cv2.connectedComponents(whole.view(np.uint8), connectivity=8)[1]
    piece = np.unique(labels[inside][kept], return_inverse=True)[1]
    outline = outline_at(points[kept], distance=distance, piece=piece)
    shifts, left = fit_shifts(outline, before, reach_px=reach_px)
    return float(np.median(np.linalg.norm(shifts[piece] + left[:, None] * outline.normals, axis=1)))


class JitterSummary(NamedTuple):
    """The pairs so far.

    Attributes:
        median_px: Median over the pairs, in pixels; NaN if there were none.
        p95_px: 95th percentile, in pixels; NaN if there were none.
        n_pairs: Pairs that were compared.
    """

    median_px: float
    p95_px: float
    n_pairs: int


class BoundaryJitter:
    """Boundary jitter of a clip, one frame at a time; holds one mask, and one number per pair.

    >>> metric = BoundaryJitter()
    >>> mask, still = np.zeros((40, 60), bool), np.zeros((40, 60, 2), np.float32)
    >>> mask[10:30, 20:40] = True
    >>> first = metric.update(mask, flow_to_prev=None, occluded=None)
    >>> for _ in range(3):
    ...     last = metric.update(mask, flow_to_prev=still, occluded=None)
    >>> metric.compute()
    JitterSummary(median_px=0.0, p95_px=0.0, n_pairs=3)
    """

    def __init__(self, *, reach_px: float | None = None) -> None:
        """Set the reach.

        Args:
            reach_px: Farthest distance that is jitter, in pixels, above 0; None takes `jitter_reach_px` of
                the picture.

        Raises:
            ParameterError: A reach of 0 or less.
        """
        if reach_px is not None and not reach_px > 0:
            raise ParameterError(f"reach_px must be above 0, got {reach_px}")
        self._reach_px = reach_px
        self.reset()

    def reset(self) -> None:
        """Forget everything; the next frame is the first of a clip."""
        self._mask: BoolMask | None = None
        self._pairs = array("d")

    def update(
        self, mask: BoolMask, *, flow_to_prev: Float32Array | None, occluded: BoolMask | None
    ) -> float:
        """Take the next frame.

        Args:
            mask: bool (H, W); copied.
            flow_to_prev: float32 (H, W, 2), pixels; None where there is no flow (first frame, shot cut).
            occluded: bool (H, W), pixels to leave out, or None.

        Returns:
            `boundary_jitter` against the frame before, pixels; NaN without one, or without a flow.

        Raises:
            ShapeError: Another dtype, rank, or size.
        """
        require_mask(mask, "mask")
        value, before = math.nan, self._mask
        if before is not None and flow_to_prev is not None:
            reach_px = self._reach_px or jitter_reach_px((mask.shape[0], mask.shape[1]))
            value = boundary_jitter(
                mask, before, flow_to_prev=flow_to_prev, occluded=occluded, reach_px=reach_px
            )
        self._mask = mask.copy()
        if not math.isnan(value):
            self._pairs.append(value)
        return value

    def compute(self) -> JitterSummary:
        """Return median and 95th percentile over the pairs that were compared."""
        if not self._pairs:
            return JitterSummary(math.nan, math.nan, 0)
        median, p95 = np.percentile(self._pairs, (50, 95))
        return JitterSummary(float(median), float(p95), len(self._pairs))


def _box(mask: BoolMask, *, margin: int) -> tuple[slice, slice]:
    """Smallest rectangle around a mask and a margin, within the picture."""
    x, y, width, height = cv2.boundingRect(mask.view(np.uint8))
    rows = slice(max(y - margin, 0), min(y + height + margin, mask.shape[0]))
    return rows, slice(max(x - margin, 0), min(x + width + margin, mask.shape[1]))


def _object_motion(distance: Float32Array, flow: Float32Array, hidden: BoolMask) -> Float32Array:
    """Carry the flow of the inside outward, at every MOTION_STEP pixels: a mean weighted by depth cubed."""
    every = np.s_[::MOTION_STEP, ::MOTION_STEP]
    depth = np.clip(distance[every], 0, CORE_PX)
    weight = depth * depth * depth
    weight[hidden[every]] = 0
    weight += NEVER
    carried = _spread(flow[every] * weight[..., None])
    return np.asarray(carried / _spread(weight)[..., None], np.float32)


def _spread(values: Float32Array) -> Float32Array:
    """Mean over a window, twice: nearly a Gaussian."""
    for _ in range(2):
        values = np.asarray(
            cv2.boxFilter(values, -1, (MOTION_SIDE, MOTION_SIDE), borderType=cv2.BORDER_REPLICATE), np.float32
        )
    return values


def _corner(box: tuple[slice, slice]) -> Float32Array:
    return np.array([box[1].start, box[0].start], np.float32)


def _stays_inside(points: Float32Array, motion: Float32Array, *, size_hw: tuple[int, ...]) -> BoolMask:
    """Mark the points, float32 (N, 2), that lie well inside the picture now, and in the picture before."""
    last = np.array([size_hw[1] - 1, size_hw[0] - 1], np.float32)
    now = (points > BORDER_PX) & (points < last - BORDER_PX)
    source = np.rint(points + motion)
    return np.asarray((now & (source >= 0) & (source <= last)).all(axis=1))
