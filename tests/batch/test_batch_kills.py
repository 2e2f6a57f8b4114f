"""Killed drivers and workers: nothing finished is lost, nothing half finished is named, nobody lives on."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from few_videos import Few, Inline, content, make_few, plan

from vidlab.batch.running import run_batch
from vidlab.batch.store import OUTCOME
from vidlab.params import BatchParams

NAMES = ("ant", "bee")
N_LONG = 120  # frames; more than lie between two of a job's checkpoints
PATIENCE_S = 120.0


@pytest.fixture(scope="module")
def few(tmp_path_factory):
    return make_few(tmp_path_factory.mktemp("few"), names=NAMES, n_frames=10, broken=False)


@pytest.fixture(scope="module")
def serial(few, tmp_path_factory):
    return undisturbed(few, tmp_path_factory)


@pytest.fixture(scope="module")
def long_few(tmp_path_factory):
    return make_few(tmp_path_factory.mktemp("long"), names=NAMES, n_frames=N_LONG, broken=False)


@pytest.fixture(scope="module")
def long_serial(long_few, tmp_path_factory):
    return undisturbed(long_few, tmp_path_factory)


def undisturbed(few: Few, tmp_path_factory) -> Path:
    """Return what a run gives that nobody disturbs, one video after the other in this process."""
    out = tmp_path_factory.mktemp("serial") / "out"
    result = run_batch(plan(few, out), out=out, engine=Inline(), params=BatchParams(disk_reserve=0))
    assert result.succeeded
    return out


def start(few: Few, out: Path) -> "subprocess.Popen[str]":
    words = [
        "--masks",
        str(few.masks),
        "--class",
        "dog",
        "--method",
        "median",
        "--jobs",
        "2",
        "--retries",
        "9",
    ]
    command = [
        sys.executable,
        "-m",
        "vidlab",
        "batch",
        "stabilize",
        str(few.videos),
        *words,
        "--out",
        str(out),
    ]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.Popen(
        command,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )


def workers(driver: "subprocess.Popen[str]") -> list[psutil.Process]:
    try:
        return psutil.Process(driver.pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def require_whole(out: Path, serial: Path) -> None:
    """Every folder with a final name is as the undisturbed run made it."""
    for folder in (out / "results").iterdir() if (out / "results").is_dir() else ():
        got, wanted = (comparable(root / "results" / folder.name) for root in (out, serial))
        assert got.keys() == wanted.keys()
        assert {name for name in wanted if got[name] != wanted[name]} == set()


def comparable(folder: Path) -> dict[str, bytes]:
    """Every file of a result, without times, and without the words that name its folder."""
    files = content(folder)
    files[OUTCOME] = b"there"
    for name, without in (("metrics.json", "timing"), ("params.json", "command")):
        said = json.loads(files[name])
        del said[without]
        files[name] = json.dumps(said).encode()
    return files


def finish(few: Few, out: Path, serial: Path, *, n_kills: int, rng: random.Random) -> None:
    """Let a driver finish, killing workers of its meanwhile."""
    driver = start(few, out)
    try:
        kill_workers(driver, out, n_kills=n_kills, rng=rng)
        text, _ = driver.communicate(timeout=PATIENCE_S)
    finally:
        driver.kill()
        driver.wait()
    assert driver.returncode == 0, text
    assert sorted(path.name[:-13] for path in (out / "results").iterdir()) == list(NAMES)
    require_whole(out, serial)
    assert list((out / "work").iterdir()) == []
    left = [path.name for path in out.iterdir() if path.name.startswith(".")]
    assert left == [".hashes.json"]


def kill_driver_after(delay_s: float, few: Few, out: Path, serial: Path) -> None:
    """Start a driver, kill it so long after its first worker works, and look at what is left."""
    driver = start(few, out)
    try:
        end_s = time.monotonic() + PATIENCE_S
        while not list((out / "work").glob("*/*")) and driver.poll() is None:
            assert time.monotonic() < end_s
            time.sleep(0.02)
        time.sleep(delay_s)
        family = workers(driver)
    finally:
        driver.kill()
        driver.communicate()
    _, alive = psutil.wait_procs(family, timeout=10)
    assert [process for process in alive if process.status() != psutil.STATUS_ZOMBIE] == []
    require_whole(out, serial)


def test_killed_driver_and_killed_workers_lose_nothing(few, serial, tmp_path):
    out = tmp_path / "out"
    kill_driver_after(0.7, few, out, serial)
    finish(few, out, serial, n_kills=2, rng=random.Random(4))


def kill_workers(driver: "subprocess.Popen[str]", out: Path, *, n_kills: int, rng: random.Random) -> None:
    killed = 0
    while killed < n_kills and driver.poll() is None:
        time.sleep(rng.uniform(0.05, 0.5))
        family = workers(driver)
        if family and list((out / "work").glob("*/*")):  # a task has begun
            rng.choice(family).send_signal(signal.SIGKILL)
            killed += 1


@pytest.mark.slow
@pytest.mark.parametrize("turn", range(3))
def test_killed_at_many_moments(long_few, long_serial, tmp_path, turn):
    rng = random.Random(turn)
    for _ in range(3):
        kill_driver_after(rng.uniform(0, 4), long_few, tmp_path / "out", long_serial)
    finish(long_few, tmp_path / "out", long_serial, n_kills=6, rng=rng)
