"""The button "tune for me": the search of `vidlab tune` on the clip at hand, short enough to wait for."""

from vidlab.params import MethodParams, PanelParams, TuneParams
from vidlab.tuning import tune
from vidlab.tuning.search import Watch
from vidlab.viz.widgets.stoppable import Stoppable


class TuneForMe:
    """Searches on the first half of a clip; the second, which it never saw, says what that is worth."""

    def __init__(self, settings: PanelParams) -> None:
        """Take the budget."""
        self._params = TuneParams(trials=settings.tune_trials, minutes=settings.tune_minutes)

    def __call__(self, rehearsal: Stoppable, method: str) -> MethodParams:
        """Return what was found, or the defaults where nothing is better beyond noise.

        Args:
            rehearsal: The clip; told after every trial how far the search is.
            method: Name of the method.

        Raises:
            SourceError: The clip is too short to hold half of it out.
            MissingExtraError: Optuna is not installed.
        """

        def watching(_title: str) -> Watch:
            return lambda done, total, best: rehearsal.tell(
                f"tuning: {done} of {total} trials, best score {best:.3f} (any change stops it)"
            )

        tuned = tune({"clip": rehearsal}, methods=(method,), params=self._params, watching=watching)  # type: ignore[dict-item]
        points = 100 * tuned.held_out.score.mean
        found = tuned.on_tuned.is_better
        rehearsal.tell(
            f"tuned: {points:+.1f} points of score on the half that was held out"
            if found
            else "tuned: nothing better than the defaults was found"
        )
        return tuned.point.params
