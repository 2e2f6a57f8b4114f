"""Tuning from end to end, in memory: search, choose, and say what it is worth where nobody tuned.

one clip      search on its first half ─▶ choose ─▶ report on its second half
several       for each: search on the others ─▶ choose ─▶ report on it
              then:     search on all of them ─▶ choose: these are the parameters that are handed out
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from vidlab.errors import ParameterError
from vidlab.jobs.rehearsal import Rehearsal
from vidlab.params import DEFAULT_METHOD, EvaluateParams, TuneParams
from vidlab.tuning.held_out import Compared, Measured, compare, halves, measure_both
from vidlab.tuning.scoring import By, judged_by
from vidlab.tuning.search import Found, Space, Watch, search
from vidlab.tuning.space import Point, space_of
from vidlab.tuning.studies import require_optuna
from vidlab.tuning.trying import Trier

ALL = "all clips"
FIRST_HALF, SECOND_HALF = "first half", "second half"

Watching = Callable[[str], Watch]
"""Gives who watches a search, for its title such as `without dog (1 of 6)`."""


@dataclass(frozen=True, slots=True)
class Tuned:
    """Found parameters, and what they are worth.

    Attributes:
        point: The parameters: the best that were found, or the defaults where nothing is better beyond what
            drawing frames and clips again makes of nothing.
        found: The search that they come from.
        on_tuned: The best trial against the defaults on what was tuned on: promises too much.
        held_out: Chosen parameters against the defaults on what was left out of their search.
        folds: Name of what was left out → what was chosen without it.
        by: What decided: truth, or the no-truth proxy.
        space: Method → the axes along which it was searched.
    """

    point: Point
    found: Found
    on_tuned: Compared
    held_out: Compared
    folds: Mapping[str, Point]
    by: By
    space: Space


def unwatched(_title: str) -> Watch:
    """Tell nothing."""
    return lambda done, total, best: None


def tune(
    clips: Mapping[str, Rehearsal],
    *,
    methods: Sequence[str] = (DEFAULT_METHOD,),
    names: Sequence[str] = (),
    params: TuneParams | None = None,
    judge: EvaluateParams | None = None,
    storage: Path | None = None,
    watching: Watching = unwatched,
) -> Tuned:
    """Find parameters for some clips, and measure them on what they were not chosen by.

    Args:
        clips: Name → clip; with truth in all of them J & F and flicker decide, else the no-truth proxy.
        methods: Methods that take part.
        names: Tunables to search; none takes those that `params` marks as worth it, `all` every one.
        params: Budget and seed; None takes the defaults of `TuneParams`.
        judge: For draws and seed of the bootstrap; None takes the defaults of `EvaluateParams`.
        storage: SQLite file that outlives the process; None keeps nothing.
        watching: Gives who is told of each trial.

    Raises:
        ParameterError: A method or tunable is unknown, or there is nothing to search for.
        SourceError: A single clip is too short to hold half of it out.
        MissingExtraError: Optuna is not installed.
        OutputError: The storage is damaged.
    """
    if not clips:
        raise ParameterError("tuning must have at least one clip, got none")
    require_optuna()
    settings, judging = params or TuneParams(), judge or EvaluateParams()
    tuner = _Tuner(space_of(methods, names), settings, judging, judged_by(clips.values()), storage, watching)
    return tuner.one_clip(clips) if len(clips) == 1 else tuner.several(clips)


@dataclass(frozen=True, slots=True)
class _Tuner:
    """What all searches of a tuning share."""

    space: Space
    params: TuneParams
    judge: EvaluateParams
    by: By
    storage: Path | None
    watching: Watching

    def one_clip(self, clips: Mapping[str, Rehearsal]) -> Tuned:
        ((name, clip),) = clips.items()
        first, second = halves(name, clip)
        trier = Trier(workers=self.params.workers, by=self.by)
        place = f"{name}, {FIRST_HALF}"
        found = self._search({place: first}, title=place, minutes=self.params.minutes, trier=trier)
        point, on_tuned = self._chosen(found, {place: first})
        rest = f"{name}, {SECOND_HALF}"
        both = measure_both({rest: second}, base=found.base.point.params, tuned=point.params)
        held_out = compare(both, by=self.by, judge=self.judge)
        return Tuned(point, found, on_tuned, held_out, {rest: point}, self.by, self.space)

    def several(self, clips: Mapping[str, Rehearsal]) -> Tuned:
        trier = Trier(workers=self.params.workers, by=self.by)
        minutes = self.params.minutes / (len(clips) + 1)
        folds: dict[str, Point] = {}
        both: Measured = {}
        for number, (name, clip) in enumerate(clips.items(), start=1):
            others = {other: kept for other, kept in clips.items() if other != name}
            title = f"without {name} ({number} of {len(clips) + 1})"
            found = self._search(others, title=title, minutes=minutes, trier=trier)
            folds[name], _ = self._chosen(found, others)
            both |= measure_both({name: clip}, base=found.base.point.params, tuned=folds[name].params)
        title = f"{ALL} ({len(clips) + 1} of {len(clips) + 1})"
        found = self._search(clips, title=title, minutes=minutes, trier=trier)
        point, on_tuned = self._chosen(found, clips)
        held_out = compare(both, by=self.by, judge=self.judge)
        return Tuned(point, found, on_tuned, held_out, folds, self.by, self.space)

    def _search(self, clips: Mapping[str, Rehearsal], *, title: str, minutes: float, trier: Trier) -> Found:
        return search(
            clips,
            name=title,
            space=self.space,
            params=self.params,
            minutes=minutes,
            trier=trier,
            storage=self.storage,
            watch=self.watching(title),
        )

    def _chosen(self, found: Found, clips: Mapping[str, Rehearsal]) -> tuple[Point, Compared]:
        """Return the best trial if it beats the defaults beyond noise, else them; and how they compare."""
        base, best = found.base.point, found.best.point
        both = measure_both(clips, base=base.params, tuned=best.params)
        compared = compare(both, by=self.by, judge=self.judge)
        return best if compared.is_better else base, compared
