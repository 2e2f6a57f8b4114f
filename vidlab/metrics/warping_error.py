"""E_warp: how much a video changes from frame to frame where the motion explains everything.

Truth is not asked for: a constant video has no error, and blur lowers it. Read it beside `accuracy`.
"""

import math

import numpy as np
from numpy.typing import NDArray

from vidlab.errors import ShapeError
from vidlab.flow import occluded
from vidlab.flow.warp import require_flow, source_planes, warp
from vidlab.metrics.matting import require_unit_range
from vidlab.metrics.overlap import count_px, require_mask
from vidlab.metrics.running import RunningStats
from vidlab.types import BoolMask, Float32Array

# Constants of Ruder et al.: the square of the gradient at a motion boundary exceeds this share of the squared
# length of the flow, and this much more.
BOUNDARY_RELATIVE = 0.01
BOUNDARY_ABSOLUTE = 0.002


def motion_boundary(flow_to_prev: Float32Array) -> BoolMask:
    """Mark where the flow itself changes abruptly, and cannot be trusted to a pixel.

    Ruder, Dosovitskiy and Brox, "Artistic Style Transfer for Videos", GCPR 2016: |∇u|² + |∇v|² >
    0.01·|w|² + 0.002. The gradient is the difference to the right and to the lower neighbour; 0 at the last
    column and row.

    Args:
        flow_to_prev: float32 (H, W, 2), pixels, (dx, dy).

    Returns:
        bool (H, W).

    Raises:
        ShapeError: Another dtype or rank.

    >>> motion_boundary(np.array([[[0, 0], [0, 0], [3, 0], [3, 0]]], np.float32))
    array([[False,  True, False, False]])
    """
    require_flow(flow_to_prev, flow_to_prev.shape[:2], "flow_to_prev")
    excess = np.full(flow_to_prev.shape[:2], -BOUNDARY_ABSOLUTE, np.float32)
    for component in (flow_to_prev[..., 0], flow_to_prev[..., 1]):
        excess -= BOUNDARY_RELATIVE * component**2
        excess[:, :-1] += (component[:, 1:] - component[:, :-1]) ** 2
        excess[:-1] += (component[1:] - component[:-1]) ** 2
    return np.asarray(excess > 0, np.bool_)


def non_occluded(flow_to_prev: Float32Array, flow_from_prev: Float32Array) -> BoolMask:
    """Mark the pixels at which E_warp compares: seen in both frames, and on no motion boundary.

    The tests of Ruder et al., which E_warp uses: forward and backward flow cancel (`vidlab.flow.occluded`),
    and the flow is smooth (`motion_boundary`).

    Args:
        flow_to_prev: float32 (H, W, 2), pixels, (dx, dy): where each pixel of this frame was in the previous.
        flow_from_prev: float32 (H, W, 2), pixels, (dx, dy): where each pixel of the previous frame went.

    Returns:
        bool (H, W).

    Raises:
        ShapeError: Another dtype, rank, or two sizes.

    >>> still = np.zeros((1, 3, 2), np.float32)
    >>> non_occluded(still + np.float32([1, 0]), still - np.float32([1, 0]))
    array([[ True,  True, False]])
    """
    return ~(occluded(flow_to_prev, flow_from_prev) | motion_boundary(flow_to_prev))


def warping_error(
    values: Float32Array | BoolMask,
    previous: Float32Array | BoolMask,
    *,
    flow_to_prev: Float32Array,
    valid: BoolMask | None,
) -> float:
    """Warping error E_warp of one pair: mean squared difference from the frame before, warped onto this one.

    Lai et al., "Learning Blind Video Temporal Consistency", ECCV 2018: the sum over channels and valid pixels
    of the squared difference, divided by the number of valid pixels. They warp the later frame back; here the
    earlier one is carried forward. The warp is bilinear; a pixel that would mix in what lies outside the
    picture is never valid.

    Args:
        values: float32 (H, W) or (C, H, W), [0, 1], an image or soft masks; or bool (H, W).
        previous: As `values`, the frame before.
        flow_to_prev: float32 (H, W, 2), pixels, (dx, dy): where each pixel of this frame was in the previous.
        valid: bool (H, W), pixels to compare (see `non_occluded`); None compares all that come from inside.

    Returns:
        [0, C], lower is calmer; no valid pixel: NaN.

    Raises:
        ShapeError: Another dtype, rank, or two sizes.
        ParameterError: Values outside [0, 1].

    >>> before, now = np.array([[True, False, False]]), np.array([[False, True, True]])
    >>> one_px_right = np.zeros((1, 3, 2), np.float32) + np.float32([-1, 0])
    >>> warping_error(now, before, flow_to_prev=one_px_right, valid=None)
    0.5
    """
    now, before = _as_float(values, "values"), _as_float(previous, "previous")
    if now.shape != before.shape:
        raise ShapeError(f"values must match, got previous {before.shape} and values {now.shape}")
    require_flow(flow_to_prev, now.shape[-2:], "flow_to_prev")
    compared = _inside(flow_to_prev)
    if valid is not None:
        require_mask(valid, "valid")
        if valid.shape != compared.shape:
            raise ShapeError(f"values and valid must match, got {now.shape} and {valid.shape}")
        compared &= valid
    n_compared = count_px(compared)
    if not n_compared:
        return math.nan
    gap = (now - warp(before, flow_to_prev)) * compared
    return float(np.square(gap).sum(dtype=np.float64)) / n_compared


class WarpingError:
    """E_warp of a clip, one frame at a time; holds one frame's values.

    >>> metric = WarpingError()
    >>> image, still = np.full((2, 3), 0.5, np.float32), np.zeros((2, 3, 2), np.float32)
    >>> [metric.update(image, flow_to_prev=flow, valid=None) for flow in (None, still)]
    [nan, 0.0]
    >>> metric.compute()
    0.0
    """

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget everything; the next frame is the first of a clip."""
        self._values: Float32Array | None = None
        self._stats = RunningStats()

    @property
    def n_pairs(self) -> int:
        """Number of pairs that had a valid pixel."""
        return self._stats.n

    def update(
        self, values: Float32Array | BoolMask, *, flow_to_prev: Float32Array | None, valid: BoolMask | None
    ) -> float:
        """Take the next frame.

        Args:
            values: As in `warping_error`; copied.
            flow_to_prev: float32 (H, W, 2), pixels; None where there is no flow (first frame, shot cut).
            valid: bool (H, W), pixels to compare, or None.

        Returns:
            `warping_error` against the frame before; NaN without one, or without a flow.

        Raises:
            ShapeError: Another dtype, rank, or size.
            ParameterError: Values outside [0, 1].
        """
        now, before, value = _as_float(values, "values"), self._values, math.nan
        if before is not None and flow_to_prev is not None:
            value = warping_error(now, before, flow_to_prev=flow_to_prev, valid=valid)
        self._values = now.copy()
        self._stats.update(value)
        return value

    def compute(self) -> float:
        """Return the mean over the pairs that had a valid pixel; NaN if there were none."""
        return self._stats.mean


def _as_float(values: NDArray[np.float32] | NDArray[np.bool_], name: str) -> Float32Array:
    if values.dtype == np.bool_ and values.ndim == 2:
        return values.astype(np.float32)
    if values.dtype != np.float32 or values.ndim not in (2, 3):
        got = f"{values.dtype.name} {values.shape}"
        raise ShapeError(f"{name} must be float32 (H, W) or (C, H, W), or bool (H, W), got {got}")
    require_unit_range(values, name)
    return values.astype(np.float32, copy=False)


def _inside(flow_to_prev: Float32Array) -> BoolMask:
    """Mark the pixels whose source has all its bilinear neighbours inside the picture."""
    x, y = source_planes(flow_to_prev, top=0)
    height, width = flow_to_prev.shape[:2]
    return np.asarray((x >= 0) & (x <= width - 1) & (y >= 0) & (y <= height - 1), np.bool_)
