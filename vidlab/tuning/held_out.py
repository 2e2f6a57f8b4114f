"""What tuning is worth where nobody tuned: clips left out one by one, or the later half of a single one."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from vidlab.errors import SourceError
from vidlab.jobs.rehearsal import Rehearsal
from vidlab.metrics.bootstrap import Interval, paired_change, paired_clips
from vidlab.metrics.summary import ClipSummary
from vidlab.params import EvaluateParams, MethodParams
from vidlab.tuning.scoring import By, Curve, Outcome, flicker_curve, outcome, quality_curve, score_curve

CurveOf = Callable[..., Curve]

FEWEST_FRAMES = 8  # of a clip that is cut into halves: fewer say nothing


@dataclass(frozen=True, slots=True)
class Compared:
    """Parameters against the defaults, on the same clips.

    Attributes:
        base: Clip → what the defaults give.
        tuned: Clip → what the parameters give.
        quality: Mean gain in (J + F) / 2, or in contrast across the outline; more is better.
        flicker: Mean change of flicker; less is better.
        score: Mean gain in score, frame by frame; more is better.
    """

    base: Mapping[str, Outcome]
    tuned: Mapping[str, Outcome]
    quality: Interval
    flicker: Interval
    score: Interval

    @property
    def is_better(self) -> bool:
        """The gain in score is above what drawing frames and clips again makes of nothing."""
        return self.score.low > 0

    @property
    def is_worse(self) -> bool:
        """The loss in score is above what drawing them again makes of nothing."""
        return self.score.high < 0


Measured = dict[str, tuple[ClipSummary, ClipSummary]]
"""Clip → metrics with the defaults, metrics with other parameters."""


def measure_both(clips: Mapping[str, Rehearsal], *, base: MethodParams, tuned: MethodParams) -> Measured:
    """Measure defaults and other parameters on the same clips; equal ones once."""
    measured = {}
    for name, clip in clips.items():
        before = clip.measure(base)
        measured[name] = before, before if tuned == base else clip.measure(tuned)
    return measured


def compare(measured: Measured, *, by: By, judge: EvaluateParams) -> Compared:
    """Sum up what was measured, with intervals from drawing frames, and clips, again."""

    def drawn(curve_of: CurveOf) -> Interval:
        rng = np.random.default_rng(judge.seed)  # anew: every number is drawn on the same frames
        base = {name: curve_of(pair[0], by=by) for name, pair in measured.items()}
        tuned = {name: curve_of(pair[1], by=by) for name, pair in measured.items()}
        if len(measured) == 1:
            (name,) = measured
            return paired_change(base[name], tuned[name], rng=rng, resamples=judge.resamples)
        return paired_clips(base, tuned, rng=rng, resamples=judge.resamples)

    return Compared(
        {name: outcome(pair[0], by=by) for name, pair in measured.items()},
        {name: outcome(pair[1], by=by) for name, pair in measured.items()},
        quality=drawn(quality_curve),
        flicker=drawn(flicker_curve),
        score=drawn(score_curve),
    )


def halves(name: str, clip: Rehearsal) -> tuple[Rehearsal, Rehearsal]:
    """Cut a clip in time: the first half to tune on, the second to report.

    Raises:
        SourceError: It is too short.
    """
    if clip.n_frames < FEWEST_FRAMES:
        raise SourceError(
            f"a clip to be tuned on must hold at least {FEWEST_FRAMES} frames, half of them to be held out, "
            f"got {clip.n_frames} in {name}"
        )
    middle = clip.n_frames // 2
    return clip.part(0, middle), clip.part(middle, clip.n_frames)
