"""How sure it is that one result is better than another: over the frames of a clip, and over clips."""

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import TypeVar

import numpy as np

from vidlab.metrics.bootstrap import Curve, Interval, paired_change, paired_clips
from vidlab.metrics.summary import ClipSummary
from vidlab.params import EvaluateParams
from vidlab.viz.wording import METRICS

Given = TypeVar("Given")

# What a smoother is chosen by; drawing all forty would find something in any two results.
DRAWN = (
    "j_mean", "f_mean", "f_2px_mean", "excess_flicker", "flicker_mean", "consistency_mean", "jitter_median_px"
)  # fmt: skip


def frame_intervals(
    masks: ClipSummary, against: ClipSummary, *, params: EvaluateParams
) -> dict[str, Interval]:
    """Return the mean difference per frame, masks − against, of each metric in `DRAWN` that both have.

    `p_better` is the share of the draws in which `masks` are better, whichever way that is.
    """

    def draw(curve: str, rng: np.random.Generator, swap: bool) -> Interval:
        pair = _curve(against, curve), _curve(masks, curve)
        return paired_change(*_ordered(pair, swap), rng=rng, resamples=params.resamples)

    return _drawn(draw, seed=params.seed)


def clip_intervals(
    masks: Mapping[str, ClipSummary], against: Mapping[str, ClipSummary], *, params: EvaluateParams
) -> dict[str, Interval]:
    """Return the mean difference over clips, as `frame_intervals` does; clips are drawn, and frames in them.

    Raises:
        ParameterError: The two do not hold the same clips.
    """

    def draw(curve: str, rng: np.random.Generator, swap: bool) -> Interval:
        pair = tuple({name: _curve(one, curve) for name, one in side.items()} for side in (against, masks))
        return paired_clips(*_ordered((pair[0], pair[1]), swap), rng=rng, resamples=params.resamples)

    return _drawn(draw, seed=params.seed)


def interval_json(interval: Interval) -> dict[str, float | int | None]:
    """Return an interval as JSON-ready values; NaN is None."""
    return {name: None if math.isnan(value) else value for name, value in asdict(interval).items()}


def _drawn(draw: Callable[[str, np.random.Generator, bool], Interval], *, seed: int) -> dict[str, Interval]:
    intervals = {}
    for name in DRAWN:
        less = METRICS[name].better == "less"
        rng = np.random.default_rng(seed)  # anew: every metric is drawn on the same frames
        # where less is better, the gain is how much was lost: drawn the other way round, and turned back
        drawn = draw(METRICS[name].curve, rng, less)
        if drawn.n:
            intervals[name] = _turned(drawn) if less else drawn
    return intervals


def _turned(gain: Interval) -> Interval:
    return Interval(-gain.mean, -gain.high, -gain.low, gain.n, gain.p_better)


def _ordered(pair: tuple[Given, Given], swap: bool) -> tuple[Given, Given]:
    return (pair[1], pair[0]) if swap else pair


def _curve(summary: ClipSummary, name: str) -> Curve:
    values: Curve = getattr(summary.curves, name)
    return values
