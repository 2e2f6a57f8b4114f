"""How far an optical flow is from the true one: end-point error, by speed and at occlusions, and more."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vidlab.errors import ParameterError, ShapeError
from vidlab.types import BoolMask, Float32Array

# True speed of the pixels, px per frame, half-open. The last three are those of Sintel (Butler et al., "A
# Naturalistic Open Source Movie for Optical Flow Evaluation", ECCV 2012); the first two split its slowest.
SPEED_CLASSES: Mapping[str, tuple[float, float]] = {
    "s0-2": (0.0, 2.0),
    "s2-10": (2.0, 10.0),
    "s0-10": (0.0, 10.0),
    "s10-40": (10.0, 40.0),
    "s40+": (40.0, np.inf),
}
# An outlier of KITTI 2015 errs by more than both (Menze and Geiger, "Object Scene Flow", CVPR 2015).
OUTLIER_PX, OUTLIER_SHARE = 3.0, 0.05


@dataclass(frozen=True, slots=True)
class FlowErrorSummary:
    """The error of a flow over all valid pixels of one or many frames; None where no pixel counts.

    Attributes:
        n_px: Valid pixels.
        epe: Mean end-point error, pixels.
        by_speed: The same by true speed, for each of `SPEED_CLASSES`.
        matched: The same of pixels that both frames show; None if no occlusions were given.
        unmatched: The same of occluded pixels, which only one frame shows.
        fl_all: Share of outliers, [0, 1]: off by more than 3 px and by more than 5 % of the true length.
        angle_deg: Mean angular error, degrees.
    """

    n_px: int
    epe: float | None
    by_speed: dict[str, float | None]
    matched: float | None
    unmatched: float | None
    fl_all: float | None
    angle_deg: float | None


class FlowError:
    """The error of the flows of many frames, every pixel alike, one frame at a time; holds some sums.

    >>> metric = FlowError()
    >>> true = np.float32([[[3, 4], [0, 0], [30, 0]]])
    >>> metric.update(np.zeros((1, 3, 2), np.float32), truth=true).epe  # 5, 0 and 30 px off
    11.666666666666666
    >>> metric.compute().by_speed["s10-40"]
    30.0
    """

    def __init__(self) -> None:
        """Set up without a frame."""
        self._sums: dict[str, float] = {}
        self._counts: dict[str, int] = {}

    def update(
        self,
        flow: Float32Array,
        *,
        truth: Float32Array,
        valid: BoolMask | None = None,
        occluded: BoolMask | None = None,
    ) -> FlowErrorSummary:
        """Take the flow of one frame, and return its error alone.

        Args:
            flow: float32 (H, W, 2), pixels, (dx, dy).
            truth: float32 (H, W, 2), the true one; pixels where it is not finite do not count.
            valid: bool (H, W), pixels that count; None for all.
            occluded: bool (H, W), pixels that the other frame does not show; None if nobody knows.

        Raises:
            ShapeError: Another dtype, rank, or two sizes.
            ParameterError: The flow is not finite where the truth is known.
        """
        alone = _sums(flow, truth, counted(flow, truth=truth, valid=valid), occluded)
        for name, (total, count) in alone.items():
            self._sums[name] = self._sums.get(name, 0.0) + total
            self._counts[name] = self._counts.get(name, 0) + count
        return _summary({name: total for name, (total, _) in alone.items()},
                        {name: count for name, (_, count) in alone.items()})  # fmt: skip

    def compute(self) -> FlowErrorSummary:
        """Return the error over the pixels of all frames; without a frame nothing is known."""
        return _summary(self._sums, self._counts)


def end_point_error(flow: Float32Array, *, truth: Float32Array) -> Float32Array:
    """Return how far each displacement ends from the true one (Otte and Nagel, ECCV 1994).

    Args:
        flow: float32 (H, W, 2), pixels, (dx, dy).
        truth: float32 (H, W, 2).

    Returns:
        float32 (H, W), pixels; NaN where one of the two is.

    Raises:
        ShapeError: Another dtype, rank, or two sizes.

    >>> end_point_error(np.zeros((1, 1, 2), np.float32), truth=np.float32([[[3, 4]]])).tolist()
    [[5.0]]
    """
    _require_pair(flow, truth)
    return np.asarray(np.hypot(flow[..., 0] - truth[..., 0], flow[..., 1] - truth[..., 1]), np.float32)


def angular_error(flow: Float32Array, *, truth: Float32Array) -> Float32Array:
    """Return the angle between displacements in space and time, (dx, dy, 1).

    After Barron, Fleet and Beauchemin, "Performance of Optical Flow Techniques", IJCV 1994; it forgives fast
    motion more than slow.

    Args:
        flow: float32 (H, W, 2), pixels, (dx, dy).
        truth: float32 (H, W, 2).

    Returns:
        float32 (H, W), degrees, [0, 180]; NaN where one of the two is.

    Raises:
        ShapeError: Another dtype, rank, or two sizes.

    >>> angular_error(np.zeros((1, 1, 2), np.float32), truth=np.float32([[[1, 0]]])).round(3).tolist()
    [[45.0]]
    """
    _require_pair(flow, truth)
    u, v = (flow[..., axis].astype(np.float64) for axis in (0, 1))
    true_u, true_v = (truth[..., axis].astype(np.float64) for axis in (0, 1))
    # by sine and cosine: the cosine alone cannot tell small angles
    across = np.sqrt((v - true_v) ** 2 + (true_u - u) ** 2 + (u * true_v - v * true_u) ** 2)
    return np.degrees(np.arctan2(across, u * true_u + v * true_v + 1)).astype(np.float32)


def counted(flow: Float32Array, *, truth: Float32Array, valid: BoolMask | None) -> BoolMask:
    """Return the pixels, bool (H, W), at which a flow is compared: valid ones with a known truth.

    Raises:
        ShapeError: Another dtype, rank, or two sizes.
        ParameterError: The flow is not finite at one of them.
    """
    _require_pair(flow, truth)
    known = finite(truth)
    if valid is not None:
        _require_mask(valid, truth, "valid")
        known = known & valid
    n_undefined = int(np.count_nonzero(known & ~finite(flow)))
    if n_undefined:
        raise ParameterError(
            f"the flow must be finite wherever the truth is known, got {n_undefined} pixels that are not"
        )
    return known


def finite(flow: Float32Array) -> BoolMask:
    """Return where both components of a flow, float32 (H, W, 2), are known: bool (H, W)."""
    return np.asarray(np.isfinite(flow[..., 0]) & np.isfinite(flow[..., 1]), np.bool_)


def _sums(
    flow: Float32Array, truth: Float32Array, known: BoolMask, occluded: BoolMask | None
) -> dict[str, tuple[float, int]]:
    """Return name → sum over the pixels that count, and their number."""
    error = end_point_error(flow, truth=truth)[known].astype(np.float64)
    speed = np.hypot(truth[..., 0], truth[..., 1])[known].astype(np.float64)
    outlier = (error > OUTLIER_PX) & (error > OUTLIER_SHARE * speed)
    sums = {
        "epe": _sum(error),
        "fl_all": _sum(outlier.astype(np.float64)),
        "angle_deg": _sum(angular_error(flow, truth=truth)[known].astype(np.float64)),
    }
    for name, (low, high) in SPEED_CLASSES.items():
        sums[name] = _sum(error[(speed >= low) & (speed < high)])
    if occluded is not None:
        _require_mask(occluded, truth, "occluded")
        hidden = occluded[known]
        sums |= {"matched": _sum(error[~hidden]), "unmatched": _sum(error[hidden])}
    return sums


def _sum(values: NDArray[np.float64]) -> tuple[float, int]:
    return float(values.sum()), len(values)


def _summary(sums: Mapping[str, float], counts: Mapping[str, int]) -> FlowErrorSummary:
    means = {name: sums[name] / counts[name] if counts[name] else None for name in sums}
    return FlowErrorSummary(
        n_px=counts.get("epe", 0),
        epe=means.get("epe"),
        by_speed={name: means.get(name) for name in SPEED_CLASSES},
        matched=means.get("matched"),
        unmatched=means.get("unmatched"),
        fl_all=means.get("fl_all"),
        angle_deg=means.get("angle_deg"),
    )


def _require_pair(flow: Float32Array, truth: Float32Array) -> None:
    right = flow.dtype == truth.dtype == np.float32 and flow.ndim == 3 and flow.shape[2] == 2
    if not right or flow.shape != truth.shape:
        raise ShapeError(
            f"flow and truth must be float32 (H, W, 2) of one size, got {flow.dtype.name} {flow.shape} and "
            f"{truth.dtype.name} {truth.shape}"
        )


def _require_mask(mask: BoolMask, truth: Float32Array, name: str) -> None:
    if mask.dtype != np.bool_ or mask.shape != truth.shape[:2]:
        raise ShapeError(f"{name} must be bool {truth.shape[:2]}, got {mask.dtype.name} {mask.shape}")
