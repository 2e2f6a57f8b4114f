"""Specks and pinholes of a mask: what thresholding a blurred map leaves along its outline."""

import cv2
import numpy as np

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
    filled = ~_without_specks(~mask, least_px, connectivity=4)
    return _without_specks(filled, least_px, connectivity=8)


def _without_specks(mask: BoolMask, least_px: float, *, connectivity: int) -> BoolMask:
    _, labels, stats, _ = cv2.connectedComponentsWithStats(mask.view(np.uint8), connectivity=connectivity)
    keep = stats[:, cv2.CC_STAT_AREA] >= least_px
    keep[0] = False
    return mask if keep[1:].all() else np.asarray(keep[labels])
