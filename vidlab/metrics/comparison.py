"""Raw against stable: what stabilizing changed, in percent and points."""

from pydantic import BaseModel, ConfigDict

from vidlab.errors import ParameterError
from vidlab.metrics.curves import Value
from vidlab.metrics.stability import improvement_percent
from vidlab.metrics.summary import ClipSummary


class Comparison(BaseModel):
    """What stabilizing changed; None where either side is undefined.

    Attributes:
        improvement_percent: Instability removed, in percent of the raw one.
        changed_px_improvement_percent: Changed pixels removed, in percent of the raw ones.
        probs_l1_improvement_percent: L1 distance removed, in percent of the raw one.
        area_cv_improvement_percent: Area variation removed, in percent of the raw one.
        consistency_gain_points: Change of the flow-compensated consistency, in points (0.01).
        excess_flicker_gain_points: Change of the excess flicker, in points; below 0 is calmer.
        headline_gain_points: Change of the headline, in points.
        j_gain_points: Change of J, in points.
        f_gain_points: Change of F, in points.
        f_2px_gain_points: Change of F at 2 px, in points.
        jf_gain_points: Change of (J + F) / 2, in points; below 0, calm was bought with accuracy.
        dice_gain_points: Change of the Dice coefficient with the truth, in points.
        jitter_improvement_percent: Jitter of the outline removed, in percent of the raw one.
        area_cv_detrended_improvement_percent: Area variation about its trend removed, in percent.
    """

    model_config = ConfigDict(frozen=True)

    improvement_percent: Value
    changed_px_improvement_percent: Value
    probs_l1_improvement_percent: Value
    area_cv_improvement_percent: Value
    consistency_gain_points: Value
    excess_flicker_gain_points: Value
    headline_gain_points: Value
    j_gain_points: Value
    f_gain_points: Value
    f_2px_gain_points: Value
    jf_gain_points: Value
    dice_gain_points: Value
    jitter_improvement_percent: Value
    area_cv_detrended_improvement_percent: Value


def compare(raw: ClipSummary, stable: ClipSummary) -> Comparison:
    """Compare the same clip before and after; percentages as `stability.improvement_percent` states them.

    Raises:
        ParameterError: The two do not cover the same number of frames.

    >>> from vidlab.metrics.clip import ClipMetrics
    >>> from vidlab.params import EvaluateParams
    >>> empty = ClipMetrics(EvaluateParams()).compute()
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
        excess_flicker_gain_points=_gain(raw.excess_flicker, stable.excess_flicker),
        headline_gain_points=_gain(raw.headline, stable.headline),
        j_gain_points=_gain(raw.j_mean, stable.j_mean),
        f_gain_points=_gain(raw.f_mean, stable.f_mean),
        jf_gain_points=_gain(raw.jf_mean, stable.jf_mean),
        f_2px_gain_points=_gain(raw.f_2px_mean, stable.f_2px_mean),
        dice_gain_points=_gain(raw.dice_mean, stable.dice_mean),
        jitter_improvement_percent=_improvement(raw.jitter_median_px, stable.jitter_median_px),
        area_cv_detrended_improvement_percent=_improvement(raw.area_cv_detrended, stable.area_cv_detrended),
    )


def _improvement(raw: float | None, stable: float | None) -> float | None:
    return None if raw is None or stable is None else improvement_percent(raw, stable)


def _gain(raw: float | None, stable: float | None) -> float | None:
    return None if raw is None or stable is None else 100.0 * (stable - raw)
