"""What a trial is worth on a clip: quality and flicker, and the one number that ranks trials.

with truth     quality (J + F) / 2           flicker beyond the truth's     score: the headline
without        contrast across the outline   flicker                        score: the no-truth proxy
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Literal

import numpy as np

from vidlab.jobs.rehearsal import Rehearsal
from vidlab.metrics.headline import headline
from vidlab.metrics.proxy import quality_proxy
from vidlab.metrics.summary import ClipSummary

Curve = list[float]
By = Literal["truth", "proxy"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one trial gave on one clip, or the mean over clips.

    Attributes:
        quality: Mean (J + F) / 2, or mean contrast across the outline; [0, 1].
        flicker: Flicker beyond that of the truth, below 0 for masks that are calmer than it; or all flicker.
        score: Headline, or no-truth proxy; [0, 1].
    """

    quality: float
    flicker: float
    score: float

    def to_json(self) -> dict[str, float]:
        """Return the three numbers by name."""
        return asdict(self)


def outcome(summary: ClipSummary, *, by: By) -> Outcome:
    """Return what a clip's metrics mean for tuning; what is undefined counts 0."""
    if by == "truth":
        return Outcome(summary.jf_mean or 0.0, summary.excess_flicker or 0.0, summary.headline or 0.0)
    return Outcome(
        summary.outline_contrast_mean or 0.0, summary.flicker_mean or 0.0, summary.quality_proxy or 0.0
    )


def mean_outcome(outcomes: Sequence[Outcome]) -> Outcome:
    """Return the mean over clips: long ones count no more than short ones."""
    means = np.mean([[each.quality, each.flicker, each.score] for each in outcomes], axis=0)
    return Outcome(*(float(value) for value in means))


def score_curve(summary: ClipSummary, *, by: By) -> Curve:
    """Return the score of each frame by itself, NaN where it is undefined.

    Its mean is not quite the score of the clip, which is made of means; differences between two sets of
    parameters are drawn again from it.
    """
    curves = summary.curves
    if by == "truth":
        rows = zip(curves.j, curves.f_2px, curves.excess_flicker, strict=True)
        return [
            math.nan if j is None or f is None else headline(j=j, f_2px=f, excess_flicker=e or 0.0)
            for j, f, e in rows
        ]
    pairs = zip(curves.outline_contrast, curves.flicker, strict=True)
    return [math.nan if c is None else quality_proxy(contrast=c, flicker=e or 0.0) for c, e in pairs]


def quality_curve(summary: ClipSummary, *, by: By) -> Curve:
    """Return (J + F) / 2, or the contrast across the outline, of each frame; NaN where it is undefined."""
    curves = summary.curves
    if by == "truth":
        pairs = zip(curves.j, curves.f, strict=True)
        return [math.nan if j is None or f is None else (j + f) / 2 for j, f in pairs]
    return [math.nan if value is None else value for value in curves.outline_contrast]


def flicker_curve(summary: ClipSummary, *, by: By) -> Curve:
    """Return the flicker of each frame, less the truth's where there is one; NaN where it is undefined."""
    values = summary.curves.excess_flicker if by == "truth" else summary.curves.flicker
    return [math.nan if value is None else value for value in values]


def judged_by(clips: Iterable[Rehearsal]) -> By:
    """Return what decides: the truth where every clip has it, else the proxy for all of them."""
    return "truth" if all(clip.truth is not None for clip in clips) else "proxy"
