"""Ray of two workers on this machine: the same results as in series, whoever is killed."""

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import nbformat
import psutil
import pytest
from cluster_tasks import assert_same_results, half_finished, plan, run_serially, write_clip

from vidlab.batch.engines import create_engine
from vidlab.batch.planning import plan_notebook
from vidlab.batch.ray_cluster import SCRATCH, connected, scratch_folder
from vidlab.batch.ray_worker import Worker
from vidlab.batch.running import run_batch
from vidlab.batch.work import Event, Outcome, Task, run_task
from vidlab.errors import EngineError
from vidlab.params import BatchParams, ClusterParams

ray = pytest.importorskip("ray", reason="the engine ray needs vidlab[ray]")

PATIENCE_S = 60.0  # for what takes a second or two where nothing else runs
LONG = 500  # frames: two seconds of work and more
TOO_BUSY = "timed out during startup"


def write_clips(root: Path) -> Path:
    """Two short clips and a long one."""
    for number in range(2):
        write_clip(root, f"short{number}", n_frames=6, seed=number)
    write_clip(root, "long", n_frames=LONG, seed=9)
    return root


@pytest.fixture(scope="module")
def clips(tmp_path_factory) -> Path:
    return write_clips(tmp_path_factory.mktemp("ray"))


@pytest.fixture(scope="module")
def serial(clips, tmp_path_factory) -> dict[str, Path]:
    return run_serially(clips, out=tmp_path_factory.mktemp("serial"))


@pytest.fixture(scope="module")
def two_cores() -> Iterator[None]:
    """One Ray for all tests; the engine uses the connection that there is."""
    with ExitStack() as stack:
        try:
            stack.enter_context(connected(ray, ClusterParams(), n_workers=2))
        except EngineError as error:
            give_up(str(error))
        yield


def give_up(said: str) -> None:
    """Skip where Ray gave up waiting for its own agents (after 15 s, always), unless REQUIRE_RAY=1."""
    if TOO_BUSY in said and os.environ.get("REQUIRE_RAY") != "1":
        pytest.skip(f"this machine is too busy for Ray to start: {said}")
    raise AssertionError(said)


def run(
    tasks: list[Task], *, told: Callable[[Event], None] = lambda _: None, **params: object
) -> list[Outcome]:
    engine = create_engine("ray", params=BatchParams(**{"jobs": 2, **params}), options=None, out=tasks[0].out)
    outcomes = list(engine.run(tasks, report=told))
    assert sorted(outcome.key for outcome in outcomes) == sorted(task.key for task in tasks)
    return outcomes


def workers(of: int | None = None) -> list[psutil.Process]:
    """The processes of actors that descend from a process."""
    found = []
    for process in psutil.Process(of).children(recursive=True):
        with suppress(psutil.Error):
            if process.cmdline()[:1] and process.cmdline()[0].startswith("ray::Worker"):
                found.append(process)
    return found


def wait_for(what: Callable[[], bool]) -> None:
    end_s = time.monotonic() + PATIENCE_S
    while not what():
        assert time.monotonic() < end_s, "waited too long"
        time.sleep(0.05)


def test_results_are_those_of_a_serial_run(two_cores, clips, serial, tmp_path):
    out, told = tmp_path / "out", list[Event]()
    tasks = plan(clips, out=out)
    engine = create_engine("ray", params=BatchParams(jobs=2), options=None, out=out)
    result = run_batch(tasks, out=out, engine=engine, params=BatchParams())
    assert result.succeeded
    for task in tasks:
        assert_same_results(serial[task.name], Path(task.folder))
    again = run(tasks, told=told.append)
    assert {outcome.status for outcome in again} == {"skipped"}
    assert {event.worker for event in told} <= {0, 1}


def test_killed_worker_is_replaced_and_its_task_done_anew(two_cores, clips, serial, tmp_path):
    killed: list[int] = []

    def kill_once(event: Event) -> None:
        if event.name == "long" and event.done > 20 and not killed:
            for victim in workers():  # all of them: whoever does it is among them
                killed.append(victim.pid)
                victim.kill()

    tasks = plan(clips, out=tmp_path)
    outcomes = run(tasks, told=kill_once)
    assert killed
    assert {outcome.status for outcome in outcomes} == {"done"}
    for task in tasks:
        assert_same_results(serial[task.name], Path(task.folder))


def test_task_that_takes_too_long_is_stopped_and_gone_on_with(two_cores, clips, serial, tmp_path):
    tasks = [task for task in plan(clips, out=tmp_path) if task.name == "long"]
    (stopped,) = run(tasks, time_limit=1.0)
    assert stopped.status == "timeout"
    assert "longer than 1 s" in stopped.error
    assert not Path(tasks[0].folder).exists()
    (done,) = run(tasks)
    assert done.status == "done"
    assert_same_results(serial["long"], Path(tasks[0].folder))


@pytest.mark.slow
def test_bad_video_is_an_outcome_and_stops_no_other(two_cores, clips, tmp_path):
    tasks = plan(clips, out=tmp_path)
    bad = tmp_path / "bad.mp4"
    bad.write_bytes(b"no video at all")
    odd = Task("0" * 64, "stabilize", "bad", str(bad), str(tmp_path / "results" / "bad"), tasks[0].settings)
    outcomes = {outcome.key: outcome for outcome in run([odd, *tasks])}
    assert outcomes.pop(odd.key).status == "failed"
    assert {outcome.status for outcome in outcomes.values()} == {"done"}


def is_alive(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def killed_driver(clips: Path, out: Path) -> tuple[list[psutil.Process], Path]:
    """Kill a batch in the middle of its long clip; return its family, and the folder of its Ray."""
    words = [sys.executable, str(Path(__file__).with_name("ray_driver.py")), str(clips), str(out)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "stdin": subprocess.DEVNULL}
    driver = subprocess.Popen(words, text=True, **pipes)
    try:
        assert driver.stdout is not None
        said = line = ""
        while not (line.startswith("long ") and int(line.split()[1]) > 20):
            said, line = said + line, driver.stdout.readline()
            if not line:
                give_up(f"the driver ended early: {said}")
        family = psutil.Process(driver.pid).children(recursive=True)
        (raylet,) = (one for one in family if Path(one.cmdline()[0]).name == "raylet")
        scratch = re.search(rf"(\S*/{SCRATCH}\w+)/", " ".join(raylet.cmdline()))
        assert scratch is not None
    finally:
        driver.kill()
        driver.communicate()
    return family, Path(scratch[1])


def test_killed_driver_leaves_no_process_and_nothing_half_done(clips, serial, tmp_path):
    family, scratch = killed_driver(clips, tmp_path)
    wait_for(lambda: not any(map(is_alive, family)))
    assert half_finished(tmp_path) == []
    for task in plan(clips, out=tmp_path):
        assert run_task(task).succeeded
        assert_same_results(serial[task.name], Path(task.folder))
    wait_for(lambda: not scratch.exists())


def test_abandoned_folder_is_removed_by_the_next_start():
    abandoned = Path(tempfile.mkdtemp(prefix=SCRATCH, dir="/tmp"))
    os.utime(abandoned, (0, 0))
    with scratch_folder() as folder:
        assert folder.is_dir()
        assert not abandoned.exists()
    assert not folder.exists()


def test_folder_in_use_is_not_taken_for_abandoned():
    with scratch_folder() as one:
        os.utime(one, (0, 0))
        with scratch_folder() as other:
            assert one.is_dir()
            assert other != one


class FakeRay:
    """Stands for the package where only its answers matter."""

    def __init__(self, *nodes: dict[str, float], error: Exception | None = None) -> None:
        self._nodes, self._error = nodes, error
        self.options: dict[str, object] = {}
        self.is_up = False

    def is_initialized(self) -> bool:
        return self.is_up

    def init(self, **options: object) -> None:
        if self._error:
            raise self._error
        self.options, self.is_up = options, True

    def shutdown(self) -> None:
        self.is_up = False

    def nodes(self) -> list[dict[str, object]]:
        return [{"Alive": True, "Resources": node} for node in self._nodes]


@pytest.fixture
def no_address(monkeypatch) -> None:
    monkeypatch.delenv("RAY_ADDRESS", raising=False)


def test_task_that_no_machine_can_hold_is_refused(no_address):
    alone = FakeRay({"CPU": 2, "memory": 4e9})
    with (
        pytest.raises(EngineError, match=r"got 1 cores, 2 GPUs, 0 GB for a task and at most 2 cores, 0 GPUs"),
        connected(alone, ClusterParams(gpus_per_task=2), n_workers=1),
    ):
        pass
    assert not alone.is_up


def test_cluster_that_may_grow_is_waited_for(caplog):
    params = ClusterParams(ray_address="auto", gpus_per_task=1)
    with connected(FakeRay({"CPU": 2}), params, n_workers=1) as n_places:
        assert n_places == 0
    assert "waiting for a machine that has room" in caplog.text


@pytest.mark.parametrize(
    ("params", "n_places"),
    [
        ({}, 10),
        ({"cpus_per_task": 3}, 2),
        ({"gpus_per_task": 0.25}, 4),
        ({"gpus_per_task": 0.25, "memory_per_task": 3}, 2),
    ],
)
def test_places_are_what_all_machines_hold(params, n_places):
    cluster = FakeRay({"CPU": 2, "memory": 1e10}, {"CPU": 8, "GPU": 1, "memory": 8e9})
    with connected(cluster, ClusterParams(ray_address="head:6379", **params), n_workers=1) as n_found:
        assert n_found == n_places


def test_address_is_an_option_then_the_environment_then_this_machine(monkeypatch):
    cluster = FakeRay({"CPU": 1})
    for option, variable, address in (("a:1", "b:2", "a:1"), ("", "b:2", "b:2"), ("", "", "local")):
        monkeypatch.setenv("RAY_ADDRESS", variable)
        with connected(cluster, ClusterParams(ray_address=option), n_workers=1):
            assert cluster.options["address"] == address
        assert not cluster.is_up


def test_connection_of_the_caller_is_left_as_it_is():
    cluster = FakeRay({"CPU": 3})
    cluster.is_up = True
    with connected(cluster, ClusterParams(), n_workers=1) as n_places:
        assert n_places == 3
    assert cluster.is_up


def test_cluster_that_cannot_be_reached_is_one_sentence():
    cluster = FakeRay(error=ConnectionError("no answer\nfrom there"))
    with (
        pytest.raises(
            EngineError, match="the ray cluster head:1 must be reachable, got: no answer from there"
        ),
        connected(cluster, ClusterParams(ray_address="head:1"), n_workers=1),
    ):
        pass


def test_signals_stay_with_who_has_them(no_address):
    class Greedy(FakeRay):
        def init(self, **options: object) -> None:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            signal.signal(signal.SIGCHLD, signal.SIG_IGN)
            super().init(**options)

    before = signal.getsignal(signal.SIGTERM)
    with connected(Greedy({"CPU": 1}), ClusterParams(), n_workers=1):
        assert signal.getsignal(signal.SIGTERM) == before
        assert failed_child() == 1


def failed_child() -> int:
    """The exit code that is read of a process that says 1."""
    return subprocess.run([sys.executable, "-c", "raise SystemExit(1)"]).returncode


def test_exit_codes_of_children_are_read_as_they_are(two_cores):
    class Parent(Worker):
        def failed_child(self) -> int:
            return subprocess.run([sys.executable, "-c", "raise SystemExit(1)"]).returncode

    actor = ray.remote(Parent).options(max_concurrency=2).remote({})
    try:
        assert ray.get(actor.failed_child.remote()) == 1
        assert failed_child() == 1
    finally:
        ray.kill(actor)


def notebook_of(path: Path, source: str) -> Path:
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source)])
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(notebook, path)
    return path


@pytest.mark.slow
def test_task_that_kills_every_worker_is_reported_and_stops_no_other(two_cores, clips, tmp_path):
    """Its kernel is a child of the worker."""
    murderer = notebook_of(tmp_path / "murder.ipynb", "import os\nos.kill(os.getppid(), 9)")
    out = tmp_path / "out"
    (bad,) = plan_notebook(murderer, out=out, points=[{}], own_folder=False)
    tasks = plan(clips, out=out)
    outcomes = {outcome.key: outcome for outcome in run([bad, *tasks], retries=1)}
    lost = outcomes.pop(bad.key)
    assert lost.status == "failed"
    assert lost.error.startswith("its process, 2 times in a row, was lost")
    assert {outcome.status for outcome in outcomes.values()} == {"done"}


@pytest.mark.slow
def test_what_a_stopped_task_started_goes_with_it(two_cores, tmp_path):
    sleeper = notebook_of(tmp_path / "sleep.ipynb", "import time\ntime.sleep(600)")
    tasks = plan_notebook(sleeper, out=tmp_path / "out", points=[{}], own_folder=False)
    kernels: list[psutil.Process] = []

    def look(_: Event) -> None:
        children = (child for one in workers() for child in one.children(recursive=True))
        kernels.extend(child for child in children if "ipykernel" in " ".join(child.cmdline()))

    (stopped,) = run(tasks, told=look, time_limit=20.0)
    assert stopped.status == "timeout"
    assert kernels
    wait_for(lambda: not any(map(is_alive, kernels)))
