"""Traps for metrics: masks and measurements that are wrong on purpose, and which metric falls for them.

For the notebook that asks which metric can be trusted; its clips are in `trap_clips`, what it draws in
`trap_pictures`.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np

from vidlab.errors import ParameterError, ShapeError
from vidlab.flow import to_gray
from vidlab.flow.warp import nearest
from vidlab.jobs.measuring import Flow, Measuring, Prediction, pair_motion
from vidlab.jobs.trap_clips import DrawnClip
from vidlab.metrics.accuracy import Accuracy
from vidlab.metrics.clip import PairMotion
from vidlab.metrics.flicker import ExcessFlicker, FrameFlicker
from vidlab.metrics.headline import headline
from vidlab.metrics.jitter import BoundaryJitter
from vidlab.metrics.summary import ClipSummary
from vidlab.params import EvaluateParams
from vidlab.synthetic import adversaries
from vidlab.types import BoolMask, Float32Array, Frame, UInt8Image
from vidlab.viz.tables import number
from vidlab.viz.wording import METRICS

TRUTH, RAW = "truth", "raw"  # versions of a clip's masks that are not wrong on purpose
WRONG = {
    "empty": adversaries.empty,
    "full": adversaries.full,
    "constant": adversaries.constant,
    "frozen": adversaries.frozen,
    f"delayed by {adversaries.DELAY_FRAMES}": adversaries.delayed,
    f"median of {adversaries.MEDIAN_FRAMES}": adversaries.median,
    f"EMA {adversaries.EMA_ALPHA:g}": adversaries.ema,
}
TRIED = {  # what the traps are set for: field of `ClipSummary` → its name in a narrow column
    "iou_prev_mean": "adjacent IoU",
    "consistency_mean": "MC",
    "vc8": "VC8",
    "davis_t_mean": "T",
    "j_mean": "J",
    "f_mean": "F",
    "excess_flicker": "excess flicker",
    "headline": "headline",
}
FOOLED = "▲"
Motions = Sequence[PairMotion | None]


def measure(clip: DrawnClip, versions: Mapping[str, BoolMask]) -> dict[str, ClipSummary]:
    """Measure several versions of a clip's masks as `vidlab evaluate` would, with its defaults.

    Args:
        clip: The clip.
        versions: Name → bool (T, H, W).

    Returns:
        Name → its metrics.
    """
    measuring = Measuring(tuple(versions), params=EvaluateParams(), judged=True)
    for t, frame in enumerate(clip.frames):
        predictions = {name: Prediction(masks[t], None) for name, masks in versions.items()}
        measuring.update(Frame(frame.image, frame.index, frame.pts_s), predictions, target=clip.truth[t])
    return measuring.compute()


def is_better(name: str, value: float | None, rival: float | None) -> bool:
    """Tell whether a metric, a field of `ClipSummary`, prefers one value to another; undefined: no.

    >>> is_better("j_mean", 0.9, 0.8), is_better("excess_flicker", 0.9, 0.8), is_better("j_mean", None, 0.8)
    (True, False, False)
    """
    if value is None or rival is None:
        return False
    return value > rival if METRICS[name].better == "more" else value < rival


def winners(measured: Mapping[str, ClipSummary], name: str, *, rival: str) -> list[str]:
    """Return the wrong versions that a metric, a field of `ClipSummary`, ranks above a rival version."""
    limit = getattr(measured[rival], name)
    return [
        version
        for version in measured
        if version not in (TRUTH, RAW) and is_better(name, getattr(measured[version], name), limit)
    ]


def trap_header(tried: Mapping[str, str]) -> tuple[str, ...]:
    """Return the header of `trap_rows`: metrics (field of `ClipSummary` → name), and which way is better."""
    arrows = {"more": "↑", "less": "↓"}
    return ("masks", *(f"{label} {arrows[METRICS[name].better]}" for name, label in tried.items()))


def trap_rows(
    measured: Mapping[str, ClipSummary], tried: Mapping[str, str], *, decimals: int
) -> list[tuple[str, ...]]:
    """Return a row per version, cells in which a wrong one beats raw marked; the last row counts them."""
    beaten = {name: winners(measured, name, rival=RAW) for name in tried}
    rows = []
    for version, summary in measured.items():
        cells = (
            (f"{FOOLED} " if version in beaten[name] else "") + number(getattr(summary, name), decimals)
            for name in tried
        )
        rows.append((version, *cells))
    n_wrong = sum(version not in (TRUTH, RAW) for version in measured)
    return [*rows, ("wrong masks above raw", *(f"{len(found)} of {n_wrong}" for found in beaten.values()))]


def answer(above_raw: Mapping[str, int], *, shake_cost: Mapping[str, float]) -> str:
    """Say in one sentence which metric to trust: one that no wrong mask fools, and a shake hurts most.

    Args:
        above_raw: Name of a metric → how many wrong masks it ranks above raw.
        shake_cost: Name of a metric → what it takes off for shaken true masks; one that is missing: nothing.

    >>> answer({"T": 7, "F": 0}, shake_cost={})
    '1 of 2 metrics ranks a wrong mask above the honest ones; F does not, but it does not see a shake.'
    """
    unfooled = [name for name, count in above_raw.items() if not count]
    n_fooled = len(above_raw) - len(unfooled)
    fooled = f"{n_fooled} of {len(above_raw)} metrics {'ranks' if n_fooled == 1 else 'rank'}"
    fooled += " a wrong mask above the honest ones"
    if not unfooled:
        return f"{fooled}: none can be trusted alone."
    best = max(unfooled, key=lambda name: shake_cost.get(name, 0.0))
    others = f"{', '.join(unfooled)} {'does' if len(unfooled) == 1 else 'do'} not"
    if shake_cost.get(best, 0.0) <= 0:
        return f"{fooled}; {others}, but {'it does' if len(unfooled) == 1 else 'they do'} not see a shake."
    return f"{fooled}; {others}, and {best} sees a shake best: trust it where there is truth."


def motions(images: Sequence[UInt8Image], flow: Flow) -> list[PairMotion | None]:
    """Estimate how every frame, uint8 (H, W, 3) RGB, moved since the one before; None for the first."""
    grays = [to_gray(image) for image in images]
    moved = [pair_motion(flow, now, before) for before, now in pairwise(grays)]
    return [None, *moved]


def exact_motions(clip: DrawnClip) -> list[PairMotion | None]:
    """Return how every frame moved, as it was drawn; None for the first."""
    moved = [PairMotion(f.flow_to_prev, f.occluded, ~f.occluded) for f in clip.frames[1:]]
    return [None, *moved]


def carry(mask: BoolMask, along: Motions) -> BoolMask:
    """Drag one mask along the flow forever: bool (T, H, W), its own first frame, never looked at again."""
    carried = [mask.astype(np.float32)]
    for motion in along[1:]:
        if motion is None:
            raise ShapeError("motions must be known for every frame but the first, got None")
        carried.append(nearest(carried[-1], motion.flow_to_prev))
    return np.stack(carried) > 0


def flicker(masks: BoolMask, *, truth: BoolMask, judge: Motions) -> FrameFlicker:
    """Return flicker and excess flicker of a clip's masks, bool (T, H, W), as one motion sees them."""
    metric = ExcessFlicker()
    for mask, target, motion in zip(masks, truth, judge, strict=True):
        flow = None if motion is None else motion.flow_to_prev
        hidden = None if motion is None else motion.occluded
        metric.update(mask, target=target, flow_to_prev=flow, occluded=hidden)
    return metric.compute()


def shake_scores(truth: BoolMask, *, px: float, judge: Motions) -> dict[str, float]:
    """Shake true masks from side to side and measure them against themselves.

    Args:
        truth: bool (T, H, W).
        px: Every other mask is moved by so many pixels.
        judge: How the frames moved.

    Returns:
        `j`, `f` at the DAVIS tolerance, `f_2px`, `f_1px`, `jitter_px` (median), `headline`.
    """
    masks = adversaries.shaken(truth, px=px)
    accuracy, jitter = Accuracy(), BoundaryJitter()
    for mask, target, motion in zip(masks, truth, judge, strict=True):
        accuracy.update(mask, target=target)
        flow = None if motion is None else motion.flow_to_prev
        jitter.update(mask, flow_to_prev=flow, occluded=None if motion is None else motion.occluded)
    means = accuracy.compute()
    excess = flicker(masks, truth=truth, judge=judge).excess
    scores = {name: means[name] for name in ("j", "f", "f_2px", "f_1px")}
    scores["jitter_px"] = jitter.compute().median_px
    return scores | {"headline": headline(j=means["j"], f_2px=means["f_2px"], excess_flicker=excess)}


def mismatched_still(size_hw: tuple[int, int]) -> Float32Array:
    """What "nothing moves" becomes in a warp whose two halves disagree about the corners of a picture.

    Pixel x is scaled to g = 2x / (W − 1) − 1, where −1 and 1 are the centers of the corner pixels
    (`align_corners=True`), and then sampled at ((g + 1) · W − 1) / 2, where they are their outer edges
    (`align_corners=False`). Together, x · W / (W − 1) − ½: half a pixel off at the borders.

    Args:
        size_hw: Height and width, pixels, 2 or more each.

    Returns:
        float32 (H, W, 2), pixels, (dx, dy): a `flow_to_prev`.

    Raises:
        ParameterError: A picture of one row or column.

    >>> mismatched_still((2, 3))[..., 0].tolist()
    [[-0.5, 0.0, 0.5], [-0.5, 0.0, 0.5]]
    """
    if min(size_hw) < 2:
        raise ParameterError(f"size_hw must be at least 2 pixels a side, got {size_hw}")
    dy, dx = (np.arange(side) / (side - 1) - 0.5 for side in size_hw)
    return np.stack(np.meshgrid(dx, dy), axis=-1).astype(np.float32)
