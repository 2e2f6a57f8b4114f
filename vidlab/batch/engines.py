"""The engines by name; each is imported when it is asked for."""

from collections.abc import Callable
from pathlib import Path

from vidlab.batch.work import Engine
from vidlab.errors import ParameterError
from vidlab.params import BatchParams
from vidlab.schema import Params

Factory = Callable[[BatchParams, Params | None, Path], Engine]


def create_engine(name: str, *, params: BatchParams, options: Params | None, out: Path) -> Engine:
    """Build an engine.

    Args:
        name: One of `ENGINES`.
        params: Workers, time limit, retries.
        options: What only this engine takes: a model of `ENGINE_PARAMS`, or None for its defaults.
        out: Folder of the batch.

    Raises:
        ParameterError: The name is unknown.
        MissingExtraError: What the engine needs is not installed.
    """
    if name not in ENGINES:
        raise ParameterError(f"unknown engine {name!r}; choose from: {', '.join(ENGINES)}")
    return ENGINES[name](params, options, out)


def _local(params: BatchParams, _options: Params | None, _out: Path) -> Engine:
    from vidlab.batch.local import LocalEngine

    return LocalEngine(params)


ENGINES: dict[str, Factory] = {"local": _local}
# What only one engine takes; the command line offers it as `--NAME-option`-free options of its own.
ENGINE_PARAMS: dict[str, type[Params]] = {}
