"""From a tunable to the control that turns it: which kind, which stops, which words."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from vidlab.params import MethodParams
from vidlab.schema import Params, Tunable, tunables

Kind = Literal["toggle", "choice", "slider", "grid", "text"]

LOG_RATIO = 20.0  # a default in the lowest twentieth of its range leaves a linear slider no room
PER_DECADE = 8  # stops of a grid: each a third larger than the one before
DECADES_BELOW = 2  # of the default; what is smaller is as good as nothing
LINEAR_STOPS = 200  # about as many as a slider has pixels
DIGITS = 3  # of the stops of a grid


@dataclass(frozen=True, slots=True)
class Control:
    """What a face needs to draw the control of one tunable.

    Attributes:
        tunable: What it turns.
        kind: `toggle` and `choice` explain themselves; `slider` is linear, `grid` a slider over `stops`;
            `text` is for numbers without bounds.
        label: Name and unit.
        tooltip: Meaning and range.
        low: First stop of a slider, 0 for the other kinds.
        high: Last stop of a slider.
        step: Distance of its stops.
        stops: Values of a choice or grid, in order.
    """

    tunable: Tunable
    kind: Kind
    label: str
    tooltip: str
    low: float = 0.0
    high: float = 0.0
    step: float = 0.0
    stops: tuple[Any, ...] = ()

    @property
    def name(self) -> str:
        """Name of the tunable."""
        return self.tunable.name


def controls_of(model: type[Params]) -> list[Control]:
    """Return a control for every tunable of a model, in the order of their declaration.

    >>> from vidlab.params import ExponentialParams
    >>> [(control.name, control.kind) for control in controls_of(ExponentialParams)][-2:]
    [('flow_scale', 'slider'), ('alpha', 'slider')]
    """
    return [control_of(tunable) for tunable in tunables(model)]


def control_of(tunable: Tunable) -> Control:
    """Choose the control of a tunable: odd windows get a slider with steps of 2, wide ranges a grid."""
    label = f"{tunable.name} ({tunable.unit})" if tunable.unit else tunable.name
    tooltip = f"{tunable.meaning} Range: {tunable.range_text}." if tunable.range_text else tunable.meaning
    if tunable.type is bool:
        return Control(tunable, "toggle", label, tooltip)
    low, high = tunable.low, tunable.high
    if tunable.choices and (tunable.type is str or low is None or high is None):
        return Control(tunable, "choice", label, tooltip, stops=tunable.choices)
    if low is None or high is None:
        return Control(tunable, "text", label, tooltip)
    if low >= 0 and 0 < tunable.default * LOG_RATIO < high:
        return Control(tunable, "grid", label, tooltip, stops=_grid(tunable, low, high))
    step = _step(tunable, low, high)
    if tunable.range_text.startswith("("):
        low += step
    if tunable.range_text.endswith(")"):
        high -= step
    return Control(tunable, "slider", label, tooltip, low=_tidy(low), high=_tidy(high), step=step)


def stops_with(control: Control, value: Any) -> tuple[Any, ...]:
    """Return the stops of a grid and a value that need not be one of them, in order.

    >>> from vidlab.params import FlowFusionParams
    >>> grid = next(each for each in controls_of(FlowFusionParams) if each.name == "motion_px")
    >>> 123.4 in grid.stops, 123.4 in stops_with(grid, 123.4)
    (False, True)
    """
    return tuple(sorted({*control.stops, value}))


def changed(params: MethodParams) -> dict[str, Any]:
    """Return the tunables that differ from their defaults.

    >>> from vidlab.params import ExponentialParams
    >>> changed(ExponentialParams(alpha=0.3))
    {'alpha': 0.3}
    """
    values = params.model_dump(mode="json")
    return {
        each.name: values[each.name] for each in tunables(type(params)) if values[each.name] != each.default
    }


def as_settings(values: Mapping[str, Any]) -> list[str]:
    """Return values as the texts that `vidlab stabilize --set` and a notebook's `settings` take.

    >>> as_settings({"alpha": 0.3, "follow_motion": True})
    ['alpha=0.3', 'follow_motion=true']
    """
    return [
        f"{name}={str(value).lower() if isinstance(value, bool) else value}" for name, value in values.items()
    ]


def _grid(tunable: Tunable, low: float, high: float) -> tuple[Any, ...]:
    """Stops at equal ratios around the default, and the ends of the range where it holds them."""
    above = math.ceil(math.log10(high / tunable.default) * PER_DECADE)
    powers = range(-DECADES_BELOW * PER_DECADE, above + 1)
    found = {float(f"{tunable.default * 10 ** (k / PER_DECADE):.{DIGITS}g}") for k in powers}
    whole = round if tunable.type is int else float
    stops = {whole(value) for value in found | {tunable.default, low, high}}
    first = low if tunable.range_text.startswith("[") else math.nextafter(low, high)
    last = high if tunable.range_text.endswith("]") else math.nextafter(high, low)
    return tuple(sorted(value for value in stops if first <= value <= last))


def _step(tunable: Tunable, low: float, high: float) -> float:
    """1, 2 or 5 times a power of ten, so that the default is a stop; whole numbers go by 1, odd ones by 2."""
    if tunable.type is int:
        return 2 if tunable.choices else 1
    rough = (high - low) / LINEAR_STOPS
    power = math.floor(math.log10(rough))
    steps = [_tidy(nice * 10.0**p) for p in (power, power - 1) for nice in (10, 5, 2, 1)]
    wanted = [step for step in steps if step <= 1.0001 * rough * 2.5 and _hits(tunable.default - low, step)]
    return wanted[0] if wanted else steps[3]


def _hits(distance: float, step: float) -> bool:
    return abs(distance / step - round(distance / step)) < 1e-6


def _tidy(value: float) -> float:
    """A value without the dust of binary arithmetic."""
    return float(f"{value:.10g}")
