"""Wrong masks that naive metrics praise, made from a clip of predictions: what a metric must see through.

Each function takes bool (T, H, W), changes nothing in it, and returns a new array of its shape. None of them
looks at the pictures: whatever calm they bring, they bring blindly.
"""

from collections.abc import Callable

import cv2
import numpy as np

from vidlab.types import BoolMask

MEDIAN_FRAMES = 15
DELAY_FRAMES = 3
EMA_ALPHA = 0.2  # weight of the new frame
EMA_THRESHOLD = 0.5


def empty(masks: BoolMask) -> BoolMask:
    """Nothing at all: perfectly calm."""
    return np.zeros_like(masks)


def full(masks: BoolMask) -> BoolMask:
    """The whole picture: perfectly calm, and it misses nothing."""
    return np.ones_like(masks)


def constant(masks: BoolMask) -> BoolMask:
    """One mask for all frames: the pixels that are masked most of the time."""
    return np.broadcast_to(masks.mean(axis=0) > 0.5, masks.shape).copy()


def frozen(masks: BoolMask) -> BoolMask:
    """The first mask that shows something, from there on forever."""
    shown = np.flatnonzero(masks.any(axis=(1, 2)))
    held = masks.copy()
    if shown.size:
        held[shown[0] :] = masks[shown[0]]
    return held


def delayed(masks: BoolMask, *, frames: int = DELAY_FRAMES) -> BoolMask:
    """Every mask some frames too late, as a smoother that lags; the first one waits."""
    order = np.maximum(np.arange(len(masks)) - frames, 0)
    return masks[order] if len(masks) else masks.copy()


def median(masks: BoolMask, *, frames: int = MEDIAN_FRAMES) -> BoolMask:
    """Median over the frames around each frame, blind to motion; the window shrinks at the ends."""
    half = frames // 2
    sums = np.concatenate(
        [np.zeros((1, *masks.shape[1:]), np.int32), np.cumsum(masks, axis=0, dtype=np.int32)]
    )
    result = np.empty_like(masks)
    for i in range(len(masks)):
        start, stop = max(i - half, 0), min(i + half + 1, len(masks))
        result[i] = 2 * (sums[stop] - sums[start]) > stop - start
    return result


def ema(masks: BoolMask, *, alpha: float = EMA_ALPHA) -> BoolMask:
    """Exponential moving average over time, blind to motion, cut at one half."""
    result = np.empty_like(masks)
    state: np.ndarray[tuple[int, ...], np.dtype[np.float32]] | None = None
    for i, mask in enumerate(masks):
        now = mask.astype(np.float32)
        state = now if state is None else (1 - alpha) * state + alpha * now
        result[i] = state > EMA_THRESHOLD
    return result


def shaken(masks: BoolMask, *, px: float) -> BoolMask:
    """Every other mask moved sideways: neighbors differ by so many pixels more than their objects do."""
    result = masks.copy()
    shift = np.array([[1, 0, px], [0, 1, 0]], np.float64)
    for i in range(1, len(masks), 2):
        size = masks.shape[2], masks.shape[1]
        moved = cv2.warpAffine(masks[i].view(np.uint8), shift, size, flags=cv2.INTER_NEAREST)
        result[i] = np.asarray(moved, np.uint8).view(np.bool_)
    return result


ADVERSARIES: dict[str, Callable[[BoolMask], BoolMask]] = {
    "empty": empty,
    "full": full,
    "constant": constant,
    "frozen": frozen,
    "delayed": delayed,
    "median": median,
    "ema": ema,
}
