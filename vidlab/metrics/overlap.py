"""How much two masks of one frame overlap: IoU and Dice, and what every metric asks of its arrays."""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from vidlab.errors import ShapeError
from vidlab.types import BoolMask


def require_mask(mask: NDArray[Any], name: str) -> None:
    """Check that one frame's mask is bool (H, W).

    Raises:
        ShapeError: It is not.
    """
    if mask.dtype != np.bool_ or mask.ndim != 2:
        raise ShapeError(f"{name} must be bool (H, W), got {mask.dtype.name} {mask.shape}")


def require_clip(masks: NDArray[Any], name: str) -> None:
    """Check that a clip of masks is bool (T, H, W).

    Raises:
        ShapeError: It is not.
    """
    if masks.dtype != np.bool_ or masks.ndim != 3:
        raise ShapeError(f"{name} must be bool (T, H, W), got {masks.dtype.name} {masks.shape}")


def require_pair(first: NDArray[Any], second: NDArray[Any], *, names: tuple[str, str]) -> None:
    """Check that two masks are bool (H, W) of one size.

    Raises:
        ShapeError: They are not.
    """
    require_mask(first, names[0])
    require_mask(second, names[1])
    if first.shape != second.shape:
        raise ShapeError(f"masks must match, got {names[0]} {first.shape} and {names[1]} {second.shape}")


def window_of(mask: BoolMask, *, margin_px: int) -> tuple[slice, slice] | None:
    """Return rows and columns of the smallest box around a mask and a margin; None for an empty mask.

    >>> window_of(np.eye(9, 9, 7, dtype=bool), margin_px=1)
    (slice(0, 3, None), slice(6, 10, None))
    """
    x, y, width, height = cv2.boundingRect(mask.view(np.uint8)) if mask.size else (0, 0, 0, 0)
    if not width:
        return None
    rows = slice(max(y - margin_px, 0), y + height + margin_px)
    return rows, slice(max(x - margin_px, 0), x + width + margin_px)


def count_px(mask: BoolMask) -> int:
    """Return the number of true pixels, as a plain int (NumPy 2 counts in its own type)."""
    return int(np.count_nonzero(mask))


def iou(first: BoolMask, second: BoolMask) -> float:
    """Intersection over union of two masks (Jaccard 1912).

    Args:
        first: bool (H, W).
        second: bool (H, W).

    Returns:
        [0, 1]; both empty: 1.

    Raises:
        ShapeError: Another dtype, rank, or two sizes.

    >>> iou(np.array([[True, True, False]]), np.array([[False, True, True]]))
    0.3333333333333333
    """
    require_pair(first, second, names=("first", "second"))
    both = count_px(first & second)
    either = count_px(first) + count_px(second) - both
    return both / either if either else 1.0


def dice(first: BoolMask, second: BoolMask) -> float:
    """Dice coefficient of two masks: 2·|A∩B| / (|A|+|B|) (Dice 1945).

    Args:
        first: bool (H, W).
        second: bool (H, W).

    Returns:
        [0, 1], never below the IoU; both empty: 1.

    Raises:
        ShapeError: Another dtype, rank, or two sizes.

    >>> dice(np.array([[True, True, False]]), np.array([[False, True, True]]))
    0.5
    """
    require_pair(first, second, names=("first", "second"))
    total = count_px(first) + count_px(second)
    return 2 * count_px(first & second) / total if total else 1.0
