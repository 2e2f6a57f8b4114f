"""Boxes around masks, (x0, y0, x1, y1) in pixels, half-open."""

from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from vidlab.types import BoolMask

Box: TypeAlias = tuple[int, int, int, int]


def box_of(mask: BoolMask) -> Box:
    """Return the box around a mask, bool (H, W), as (x0, y0, x1, y1), half-open; zeros if it is empty.

    >>> box_of(np.array([[False, True], [False, True]]))
    (1, 0, 2, 2)
    """
    x, y, width, height = cv2.boundingRect(np.ascontiguousarray(mask).view(np.uint8))
    return int(x), int(y), int(x + width), int(y + height)


def shared_px(boxes: NDArray[np.float64], others: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the area that each of some boxes, float64 (N, 4), shares with each of others, (M, 4): (N, M).

    >>> shared_px(np.array([[0.0, 0, 2, 2]]), np.array([[1.0, 0, 3, 2], [5, 5, 6, 6]])).tolist()
    [[2.0, 0.0]]
    """
    low = np.maximum(boxes[:, None, :2], others[None, :, :2])
    high = np.minimum(boxes[:, None, 2:], others[None, :, 2:])
    return np.asarray(np.clip(high - low, 0, None).prod(axis=-1))


def areas_px(boxes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the areas of boxes, float64 (N, 4): (N,)."""
    return np.asarray((boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1]))
