"""The engines by name; each is imported when it is asked for."""

from collections.abc import Callable
from pathlib import Path

from vidlab.batch.work import Engine
from vidlab.errors import ParameterError
from vidlab.params import BatchParams, ClusterParams
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


def _ray(params: BatchParams, options: Params | None, _out: Path) -> Engine:
    from vidlab.batch.ray_engine import RayEngine

    return RayEngine(params, _cluster(options))


def _slurm(params: BatchParams, options: Params | None, out: Path) -> Engine:
    from vidlab.batch.slurm import SlurmEngine

    return SlurmEngine(params, _cluster(options), out=out)


def _cluster(options: Params | None) -> ClusterParams:
    return options if isinstance(options, ClusterParams) else ClusterParams()


ENGINES: dict[str, Factory] = {"local": _local, "ray": _ray, "slurm": _slurm}
# What an engine takes beside; the command line offers each model once.
ENGINE_PARAMS: dict[str, type[Params]] = {"ray": ClusterParams, "slurm": ClusterParams}
