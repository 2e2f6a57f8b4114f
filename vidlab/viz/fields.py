"""Numbers per pixel as colors: motion, probabilities and weights over a picture."""

import cv2
import numpy as np
from numpy.typing import NDArray

from vidlab.errors import ShapeError
from vidlab.types import BoolMask, Float32Array, UInt8Image

_STRONG = 0.65  # weight of a color where the number is 1: the picture still shows through
_LOST_COLOR = (230, 30, 30)


def draw_motion(flow_to_prev: Float32Array, *, full_px: float, lost: BoolMask) -> UInt8Image:
    """Color every pixel by the direction (hue) and length (saturation) of its motion; lost pixels are red.

    Args:
        flow_to_prev: float32 (H, W, 2), pixels, (dx, dy): where each pixel was; drawn is where it came to.
        full_px: Length drawn in full color, pixels; longer motion looks the same.
        lost: bool (H, W), pixels whose motion cannot be trusted.

    Returns:
        uint8 (H, W, 3); white where nothing moves.

    Raises:
        ShapeError: The two differ in size.

    >>> still = np.zeros((1, 2, 2), np.float32)
    >>> draw_motion(still, full_px=4, lost=np.array([[False, True]])).tolist()
    [[[255, 255, 255], [230, 30, 30]]]
    """
    if flow_to_prev.shape != (*lost.shape, 2):
        raise ShapeError(f"flow and lost must match, got {flow_to_prev.shape} and {lost.shape}")
    forward = -flow_to_prev
    length, angle_deg = cv2.cartToPolar(forward[..., 0], forward[..., 1], angleInDegrees=True)
    hsv = np.empty((*lost.shape, 3), np.uint8)
    hsv[..., 0] = np.asarray(angle_deg) / 2 % 180  # OpenCV keeps 8-bit hues in steps of two degrees
    hsv[..., 1] = 255 * np.clip(np.asarray(length) / full_px, 0, 1)
    hsv[..., 2] = 255
    drawn = np.asarray(cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB), np.uint8)
    drawn[lost] = _LOST_COLOR
    return drawn


def draw_map(image: UInt8Image, values: Float32Array) -> UInt8Image:
    """Lay a map of [0, 1] over a grey picture: dark blue is 0, green one half, yellow 1.

    Args:
        image: uint8 (H, W, 3), RGB.
        values: float32 (H, W), [0, 1]; probabilities or weights.

    Returns:
        uint8 (H, W, 3).

    Raises:
        ShapeError: The two differ in size.
    """
    if image.shape[:2] != values.shape:
        raise ShapeError(f"image and values must match, got {image.shape} and {values.shape}")
    steps: NDArray[np.uint8] = np.rint(np.clip(values, 0, 1) * 255).astype(np.uint8)
    colors = cv2.cvtColor(np.asarray(cv2.applyColorMap(steps, cv2.COLORMAP_VIRIDIS)), cv2.COLOR_BGR2RGB)
    grey = cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    return np.asarray(cv2.addWeighted(colors, _STRONG, grey, 1 - _STRONG, 0), np.uint8)
