"""A method with its tunables in a file: what `vidlab tune` writes, and `vidlab stabilize --params` takes."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import vidlab
from vidlab.errors import ParameterError, SourceError
from vidlab.jobs.record import write_json
from vidlab.jobs.stabilize import method_name
from vidlab.params import MethodParams, method_model, method_params
from vidlab.schema import build

METHOD, PARAMS = "method", "params"


def write_method(path: Path, params: MethodParams, *, facts: Mapping[str, Any] | None = None) -> None:
    """Write a method with all of its tunables as JSON, and anything else worth knowing about them.

    Raises:
        ParameterError: No method takes parameters of this type.
    """
    method = {METHOD: method_name(params), PARAMS: params.model_dump(mode="json")}
    write_json(path, {**method, "vidlab": vidlab.__version__, **(facts or {})})


def read_method(path: Path, *, settings: Iterable[str] = ()) -> MethodParams:
    """Read a method with its tunables.

    Args:
        path: What `write_method` wrote, or JSON with `method` and `params` by hand; what `params` leaves out
            has its default.
        settings: Texts `name=value` that win over the file.

    Raises:
        SourceError: The file cannot be read, or holds no such thing.
        ParameterError: A setting has an unknown name, or a value outside its range.
    """
    method, values = _read(path)
    given = method_params(method, settings)
    return given.model_copy(
        update={name: value for name, value in values.items() if name not in given.model_fields_set}
    )


def _read(path: Path) -> tuple[str, dict[str, Any]]:
    try:
        content = json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise SourceError(f"parameters cannot be read from {path}: {error.strerror or error}") from None
    except ValueError:
        raise SourceError(
            f"parameters must be JSON as vidlab tune writes it, got another content in {path}"
        ) from None
    try:
        method, values = content[METHOD], content[PARAMS]
        params = build(method_model(method), values)
    except (KeyError, TypeError):
        raise SourceError(f"parameters must name a method and its params, got neither in {path}") from None
    except ParameterError as error:
        raise SourceError(f"parameters in {path} are of no use here: {error}") from None
    return method, {name: getattr(params, name) for name in params.model_fields_set}
