"""What the numbers mean, in sentences: the traps of calm masks, named where they show.

`explain` reads the metrics of one clip, `explain_change` two results of the same clip. Both look only at the
numbers; every threshold is a constant with its reason.
"""

from vidlab.metrics.statistics import RECALL_ABOVE
from vidlab.metrics.summary import ClipSummary

CALM_NOISE = 0.01  # excess flicker: DIS in place of Farnebäck moves it by up to 0.0095 on five real clips
LOW_J = 0.75  # less than networks reach on objects that they find
OUTLINE_GAP = 0.25  # F at the DAVIS tolerance less F at 2 px; good networks stay below
JITTER_NOISE_PX = 0.5  # beyond the truth's own: half the grid of the pixels
DECAY = 0.05  # J lost from the first quarter to the last
CONSISTENT = 0.9  # MC, above which masks look calm
STILL = 0.1  # share of the truth's instability below which masks stand still while it moves
POINT = 0.01  # one point: smaller changes are not worth a sentence
GHOST_SHARE = 0.01  # of the mean mask: smaller ghosts are specks that nobody sees
LATE_FRAMES = 1.0  # births later than the next frame
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
                f"stiller than the truth, but {_percent(excess)} of the mask does not follow the motion: "
                "it lags, or is over-smoothed"
            ]
    if excess > CALM_NOISE:
        return [f"flickers: {_percent(excess)} of the mask comes and goes without cause"]
    right = (summary.j_mean or 0.0) >= LOW_J
    if excess >= -CALM_NOISE:
        return ["as calm as the truth" + ("" if right else ", which does not make the masks right")]
    said = f"calmer than the truth by {_points(-excess)}"
    if right:
        return [f"{said}: outlines are smoother than the real ones"]
    return [f"{said}, and wrong (J {summary.j_mean or 0:.2f}): over-smoothed"]


def _accuracy(summary: ClipSummary) -> list[str]:
    sayings = []
    j, recall, decay = summary.j_mean, summary.j_recall, summary.j_decay
    if recall is not None and recall < 1:
        sayings.append(
            f"in {_percent(1 - recall)} of the frames the object is missed (J of {RECALL_ABOVE} or less)"
        )
    if decay is not None and decay > DECAY:
        sayings.append(f"J falls by {_points(decay)} from the first quarter of the clip to the last")
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
    if summary.ghost_frames and not _is_speck(summary):
        sayings.append(
            f"{_frames(summary.ghost_frames)} with a ghost, a mask where the object has left "
            f"({summary.ghost_area_px or 0:,.0f} pixels on average)"
        )
    if summary.false_frames:
        sayings.append(f"{_frames(summary.false_frames)} with a mask where no object ever was")
    if summary.dropouts:
        times = "once" if summary.dropouts == 1 else f"{summary.dropouts} times"
        sayings.append(
            f"the object is lost {times} while it is still there, for {_frames(summary.dropout_frames or 0)}"
        )
    latency = summary.birth_latency_frames
    if latency is not None and latency > LATE_FRAMES:
        sayings.append(f"a new object is kept {latency:.1f} frames late")
    if summary.unborn:
        sayings.append(f"{_count(summary.unborn, 'appearance')} of an object never kept")
    return sayings


def _is_speck(summary: ClipSummary) -> bool:
    return (summary.ghost_area_px or 0.0) < GHOST_SHARE * (summary.area_px_mean or 0.0)


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
            sayings.append(f"along the motion {_percent(calm)} of the mask agrees with the frame before (MC)")
        sayings.append(
            "without truth nobody knows whether the masks are right: empty or frozen ones would look calmer"
        )
    if not summary.n_consistency_pairs:
        sayings.append("without the video motion counts as flicker: an object that moves looks unstable")
    return sayings


def _rank(before: ClipSummary, after: ClipSummary) -> list[str]:
    change = _change(before.headline, after.headline)
    if change is None or abs(change) < POINT:
        return []
    verb = "better" if change > 0 else "worse"
    return [f"{verb}: the headline goes from {before.headline:.3f} to {after.headline:.3f}"]


def _calm_against_accuracy(before: ClipSummary, after: ClipSummary) -> list[str]:
    accuracy = _change(before.jf_mean, after.jf_mean)
    calm = _change(before.iou_prev_mean, after.iou_prev_mean)
    sayings = []
    if not after.area_px_mean and before.area_px_mean:
        sayings.append("the masks became empty, which no measure of calm punishes")
    if accuracy is None:
        return [*sayings, *_without_truth(before, after)]
    if calm is not None and calm >= POINT and accuracy <= -POINT:
        sayings.append(f"raised adjacent IoU by {_points(calm)} but lost {_points(-accuracy)} of accuracy")
    elif abs(accuracy) >= POINT:
        verb = "gained" if accuracy > 0 else "lost"
        sayings.append(f"{verb} {_points(abs(accuracy))} of accuracy, (J + F) / 2")
    return [*sayings, *_excess_change(before, after, accuracy=accuracy)]


def _excess_change(before: ClipSummary, after: ClipSummary, *, accuracy: float) -> list[str]:
    was, now = before.excess_flicker, after.excess_flicker
    if was is None or now is None or abs(now - was) < POINT:
        return []
    said = f"excess flicker goes from {was:.1%} to {now:.1%} of the mask".replace("%", " %")
    if now < -CALM_NOISE and accuracy <= -POINT:
        return [f"{said}: over-smoothed, calmer than the truth and less accurate"]
    return [said]


def _without_truth(before: ClipSummary, after: ClipSummary) -> list[str]:
    unknown = "without truth nobody knows whether that made them better"
    along = _change(before.consistency_mean, after.consistency_mean)
    if along is not None and abs(along) >= POINT:
        verb = "gained" if along > 0 else "lost"
        return [
            f"{verb} {_points(abs(along))} of consistency along the flow (MC); {unknown}",
            *_guess(before.quality_proxy, after.quality_proxy),
        ]
    calm = _change(before.iou_prev_mean, after.iou_prev_mean)
    if calm is not None and abs(calm) >= POINT:
        return [f"{'raised' if calm > 0 else 'lowered'} adjacent IoU by {_points(abs(calm))}; {unknown}"]
    return []


def _guess(was: float | None, now: float | None) -> list[str]:
    if was is None or now is None or was == now:
        return []
    return [f"the quality proxy guesses {'better' if now > was else 'worse'}: {was:.3f} → {now:.3f}"]


def _outline_change(before: ClipSummary, after: ClipSummary) -> list[str]:
    wide, narrow = _change(before.f_mean, after.f_mean), _change(before.f_2px_mean, after.f_2px_mean)
    if wide is None or narrow is None:
        return []
    if narrow <= -2 * POINT and wide > narrow / 2:
        return [f"F at 2 px lost {_points(-narrow)}, of which DAVIS F sees {_points(max(0.0, -wide))}"]
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
        specks = name == "ghost_frames" and _is_speck(before) and _is_speck(after)
        if was is not None and now is not None and was != now and not specks:
            sayings.append(f"{'more' if now > was else 'fewer'} {label}: {was} → {now}")
    late = _change(before.birth_latency_frames, after.birth_latency_frames)
    if late is not None and abs(late) >= LATE_FRAMES:
        sayings.append(f"new objects are kept {abs(late):.1f} frames {'later' if late > 0 else 'sooner'}")
    return sayings


def _change(before: float | None, after: float | None) -> float | None:
    return None if before is None or after is None else after - before


def _points(share: float) -> str:
    return f"{100 * share:.1f} points"


def _percent(share: float) -> str:
    """A share in percent; small ones with a digit more.

    >>> _percent(0.124), _percent(0.014)
    ('12 %', '1.4 %')
    """
    return f"{100 * share:.0f} %" if share >= 0.1 else f"{100 * share:.1f} %"


def _frames(count: int) -> str:
    return _count(count, "frame")


def _count(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
