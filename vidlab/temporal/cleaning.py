"""Specks and pinholes of a mask: what thresholding a blurred map leaves along its outline."""

from collections.abc import Iterator
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from vidlab.types import BoolMask

SMALL = 0.005  # of the whole mask: a piece or hole above this is no speck, however small the picture

Outline = NDArray[Any]  # int32 (n, 1, 2), (x, y) of the pixels that an outline runs through


def clean(mask: BoolMask, *, least_share: float) -> BoolMask:
    """Take away pieces of a mask, and fill holes in it, that are too small to mean anything.

    Args:
        mask: bool (H, W).
        least_share: Area, as a share of the picture, below which a piece (8-connected) or a hole
            (4-connected) is a speck; 0 leaves the mask as it is. What is over 0.5 % of the mask stays.

    Returns:
        bool (H, W).

    >>> mask = np.zeros((40, 40), bool)
    >>> mask[5:35, 5:35] = True
    >>> mask[10, 10], mask[0, 0] = False, True
    >>> int(clean(mask, least_share=0.01).sum())
    900
    """
    least = least_px(mask, least_share=least_share)
    if least <= 1:
        return mask
    cleaned = mask.copy()
    for outline, is_hole in small_outlines(mask, least=least):
        cv2.drawContours(cleaned.view(np.uint8), [outline], -1, int(is_hole), cv2.FILLED)
    return cleaned


def least_px(mask: BoolMask, *, least_share: float) -> float:
    """Return the area, in pixels, below which a piece of a mask or a hole in it is a speck; see `clean`."""
    return min(least_share * mask.size, SMALL * np.count_nonzero(mask))


def small_outlines(mask: BoolMask, *, least: float) -> Iterator[tuple[Outline, bool]]:
    """Yield the outlines of pieces and holes of less than so many pixels, and whether it is a hole's.

    A piece counts with its holes filled; the outline of a hole runs through the pixels around it.
    """
    x, y, width, height = cv2.boundingRect(mask.view(np.uint8))
    if not width:
        return
    # outlines are followed along the boundary only, many times faster than labelling every pixel
    contours, tree = cv2.findContours(
        mask[y : y + height, x : x + width].view(np.uint8),
        cv2.RETR_CCOMP,
        cv2.CHAIN_APPROX_NONE,
        offset=(x, y),
    )
    for contour, (_, _, _, parent) in zip(contours, tree[0], strict=True):
        is_hole = bool(parent >= 0)
        if enclosed_px(contour, is_hole=is_hole) < least:
            yield contour, is_hole


def enclosed_px(outline: Outline, *, is_hole: bool) -> float:
    """Area of a piece, its holes filled, or of a hole; Pick's theorem: the outline runs through pixels."""
    return float(cv2.contourArea(outline) + (1 - is_hole * 2) * len(outline) / 2 + 1)
