"""One search: Optuna proposes, remembers in SQLite, and learns. The only module that knows Optuna."""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from vidlab.errors import MissingExtraError, OutputError
from vidlab.tuning.space import Axis, Point, rounded

if TYPE_CHECKING:
    from optuna import Study as OptunaStudy
    from optuna import Trial
    from optuna.trial import FrozenTrial

Direction = Literal["maximize", "minimize"]

METHOD = "method"  # the parameter of a trial that names its method
OUTCOMES = "outcomes"  # the attribute of a trial that says what it gave on each clip


@dataclass(frozen=True, slots=True)
class Tried:
    """A finished trial.

    Attributes:
        number: Its place in the study, from 0.
        point: What was tried.
        values: Its objectives.
        outcomes: Clip → what came of it, as it was told.
    """

    number: int
    point: Point
    values: tuple[float, ...]
    outcomes: Mapping[str, Mapping[str, float]]


class Study:
    """A search that outlives its process; one thread uses it."""

    def __init__(
        self,
        name: str,
        *,
        space: Mapping[str, Sequence[Axis]],
        directions: Sequence[Direction],
        first: Sequence[Point],
        seed: int,
        storage: Path | None,
    ) -> None:
        """Begin a study, or go on with it if the storage has it.

        Args:
            name: Its name in the storage.
            space: Method → the axes along which it is searched.
            directions: Of the objectives.
            first: Points to try before any other, in this order.
            seed: Of the sampler.
            storage: SQLite file; None keeps it in memory.

        Raises:
            MissingExtraError: Optuna is not installed.
            OutputError: The storage is damaged.
        """
        self._space = space
        self._study = _open(name, directions=directions, n_first=len(first), seed=seed, storage=storage)
        self._open: dict[int, Trial] = {}
        is_new = not self._study.trials
        for point in self._abandoned():
            self._study.enqueue_trial(_to_optuna(point))
        for point in first:  # looking for one that exists takes as long as there are trials
            self._study.enqueue_trial(_to_optuna(point), skip_if_exists=not is_new)

    def ask(self) -> tuple[int, Point]:
        """Return the number of a new trial, and what it is to try."""
        trial = self._study.ask()
        self._open[trial.number] = trial
        method = trial.suggest_categorical(METHOD, list(self._space))
        return trial.number, Point(
            method, {axis.name: _suggest(trial, method, axis) for axis in self._space[method]}
        )

    def tell(
        self, number: int, values: Sequence[float], *, outcomes: Mapping[str, Mapping[str, float]]
    ) -> None:
        """Say what came of a trial."""
        trial = self._open.pop(number)
        trial.set_user_attr(OUTCOMES, {clip: dict(outcome) for clip, outcome in outcomes.items()})
        self._study.tell(trial, list(values))

    def tried(self) -> list[Tried]:
        """Return every finished trial."""
        return [self._tried(trial) for trial in self._study.trials if trial.values is not None]

    def _tried(self, trial: "FrozenTrial") -> Tried:
        method = trial.params[METHOD]
        settings = {axis.name: _plain(trial.params[_key(method, axis)], axis) for axis in self._space[method]}
        return Tried(trial.number, Point(method, settings), tuple(trial.values), trial.user_attrs[OUTCOMES])

    def _abandoned(self) -> list[Point]:
        """Close the trials that a killed process did not finish, and return them to be tried again."""
        from optuna.trial import TrialState

        points = []
        for trial in self._study.get_trials(states=(TrialState.RUNNING,)):
            self._study.tell(trial.number, state=TrialState.FAIL)
            method = trial.params.get(METHOD)
            axes = self._space.get(method, ()) if method is not None else ()
            if method is not None and all(_key(method, axis) in trial.params for axis in axes):
                points.append(Point(method, {axis.name: trial.params[_key(method, axis)] for axis in axes}))
        return points


def require_optuna() -> None:
    """Raise MissingExtraError where Optuna is not installed: before clips are read, not after."""
    try:
        import optuna  # noqa: F401
    except ImportError as error:
        raise MissingExtraError.for_feature("tuning", extra="tuning") from error


def _open(
    name: str, *, directions: Sequence[Direction], n_first: int, seed: int, storage: Path | None
) -> "OptunaStudy":
    require_optuna()
    import optuna
    from sqlalchemy.exc import DatabaseError

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        kept = None if storage is None else optuna.storages.RDBStorage(f"sqlite:///{storage}")
        study = optuna.create_study(
            storage=kept, study_name=name, directions=list(directions), load_if_exists=True
        )
        n_before = len(study.trials)
    except (DatabaseError, RuntimeError) as error:
        raise OutputError(
            f"{storage} cannot be gone on with: {' '.join(str(error).split())[:120]}"
        ) from error
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        study.sampler = optuna.samplers.TPESampler(
            n_startup_trials=n_first,
            multivariate=True,
            group=True,  # tunables of several methods exclude each other
            constant_liar=True,  # trials at once keep apart
            seed=(seed + n_before) % 2**32,  # one that goes on does not propose what it did before
        )
    return study


def _suggest(trial: "Trial", method: str, axis: Axis) -> Any:
    key = _key(method, axis)
    if axis.choices:
        return trial.suggest_categorical(key, list(axis.choices))
    if axis.is_int:
        return trial.suggest_int(key, int(axis.low), int(axis.high), log=axis.log)
    value = trial.suggest_float(key, axis.low, axis.high, log=axis.log, step=axis.step)
    return _plain(value, axis)


def _plain(value: Any, axis: Axis) -> Any:
    return value if axis.choices or axis.is_int else rounded(float(value))


def _key(method: str, axis: Axis) -> str:
    return f"{method}.{axis.name}"


def _to_optuna(point: Point) -> dict[str, Any]:
    return {METHOD: point.method} | {
        f"{point.method}.{name}": value for name, value in point.settings.items()
    }
