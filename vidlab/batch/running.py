"""A batch from its plan to its report: what is there is skipped, the rest is done by an engine."""

import logging
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from vidlab.batch.disk import predict_room, require_room
from vidlab.batch.planning import unique
from vidlab.batch.report import HTML, TABLE, write_report
from vidlab.batch.store import Batch, Store
from vidlab.batch.work import WORK, Engine, Event, Outcome, Task
from vidlab.errors import VidlabError
from vidlab.jobs.unfinished import DYING_S, lock_folder
from vidlab.params import BatchParams

logger = logging.getLogger(__name__)


class Watch:
    """Is told how far a batch is; this one keeps it to itself."""

    def planned(self, *, n_tasks: int, n_before: int, n_workers: int) -> None:
        """So many tasks, of which so many results were there before; so many workers."""

    def looking(self, done: int, total: int | None) -> None:
        """So many videos have been looked at, to predict what they will take."""

    def told(self, event: Event) -> None:
        """A worker has got so far; called from any thread."""

    def ended(self, task: Task, outcome: Outcome) -> None:
        """A task has ended."""


@dataclass(frozen=True, slots=True)
class BatchResult:
    """What came of a batch.

    Attributes:
        out: Its folder.
        tasks: What was asked, in order.
        outcomes: Of each task, in the same order; None where there is none yet.
        seconds: Wall time of this start.
    """

    out: Path
    tasks: tuple[Task, ...]
    outcomes: tuple[Outcome | None, ...]
    seconds: float

    @property
    def succeeded(self) -> bool:
        """Whether every task has a result."""
        return all(outcome is not None and outcome.succeeded for outcome in self.outcomes)

    @property
    def report(self) -> Path:
        """The report for people."""
        return self.out / HTML

    @property
    def table(self) -> Path:
        """The report for programs, Parquet."""
        return self.out / TABLE

    def count(self, *statuses: str) -> int:
        """Return how many tasks ended so; `waiting` counts those that did not end."""
        said = ["waiting" if outcome is None else outcome.status for outcome in self.outcomes]
        return sum(status in statuses for status in said)


def run_batch(
    tasks: Sequence[Task],
    *,
    out: Path,
    engine: Engine,
    params: BatchParams,
    command: Sequence[str] = (),
    watch: Watch | None = None,
) -> BatchResult:
    """Do all tasks that have no result yet, and write the report.

    Whatever happens, what is finished stays: the process may be killed at any moment, and the same call goes
    on where it was.

    Args:
        tasks: From `planning`.
        out: Folder of the batch.
        engine: From `engines.create_engine`.
        params: For the room on the disk; the rest is the engine's.
        command: Words of the command line, for the report.
        watch: Told how far it is.

    Raises:
        OutputError: The folder cannot be written, another batch has it, or the disk has too little room.
        VidlabError: The engine cannot work at all.
    """
    watch, start_s = watch or Watch(), time.monotonic()
    store = Store(out)
    store.make()
    with _locked(store.out):
        store.write_batch(Batch(tuple(command), tuple(tasks)))
        before = {task.key for task in tasks if (found := store.outcome(task)) and found.succeeded}
        todo = [task for task in unique(tasks) if task.key not in before]
        store.sweep(todo)
        with _reported(store.out):
            at_once = engine.n_workers or len(todo)  # 0: nobody knows
            room = predict_room(todo, out=store.out, at_once=at_once, progress=watch.looking)
            require_room(room, out=out, reserve_gb=params.disk_reserve)
            if room.n_bytes:
                logger.info("results will take about %s", room)
            n_before = len(unique(tasks)) - len(todo)
            watch.planned(n_tasks=len(unique(tasks)), n_before=n_before, n_workers=engine.n_workers)
            _drive(engine, todo, store=store, watch=watch)
    outcomes = [_said(store, task, before) for task in tasks]
    return BatchResult(store.out, tuple(tasks), tuple(outcomes), time.monotonic() - start_s)


def _drive(engine: Engine, todo: Sequence[Task], *, store: Store, watch: Watch) -> None:
    waiting = {task.key: task for task in todo}
    outcomes = engine.run(todo, report=watch.told)
    try:
        for outcome in outcomes:
            task = waiting.pop(outcome.key)
            store.record(task, outcome)
            watch.ended(task, outcome)
    finally:  # a signal may have broken off this loop, not the engine's
        getattr(outcomes, "close", lambda: None)()
    for task in waiting.values() if not engine.is_detached else ():
        lost = Outcome(task.key, "failed", error="the engine gave no outcome")
        store.record(task, lost)
        watch.ended(task, lost)


def _said(store: Store, task: Task, before: set[str]) -> Outcome | None:
    outcome = store.outcome(task)
    if outcome is None or task.key not in before:
        return outcome
    return replace(outcome, status="skipped")


@contextmanager
def _locked(out: Path) -> Iterator[None]:
    """Let one process at a time have a batch."""
    lock = lock_folder(out / WORK, out, patience_s=DYING_S)
    try:
        yield
    finally:
        os.close(lock)


@contextmanager
def _reported(out: Path) -> Iterator[None]:
    """Write the report before the work, after it, and when it is broken off."""
    write_report(out)
    try:
        yield
    except BaseException:
        with suppress(VidlabError, OSError):  # what broke it off says more
            write_report(out)
        raise
    write_report(out)
