"""Specks and pinholes of a mask: what thresholding a blurred map leaves along its outline."""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from vidlab.types import BoolMask

SMALL = 0.005  # of the whole mask: a piece or hole above this is no speck, however small the picture


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
    least_px = min(least_share * mask.size, SMALL * np.count_nonzero(mask))
    if least_px <= 1:
        return mask
    x, y, width, height = cv2.boundingRect(mask.view(np.uint8))
    cleaned = mask.copy()
    window = cleaned[y : y + height, x : x + width].view(np.uint8)
    # outlines are followed along the boundary only, many times faster than labelling every pixel
    contours, tree = cv2.findContours(window, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    for contour, (_, _, _, parent) in zip(contours, tree[0], strict=True):
        is_hole = parent >= 0
        if _pixels(contour, is_hole=is_hole) < least_px:
            cv2.drawContours(window, [contour], -1, int(is_hole), cv2.FILLED)
    return cleaned


def _pixels(contour: NDArray[Any], *, is_hole: bool) -> float:
    """Area of a piece, its holes filled, or of a hole; Pick's theorem: the outline runs through pixels."""
    return cv2.contourArea(contour) + (1 - is_hole * 2) * len(contour) / 2 + 1
