"""How tunables are declared and read: one field, one sentence, one range; options and forms derive from it.

`params` declares them all; `tunables(Model)` lists a model's fields as a face needs them, `build` and
`parse_settings` make a model of what a user gave, and word the first mistake in one line.
"""

import types
import typing
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypeVar

from annotated_types import Ge, Gt, Le, Lt
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from vidlab.errors import ParameterError

ModelT = TypeVar("ModelT", bound="Params")
MAX_LISTED = 12  # more choices than this nobody reads


class Params(BaseModel):
    """Base of every group of tunables: immutable, and unknown names are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


def _odd(value: int) -> int:
    if value % 2 == 0:
        raise ValueError("must be odd")
    return value


OddWindow = Annotated[int, AfterValidator(_odd)]


def tunable(
    default: Any,
    meaning: str,
    *,
    unit: str = "",
    off: float | None = None,
    search: tuple[Any, ...] | None = None,
    log: bool = False,
    step: float | None = None,
    tuned: bool = False,
    **limits: Any,
) -> Any:
    """Declare a field of a `Params` model.

    Args:
        default: Its default.
        meaning: One sentence, saying which way it pushes.
        unit: Its unit.
        off: The value at which its step does nothing, for the numbers that are a step of their own.
        search: Smallest and largest value worth trying, where the range allows absurd ones; of choices all
            that are.
        log: Try it on a logarithmic scale: what counts is by how much it is multiplied.
        step: Distance between values that are tried.
        tuned: Searched by `vidlab tune` unless others are named.
        limits: What pydantic's `Field` takes: `gt`, `ge`, `lt`, `le`.
    """
    extra: Any = {"unit": unit, "off": off, "search": search, "log": log, "step": step, "tuned": tuned}
    return Field(default, description=meaning, json_schema_extra=extra, **limits)


@dataclass(frozen=True, slots=True)
class Tunable:
    """One field of a `Params` model, as a face needs it to draw an option, a slider or a form.

    Attributes:
        name: Field name.
        type: `int`, `float`, `bool` or `str`.
        default: Default value.
        low: Smallest value or exclusive bound below it, None where unbounded.
        high: Largest value or exclusive bound above it, None where unbounded.
        range_text: The range in words, such as `[0, 1)` or `3, 5, 7, 9`.
        choices: Allowed values, empty where any in the range will do.
        unit: Unit, empty for plain numbers.
        meaning: One sentence, saying which way it pushes.
        off: The value at which its step does nothing: False, or a number; None where it is no step.
        search: Smallest and largest value worth trying, of choices all that are; None where everything is.
        log: To be tried on a logarithmic scale.
        step: Distance between values that are tried, None for any.
        tuned: Searched by `vidlab tune` unless others are named.
    """

    name: str
    type: type
    default: Any
    low: float | None
    high: float | None
    range_text: str
    choices: tuple[Any, ...]
    unit: str
    meaning: str
    off: float | None
    search: tuple[Any, ...] | None = None
    log: bool = False
    step: float | None = None
    tuned: bool = False


def tunables(model: type[Params]) -> list[Tunable]:
    """List the fields of a model in the order of their declaration, inherited ones first."""
    return [_tunable_of(name, info) for name, info in model.model_fields.items()]


def parse_settings(model: type[ModelT], settings: Iterable[str]) -> ModelT:
    """Build a model from texts `name=value`; the last of two with one name wins.

    Raises:
        ParameterError: A text has no `=`, a name is unknown, or a value lies outside its range.
    """
    values: dict[str, str] = {}
    for text in settings:
        name, sign, value = text.partition("=")
        if not sign or not name.strip():
            raise ParameterError(f"a setting must have the form name=value, got {text!r}")
        values[name.strip()] = value.strip()
    return build(model, values)


def build(model: type[ModelT], values: Mapping[str, Any]) -> ModelT:
    """Build a model from names and values, wording the first mistake in one line.

    Raises:
        ParameterError: A name is unknown, or a value lies outside its range.
    """
    try:
        return model.model_validate(dict(values))
    except ValidationError as error:
        raise ParameterError(_first_mistake(model, error)) from None


def _tunable_of(name: str, info: Any) -> Tunable:
    low: float | None = None
    high: float | None = None
    opening, closing = "(", ")"
    for rule in info.metadata:
        if isinstance(rule, Ge | Gt):
            low = typing.cast(float, rule.ge if isinstance(rule, Ge) else rule.gt)
            opening = "[" if isinstance(rule, Ge) else "("
        if isinstance(rule, Le | Lt):
            high = typing.cast(float, rule.le if isinstance(rule, Le) else rule.lt)
            closing = "]" if isinstance(rule, Le) else ")"
    choices = _choices(info, low, high)
    if choices:
        range_text = _listed(choices)
    elif low is None and high is None:
        range_text = ""
    else:
        range_text = (
            f"{opening}{'-∞' if low is None else f'{low:g}'}, {'∞' if high is None else f'{high:g}'}{closing}"
        )
    extra = info.json_schema_extra or {}
    kind = type(choices[0]) if choices else _plain_type(info.annotation)
    off = False if kind is bool else extra.get("off")
    return Tunable(
        name, kind, info.default, low, high, range_text, choices, extra.get("unit", ""),
        info.description or "", off, extra.get("search"), extra.get("log", False), extra.get("step"),
        extra.get("tuned", False),
    )  # fmt: skip


def _choices(info: Any, low: float | None, high: float | None) -> tuple[Any, ...]:
    if typing.get_origin(info.annotation) is Literal:
        return typing.get_args(info.annotation)
    odd = any(isinstance(rule, AfterValidator) and rule.func is _odd for rule in info.metadata)
    if odd and low is not None and high is not None:
        return tuple(range(int(low), int(high) + 1, 2))
    return ()


def _listed(choices: tuple[Any, ...]) -> str:
    if len(choices) > MAX_LISTED:  # only a range of odd numbers gets that long
        return f"odd, {choices[0]} to {choices[-1]}"
    return ", ".join(str(choice) for choice in choices)


def _plain_type(annotation: Any) -> type:
    if isinstance(annotation, types.UnionType):
        annotation = next(part for part in typing.get_args(annotation) if part is not type(None))
    return annotation if annotation in (int, float, bool) else str


def _first_mistake(model: type[Params], error: ValidationError) -> str:
    mistake = error.errors()[0]
    name = str(mistake["loc"][0]) if mistake["loc"] else model.__name__
    known = {tunable.name: tunable for tunable in tunables(model)}
    if name not in known:
        return f"unknown setting {name!r}; choose from: {', '.join(known)}"
    tunable = known[name]
    if tunable.range_text:
        listed = 0 < len(tunable.choices) <= MAX_LISTED
        verb = "be one of" if listed else "be" if tunable.choices else "lie in"
        return f"{name} must {verb} {tunable.range_text}, got {mistake['input']}"
    if mistake["type"] == "string_pattern_mismatch":
        return f"{name} must have another form, got {mistake['input']!r}; {tunable.meaning}"
    return f"{name} must be of type {tunable.type.__name__}, got {mistake['input']!r}; {tunable.meaning}"
