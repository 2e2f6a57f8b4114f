"""Options derived from the models of `params`: names, ranges, units and defaults stand only there."""

import argparse
import shutil
from collections.abc import Collection
from typing import NoReturn, TypeVar

from vidlab.errors import ParameterError
from vidlab.schema import Params, Tunable, build, tunables

MAX_WIDTH = 110  # columns

ParamsT = TypeVar("ParamsT", bound=Params)


class Parser(argparse.ArgumentParser):
    """An `ArgumentParser` whose mistakes are raised, worded as every other error of this package."""

    def error(self, message: str) -> NoReturn:
        """Raise instead of printing the whole usage."""
        raise ParameterError(f"{message}; see {self.prog} --help")


class Layout(argparse.RawDescriptionHelpFormatter):
    """Room for the names, and lines no longer than people like to read."""

    def __init__(self, prog: str) -> None:
        width = min(shutil.get_terminal_size().columns, MAX_WIDTH) - 2
        super().__init__(prog, max_help_position=26, width=width)
        self._action_max_length = 13  # argparse forgets that names of commands are indented


def add_options(parser: argparse.ArgumentParser, model: type[Params], *, only: Collection[str] = ()) -> None:
    """Add one option `--field-name` for each field of a model.

    Args:
        parser: Parser or group that receives them.
        model: Where name, meaning, range, unit and default come from.
        only: Names of the fields to add; empty adds them all.
    """
    group = parser.add_argument_group(_title(model))
    for tunable in tunables(model):
        if not only or tunable.name in only:
            group.add_argument(
                f"--{tunable.name.replace('_', '-')}",
                dest=tunable.name,
                metavar=_metavar(tunable),
                help=describe(tunable).replace("%", "%%"),
            )


def given(args: argparse.Namespace, model: type[ParamsT]) -> ParamsT:
    """Build a model from the options that were given.

    Raises:
        ParameterError: A value is of the wrong type or outside its range.
    """
    values = {name: getattr(args, name, None) for name in model.model_fields}
    return build(model, {name: value for name, value in values.items() if value is not None})


def describe(tunable: Tunable) -> str:
    """Return meaning, range, unit and default of a tunable in one line."""
    default = "" if tunable.default == "" else f"default {_plain(tunable.default)}"
    facts = [part for part in (_range_text(tunable), default) if part]
    return f"{tunable.meaning} ({'; '.join(facts)})" if facts else tunable.meaning


def _range_text(tunable: Tunable) -> str:
    return " ".join(part for part in (tunable.range_text, tunable.unit) if part)


def _metavar(tunable: Tunable) -> str:
    return {int: "N", float: "X", bool: "yes|no"}.get(tunable.type, tunable.name.upper())


def _plain(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _title(model: type[Params]) -> str:
    return (model.__doc__ or model.__name__).strip().splitlines()[0].rstrip(".").lower()


def add_timed_weights(parser: argparse.ArgumentParser) -> None:
    """Add `--weights` of a network that is timed: `vidlab.models.create_for_timing` takes it."""
    parser.add_argument(
        "--weights",
        metavar="FILE",
        help="weights of the network, or random; without it its own where they are on this machine, else "
        "random ones, which every output says",
    )
