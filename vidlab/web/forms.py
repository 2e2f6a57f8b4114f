"""Tunables as a form needs them."""

import dataclasses
from typing import Any, Literal, cast

from vidlab.schema import Params, Tunable, tunables
from vidlab.web.schemas import Parameter

_NOT_SHOWN = {"low", "high", "range_text"}


def parameters_of(model: type[Params]) -> list[Parameter]:
    """Return every tunable of a model, in the order of its declaration.

    >>> from vidlab.params import GaussianParams
    >>> sigma = next(each for each in parameters_of(GaussianParams) if each.name == "sigma")
    >>> sigma.type, sigma.min_reached
    ('float', False)
    """
    schema = model.model_json_schema()["properties"]
    return [_parameter(tunable, schema[tunable.name]) for tunable in tunables(model)]


def _parameter(tunable: Tunable, schema: dict[str, Any]) -> Parameter:
    facts = {name: value for name, value in dataclasses.asdict(tunable).items() if name not in _NOT_SHOWN}
    kind = cast(Literal["int", "float", "bool", "str"], tunable.type.__name__)
    facts |= {
        "type": kind,
        "min": tunable.low,
        "max": tunable.high,
        "min_reached": tunable.range_text.startswith("["),
        "max_reached": tunable.range_text.endswith("]"),
        "choices": list(tunable.choices),
        "search": None if tunable.search is None else list(tunable.search),
        "pattern": schema.get("pattern"),
    }
    return Parameter.model_validate(facts)
