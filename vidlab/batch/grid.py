"""A grid of parameters of a notebook, as a YAML file: the only module that knows YAML."""

from collections.abc import Mapping
from itertools import product
from pathlib import Path
from typing import Any

from vidlab.batch.sources import find_sources
from vidlab.errors import MissingExtraError, ParameterError, SourceError
from vidlab.jobs.notebook import with_absolute_paths

VIDEOS, VIDEO, OUT = "videos", "video", "out"
MAX_POINTS = 100_000  # more is a slip of the pen


def read_grid(path: Path, defaults: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return every combination of the values in a grid.

        method: [median, flow_fusion]
        quick: true
        videos: clips/

    A parameter has a list of values, or a single one; a value that is itself a list stands in a list.
    `videos` is a folder, list or pattern as `vidlab batch stabilize` takes it, or a list of these, seen from
    the grid's folder; it sets the notebook's parameter `video`.

    Args:
        path: The file.
        defaults: The notebook's parameters with their defaults.

    Returns:
        Values by name for each combination, the last name varying fastest; paths of existing files absolute.

    Raises:
        SourceError: The file cannot be read, or no video is there.
        ParameterError: A name is unknown to the notebook, or a value is of another type than its default.
        MissingExtraError: YAML cannot be read.
    """
    grid = _read(path)
    axes: dict[str, list[Any]] = {}
    for name, values in grid.items():
        if name == VIDEOS:
            axes[VIDEO] = _videos(values, path.parent)
        else:
            axes[str(name)] = values if isinstance(values, list) else [values]
    for name, values in axes.items():
        _check(name, values, defaults, path=path)
    n_points = 1
    for values in axes.values():
        n_points *= len(values)
    if not 0 < n_points <= MAX_POINTS:
        raise ParameterError(f"a grid must have 1 to {MAX_POINTS} combinations, got {n_points} in {path}")
    points = (dict(zip(axes, point, strict=True)) for point in product(*axes.values()))
    return [with_absolute_paths(_as_default(point, defaults)) for point in points]


def _read(path: Path) -> dict[Any, Any]:
    try:
        import yaml
    except ImportError:
        raise MissingExtraError.for_feature("reading a grid", extra="batch") from None
    try:
        content = yaml.safe_load(path.read_text("utf-8"))
    except FileNotFoundError:
        raise SourceError(f"a grid must be a YAML file, got {path}, which is not there") from None
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise SourceError(f"{path} must be a YAML file, got one that cannot be read: {error}") from None
    if not isinstance(content, dict) or not content:
        raise SourceError(f"{path} must hold names with lists of values, got {type(content).__name__}")
    if VIDEOS in content and VIDEO in content:
        raise ParameterError(f"videos must be named once, got both {VIDEO} and {VIDEOS} in {path}")
    return content


def _videos(values: Any, folder: Path) -> list[str]:
    asked = values if isinstance(values, list) else [values]
    return [str(source.path) for one in asked for source in find_sources(folder / str(one))]


def _check(name: str, values: list[Any], defaults: Mapping[str, Any], *, path: Path) -> None:
    if name not in defaults:
        known = ", ".join(defaults) or "it takes none"
        raise ParameterError(f"unknown notebook parameter {name!r} in {path}; choose from: {known}")
    default = defaults[name]
    for value in values:
        fits = default is None or value is None or type(value) is type(default)
        if not fits and not (isinstance(default, float) and type(value) is int):
            raise ParameterError(
                f"{name} in {path} must be of type {type(default).__name__}, got {value!r}; "
                "a value that is a list stands in a list of its own"
            )


def _as_default(point: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: float(value) if isinstance(defaults[name], float) and type(value) is int else value
        for name, value in point.items()
    }
