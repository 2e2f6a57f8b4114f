"""Where parameters are searched for: derived from what `params` declares, never written down twice."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from vidlab.errors import ParameterError
from vidlab.params import MethodParams, method_model
from vidlab.schema import Tunable, build, tunables

INSIDE = 1e-3  # of a range: how far from a bound that must not be reached a search stays
DIGITS = 4  # of a number that people will read
CHANGED = 3  # tunables that a small change to the defaults changes, on average
REACH = 0.2  # of the searched range: standard deviation of such a change
EVERYTHING = "all"


@dataclass(frozen=True, slots=True)
class Axis:
    """One tunable, as a search sees it.

    Attributes:
        name: Name of the tunable.
        default: Its default.
        choices: The values to choose from; empty where any from `low` to `high` will do.
        low: Smallest value.
        high: Largest value.
        is_int: Only whole numbers.
        log: On a logarithmic scale.
        step: Distance between values, None for any.
    """

    name: str
    default: Any
    choices: tuple[Any, ...] = ()
    low: float = 0.0
    high: float = 1.0
    is_int: bool = False
    log: bool = False
    step: float | None = None

    def near(self, rng: np.random.Generator) -> Any:
        """Return a value near the default, of choices any."""
        if self.choices:
            return self.choices[int(rng.integers(len(self.choices)))]
        low, high, middle = (self._onto(value) for value in (self.low, self.high, self.default))
        value = self._back(float(np.clip(middle + REACH * (high - low) * rng.normal(), low, high)))
        if self.step is not None:
            value = self.low + round((value - self.low) / self.step) * self.step
        return round(value) if self.is_int else rounded(value)

    def _onto(self, value: float) -> float:
        return math.log(min(max(value, self.low), self.high)) if self.log else float(value)

    def _back(self, value: float) -> float:
        return min(max(math.exp(value), self.low), self.high) if self.log else value


@dataclass(frozen=True, slots=True)
class Point:
    """One set of parameters: a method, and what differs from its defaults or was searched for.

    Attributes:
        method: Name of the method.
        settings: Tunable → value.
    """

    method: str
    settings: Mapping[str, Any]

    @property
    def params(self) -> MethodParams:
        """The method's parameters."""
        return build(method_model(self.method), self.settings)


def rounded(value: float) -> float:
    """Return a number with as many digits as people read.

    >>> rounded(0.123456), rounded(1234567.0)
    (0.1235, 1235000.0)
    """
    return float(f"{value:.{DIGITS}g}")


def axes_of(method: str, names: Sequence[str] = ()) -> tuple[Axis, ...]:
    """Return the axes along which a method is searched.

    Args:
        method: Name of the method.
        names: The tunables to search, as far as the method has them; none takes those that `params` marks as
            worth it, and `all` every one.

    >>> [axis.name for axis in axes_of("gaussian")]
    ['follow_motion', 'window', 'sigma']
    """
    wanted = {*names}
    found = tunables(method_model(method))
    if not wanted:
        return tuple(axis(each) for each in found if each.tuned)
    return tuple(axis(each) for each in found if EVERYTHING in wanted or each.name in wanted)


def space_of(methods: Sequence[str], names: Sequence[str]) -> dict[str, tuple[Axis, ...]]:
    """Return the axes of several methods.

    Raises:
        ParameterError: A method is unknown or named twice, no method has a tunable of that name, or there is
            nothing to search for.
    """
    if len({*methods}) < len(methods) or not methods:
        raise ParameterError(f"methods must be different ones, got {', '.join(methods) or 'none'}")
    known = {each.name for method in methods for each in tunables(method_model(method))}
    for name in names:
        if name not in known | {EVERYTHING}:
            raise ParameterError(f"unknown tunable {name!r}; choose from: {', '.join(sorted(known))}, all")
    space = {method: axes_of(method, names) for method in methods}
    if not any(space.values()) and len(space) < 2:
        raise ParameterError(
            f"method {methods[0]!r} has nothing to search for; name tunables or more methods"
        )
    return space


def axis(tunable: Tunable) -> Axis:
    """Return a tunable as a search sees it."""
    if tunable.type is bool or tunable.choices:
        return Axis(tunable.name, tunable.default, tunable.search or tunable.choices or (False, True))
    if tunable.search is not None:
        low, high = tunable.search
    elif tunable.low is None or tunable.high is None:
        raise ParameterError(f"{tunable.name} cannot be searched for: its range has no end")
    else:
        low, high = tunable.low, tunable.high
        margin = 0 if tunable.type is int else INSIDE * (high - low)
        low += margin if tunable.range_text.startswith("(") else 0
        high -= margin if tunable.range_text.endswith(")") else 0
    is_int = tunable.type is int
    return Axis(tunable.name, tunable.default, (), low, high, is_int, tunable.log, tunable.step)


def defaults_of(method: str, axes: Iterable[Axis]) -> Point:
    """Return a method's defaults, as a point of the search."""
    return Point(method, {each.name: each.default for each in axes})


def near_defaults(method: str, axes: Sequence[Axis], *, rng: np.random.Generator) -> Point:
    """Return the defaults with a few of them changed a little; at least one, if there are any."""
    changed = rng.random(len(axes)) < CHANGED / max(len(axes), 1)
    if len(axes) and not changed.any():
        changed[int(rng.integers(len(axes)))] = True
    values = {
        each.name: each.near(rng) if change else each.default
        for each, change in zip(axes, changed, strict=True)
    }
    return Point(method, values)
