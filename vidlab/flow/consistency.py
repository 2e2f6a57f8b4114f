"""Which pixels a flow cannot be trusted at."""

import cv2
import numpy as np
from numpy.typing import NDArray

from vidlab.flow.warp import inside_picture, require_flow, source_planes, warp
from vidlab.types import BoolMask, Float32Array

# Forward-backward test of Sundaram, Brox and Keutzer, ECCV 2010, with their constants: the two flows of a
# visible pixel cancel, up to a share of their own length and half a pixel.
RELATIVE_SLACK = 0.01
ABSOLUTE_SLACK_PX2 = 0.5
ERROR_PX = (5, 5)  # neighborhood whose errors are averaged, and a larger one that tells the contrast
CONTRAST_PX = (9, 9)
NOISE_LEVELS = 10.0  # gray levels by which frames differ anyway: noise, light, compression
BAND_ROWS = 32  # a picture is tested in bands: whole-picture temporaries are fresh memory, 4× slower at 480p


def occluded(flow_to_prev: Float32Array, flow_from_prev: Float32Array, *, scale: float = 1.0) -> BoolMask:
    """Mark the pixels of this frame that were hidden, or outside the picture, in the previous one.

    With u the flow to the previous frame and v the flow back from where it points (bilinear), a pixel counts
    as hidden if |u + v|² > 0.01 · (|u|² + |v|²) + 0.5 px² (Sundaram, Brox and Keutzer, "Dense Point
    Trajectories by GPU-Accelerated Large Displacement Optical Flow", ECCV 2010).

    Args:
        flow_to_prev: float32 (H, W, 2), pixels, (dx, dy): where each pixel of this frame was in the previous.
        flow_from_prev: float32 (H, W, 2), pixels, (dx, dy): where each pixel of the previous frame went.
        scale: Size of these pixels' grid as a share of the frame; the half pixel is one of the frame.

    Returns:
        bool (H, W).

    Raises:
        ShapeError: Another dtype, rank, or two sizes.

    >>> still = np.zeros((1, 3, 2), np.float32)
    >>> occluded(still + np.float32([1, 0]), still - np.float32([1, 0]))
    array([[False, False,  True]])
    """
    require_flow(flow_to_prev, flow_to_prev.shape[:2], "flow_to_prev")
    require_flow(flow_from_prev, flow_to_prev.shape[:2], "flow_from_prev")
    hidden = np.empty(flow_to_prev.shape[:2], np.bool_)
    for top in range(0, len(hidden), BAND_ROWS):
        band = flow_to_prev[top : top + BAND_ROWS]
        hidden[top : top + BAND_ROWS] = _occluded_band(
            band, flow_from_prev, top=top, slack_px2=ABSOLUTE_SLACK_PX2 * scale * scale
        )
    return hidden


def color_error(
    gray: NDArray[np.uint8], previous: NDArray[np.uint8], *, flow_to_prev: Float32Array
) -> Float32Array:
    """How badly the previous frame, carried along a flow, explains this one: where the flow is wrong.

    Args:
        gray: uint8 (H, W), this frame.
        previous: uint8 (H, W).
        flow_to_prev: float32 (H, W, 2), pixels, (dx, dy): where each pixel of this frame was in the previous.

    Returns:
        float32 (H, W): mean absolute difference in a small neighborhood over the contrast there; 0 where the
        two agree, about 1 where they have nothing in common.

    >>> still = np.zeros((32, 32, 2), np.float32)
    >>> noise = np.random.default_rng(0).integers(0, 256, (32, 32)).astype(np.uint8)
    >>> float(color_error(noise, noise, flow_to_prev=still).max())
    0.0
    """
    now = gray.astype(np.float32)
    gap = np.abs(now - warp(previous.astype(np.float32), flow_to_prev))
    mean = cv2.blur(now, CONTRAST_PX)
    contrast = np.sqrt(np.maximum(cv2.blur(now * now, CONTRAST_PX) - mean * mean, 0))
    return np.asarray(cv2.blur(gap, ERROR_PX) / (contrast + NOISE_LEVELS), np.float32)


def _occluded_band(
    flow_to_prev: Float32Array, flow_from_prev: Float32Array, *, top: int, slack_px2: float
) -> BoolMask:
    x, y = source_planes(flow_to_prev, top=top)
    back = np.asarray(
        cv2.remap(flow_from_prev, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), np.float32
    )
    gap = squared_length(flow_to_prev + back)
    slack = RELATIVE_SLACK * (squared_length(flow_to_prev) + squared_length(back)) + slack_px2
    inside = inside_picture(np.rint(x), np.rint(y), height=len(flow_from_prev))
    return np.asarray(~inside | (gap > slack), np.bool_)


def squared_length(flow: Float32Array) -> Float32Array:
    """Return the squared length of each displacement, float32 (H, W); NumPy is slow to sum over pairs."""
    return np.asarray(flow[..., 0] ** 2 + flow[..., 1] ** 2, np.float32)
