"""What the numbers mean, in sentences: the traps of calm masks, named where they show.

`explain` reads the metrics of one clip, `explain_change` two results of the same clip. Both look only at the
numbers; every threshold is a constant with its reason.
"""

from vidlab.metrics.phrases import CALM_NOISE, LATE_FRAMES, POINT, count, is_speck, percent, points
from vidlab.metrics.statistics import RECALL_ABOVE
from vidlab.metrics.summary import ClipSummary
from vidlab.metrics.verdict_change import explain_change

__all__ = ["CALM_NOISE", "LOW_J", "explain", "explain_change"]

LOW_J = 0.75  # between the mean of YOLOv8n-seg, 0.81, and of DeepLabV3, 0.69, on five real clips
OUTLINE_GAP = 0.25  # F at the DAVIS tolerance less F at 2 px: a quarter of the outline lies between
JITTER_NOISE_PX = 0.5  # beyond the truth's own: what rounding to pixels can do
DECAY = 0.05  # J lost from the first quarter to the last
CONSISTENT = 0.9  # MC, above which masks look calm; the truth itself has 0.9 and more on real clips
STILL = 0.1  # share of the truth's instability below which masks stand still while it moves
TREND = 0.1  # area variation that a reader would take for flicker
STAR_GAP = 0.1  # VC8 less VC8*: share of the calm pixels that is calmly wrong


def explain(summary: ClipSummary, *, truth: ClipSummary | None) -> list[str]:
    """Say what the metrics of a clip mean, the weightiest first.

    Args:
        summary: Metrics of the masks.
        truth: What the truth itself measures; None without it.

    >>> from vidlab.metrics.clip import ClipMetrics
    >>> from vidlab.params import EvaluateParams
    >>> explain(ClipMetrics(EvaluateParams()).compute(), truth=None)
    ['there is no frame to judge']
    """
    if not summary.n_frames:
        return ["there is no frame to judge"]
    if not summary.area_px_mean:
        return _of_nothing(truth)
    sayings = [
        *_flicker(summary, truth),
        *_accuracy(summary),
        *_outline(summary, truth),
        *_lives(summary),
        *_unknown(summary),
        *_traps(summary),
    ]
    return sayings or ["nothing stands out"]


def _of_nothing(truth: ClipSummary | None) -> list[str]:
    if truth is not None and not truth.area_px_mean:
        return ["there is no object, and no mask"]
    return ["every mask is empty: an empty mask is perfectly consistent, and finds nothing"]


def _flicker(summary: ClipSummary, truth: ClipSummary | None) -> list[str]:
    excess = summary.excess_flicker
    if excess is None:
        return []
    moves, own = summary.instability, None if truth is None else truth.instability
    if moves is not None and own is not None and moves < own:
        # a mask that changes less than the truth does not flicker: it stays where the object has left
        if own > POINT and moves < STILL * own:
            return ["frozen: the masks stand still while the truth moves"]
        if excess > CALM_NOISE:
            return [
                f"stiller than the truth, but {percent(excess)} of the mask does not follow the motion: "
                "it lags, or is over-smoothed"
            ]
    if excess > CALM_NOISE:
        return [f"flickers: {percent(excess)} of the mask comes and goes without cause"]
    right = (summary.j_mean or 0.0) >= LOW_J
    if excess >= -CALM_NOISE:
        return ["as calm as the truth" + ("" if right else ", which does not make the masks right")]
    said = f"calmer than the truth by {points(-excess)}"
    if right:
        return [f"{said}: outlines are smoother than the real ones"]
    return [f"{said}, and wrong (J {summary.j_mean or 0:.2f}): over-smoothed"]


def _accuracy(summary: ClipSummary) -> list[str]:
    sayings = []
    j, recall, decay = summary.j_mean, summary.j_recall, summary.j_decay
    if recall is not None and recall < 1:
        sayings.append(
            f"in {percent(1 - recall)} of the frames the object is missed (J of {RECALL_ABOVE} or less)"
        )
    if decay is not None and decay > DECAY:
        sayings.append(f"J falls by {points(decay)} from the first quarter of the clip to the last")
    calm = summary.consistency_mean
    if j is not None and calm is not None and calm >= CONSISTENT and j < RECALL_ABOVE:
        sayings.append(f"consistent and wrong: MC is {calm:.2f}, but J is {j:.2f}")
    return sayings


def _outline(summary: ClipSummary, truth: ClipSummary | None) -> list[str]:
    wide, narrow = summary.f_mean, summary.f_2px_mean
    strays = _strays(summary, truth)
    if wide is None or narrow is None or wide - narrow < OUTLINE_GAP:
        return [f"outlines shake or lag {strays}"] if strays else []
    cause = f"shake or lag {strays}," if strays else "are coarse, or steadily off,"
    return [
        f"F at the DAVIS tolerance (8 px at 480p) is {wide:.2f}, but {narrow:.2f} at 2 px: "
        f"outlines {cause} below what DAVIS F can see"
    ]


def _strays(summary: ClipSummary, truth: ClipSummary | None) -> str:
    """Say how far outlines are from where the motion puts them; empty if no farther than the truth's."""
    jitter, own = summary.jitter_median_px, None if truth is None else truth.jitter_median_px
    if jitter is None or own is None or jitter - own <= JITTER_NOISE_PX:
        return ""
    return f"by {jitter:.1f} px per frame (the truth's by {own:.1f} px)"


def _lives(summary: ClipSummary) -> list[str]:
    sayings = []
    if summary.ghost_frames and not is_speck(summary):
        sayings.append(
            f"{count(summary.ghost_frames, 'frame')} with a ghost, a mask where the object has left "
            f"({summary.ghost_area_px or 0:,.0f} pixels on average)"
        )
    if summary.false_frames:
        sayings.append(f"{count(summary.false_frames, 'frame')} with a mask where no object ever was")
    if summary.dropouts:
        times = "once" if summary.dropouts == 1 else f"{summary.dropouts} times"
        lost = count(summary.dropout_frames or 0, "frame")
        sayings.append(f"the object is lost {times} while it is still there, for {lost}")
    latency = summary.birth_latency_frames
    if latency is not None and latency > LATE_FRAMES:
        sayings.append(f"a new object is kept {latency:.1f} frames late")
    if summary.unborn:
        sayings.append(f"{count(summary.unborn, 'appearance')} of an object never kept")
    return sayings


def _traps(summary: ClipSummary) -> list[str]:
    sayings = []
    cv, detrended = summary.area_cv, summary.area_cv_detrended
    if cv is not None and detrended is not None and cv > TREND > 4 * detrended:
        sayings.append(f"the area follows a trend (CV {cv:.2f}, {detrended:.3f} about it): no flicker")
    calm, right = summary.vc8, summary.vc8_star
    if calm is not None and right is not None and calm - right > STAR_GAP:
        sayings.append(f"VC8 is {calm:.2f}, but {right:.2f} if masks must also be right: calm in the wrong")
    return sayings


def _unknown(summary: ClipSummary) -> list[str]:
    sayings = []
    calm = summary.consistency_mean
    if not summary.n_pairs:
        return ["one frame alone cannot flicker"]
    if not summary.n_target:
        if calm is not None:
            sayings.append(f"along the motion {percent(calm)} of the mask agrees with the frame before (MC)")
        sayings.append(
            "without truth nobody knows whether the masks are right: empty or frozen ones would look calmer"
        )
    if not summary.n_consistency_pairs:
        sayings.append("without the video motion counts as flicker: an object that moves looks unstable")
    return sayings
