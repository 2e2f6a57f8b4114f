"""How much masks change from frame to frame: no truth and no motion are asked for.

All of these are blind to motion: an object that moves scores as flicker, and a frozen or an empty mask is
perfectly calm. Read them beside `consistency` and `accuracy`.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vidlab.errors import ShapeError
from vidlab.metrics.overlap import count_px, dice, iou, require_clip, require_mask, require_pair
from vidlab.metrics.running import RunningStats
from vidlab.types import BoolMask, Float32Array


def adjacent_iou(masks: BoolMask) -> NDArray[np.float64]:
    """IoU of every mask with the one before it.

    Args:
        masks: bool (T, H, W).

    Returns:
        float64 (T-1,), [0, 1]; entry i compares frames i and i+1; both empty: 1; no or one frame: empty.

    Raises:
        ShapeError: Another dtype or rank.

    >>> adjacent_iou(np.array([[[True, False]], [[True, True]], [[True, True]]])).tolist()
    [0.5, 1.0]
    """
    require_clip(masks, "masks")
    return np.array([iou(masks[i], masks[i + 1]) for i in range(len(masks) - 1)], np.float64)


def instability(masks: BoolMask) -> float:
    """Share of the mask that flickers: 1 − mean adjacent IoU.

    Args:
        masks: bool (T, H, W).

    Returns:
        [0, 1], lower is calmer; all masks empty: 0; no or one frame: NaN.

    Raises:
        ShapeError: Another dtype or rank.

    >>> instability(np.array([[[True, False]], [[True, True]], [[True, True]]]))
    0.25
    """
    overlaps = adjacent_iou(masks)
    return 1.0 - float(overlaps.mean()) if overlaps.size else math.nan


def improvement_percent(raw: float, stable: float) -> float:
    """How much instability was removed: 100 · (raw − stable) / raw.

    Args:
        raw: Instability before, [0, 1].
        stable: Instability after, [0, 1].

    Returns:
        Percent, at most 100; negative if it became worse. Raw 0: 0 if stable is 0 too, else NaN (no ratio
        describes flicker made from none). Either NaN: NaN.

    >>> improvement_percent(0.2, 0.05)
    75.0
    """
    if raw == 0:
        return 0.0 if stable == 0 else math.nan
    return 100.0 * (raw - stable) / raw


def changed_px(masks: BoolMask) -> NDArray[np.int64]:
    """Number of pixels that differ from the frame before.

    Args:
        masks: bool (T, H, W).

    Returns:
        int64 (T-1,), pixels; no or one frame: empty.

    Raises:
        ShapeError: Another dtype or rank.

    >>> changed_px(np.array([[[True, False]], [[False, True]]])).tolist()
    [2]
    """
    require_clip(masks, "masks")
    counts = [count_px(masks[i] ^ masks[i + 1]) for i in range(len(masks) - 1)]
    return np.array(counts, np.int64)


def changed_share(masks: BoolMask) -> NDArray[np.float64]:
    """Share of the picture that differs from the frame before.

    Args:
        masks: bool (T, H, W).

    Returns:
        float64 (T-1,), [0, 1]; no or one frame: empty; a picture without pixels: NaN.

    Raises:
        ShapeError: Another dtype or rank.

    >>> changed_share(np.array([[[True, False]], [[False, False]]])).tolist()
    [0.5]
    """
    n_pixels = math.prod(masks.shape[1:])
    return changed_px(masks) / (n_pixels or math.nan)


def adjacent_l1(probs: Float32Array) -> NDArray[np.float64]:
    """Mean absolute difference of every probability map from the one before it (L1 per pixel).

    Args:
        probs: float32 (T, H, W) or (T, K, H, W), [0, 1].

    Returns:
        float64 (T-1,), [0, 1]; no or one frame: empty.

    Raises:
        ShapeError: Another dtype or rank.

    >>> adjacent_l1(np.array([[[0.0, 0.5]], [[0.5, 0.5]]], np.float32)).tolist()
    [0.25]
    """
    if probs.dtype != np.float32 or probs.ndim not in (3, 4):
        raise ShapeError(
            f"probs must be float32 (T, H, W) or (T, K, H, W), got {probs.dtype.name} {probs.shape}"
        )
    return np.array([_mean_l1(probs[i], probs[i + 1]) for i in range(len(probs) - 1)], np.float64)


def adjacent_dice(masks: BoolMask) -> NDArray[np.float64]:
    """Dice coefficient of every mask with the one before it.

    Args:
        masks: bool (T, H, W).

    Returns:
        float64 (T-1,), [0, 1]; both empty: 1; no or one frame: empty.

    Raises:
        ShapeError: Another dtype or rank.

    >>> adjacent_dice(np.array([[[True, False]], [[True, True]]])).tolist()
    [0.6666666666666666]
    """
    require_clip(masks, "masks")
    return np.array([dice(masks[i], masks[i + 1]) for i in range(len(masks) - 1)], np.float64)


@dataclass(frozen=True, slots=True)
class FrameStability:
    """One frame against the one before it; NaN where there is none before (or no probabilities).

    Attributes:
        area_px: Area of the mask, in pixels.
        iou_prev: As `adjacent_iou`.
        dice_prev: As `adjacent_dice`.
        changed_px: As `changed_px`; a float, so that it can be NaN.
        changed_share: As `changed_share`.
        probs_l1: As `adjacent_l1`.
    """

    area_px: int
    iou_prev: float
    dice_prev: float
    changed_px: float
    changed_share: float
    probs_l1: float


class Stability:
    """The stability metrics of a clip, one frame at a time; holds one mask and one probability map.

    >>> metric = Stability()
    >>> for mask in np.array([[[True, False]], [[True, True]], [[True, True]]]):
    ...     frame = metric.update(mask, probs=None)
    >>> metric.compute()["instability"]
    0.25
    """

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget everything; the next frame is the first of a clip."""
        self._mask: BoolMask | None = None
        self._probs: Float32Array | None = None
        self._area = RunningStats()
        self._pairs = {
            name: RunningStats()
            for name in ("iou_prev", "dice_prev", "changed_px", "changed_share", "probs_l1")
        }

    def update(self, mask: BoolMask, *, probs: Float32Array | None) -> FrameStability:
        """Take the next frame.

        Args:
            mask: bool (H, W); copied.
            probs: float32 (H, W) or (K, H, W), [0, 1]; copied; None leaves `probs_l1` undefined.

        Returns:
            This frame's values against the frame before.

        Raises:
            ShapeError: Another dtype or rank, or another size than the frame before.
        """
        frame = self._compare(mask, probs)
        self._mask = mask.copy()
        self._probs = None if probs is None else probs.copy()
        self._area.update(frame.area_px)
        for name, stats in self._pairs.items():
            stats.update(getattr(frame, name))
        return frame

    def compute(self) -> dict[str, float]:
        """Return means over the pairs so far, `instability`, `area_px` and `area_cv`; NaN where undefined."""
        values = {name: stats.mean for name, stats in self._pairs.items()}
        values["instability"] = 1.0 - values["iou_prev"]
        values["area_px"] = self._area.mean
        values["area_cv"] = self._area.std / self._area.mean if self._area.mean else math.nan
        return values

    def _compare(self, mask: BoolMask, probs: Float32Array | None) -> FrameStability:
        require_mask(mask, "mask")
        area = count_px(mask)
        l1 = math.nan if probs is None or self._probs is None else _mean_l1(self._probs, probs)
        if self._mask is None:
            return FrameStability(area, math.nan, math.nan, math.nan, math.nan, l1)
        before = self._mask
        require_pair(before, mask, names=("the mask before", "mask"))
        changed = count_px(before ^ mask)
        share = changed / mask.size if mask.size else math.nan
        return FrameStability(area, iou(before, mask), dice(before, mask), changed, share, l1)


def _mean_l1(before: Float32Array, after: Float32Array) -> float:
    if before.shape != after.shape or before.dtype != after.dtype:
        raise ShapeError(
            f"probability maps must match, got {before.dtype.name} {before.shape} before "
            f"and {after.dtype.name} {after.shape} now"
        )
    return float(np.abs(after - before).mean(dtype=np.float64)) if after.size else math.nan
