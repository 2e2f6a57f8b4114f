"""How near soft masks are to the truth, and how near their changes are: MAD, MSE, dtSSD.

The units are those of the matting literature: MAD and MSE times 1000, dtSSD times 100. None follows motion:
dtSSD sees an error that comes and goes, and forgives one that stays on the same pixels.
"""

import math
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from vidlab.errors import ParameterError, ShapeError
from vidlab.metrics.running import RunningStats
from vidlab.types import BoolMask, Float32Array

SoftMask = BoolMask | NDArray[np.uint8] | Float32Array
Compat = Literal["strict", "rvm"]

RANGE_SLACK = 1e-4  # running means in float32 end a little above 1
DTSSD_SCALE = 100.0
MAD_SCALE = MSE_SCALE = 1000.0


def require_unit_range(values: NDArray[Any], name: str) -> None:
    """Check that floats lie in [0, 1], up to rounding.

    Raises:
        ParameterError: They do not, or one is NaN.
    """
    if values.size and not (values.min() >= -RANGE_SLACK and values.max() <= 1 + RANGE_SLACK):
        raise ParameterError(f"{name} must lie in [0, 1], got {values.min()}..{values.max()}")


def mad(pred: SoftMask, target: SoftMask) -> float:
    """Mean absolute difference of a soft mask from the truth, times 1000.

    Args:
        pred: float32 (H, W), [0, 1]; or uint8 (H, W), 0..255 for 0..1; or bool (H, W).
        target: As `pred`, the truth.

    Returns:
        [0, 1000], lower is nearer; a picture without pixels: NaN.

    Raises:
        ShapeError: Another dtype, rank, or two sizes.
        ParameterError: Floats outside [0, 1].

    >>> mad(np.array([[0.0, 0.5]], np.float32), np.array([[False, True]]))
    250.0
    """
    return _mad(_error(pred, target))


def mse(pred: SoftMask, target: SoftMask) -> float:
    """Mean squared difference of a soft mask from the truth, times 1000.

    Args:
        pred: As in `mad`.
        target: As in `mad`.

    Returns:
        [0, 1000], lower is nearer; a picture without pixels: NaN.

    Raises:
        ShapeError: Another dtype, rank, or two sizes.
        ParameterError: Floats outside [0, 1].

    >>> mse(np.array([[0.0, 0.5]], np.float32), np.array([[False, True]]))
    125.0
    """
    return _mse(_error(pred, target))


def dtssd(pred: SoftMask, target: SoftMask, *, previous_pred: SoftMask, previous_target: SoftMask) -> float:
    """How far the change of a soft mask is from the change of the truth: dtSSD, times 100.

    Erofeev et al., "Perceptually Motivated Benchmark for Video Matting", BMVC 2015, as the evaluation of
    RobustVideoMatting has it: the root of the mean over all pixels of ((p - p') - (g - g'))².

    Args:
        pred: As in `mad`.
        target: As in `mad`.
        previous_pred: As `pred`, one frame before.
        previous_target: As `target`, one frame before.

    Returns:
        [0, 200], lower is calmer; a picture without pixels: NaN.

    Raises:
        ShapeError: Another dtype, rank, or two sizes.
        ParameterError: Floats outside [0, 1].

    >>> nothing, half = np.zeros((1, 4), bool), np.full((1, 4), 0.5, np.float32)
    >>> dtssd(half, nothing, previous_pred=nothing, previous_target=nothing)
    50.0
    """
    return _dtssd(_error(pred, target), _error(previous_pred, previous_target))


@dataclass(frozen=True, slots=True)
class FrameMatting:
    """One frame against the truth: `mad`, `mse`, and `dtssd` with the frame before."""

    mad: float
    mse: float
    dtssd: float


class MattingError:
    """MAD, MSE and dtSSD of a clip, one frame at a time; holds one map of errors.

    >>> metric = MattingError(compat="strict")
    >>> truth = np.zeros((1, 4), bool)
    >>> frames = [metric.update(pred, target=truth) for pred in (truth, np.full((1, 4), 0.5, np.float32))]
    >>> metric.compute()
    {'mad': 250.0, 'mse': 125.0, 'dtssd': 50.0}
    """

    def __init__(self, *, compat: Compat) -> None:
        """Choose what the first frame's dtSSD is.

        Args:
            compat: `strict`: undefined; `rvm`: 0, and counted in the mean, as RobustVideoMatting does.

        Raises:
            ParameterError: Another word.
        """
        if compat not in get_args(Compat):
            raise ParameterError(f"unknown compat {compat!r}; choose from: {', '.join(get_args(Compat))}")
        self._first = 0.0 if compat == "rvm" else math.nan
        self.reset()

    def reset(self) -> None:
        """Forget everything; the next frame is the first of a clip."""
        self._error: NDArray[np.float64] | None = None
        self._stats = {name: RunningStats() for name in ("mad", "mse", "dtssd")}

    def update(self, pred: SoftMask, *, target: SoftMask) -> FrameMatting:
        """Take the next frame with its truth, both as in `mad`.

        Raises:
            ShapeError: Another dtype, rank, or two sizes.
            ParameterError: Floats outside [0, 1].
        """
        error = _error(pred, target)
        change = self._first if self._error is None else _dtssd(error, self._error)
        self._error = error
        frame = FrameMatting(_mad(error), _mse(error), change)
        for name, stats in self._stats.items():
            stats.update(getattr(frame, name))
        return frame

    def compute(self) -> dict[str, float]:
        """Return the means over the frames so far, of dtSSD over their values; NaN where there are none."""
        return {name: stats.mean for name, stats in self._stats.items()}


def _error(pred: SoftMask, target: SoftMask) -> NDArray[np.float64]:
    ours, truth = _soft(pred, "pred"), _soft(target, "target")
    if ours.shape != truth.shape:
        raise ShapeError(f"masks must match, got pred {ours.shape} and target {truth.shape}")
    return ours - truth


def _soft(mask: SoftMask, name: str) -> NDArray[np.float64]:
    if mask.dtype not in (np.bool_, np.uint8, np.float32) or mask.ndim != 2:
        raise ShapeError(f"{name} must be bool, uint8 or float32 (H, W), got {mask.dtype.name} {mask.shape}")
    if mask.dtype == np.uint8:
        return mask.astype(np.float64) / 255.0
    if mask.dtype == np.float32:
        require_unit_range(mask, name)
    return mask.astype(np.float64)


def _mad(error: NDArray[np.float64]) -> float:
    return MAD_SCALE * float(np.abs(error).mean()) if error.size else math.nan


def _mse(error: NDArray[np.float64]) -> float:
    return MSE_SCALE * float(np.square(error).mean()) if error.size else math.nan


def _dtssd(error: NDArray[np.float64], previous: NDArray[np.float64]) -> float:
    """RMS of the change of the error: (p - p') - (g - g') = (p - g) - (p' - g')."""
    if error.shape != previous.shape:
        raise ShapeError(f"masks must match, got {previous.shape} in the frame before and {error.shape} now")
    return DTSSD_SCALE * math.sqrt(np.square(error - previous).mean()) if error.size else math.nan
