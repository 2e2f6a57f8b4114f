"""What changed from one result to another of the same clip, in sentences."""

from vidlab.metrics.phrases import (
    CALM_NOISE,
    LATE_FRAMES,
    POINT,
    gain,
    is_speck,
    points,
)
from vidlab.metrics.summary import ClipSummary


def explain_change(before: ClipSummary, after: ClipSummary) -> list[str]:
    """Say what changed from one result to another of the same clip, the weightiest first.

    >>> from vidlab.metrics.clip import ClipMetrics
    >>> from vidlab.params import EvaluateParams
    >>> metrics = ClipMetrics(EvaluateParams()).compute()
    >>> explain_change(metrics, metrics)
    ['no metric that was measured on both changed by a point']
    """
    sayings = [
        *_rank(before, after),
        *_calm_against_accuracy(before, after),
        *_outline_change(before, after),
        *_lives_change(before, after),
    ]
    return sayings or ["no metric that was measured on both changed by a point"]


def _rank(before: ClipSummary, after: ClipSummary) -> list[str]:
    change = gain(before.headline, after.headline)
    if change is None or abs(change) < POINT:
        return []
    verb = "better" if change > 0 else "worse"
    return [f"{verb}: the headline goes from {before.headline:.3f} to {after.headline:.3f}"]


def _calm_against_accuracy(before: ClipSummary, after: ClipSummary) -> list[str]:
    accuracy = gain(before.jf_mean, after.jf_mean)
    calm = gain(before.iou_prev_mean, after.iou_prev_mean)
    sayings = []
    if not after.area_px_mean and before.area_px_mean:
        sayings.append("the masks became empty, which no measure of calm punishes")
    if accuracy is None:
        return [*sayings, *_without_truth(before, after)]
    if calm is not None and calm >= POINT and accuracy <= -POINT:
        sayings.append(f"raised adjacent IoU by {points(calm)} but lost {points(-accuracy)} of accuracy")
    elif abs(accuracy) >= POINT:
        verb = "gained" if accuracy > 0 else "lost"
        sayings.append(f"{verb} {points(abs(accuracy))} of accuracy, (J + F) / 2")
    return [*sayings, *_excess_change(before, after, accuracy=accuracy)]


def _excess_change(before: ClipSummary, after: ClipSummary, *, accuracy: float) -> list[str]:
    was, now = before.excess_flicker, after.excess_flicker
    if was is None or now is None or abs(now - was) < POINT:
        return []
    said = f"excess flicker goes from {was:.1%} to {now:.1%} of the mask".replace("%", " %")
    if now >= -CALM_NOISE:
        return [said]
    if accuracy <= -POINT:
        return [f"{said}: over-smoothed, calmer than the truth and less accurate"]
    return [f"{said}: calmer than the truth"]


def _without_truth(before: ClipSummary, after: ClipSummary) -> list[str]:
    unknown = "without truth nobody knows whether that made them better"
    along = gain(before.consistency_mean, after.consistency_mean)
    if along is not None and abs(along) >= POINT:
        verb = "gained" if along > 0 else "lost"
        return [
            f"{verb} {points(abs(along))} of consistency along the flow (MC); {unknown}",
            *_guess(before.quality_proxy, after.quality_proxy),
        ]
    calm = gain(before.iou_prev_mean, after.iou_prev_mean)
    if calm is not None and abs(calm) >= POINT:
        return [f"{'raised' if calm > 0 else 'lowered'} adjacent IoU by {points(abs(calm))}; {unknown}"]
    return []


def _guess(was: float | None, now: float | None) -> list[str]:
    if was is None or now is None or was == now:
        return []
    return [f"the quality proxy guesses {'better' if now > was else 'worse'}: {was:.3f} → {now:.3f}"]


def _outline_change(before: ClipSummary, after: ClipSummary) -> list[str]:
    wide, narrow = gain(before.f_mean, after.f_mean), gain(before.f_2px_mean, after.f_2px_mean)
    if wide is None or narrow is None:
        return []
    if narrow <= -2 * POINT and wide > narrow / 2:
        return [f"F at 2 px lost {points(-narrow)}, of which DAVIS F sees {points(max(0.0, -wide))}"]
    return []


def _lives_change(before: ClipSummary, after: ClipSummary) -> list[str]:
    named = {
        "ghost_frames": "frames with a ghost",
        "false_frames": "frames with a mask where no object ever was",
        "dropout_frames": "frames lost in dropouts",
        "unborn": "appearances never kept",
    }
    sayings = []
    for name, label in named.items():
        was, now = getattr(before, name), getattr(after, name)
        specks = name == "ghost_frames" and is_speck(before) and is_speck(after)
        if was is not None and now is not None and was != now and not specks:
            sayings.append(f"{'more' if now > was else 'fewer'} {label}: {was} → {now}")
    late = gain(before.birth_latency_frames, after.birth_latency_frames)
    if late is not None and abs(late) >= LATE_FRAMES:
        sayings.append(f"new objects are kept {abs(late):.1f} frames {'later' if late > 0 else 'sooner'}")
    return sayings
