"""What one slider does: it is moved from end to end while all others rest, and every stop is measured."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from vidlab.errors import ParameterError
from vidlab.params import MethodParams
from vidlab.schema import build
from vidlab.tuning.scoring import By, outcome
from vidlab.viz.tables import signed
from vidlab.viz.widgets.controls import Control, controls_of
from vidlab.viz.widgets.shown import Rehearsing

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SWEEP_HEADER = ("slider", "at rest", "moved", "best at", "gain (points)", "worst at", "loss (points)")
IDLE_POINTS = 0.05  # a slider that moves the score by less does nothing here


@dataclass(frozen=True, slots=True)
class Sweep:
    """One slider moved from end to end.

    Attributes:
        label: Its name and unit.
        stops: Values it was set to, in order.
        scores: What each gives, [0, 1].
        rest: Which of the stops is where it was.
    """

    label: str
    stops: tuple[Any, ...]
    scores: tuple[float, ...]
    rest: int

    @property
    def gains(self) -> list[float]:
        """Points that each stop gives over rest.

        >>> Sweep("memory", (0.0, 0.5, 0.9), (0.5, 0.6, 0.625), 1).gains
        [-10.0, 0.0, 2.5]
        """
        return [round(100 * (score - self.scores[self.rest]), 9) for score in self.scores]

    @property
    def reach(self) -> float:
        """Points between the best and the worst stop."""
        return max(self.gains) - min(self.gains)


def sweep(rehearsal: Rehearsing, params: MethodParams, *, name: str, n_stops: int) -> Sweep:
    """Move one tunable through its range, and measure the whole clip at each stop.

    Args:
        rehearsal: The clip.
        params: The method, and where all its tunables rest.
        name: The tunable that is moved.
        n_stops: Stops, spread evenly along the slider; the one next to where it rests moves there.

    Raises:
        ParameterError: The method has no such tunable, or one whose range has no ends.
    """
    controls = {control.name: control for control in controls_of(type(params))}
    if name not in controls:
        raise ParameterError(f"unknown setting {name!r}; choose from: {', '.join(controls)}")
    at_rest = getattr(params, name)
    stops = spread_stops(controls[name], n_stops=n_stops, at_rest=at_rest)
    values = params.model_dump()
    by: By = "proxy" if rehearsal.truth is None else "truth"
    scores = []
    for stop in stops:
        tried = build(type(params), values | {name: stop})
        scores.append(outcome(rehearsal.judge(rehearsal.run(tried)), by=by).score)
    return Sweep(controls[name].label, stops, tuple(scores), stops.index(at_rest))


def spread_stops(control: Control, *, n_stops: int, at_rest: Any) -> tuple[Any, ...]:
    """Choose stops from end to end of a slider, and where it rests; of a choice or toggle, all.

    Raises:
        ParameterError: Fewer than two stops, or a range without ends.
    """
    if n_stops < 2:
        raise ParameterError(f"n_stops must be 2 or more, got {n_stops}")
    if control.kind == "text":
        raise ParameterError(f"a slider must have two ends, got {control.name}")
    if control.kind == "toggle":
        return (False, True)
    if control.kind == "choice":
        return control.stops
    if control.kind == "grid":
        chosen = np.linspace(0, len(control.stops) - 1, n_stops).round().astype(int)
        return _with_rest([control.stops[place] for place in chosen], at_rest)
    n_steps = round((control.high - control.low) / control.step)
    kind = control.tunable.type
    places = np.linspace(0, n_steps, n_stops).round()
    found = [kind(float(f"{control.low + place * control.step:.10g}")) for place in places]
    return _with_rest(found, at_rest)


def _with_rest(stops: Sequence[Any], at_rest: Any) -> tuple[Any, ...]:
    """Put rest in the place of the stop next to it, but never of an end."""
    if at_rest in stops:
        return tuple(sorted(set(stops)))
    kept = sorted({*stops, at_rest})
    place = kept.index(at_rest)
    inner = [n for n in (place - 1, place + 1) if 0 < n < len(kept) - 1]
    if inner:
        del kept[min(inner, key=lambda n: abs(kept[n] - at_rest))]
    return tuple(kept)


def sweep_rows(sweeps: Sequence[Sweep]) -> list[tuple[str, ...]]:
    """Return what `SWEEP_HEADER` names, the slider with the longest reach first."""
    rows: list[tuple[str, ...]] = []
    for each in sorted(sweeps, key=lambda one: -one.reach):
        best, worst = int(np.argmax(each.gains)), int(np.argmin(each.gains))
        rows.append(
            (
                each.label,
                _text(each.stops[each.rest]),
                f"{_text(each.stops[0])} to {_text(each.stops[-1])}",
                _text(each.stops[best]),
                signed(each.gains[best], 1),
                _text(each.stops[worst]),
                signed(each.gains[worst], 1),
            )
        )
    return rows


def plot_sweeps(axes: "Axes", sweeps: Sequence[Sweep], *, title: str) -> "Axes":
    """Draw what each stop gives over rest, first to last; a ring marks where the slider rests."""
    for each in sorted(sweeps, key=lambda one: -one.reach):
        places = np.linspace(0, 1, len(each.stops))
        (line,) = axes.plot(places, each.gains, marker=".", label=each.label)
        axes.plot(places[each.rest], 0.0, marker="o", markersize=9, fillstyle="none", color=line.get_color())
    axes.axhline(0, color="#222222", linewidth=0.8)
    axes.set(xlabel="stops of the slider, first (0) to last (1)", ylabel="score over rest (points)")
    axes.set_title(title, loc="left", fontsize="medium")
    axes.grid(color="#dddddd", linewidth=0.6)
    axes.legend(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False, fontsize="small")
    return axes


def answer(sweeps: Sequence[Sweep]) -> str:
    """Say in one sentence which sliders matter, and how far rest is from best.

    >>> answer([Sweep("memory", (0.0, 0.9), (0.5, 0.6), 1), Sweep("edge_weight", (0, 1), (0.6, 0.6), 1)])
    'memory does the most, 10.0 points from worst to best; edge_weight does nothing here; no slider alone \
gains more than +0.0 points over rest.'
    """
    ranked = sorted(sweeps, key=lambda one: -one.reach)
    idle = [each.label for each in ranked if each.reach < IDLE_POINTS]
    most = max(max(each.gains) for each in sweeps)
    nothing = (
        f"{', '.join(idle)} {'does' if len(idle) == 1 else 'do'} nothing here" if idle else "none is idle"
    )
    return (
        f"{ranked[0].label} does the most, {ranked[0].reach:.1f} points from worst to best; {nothing}; "
        f"no slider alone gains more than {most:+.1f} points over rest."
    )


def _text(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
