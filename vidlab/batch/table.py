"""The report as a typed table, Parquet: the only module that knows pyarrow."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import vidlab
from vidlab.batch.entries import Entry
from vidlab.errors import MissingExtraError
from vidlab.metrics.summary import ClipSummary

VERSIONS = ("raw", "stable")
LINKS = ("folder", "overlay", "notebook")


def metric_columns() -> list[str]:
    """Return the names of all columns of metrics: `raw_` and `stable_` of each number of `ClipSummary`."""
    numbers = [
        name
        for name, field in ClipSummary.model_fields.items()
        if field.annotation in (int, float, float | None)
    ]
    return [f"{version}_{name}" for version in VERSIONS for name in numbers]


def write_table(path: Path, entries: Sequence[Entry], *, out: Path) -> None:
    """Write one row per task.

    Columns: name, status (done, failed, timeout, waiting), error, kind, source, method, parameters (JSON),
    seconds, n_frames, frames_per_s, notes, folder, overlay, notebook, log (paths seen from `out`; null where
    there is none), key, vidlab, every metric before and after, and `param_NAME` for each parameter of a
    notebook. Types do not depend on the rows, but for `param_NAME`.

    Args:
        path: The file.
        entries: The rows.
        out: Folder of the batch.

    Raises:
        MissingExtraError: pyarrow is not installed.
    """
    arrow, parquet = _pyarrow()
    text, real = arrow.string(), arrow.float64()
    schema = {
        "name": text, "status": text, "error": text, "kind": text, "source": text, "method": text,
        "parameters": text, "seconds": real, "n_frames": arrow.int64(), "frames_per_s": real,
        "notes": arrow.list_(text), "folder": text, "overlay": text, "notebook": text, "log": text,
        "key": text, "vidlab": text, **dict.fromkeys(metric_columns(), real),
    }  # fmt: skip
    rows = [_row(entry, out=out) for entry in entries]
    columns = {name: arrow.array([row.get(name) for row in rows], kind) for name, kind in schema.items()}
    for name in dict.fromkeys(name for entry in entries for name in _own_parameters(entry)):
        columns[f"param_{name}"] = _typed(arrow, [_own_parameters(entry).get(name) for entry in entries])
    parquet.write_table(arrow.table(columns), str(path))


def _row(entry: Entry, *, out: Path) -> dict[str, Any]:
    task, outcome = entry.task, entry.outcome
    row: dict[str, Any] = {
        "name": task.name,
        "status": entry.status,
        "kind": task.kind,
        "source": task.source,
        "method": entry.method,
        "parameters": json.dumps(entry.parameters, ensure_ascii=False),
        "log": str(task.log.relative_to(out)) if task.log.is_file() else None,
        "key": task.key,
        "vidlab": vidlab.__version__,
        "notes": [],
    }
    if outcome is None:
        return row
    links = {name: str(path.relative_to(out)) for name, path in entry.links.items() if name in LINKS}
    measured = {name: None if value is None else float(value) for name, value in outcome.metrics.items()}
    return (
        row
        | measured
        | links
        | {
            "error": outcome.error or None,
            "seconds": outcome.seconds,
            "n_frames": outcome.n_frames,
            "frames_per_s": outcome.frames_per_s,
            "notes": list(outcome.notes),
        }
    )


def _own_parameters(entry: Entry) -> Mapping[str, Any]:
    return entry.parameters if entry.task.kind == "notebook" else {}


def _typed(arrow: Any, values: list[Any]) -> Any:
    """Return a column of the type that its values share; as JSON where they share none."""
    kinds = {type(value) for value in values if value is not None}
    if kinds == {int, float}:
        return arrow.array(values, arrow.float64())
    if len(kinds) == 1 and kinds <= {bool, int, float, str}:
        return arrow.array(values)
    return arrow.array([json.dumps(value, ensure_ascii=False) for value in values], arrow.string())


def _pyarrow() -> Any:
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        raise MissingExtraError.for_feature("the report of a batch", extra="batch") from None
    return pyarrow, parquet
