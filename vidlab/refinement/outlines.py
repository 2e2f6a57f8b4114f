"""What refinement may do: move outlines, so far and no farther; make no object, and take none away."""

import cv2
import numpy as np

from vidlab.types import BoolMask, Float32Array


def bounded(before: Float32Array, after: Float32Array, *, level: float, reach_px: float) -> Float32Array:
    """Take from a filtered map what moves outlines, and the rest from the map itself.

    Pixels farther than `reach_px` from an outline stay as they were, and none becomes surer than the surest
    was. A piece of the new mask that touches none of the old ones stays out; of an old one that left nothing,
    the map stays.

    Args:
        before: float32 (H, W), [0, 1].
        after: float32 (H, W), [0, 1], the same map filtered.
        level: Probability above which a pixel is in the mask.
        reach_px: How far an outline may move, pixels.

    Returns:
        float32 (H, W), [0, 1].
    """
    mask = before > level
    near = near_outline(mask, reach_px=reach_px)
    result = np.where(near, np.clip(after, before.min(), before.max()), before)
    for first, second in ((result > level, mask), (mask, result > level)):
        lonely = _pieces_without(first, second)
        result[lonely] = before[lonely]
    return result


def near_outline(mask: BoolMask, *, reach_px: float) -> BoolMask:
    """Mark the pixels within reach of an outline; the border of the picture is none.

    >>> near_outline(np.array([[True, True, True, False, False]]), reach_px=1).tolist()
    [[False, False, True, True, False]]
    """
    if mask.all() or not mask.any():
        return np.zeros_like(mask)
    inside, outside = (
        cv2.distanceTransform(m.view(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE) for m in (mask, ~mask)
    )
    return np.asarray(np.maximum(inside, outside) <= reach_px)


def _pieces_without(mask: BoolMask, other: BoolMask) -> BoolMask:
    """Mark the pieces of a mask that have no pixel in common with another one."""
    count, labels = cv2.connectedComponents(mask.view(np.uint8))
    shares = np.zeros(count, np.bool_)
    shares[labels[mask & other]] = True
    shares[0] = True
    return np.asarray(~shares[labels])
