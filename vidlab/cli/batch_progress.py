"""How far a batch is: a bar over all tasks and one for each worker, or a line for each task."""

import logging
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from vidlab.batch.running import Watch
from vidlab.batch.work import Event, Outcome, Task

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

logger = logging.getLogger(__name__)

MAX_BARS = 16  # of workers; more hide the screen
MAX_NAME = 40  # columns


@contextmanager
def watching(*, quiet: bool) -> Iterator[Watch]:
    """Give who shows on stderr how far a batch is: bars in a terminal, else, or if `quiet`, lines."""
    if quiet or not sys.stderr.isatty():
        yield _Lines()
        return
    with _bars() as bars:
        yield _Bars(bars)


class _Lines(Watch):
    """A line for each task that ended."""

    def __init__(self) -> None:
        self._n_ended = self._n_tasks = 0

    def planned(self, *, n_tasks: int, n_before: int, n_workers: int) -> None:
        self._n_tasks, self._n_ended = n_tasks, n_before
        if n_before:
            logger.info("%d of %d tasks were done before", n_before, n_tasks)

    def ended(self, task: Task, outcome: Outcome) -> None:
        self._n_ended += 1
        logger.info("%d of %d: %s: %s", self._n_ended, self._n_tasks, task.name, _said(outcome))


class _Bars(_Lines):
    """The same lines for what failed, above bars."""

    def __init__(self, bars: "Progress") -> None:
        super().__init__()
        self._bars = bars
        self._all: TaskID | None = None
        self._workers: dict[int, tuple[TaskID, str]] = {}  # bar, and key of the task that it shows
        self._lock = threading.Lock()

    def looking(self, done: int, total: int | None) -> None:
        if self._all is None:
            self._all = self._bars.add_task("looking at videos", total=total)
        self._bars.update(self._all, completed=done, total=total)

    def planned(self, *, n_tasks: int, n_before: int, n_workers: int) -> None:
        super().planned(n_tasks=n_tasks, n_before=n_before, n_workers=n_workers)
        if self._all is not None:
            self._bars.remove_task(self._all)
        self._all = self._bars.add_task("all tasks", total=n_tasks, completed=n_before)

    def told(self, event: Event) -> None:
        with self._lock:
            if event.worker not in self._workers:
                if len(self._workers) >= MAX_BARS:
                    return
                self._workers[event.worker] = self._bars.add_task("", total=None), event.key
            shown, key = self._workers[event.worker]
            if key != event.key:
                self._bars.reset(shown)  # the clock, too
                self._workers[event.worker] = shown, event.key
        name = event.name if len(event.name) <= MAX_NAME else f"{event.name[: MAX_NAME - 1]}…"
        self._bars.update(shown, description=f"  {name}", completed=event.done, total=event.total)

    def ended(self, task: Task, outcome: Outcome) -> None:
        if outcome.succeeded:
            self._n_ended += 1
        else:
            super().ended(task, outcome)
        if self._all is not None:
            self._bars.update(self._all, completed=self._n_ended)


def _said(outcome: Outcome) -> str:
    if not outcome.succeeded:
        return f"{outcome.status}: {outcome.error}"
    speed = (
        ""
        if outcome.frames_per_s is None
        else f", {outcome.n_frames} frames, {outcome.frames_per_s:.1f} frames/s"
    )
    return f"{outcome.status}{speed}"


@contextmanager
def _bars() -> Iterator["Progress"]:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(),
        TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn(),
    )  # fmt: skip
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        yield bars
