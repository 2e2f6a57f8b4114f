"""What a user sees of a batch: a bar over all and one per worker, or a line for each task."""

import io
import logging

import pytest
from rich.console import Console
from rich.progress import Progress

from vidlab.batch.work import Event, Outcome, Task
from vidlab.cli.batch_progress import MAX_BARS, _Bars, _Lines, watching

TASKS = [Task(name * 64, "stabilize", name, name, f"/o/results/{name}", {}) for name in "ab"]


@pytest.fixture
def lines(caplog):
    caplog.set_level(logging.INFO, "vidlab")
    return lambda: [record.getMessage() for record in caplog.records]


def test_line_for_each_task(lines):
    watch = _Lines()
    watch.planned(n_tasks=3, n_before=1, n_workers=2)
    watch.ended(TASKS[0], Outcome(TASKS[0].key, "done", n_frames=6, frames_per_s=2.5))
    watch.ended(TASKS[1], Outcome(TASKS[1].key, "timeout", error="it took longer than 5 s"))
    assert lines() == [
        "1 of 3 tasks were done before",
        "2 of 3: a: done, 6 frames, 2.5 frames/s",
        "3 of 3: b: timeout: it took longer than 5 s",
    ]


def test_bars_show_all_tasks_and_each_worker(lines):
    bars = Progress(console=Console(file=io.StringIO()))
    watch = _Bars(bars)
    watch.looking(1, 2)
    watch.planned(n_tasks=2, n_before=0, n_workers=2)
    watch.told(Event(0, TASKS[0].key, "a", 3, 10))
    watch.told(Event(1, TASKS[1].key, "b", 0, None))
    assert [(bar.description, bar.completed, bar.total) for bar in bars.tasks] == [
        ("all tasks", 0, 2), ("  a", 3, 10), ("  b", 0, None),
    ]  # fmt: skip
    watch.ended(TASKS[0], Outcome(TASKS[0].key, "done"))
    watch.told(Event(0, TASKS[1].key, "x" * 100, 1, 5))
    assert (bars.tasks[0].completed, bars.tasks[1].completed) == (1, 1)
    assert len(bars.tasks[1].description) < 50
    assert lines() == []
    watch.ended(TASKS[1], Outcome(TASKS[1].key, "failed", error="it is empty"))
    assert lines() == ["2 of 2: b: failed: it is empty"]


def test_many_workers_do_not_hide_the_screen():
    bars = Progress(console=Console(file=io.StringIO()))
    watch = _Bars(bars)
    for worker in range(100):
        watch.told(Event(worker, "key", "name"))
    assert len(bars.tasks) == MAX_BARS


def test_lines_where_there_is_no_terminal():
    with watching(quiet=False) as watch:
        assert type(watch) is _Lines
