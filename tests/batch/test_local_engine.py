"""Processes of the local engine: killed, crashed, too slow, replaced; none outlives its driver."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from vidlab.batch.local import LocalEngine
from vidlab.batch.work import Event, Outcome, Task
from vidlab.params import BatchParams

ODD = (str(Path(__file__).with_name("odd_worker.py")),)
PATIENCE_S = 30.0


def task(out: Path, name: str, *do: tuple[str, object]) -> Task:
    return Task(name * 64, "stabilize", name, "none", str(out / "results" / name), {"do": list(do)})


def run(tasks: list[Task], events: list[Event] | None = None, **params: object) -> dict[str, Outcome]:
    engine = LocalEngine(BatchParams.model_validate(params), command=ODD)
    report = (lambda _: None) if events is None else events.append
    return {outcome.key[0]: outcome for outcome in engine.run(tasks, report=report)}


def wait_until(holds: Callable[[], bool]) -> None:
    end_s = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < end_s, "it never came true"
        time.sleep(0.02)


def test_dead_workers_cost_their_own_tasks_alone_and_say_what_they_died_of(tmp_path):
    tasks = [
        task(tmp_path, "a", ("die", "SIGKILL")),
        task(tmp_path, "b"),
        task(tmp_path, "c", ("die", "SIGSEGV")),
        task(tmp_path, "d", ("exit", 3)),
        task(tmp_path, "e"),
    ]
    said = run(tasks, jobs=1, retries=0)
    assert {key: outcome.status for key, outcome in said.items()} == {
        "a": "failed", "b": "done", "c": "failed", "d": "failed", "e": "done",
    }  # fmt: skip
    assert said["a"].error.startswith(
        "its process was killed (SIGKILL): often the system's answer to too little"
    )
    assert said["c"].error == "its process died of SIGSEGV"
    assert said["d"].error == "its process ended with exit code 3"
    assert "Segmentation fault" in tasks[2].log.read_text()


def test_task_whose_worker_died_is_begun_again(tmp_path):
    once = task(tmp_path, "a", ("die_first", str(tmp_path / "died")))
    always = task(tmp_path, "b", ("die", "SIGKILL"))
    said = run([once, always], jobs=2, retries=1)
    assert said["a"].status == "done"
    assert said["b"].status == "failed"
    assert said["b"].error.startswith("its process, 2 times in a row, was killed")


def test_too_slow_task_is_stopped_with_all_that_it_started(tmp_path):
    pids = tmp_path / "pids"
    slow = task(tmp_path, "a", ("start", str(pids)), ("sleep", 600))
    said = run([slow, task(tmp_path, "b")], jobs=1, time_limit=3)
    assert said["a"].status == "timeout"
    assert said["a"].error.startswith("it took longer than 3 s and was stopped")
    assert said["b"].status == "done"
    assert not any(alive(int(pid)) for pid in pids.read_text().split())


def test_process_is_kept_for_so_many_tasks_and_then_replaced(tmp_path):
    tasks = [task(tmp_path, name) for name in "abcd"]
    said = run(tasks, jobs=1, tasks_per_worker=2)
    pids = [said[name].n_frames for name in "abcd"]
    assert pids[0] == pids[1] != pids[2] == pids[3]
    assert not any(alive(pid) for pid in pids)


def test_progress_names_worker_and_task(tmp_path):
    events: list[Event] = []
    run([task(tmp_path, "a", ("tell", (1, 2)), ("tell", (2, 2)))], events, jobs=1)
    assert [(event.worker, event.name, event.done, event.total) for event in events] == [
        (0, "a", 0, None), (0, "a", 1, 2), (0, "a", 2, 2),
    ]  # fmt: skip


def test_consumer_that_stops_leaves_no_process(tmp_path):
    pids = tmp_path / "pids"
    tasks = [
        task(tmp_path, "a"),
        task(tmp_path, "b", ("start", str(pids)), ("sleep", 600)),
        task(tmp_path, "c"),
    ]
    outcomes = LocalEngine(BatchParams(jobs=2), command=ODD).run(tasks, report=lambda _: None)
    assert next(outcomes).key[0] in "ac"
    wait_until(lambda: pids.exists() and len(pids.read_text().split()) == 2)
    outcomes.close()
    assert not any(alive(int(pid)) for pid in pids.read_text().split())


@pytest.mark.parametrize("hard", [signal.SIGKILL, signal.SIGINT])
def test_workers_and_their_children_die_with_the_driver(tmp_path, hard):
    pids = tmp_path / "pids"
    one = task(tmp_path, "a", ("start", str(pids)), ("sleep", 600))
    code = (
        # a shell that put pytest in the background has it ignore Ctrl-C, and all that it starts
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler);"
        "import sys; from vidlab.batch.local import LocalEngine; from vidlab.batch.work import Task;"
        "from vidlab.params import BatchParams;"
        f"engine = LocalEngine(BatchParams(jobs=1), command={ODD!r});"
        "list(engine.run([Task.from_json(sys.argv[1])], report=lambda _: None))"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    driver = subprocess.Popen(
        [sys.executable, "-c", code, one.to_json()], env=environment, stderr=subprocess.DEVNULL
    )
    try:
        wait_until(lambda: pids.exists() and len(pids.read_text().split()) == 2)
        driver.send_signal(hard)
        driver.wait(PATIENCE_S)
        wait_until(lambda: not any(alive(int(pid)) for pid in pids.read_text().split()))
    finally:
        driver.kill()
        driver.wait()


def alive(pid: int) -> bool:
    """Whether a process does anything still; one that nobody has waited for yet does not."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
