"""The report of a batch: a page for people and a table for programs, made anew from the folder every time."""

import base64
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import vidlab
from vidlab.batch.entries import Entry
from vidlab.batch.page import render
from vidlab.batch.store import Batch, Store, aside, write_aside
from vidlab.batch.table import write_table
from vidlab.jobs.output import worded
from vidlab.viz.tables import UNDEFINED, number
from vidlab.viz.wording import METRICS

HTML, TABLE = "report.html", "report.parquet"
SHOWN = (  # metrics that have a column in the page, where any row has a value; the table has them all
    "headline", "j_mean", "f_mean", "flicker_mean", "jitter_median_px", "consistency_mean", "iou_prev_mean",
)  # fmt: skip
ARROWS = {"more": " ↑", "less": " ↓", "neither": ""}
MAX_PICTURES = 1000  # beyond it the page, which holds them itself, would be slow to open


def write_report(out: Path) -> tuple[Path, Path]:
    """Write `report.html` and `report.parquet` from what the folder of a batch holds.

    Args:
        out: Folder of the batch.

    Returns:
        Both paths.

    Raises:
        OutputError: The folder holds no batch, or cannot be written.
        MissingExtraError: jinja2 or pyarrow is not installed.
    """
    store = Store(out)
    batch = store.read_batch()
    entries = [Entry(task, store.outcome(task)) for task in batch.tasks]
    page, table = store.out / HTML, store.out / TABLE
    text = render(_content(entries, batch=batch, store=store))
    with worded(store.out):
        write_aside(page, text)
        with aside(table) as sibling:
            write_table(sibling, entries, out=store.out)
    return page, table


def _content(entries: Sequence[Entry], *, batch: Batch, store: Store) -> dict[str, Any]:
    """Return everything that the page shows, as text and numbers."""
    counts = Counter(entry.status for entry in entries)
    done = [entry.outcome for entry in entries if entry.outcome is not None and entry.outcome.succeeded]
    seconds = sum(outcome.seconds for outcome in done)
    n_frames = sum(outcome.n_frames or 0 for outcome in done)
    shown = [name for name in SHOWN if any(_value(entry, f"stable_{name}") is not None for entry in entries)]
    rows = [
        _row(entry, shown, out=store.out, with_picture=place < MAX_PICTURES)
        for place, entry in enumerate(entries)
    ]
    return {
        "title": f"{len(entries)} {'task' if len(entries) == 1 else 'tasks'}: "
        + ", ".join(f"{n} {status}" for status, n in counts.most_common()),
        "facts": {
            "frames": f"{n_frames:,}",
            "of work, h:min:s": str(timedelta(seconds=round(seconds))),
            "frames/s of one worker": number(n_frames / seconds if n_frames and seconds else None, 2),
            "results of other requests in the folder": str(store.n_others(batch.tasks)),
            "vidlab": vidlab.__version__,
        },
        "command": " ".join(batch.command),
        "has_methods": len({entry.method for entry in entries} - {None}) > 0,
        "metrics": [
            METRICS[name].label[:1].upper() + METRICS[name].label[1:] + ARROWS[METRICS[name].better]
            for name in shown
        ],
        "rows": rows,
        "failures": [row for row in rows if row["error"]],
    }


def _row(entry: Entry, shown: Sequence[str], *, out: Path, with_picture: bool) -> dict[str, Any]:
    outcome, links = entry.outcome, entry.links
    picture = links.pop("thumbnail", None)
    places = {name: quote(str(path.relative_to(out))) for name, path in links.items()}
    if entry.task.log.is_file():
        places["log"] = quote(str(entry.task.log.relative_to(out)))
    return {
        "name": entry.task.name,
        "source": entry.task.source,
        "status": entry.status,
        "error": "" if outcome is None else outcome.error,
        "notes": [] if outcome is None else list(outcome.notes),
        "method": entry.method,
        "parameters": ", ".join(f"{name}={value}" for name, value in entry.parameters.items()),
        "n_frames": None if outcome is None else outcome.n_frames,
        "seconds": None if outcome is None or not outcome.seconds else outcome.seconds,
        "frames_per_s": None if outcome is None else outcome.frames_per_s,
        "metrics": [_cell(entry, name) for name in shown],
        "picture": _embedded(picture) if picture and with_picture else "",
        "links": places,
    }


def _cell(entry: Entry, name: str) -> dict[str, Any]:
    raw, stable = _value(entry, f"raw_{name}"), _value(entry, f"stable_{name}")
    decimals = METRICS[name].decimals
    if raw is None and stable is None:
        return {"text": UNDEFINED, "value": None}
    return {"text": f"{number(raw, decimals)} → {number(stable, decimals)}", "value": stable}


def _value(entry: Entry, name: str) -> float | None:
    return None if entry.outcome is None else entry.outcome.metrics.get(name)


def _embedded(path: Path) -> str:
    """Return a picture as text that a page can hold; empty where it is not there."""
    with suppress(OSError):
        return f"data:image/jpeg;base64,{base64.b64encode(path.read_bytes()).decode()}"
    return ""
