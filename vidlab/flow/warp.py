"""Carry arrays along a flow."""

import cv2
import numpy as np
from numpy.typing import NDArray

from vidlab.errors import ParameterError, ShapeError
from vidlab.types import BoolMask, Float32Array


def resize_flow(flow: Float32Array, size_hw: tuple[int, int]) -> Float32Array:
    """Resample a flow, float32 (h, w, 2), to another size; its displacements are scaled with it."""
    height, width = flow.shape[:2]
    if (height, width) == size_hw:
        return flow
    scaled = np.empty_like(flow)  # plane by plane: NumPy is slow to multiply pairs
    np.multiply(flow[..., 0], np.float32(size_hw[1] / width), out=scaled[..., 0])
    np.multiply(flow[..., 1], np.float32(size_hw[0] / height), out=scaled[..., 1])
    return resize_map(scaled, size_hw)


def resize_map(values: Float32Array, size_hw: tuple[int, ...]) -> Float32Array:
    """Resample float32 (h, w) or (h, w, C) to another size, bilinearly."""
    if values.shape[:2] == size_hw:
        return values
    resized = cv2.resize(values, (size_hw[1], size_hw[0]), interpolation=cv2.INTER_LINEAR)
    return np.asarray(resized, np.float32)


def shrink(values: NDArray[np.uint8], size_hw: tuple[int, int]) -> NDArray[np.uint8]:
    """Reduce uint8 (H, W) or (H, W, C) to a smaller size, each pixel about the mean of what it covers."""
    height, width = size_hw
    while values.shape[0] >= 2 * height and values.shape[1] >= 2 * width:
        half = values.shape[1] // 2, values.shape[0] // 2  # OpenCV halves ten times faster than it reduces
        values = np.asarray(cv2.resize(values, half, interpolation=cv2.INTER_AREA), np.uint8)
    if values.shape[:2] == size_hw:
        return values
    return np.asarray(cv2.resize(values, (width, height), interpolation=cv2.INTER_AREA), np.uint8)


def warp(values: Float32Array, flow_to_prev: Float32Array) -> Float32Array:
    """Resample the previous frame's values onto this frame, bilinearly.

    Args:
        values: float32 (H, W) or (K, H, W), any range.
        flow_to_prev: float32 (H, W, 2), pixels, (dx, dy).

    Returns:
        float32, the shape of `values`; 0 where the source lies outside the picture.

    Raises:
        ShapeError: H and W differ between the two.

    >>> float(warp(np.eye(4, dtype=np.float32), np.full((4, 4, 2), 1, np.float32))[2, 2])
    1.0
    """
    if values.shape[-2:] != flow_to_prev.shape[:2]:
        raise ShapeError(f"values and flow must match, got {values.shape} and {flow_to_prev.shape}")
    if values.ndim == 2:
        return resample(values, flow_to_prev)
    return np.stack([resample(layer, flow_to_prev) for layer in values]) if len(values) else values.copy()


def resample(
    values: Float32Array, flow_to_prev: Float32Array, *, repeat_border: bool = False
) -> Float32Array:
    """Do the work of `warp` on one map, float32 (H, W) or (H, W, C), unchecked: for inner loops.

    `repeat_border` gives what lies outside the picture the value at its border, not 0.
    """
    # one array of (dx, dy) pairs: no second map, which OpenCV's type stubs do not know
    return cv2.remap(  # type: ignore[call-overload,no-any-return]
        values,
        flow_to_prev,
        None,
        cv2.INTER_LINEAR | cv2.WARP_RELATIVE_MAP,
        borderMode=cv2.BORDER_REPLICATE if repeat_border else cv2.BORDER_CONSTANT,
        borderValue=0,
    )


def followed(flow: Float32Array, onwards: Float32Array) -> Float32Array:
    """Follow a second flow from where the first one ends, float32 (H, W, 2) both; outside, as at the border.

    >>> right, down = (np.full((4, 4, 2), step, np.float32) for step in ((1, 0), (0, 1)))
    >>> followed(right, down)[1, 3].tolist()
    [1.0, 1.0]
    """
    return flow + resample(onwards, flow, repeat_border=True)


def nearest(values: Float32Array, flow_to_prev: Float32Array) -> Float32Array:
    """Carry labels, float32 (H, W), onto this frame without mixing them; 0 from outside the picture."""
    x, y = source_planes(flow_to_prev, top=0)
    carried = cv2.remap(values, x, y, cv2.INTER_NEAREST, borderMode=cv2.BORDER_CONSTANT, borderValue=0)
    return np.asarray(carried, np.float32)


def source_planes(flow_to_prev: Float32Array, *, top: int) -> tuple[Float32Array, Float32Array]:
    """Return where each pixel of some rows, from `top` on, was: planes x and y.

    Two planes, for remap: given one map of pairs and an empty second, OpenCV 5.0.0 reads past it.
    """
    height, width = flow_to_prev.shape[:2]
    columns: Float32Array = np.arange(width, dtype=np.float32)
    rows: Float32Array = np.arange(top, top + height, dtype=np.float32)[:, None]
    return flow_to_prev[..., 0] + columns, flow_to_prev[..., 1] + rows


def inside_picture(nearest_x: Float32Array, nearest_y: Float32Array, *, height: int) -> BoolMask:
    """Mark the positions, rounded to whole pixels, that lie inside a picture of this height."""
    width = nearest_x.shape[1]
    inside: BoolMask = (nearest_x >= 0) & (nearest_x < width) & (nearest_y >= 0) & (nearest_y < height)
    return inside


def require_scale(scale: float) -> None:
    """Raise ParameterError unless a share of the size at which flow is estimated lies in (0, 1]."""
    if not 0 < scale <= 1:
        raise ParameterError(f"flow scale must lie in (0, 1], got {scale}")


def require_flow(flow: Float32Array, size_hw: tuple[int, ...], name: str) -> None:
    """Raise ShapeError unless a flow is float32 (H, W, 2) of this size."""
    if flow.dtype != np.float32 or flow.shape != (*size_hw, 2):
        wanted = (*size_hw, 2)
        raise ShapeError(f"{name} must be float32 {wanted}, got {flow.dtype.name} {flow.shape}")
