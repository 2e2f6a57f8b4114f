"""Every metric of one clip, fed one frame at a time, as one JSON-ready record; and raw against stable."""

import math
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict

from vidlab.errors import ParameterError
from vidlab.metrics.accuracy import Accuracy, FrameAccuracy
from vidlab.metrics.consistency import Consistency
from vidlab.metrics.stability import Stability, improvement_percent
from vidlab.types import BoolMask, Float32Array


def _null_if_nan(value: object) -> object:
    return None if isinstance(value, float) and math.isnan(value) else value


# NaN is not JSON: "undefined" is None in the record and null in the file.
Value = Annotated[float | None, BeforeValidator(_null_if_nan)]


class Curves(BaseModel):
    """One value per frame; None where the metric is undefined there.

    Attributes:
        area_px: Area of the mask, in pixels.
        iou_prev: IoU with the frame before.
        dice_prev: Dice coefficient with the frame before.
        changed_px: Pixels that differ from the frame before.
        changed_share: The same as a share of the picture.
        probs_l1: Mean L1 distance between the probability map and the one before.
        consistency: IoU with the frame before, warped along the flow, occlusions left out.
        j: Region similarity J to the truth.
        f: Boundary F to the truth, at the DAVIS tolerance.
        dice: Dice coefficient with the truth.
    """

    model_config = ConfigDict(frozen=True)

    area_px: list[int]
    iou_prev: list[Value]
    dice_prev: list[Value]
    changed_px: list[Value]
    changed_share: list[Value]
    probs_l1: list[Value]
    consistency: list[Value]
    j: list[Value]
    f: list[Value]
    dice: list[Value]


class ClipSummary(BaseModel):
    """The metrics of one clip; every mean is over the frames where its curve is defined.

    Attributes:
        n_frames: Frames seen.
        n_pairs: Pairs of neighbouring frames, n_frames − 1 (0 for no frames).
        n_probs_pairs: Pairs that both had probabilities.
        n_consistency_pairs: Pairs for which there was a flow.
        n_target: Frames with truth.
        iou_prev_mean: Mean adjacent IoU.
        instability: 1 − iou_prev_mean; lower is calmer.
        dice_prev_mean: Mean adjacent Dice coefficient.
        changed_px_mean: Mean number of changed pixels per pair.
        changed_share_mean: Mean share of the picture that changes per pair.
        probs_l1_mean: Mean L1 distance between consecutive probability maps.
        area_px_mean: Mean area, in pixels.
        area_cv: Standard deviation of the area over its mean.
        consistency_mean: Mean flow-compensated consistency ("MC").
        j_mean: Mean J.
        f_mean: Mean F.
        jf_mean: (J + F) / 2.
        dice_mean: Mean Dice coefficient with the truth.
        undefined_frames: For each curve that is undefined somewhere, the frames, such as `0, 12-14`.
        curves: One value per frame.
    """

    model_config = ConfigDict(frozen=True)

    n_frames: int
    n_pairs: int
    n_probs_pairs: int
    n_consistency_pairs: int
    n_target: int
    iou_prev_mean: Value
    instability: Value
    dice_prev_mean: Value
    changed_px_mean: Value
    changed_share_mean: Value
    probs_l1_mean: Value
    area_px_mean: Value
    area_cv: Value
    consistency_mean: Value
    j_mean: Value
    f_mean: Value
    jf_mean: Value
    dice_mean: Value
    undefined_frames: dict[str, str]
    curves: Curves


class Comparison(BaseModel):
    """What stabilizing changed; None where either side is undefined.

    Attributes:
        improvement_percent: Instability removed, in percent of the raw one.
        changed_px_improvement_percent: Changed pixels removed, in percent of the raw ones.
        probs_l1_improvement_percent: L1 distance removed, in percent of the raw one.
        area_cv_improvement_percent: Area variation removed, in percent of the raw one.
        consistency_gain_points: Change of the flow-compensated consistency, in points (0.01).
        j_gain_points: Change of J, in points.
        f_gain_points: Change of F, in points.
        jf_gain_points: Change of (J + F) / 2, in points; below 0, calm was bought with accuracy.
        dice_gain_points: Change of the Dice coefficient with the truth, in points.
    """

    model_config = ConfigDict(frozen=True)

    improvement_percent: Value
    changed_px_improvement_percent: Value
    probs_l1_improvement_percent: Value
    area_cv_improvement_percent: Value
    consistency_gain_points: Value
    j_gain_points: Value
    f_gain_points: Value
    jf_gain_points: Value
    dice_gain_points: Value


class ClipMetrics:
    """Every metric of one clip, one frame at a time.

    Holds one mask, one probability map and ten numbers per frame (the curves), never a clip.

    >>> import numpy as np
    >>> metrics = ClipMetrics()
    >>> for mask in np.array([[[True, False]], [[True, True]]]):
    ...     metrics.update(mask, probs=None, target=mask, flow_to_prev=None, occluded=None)
    >>> summary = metrics.compute()
    >>> summary.instability, summary.j_mean, summary.probs_l1_mean
    (0.5, 1.0, None)
    >>> summary.undefined_frames["iou_prev"], summary.undefined_frames["consistency"]
    ('0', '0-1')
    """

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget everything; the next frame is the first of a clip."""
        self._stability = Stability()
        self._consistency = Consistency()
        self._accuracy = Accuracy()
        self._curves: dict[str, list[float]] = {name: [] for name in Curves.model_fields}

    def update(
        self,
        mask: BoolMask,
        *,
        probs: Float32Array | None,
        target: BoolMask | None,
        flow_to_prev: Float32Array | None,
        occluded: BoolMask | None,
    ) -> None:
        """Take the next frame; what is None leaves its metrics undefined here.

        Args:
            mask: bool (H, W), the prediction.
            probs: float32 (H, W) or (K, H, W), [0, 1], its probabilities.
            target: bool (H, W), the truth.
            flow_to_prev: float32 (H, W, 2), pixels, (dx, dy): where each pixel was in the previous frame.
            occluded: bool (H, W), pixels that the consistency leaves out (see `consistency.occluded`).

        Raises:
            ShapeError: Another dtype, rank, or size; start again with `reset`.
        """
        nothing = FrameAccuracy(math.nan, math.nan, math.nan)
        accuracy = nothing if target is None else self._accuracy.update(mask, target=target)
        consistency = self._consistency.update(mask, flow_to_prev=flow_to_prev, occluded=occluded)
        stability = self._stability.update(mask, probs=probs)
        for part in (stability, accuracy):
            for name in part.__slots__:
                self._curves[name].append(getattr(part, name))
        self._curves["consistency"].append(consistency)

    def compute(self) -> ClipSummary:
        """Return the record of all frames so far; no frames: every mean None, every curve empty."""
        stability, accuracy = self._stability.compute(), self._accuracy.compute()
        n_frames = len(self._curves["area_px"])
        defined = {name: _count_defined(curve) for name, curve in self._curves.items()}
        return ClipSummary(
            n_frames=n_frames,
            n_pairs=max(n_frames - 1, 0),
            n_probs_pairs=defined["probs_l1"],
            n_consistency_pairs=defined["consistency"],
            n_target=defined["j"],
            instability=stability.pop("instability"),
            area_cv=stability.pop("area_cv"),
            consistency_mean=self._consistency.compute(),
            undefined_frames={
                name: _ranges(curve) for name, curve in self._curves.items() if defined[name] < n_frames
            },
            curves=Curves.model_validate(self._curves),
            **{f"{name}_mean": value for name, value in (stability | accuracy).items()},
        )


def compare(raw: ClipSummary, stable: ClipSummary) -> Comparison:
    """Compare the same clip before and after; percentages as `stability.improvement_percent` states them.

    Raises:
        ParameterError: The two do not cover the same number of frames.

    >>> empty = ClipMetrics().compute()
    >>> compare(empty, empty).improvement_percent is None
    True
    """
    if raw.n_frames != stable.n_frames:
        raise ParameterError(
            f"raw and stable must cover the same frames, got {raw.n_frames} and {stable.n_frames}"
        )
    return Comparison(
        improvement_percent=_improvement(raw.instability, stable.instability),
        changed_px_improvement_percent=_improvement(raw.changed_px_mean, stable.changed_px_mean),
        probs_l1_improvement_percent=_improvement(raw.probs_l1_mean, stable.probs_l1_mean),
        area_cv_improvement_percent=_improvement(raw.area_cv, stable.area_cv),
        consistency_gain_points=_gain(raw.consistency_mean, stable.consistency_mean),
        j_gain_points=_gain(raw.j_mean, stable.j_mean),
        f_gain_points=_gain(raw.f_mean, stable.f_mean),
        jf_gain_points=_gain(raw.jf_mean, stable.jf_mean),
        dice_gain_points=_gain(raw.dice_mean, stable.dice_mean),
    )


def _improvement(raw: float | None, stable: float | None) -> float | None:
    return None if raw is None or stable is None else improvement_percent(raw, stable)


def _gain(raw: float | None, stable: float | None) -> float | None:
    return None if raw is None or stable is None else 100.0 * (stable - raw)


def _count_defined(curve: list[float]) -> int:
    return sum(not math.isnan(value) for value in curve)


def _ranges(curve: list[float]) -> str:
    """Write where a curve is NaN as ranges: `0, 12-14`."""
    runs: list[list[int]] = []
    for frame, value in enumerate(curve):
        if not math.isnan(value):
            continue
        if runs and runs[-1][1] == frame - 1:
            runs[-1][1] = frame
        else:
            runs.append([frame, frame])
    return ", ".join(str(first) if first == last else f"{first}-{last}" for first, last in runs)
