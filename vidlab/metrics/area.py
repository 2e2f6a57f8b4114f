"""How much the area of a mask varies over a clip: as it comes, and about its own trend.

Areas know neither place nor shape: a mask that jumps to another object of the same size varies in nothing.
"""

import math

import numpy as np
from numpy.typing import NDArray

from vidlab.errors import ParameterError, ShapeError
from vidlab.metrics.overlap import count_px, require_clip
from vidlab.types import BoolMask


def area_px(masks: BoolMask) -> NDArray[np.int64]:
    """Area of every mask.

    Args:
        masks: bool (T, H, W).

    Returns:
        int64 (T,), pixels; no frames: empty.

    Raises:
        ShapeError: Another dtype or rank.

    >>> area_px(np.array([[[True, False]], [[True, True]]])).tolist()
    [1, 2]
    """
    require_clip(masks, "masks")
    return np.array([count_px(mask) for mask in masks], np.int64)


def area_cv(areas_px: NDArray[np.int64]) -> float:
    """Coefficient of variation of the area: standard deviation (divided by n) over mean.

    A zoom raises it as flicker does.

    Args:
        areas_px: int64 (T,), pixels.

    Returns:
        0 or more, lower is calmer; no frames, or mean area 0: NaN (nothing there to vary).

    >>> area_cv(np.array([1, 3]))
    0.5
    """
    mean = float(areas_px.mean()) if areas_px.size else 0.0
    return float(areas_px.std()) / mean if mean else math.nan


def detrended_area_cv(areas_px: NDArray[np.int64], *, window: int) -> float:
    """Variation of the area about its own trend: rms of (area − running median), over the mean area.

    A zoom, or an object that walks out of the picture, is not flicker: as long as the area grows or shrinks
    steadily over a window, it is its own median and counts nothing. What comes back within half a window, a
    dropout or a jump in size, counts in full; what lasts longer than half a window is the trend. The windows
    are symmetric and shrink towards the ends of the clip, so the first and the last frame count nothing.

    Args:
        areas_px: int64 (T,), pixels.
        window: Frames, odd, whose median is the trend; more counts slower changes as flicker.

    Returns:
        0 or more, lower is calmer; no frames, or mean area 0: NaN (nothing there to vary).

    Raises:
        ShapeError: Not one axis.
        ParameterError: An even window, or one below 1.

    >>> detrended_area_cv(np.array([1, 2, 3, 4, 5]), window=3)
    0.0
    >>> round(detrended_area_cv(np.array([4, 4, 0, 4, 4]), window=3), 3)
    0.559
    """
    if areas_px.ndim != 1:
        raise ShapeError(f"areas_px must have one axis, got {areas_px.shape}")
    if window < 1 or window % 2 == 0:
        raise ParameterError(f"window must be odd and at least 1, got {window}")
    mean = float(areas_px.mean()) if areas_px.size else 0.0
    if not mean:
        return math.nan
    last = len(areas_px) - 1
    reach = [min(i, last - i, window // 2) for i in range(last + 1)]
    trend = [np.median(areas_px[i - half : i + half + 1]) for i, half in enumerate(reach)]
    return float(np.sqrt(np.mean((areas_px - np.array(trend)) ** 2))) / mean
