"""Run a notebook by papermill, whole or not at all."""

import ast
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vidlab.errors import MissingExtraError, OutputError, ParameterError, SourceError
from vidlab.jobs.output import result_file

ROOT = Path(__file__).resolve().parents[2]  # of the clone; the package is installed editable
_WORDS = {"true": True, "false": False, "none": None}


def find_notebook(name: str) -> Path:
    """Return the notebook of this path, or the one in `notebooks/` whose name starts so.

    Raises:
        SourceError: There is none, or more than one.
    """
    if Path(name).is_file():
        return Path(name)
    folder = ROOT / "notebooks"
    found = sorted(folder.glob(f"{Path(name).stem}*.ipynb")) if name else []
    exact = [path for path in found if path.stem == Path(name).stem]
    if len(exact or found) == 1:
        return (exact or found)[0]
    known = ", ".join(path.stem for path in (found or sorted(folder.glob("*.ipynb")))) or "none"
    raise SourceError(
        f"a notebook must be a file or the start of a name in notebooks/, got {name!r}; there: {known}"
    )


def notebook_parameters(notebook: Path) -> dict[str, Any]:
    """Return name → default of the parameters a notebook takes, in their order.

    Raises:
        SourceError: The file is no notebook.
        MissingExtraError: papermill is not installed.
    """
    papermill = _papermill()
    try:
        described = papermill.inspect_notebook(str(notebook))
    except Exception as error:  # papermill lets through whatever JSON and nbformat raise
        raise SourceError(f"{notebook} must be a notebook, got one that cannot be read: {error}") from error
    return {name: _literal(facts["default"]) for name, facts in described.items()}


def parse_parameters(settings: list[str], defaults: Mapping[str, Any]) -> dict[str, Any]:
    """Turn texts `name=value` into values of the types of the defaults.

    Raises:
        ParameterError: A text has no `=`, a name is unknown, or a value is of another type.

    >>> parse_parameters(["n=3", "path=7", "quick=true"], {"n": 1, "path": "x", "quick": False})
    {'n': 3, 'path': '7', 'quick': True}
    """
    values: dict[str, Any] = {}
    for text in settings:
        name, sign, value = text.partition("=")
        if not sign:
            raise ParameterError(f"a setting must have the form name=value, got {text!r}")
        if name not in defaults:
            known = ", ".join(defaults) or "it takes none"
            raise ParameterError(f"unknown notebook parameter {name!r}; choose from: {known}")
        values[name] = _converted(name, value, defaults[name])
    return values


def with_absolute_paths(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Make relative paths to existing files absolute: a notebook runs in its own folder, not in the caller's.

    A text counts as a path if it holds a `/` or ends like a file name.
    """
    values = dict(parameters)
    for name, value in values.items():
        if isinstance(value, str) and ("/" in value or Path(value).suffix) and Path(value).exists():
            values[name] = str(Path(value).resolve())
    return values


def run_notebook(
    notebook: Path,
    *,
    out: Path,
    parameters: Mapping[str, Any],
    force: bool = False,
    failed: Path | None = None,
) -> Path:
    """Execute a notebook with parameters, in its own folder as JupyterLab does, and write the executed copy.

    Args:
        notebook: The notebook; it is not changed.
        out: Where the executed copy goes, `.ipynb`.
        parameters: Values for its cell tagged `parameters`.
        force: Replace `out` if it is there.
        failed: Where the copy goes, with the traceback in it, if a cell fails; None keeps none.

    Returns:
        `out`.

    Raises:
        SourceError: A cell of the notebook fails; nothing is left behind but `failed`.
        OutputError: `out` is there without `force`, does not end in `.ipynb`, or cannot be written.
        MissingExtraError: papermill is not installed.
    """
    if out.suffix != ".ipynb":
        raise OutputError(f"an executed notebook must end in .ipynb, got {out}")
    if out.resolve() == notebook.resolve():
        raise OutputError(f"the executed notebook must not replace its source, got {out}")
    papermill = _papermill()
    logging.getLogger("papermill").setLevel(logging.ERROR)
    with result_file(out, force=force) as partial:
        try:
            papermill.execute_notebook(
                str(notebook),
                str(partial),
                parameters=dict(parameters),
                cwd=str(notebook.resolve().parent),
                progress_bar=False,
            )
        except papermill.PapermillExecutionError as error:
            if failed is not None:
                failed.parent.mkdir(parents=True, exist_ok=True)
                partial.replace(failed)
            trouble = f"{error.ename}: {error.evalue} in cell {error.cell_index}"
            raise SourceError(f"{notebook} must run to its end, got {trouble}") from error
    return out


def _papermill() -> Any:
    try:
        import papermill
    except ImportError:
        raise MissingExtraError.for_feature("running a notebook", extra="notebooks") from None
    return papermill


def _literal(text: Any) -> Any:
    if str(text).lower() in _WORDS:
        return _WORDS[str(text).lower()]
    try:
        return ast.literal_eval(str(text))
    except (ValueError, SyntaxError):
        return text


def _converted(name: str, text: str, default: Any) -> Any:
    if isinstance(default, str):
        return text
    value = _literal(text)
    if isinstance(default, float) and type(value) is int:
        return float(value)
    if default is not None and type(value) is not type(default):
        raise ParameterError(f"{name} must be of type {type(default).__name__}, got {text!r}")
    return value
