"""Outlines of masks, thin and smooth, and seen on any background."""

from collections.abc import Sequence

import cv2
import numpy as np

from vidlab.errors import ShapeError
from vidlab.types import BoolMask, Float32Array, UInt8Image
from vidlab.viz.colors import Color

_LINE_PX = 2.0  # bright line of an outline, one pixel on either side, in a picture up to this wide:
_LINE_WIDTH_PX = 960
_RIM_PX = 1.0  # black line on either side of it: one of the two stands out, whatever lies behind


def draw_outlines(image: UInt8Image, masks: BoolMask, *, colors: Sequence[Color]) -> UInt8Image:
    """Draw thin, smooth outlines of masks over an image: a bright line between two black ones.

    The line runs where the mask ends, between two pixels, and not where the object leaves the picture.

    Args:
        image: uint8 (H, W, 3), RGB.
        masks: bool (K, h, w), drawn in order, in their own size: a small picture of large masks stays smooth.
        colors: One RGB color for each mask.

    Returns:
        uint8 (H, W, 3), a new image.

    Raises:
        ShapeError: Not an image, not masks, or not one color per mask.
    """
    require_image(image)
    if masks.ndim != 3 or masks.dtype != np.bool_ or len(colors) != len(masks):
        raise ShapeError(
            f"masks must be bool (K, h, w) with one color each, "
            f"got {masks.dtype} {masks.shape} and {len(colors)} colors"
        )
    drawn = image.copy()
    for mask, color in zip(masks, colors, strict=True):
        if mask.any():
            _outline(drawn, mask, color)
    return drawn


def _outline(drawn: UInt8Image, mask: BoolMask, color: Color) -> None:
    """Draw one outline in place; every pixel takes as much of the line as its distance to it says."""
    half = np.float32(_LINE_PX / 2 * max(1.0, drawn.shape[1] / _LINE_WIDTH_PX))
    distance = _distance(mask, size_hw=(drawn.shape[0], drawn.shape[1]))
    near = distance < half + _RIM_PX + 0.5
    distance, pixels = distance[near][:, np.newaxis], drawn[near].astype(np.float32)
    pixels *= 1 - np.clip(half + np.float32(_RIM_PX + 0.5) - distance, 0, 1)
    bright = np.clip(half + np.float32(0.5) - distance, 0, 1)
    drawn[near] = (pixels * (1 - bright) + np.array(color, np.float32) * bright + 0.5).astype(np.uint8)


def _distance(mask: BoolMask, *, size_hw: tuple[int, int]) -> Float32Array:
    """Return how far each pixel of a picture is from the end of a mask, in pixels of the picture."""
    inside = np.ascontiguousarray(mask).view(np.uint8)
    signed = np.where(mask, _to_zero(inside) - 0.5, 0.5 - _to_zero(1 - inside)).astype(np.float32)
    if mask.shape != size_hw:
        signed = np.asarray(cv2.resize(signed, size_hw[::-1], interpolation=cv2.INTER_LINEAR), np.float32)
    return np.abs(signed) * np.float32(size_hw[0] / mask.shape[0])


def _to_zero(layer: UInt8Image) -> Float32Array:
    distance = np.asarray(cv2.distanceTransform(layer, cv2.DIST_L2, 3), np.float32)
    return np.minimum(distance, np.float32(sum(layer.shape)))  # where there is no zero at all, it is endless


def require_image(image: UInt8Image) -> None:
    """Raise ShapeError unless an array is an image, uint8 (H, W, 3)."""
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
        raise ShapeError(f"image must be uint8 (H, W, 3), got {image.dtype} {image.shape}")
