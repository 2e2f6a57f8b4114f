"""One search for parameters on some clips: defaults first, then small changes to them, then the sampler."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from vidlab.jobs.rehearsal import Rehearsal
from vidlab.params import DEFAULT_METHOD, MethodParams, TuneParams
from vidlab.temporal import create_stabilizer
from vidlab.tuning.fronts import front, hypervolume, knee
from vidlab.tuning.scoring import Outcome, mean_outcome
from vidlab.tuning.space import Axis, Point, defaults_of, near_defaults
from vidlab.tuning.studies import Direction, Study, Tried
from vidlab.tuning.trying import Trier

MOST_NEAR = 60  # small changes to the defaults: of more, a sampler that learns makes better use

Space = Mapping[str, Sequence[Axis]]
Watch = Callable[[int, int, float], None]
"""Told after every trial how many are done, how many are to be, and the best score so far."""


@dataclass(frozen=True, slots=True)
class Trial:
    """A finished trial.

    Attributes:
        number: Its place in the search, from 0.
        point: What was tried.
        mean: What came of it, the mean over clips.
        outcomes: Clip → what came of it there.
        delay: Frames between a frame and its result, at most.
        on_front: No other trial is better in one objective and as good in all.
    """

    number: int
    point: Point
    mean: Outcome
    outcomes: Mapping[str, Outcome]
    delay: int
    on_front: bool


@dataclass(frozen=True, slots=True)
class Found:
    """A finished search.

    Attributes:
        trials: In the order in which they began.
        base: The defaults that the others are compared with, tried first.
        best: The trial of the highest score; the defaults where none has a higher one.
        knee: The trial at which the front of quality against flicker bends.
        hypervolume: Area of quality and flicker that the trials dominate (see `fronts.hypervolume`).
        base_hypervolume: The same of the defaults alone.
    """

    trials: tuple[Trial, ...]
    base: Trial
    best: Trial
    knee: Trial
    hypervolume: float
    base_hypervolume: float

    @property
    def front(self) -> list[Trial]:
        """The trials on the front, from the highest quality down."""
        return sorted((trial for trial in self.trials if trial.on_front), key=lambda t: -t.mean.quality)


def base_of(space: Space) -> Point:
    """Return the defaults that a search is compared with: the default method's if it takes part."""
    method = DEFAULT_METHOD if DEFAULT_METHOD in space else next(iter(space))
    return defaults_of(method, space[method])


def search(
    clips: Mapping[str, Rehearsal],
    *,
    name: str,
    space: Space,
    params: TuneParams,
    minutes: float,
    trier: Trier,
    storage: Path | None,
    watch: Watch,
) -> Found:
    """Search until the budget is spent, going on from what the storage has of the same search.

    Args:
        clips: What trials are measured on.
        name: Of the search in the storage.
        space: Method → the axes along which it is searched.
        params: Budget, seed and share of small changes.
        minutes: Time for this search, 0 for any; the defaults are tried in any case.
        trier: Measures, several trials at a time.
        storage: SQLite file; None keeps nothing.
        watch: Told after every trial.

    Raises:
        OutputError: The storage is damaged.
    """
    first = first_points(space, params=params)
    objectives: list[Direction] = ["maximize", "minimize"]
    if len(space) > 1:
        objectives.append("minimize")
    study = Study(name, space=space, directions=objectives, first=first, seed=params.seed, storage=storage)
    asked: dict[int, MethodParams] = {}
    before, base = study.tried(), base_of(space)
    base_begun = any(tried.point == base for tried in before)
    n_done, best = len(before), max((_mean(tried).score for tried in before), default=0.0)
    end_s = time.monotonic() + 60 * minutes if minutes else float("inf")
    watch(n_done, params.trials, best)

    def ask() -> tuple[int, MethodParams] | None:
        nonlocal base_begun
        is_over = n_done + len(asked) >= params.trials or time.monotonic() >= end_s
        if is_over and base_begun:
            return None
        number, point = study.ask()
        base_begun = base_begun or point == base
        asked[number] = point.params
        return number, asked[number]

    def tell(number: int, outcomes: dict[str, Outcome]) -> None:
        nonlocal n_done, best
        mean = mean_outcome(list(outcomes.values()))
        # calm beyond the truth's is shown, not sought: frozen masks would be the calmest
        values = [mean.quality, max(0.0, mean.flicker), float(delay_of(asked.pop(number)))]
        study.tell(
            number,
            values[: len(objectives)],
            outcomes={name: each.to_json() for name, each in outcomes.items()},
        )
        n_done, best = n_done + 1, max(best, mean.score)
        watch(n_done, params.trials, best)

    trier.each(clips, ask=ask, tell=tell)
    return _found(study, space)


def first_points(space: Space, *, params: TuneParams) -> list[Point]:
    """Return what is tried before the sampler proposes: all defaults, the base first, then small changes."""
    base = base_of(space)
    others = [defaults_of(method, axes) for method, axes in space.items() if method != base.method]
    rng = np.random.default_rng(params.seed)
    n_near = min(round(params.near * params.trials), params.trials - 1 - len(others), MOST_NEAR)
    methods = [method for method, axes in space.items() if axes] or list(space)
    near = [
        near_defaults(method, space[method], rng=rng)
        for _, method in zip(range(max(0, n_near)), methods * params.trials, strict=False)
    ]
    return [base, *others, *near]


def delay_of(params: MethodParams) -> int:
    """Return how many frames late a method's results come, at most."""
    return create_stabilizer(params).delay


def _found(study: Study, space: Space) -> Found:
    tried = study.tried()
    means = [_mean(each) for each in tried]
    delays = [delay_of(each.point.params) for each in tried]
    aims = [
        (mean.quality, mean.flicker, float(delay)) if len(space) > 1 else (mean.quality, mean.flicker)
        for mean, delay in zip(means, delays, strict=True)
    ]
    on_front = {*front(aims)}
    trials = [
        Trial(each.number, each.point, mean, _outcomes(each), delay, place in on_front)
        for place, (each, mean, delay) in enumerate(zip(tried, means, delays, strict=True))
    ]
    base_point = base_of(space)
    base = next(trial for trial in trials if trial.point == base_point)
    best = max(trials, key=lambda trial: (trial.mean.score, trial is base, -trial.number))
    alone = hypervolume([(base.mean.quality, base.mean.flicker)])
    return Found(tuple(trials), base, best, trials[knee(aims)], hypervolume(aims), alone)


def _outcomes(tried: Tried) -> dict[str, Outcome]:
    return {clip: Outcome(**values) for clip, values in tried.outcomes.items()}


def _mean(tried: Tried) -> Outcome:
    return mean_outcome(list(_outcomes(tried).values()))
