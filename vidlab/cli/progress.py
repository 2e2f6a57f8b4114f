"""How far a job is: a bar with frames/s and time left in a terminal, a line now and then elsewhere."""

import logging
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from vidlab.jobs.progress import Progress

logger = logging.getLogger(__name__)

_EVERY_S = 15.0  # between lines where there is no terminal


@contextmanager
def progress_bar(task: str, *, unit: str = "frames") -> Iterator[Progress]:
    """Give a function that shows progress on stderr while the block runs; `unit` is what it counts."""
    if sys.stderr.isatty():
        with _bar(task, unit) as advance:
            yield advance
    else:
        yield _lines(task, unit)


@contextmanager
def _bar(task: str, unit: str) -> Iterator[Progress]:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        ProgressColumn,
        Task,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )
    from rich.progress import Progress as RichProgress
    from rich.text import Text

    class Speed(ProgressColumn):
        def render(self, task: Task) -> Text:
            return Text(f"{task.speed:.1f} {unit}/s" if task.speed else f"– {unit}/s")

    columns: tuple[ProgressColumn, ...] = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        Speed(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    with RichProgress(*columns, console=Console(stderr=True), transient=True) as bar:
        shown = bar.add_task(task, total=None)
        yield lambda done, total: bar.update(shown, completed=done, total=total)


def _lines(task: str, unit: str) -> Progress:
    start_s = time.monotonic()
    last_s = start_s
    begun_at: int | None = None  # a resumed run does not begin at 0

    def advance(done: int, total: int | None) -> None:
        nonlocal last_s, begun_at
        begun_at = done if begun_at is None else begun_at
        now_s = time.monotonic()
        if now_s - last_s < _EVERY_S:
            return
        last_s = now_s
        speed = (done - begun_at) / (now_s - start_s)
        left = f", {(total - done) / speed:.0f} s left" if total and speed else ""
        logger.info("%s: %d of %s %s, %.1f %s/s%s", task, done, total or "?", unit, speed, unit, left)

    return advance
