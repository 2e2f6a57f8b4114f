import re
import shlex
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from cluster_tasks import assert_same_results, half_finished, plan, run_serially, write_clip

from vidlab.batch.engines import create_engine
from vidlab.batch.running import run_batch
from vidlab.batch.slurm import MAX_INDICES, array_script, read_task
from vidlab.errors import OutputError, ParameterError, SourceError
from vidlab.params import BatchParams, ClusterParams


def script_of(folder: Path, *, n_tasks: int = 5, params: BatchParams | None = None, **cluster: object) -> str:
    return array_script(
        folder / "tasks.jsonl",
        n_tasks=n_tasks,
        params=params or BatchParams(),
        cluster=ClusterParams(**cluster),
    )


def options_of(script: str) -> dict[str, str]:
    found = re.findall(r"^#SBATCH --([a-z-]+)(?:=(.*))?$", script, re.M)
    return dict(found)


def array_bounds(script: str) -> tuple[int, int]:
    first, last = options_of(script)["array"].partition("%")[0].split("-")
    return int(first), int(last)


@pytest.fixture
def listing_python(tmp_path, monkeypatch) -> None:
    """In place of Python, a program that prints the task it is asked for, and fails on task 2."""
    program = tmp_path / "a python"
    program.write_text('#!/bin/sh\nfor word; do last="$word"; done\necho "$last"\n[ "$last" != 2 ]\n')
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setattr(sys, "executable", str(program))


def run_index(script: Path, index: int) -> "subprocess.CompletedProcess[str]":
    environment = {"SLURM_ARRAY_TASK_ID": str(index), "PATH": "/usr/bin:/bin"}
    return subprocess.run(["bash", str(script)], capture_output=True, text=True, env=environment)


@pytest.mark.parametrize("n_tasks", [1, 7, 2500])
@pytest.mark.parametrize("tasks_per_index", [1, 3])
def test_script_is_bash(tmp_path, n_tasks, tasks_per_index):
    script = tmp_path / "array.sh"
    script.write_text(script_of(tmp_path / "a b", n_tasks=n_tasks, tasks_per_index=tasks_per_index))
    subprocess.run(["bash", "-n", str(script)], check=True)


@pytest.mark.parametrize(("n_tasks", "tasks_per_index"), [(1, 1), (4, 1), (7, 3), (9, 3), (2, 5)])
def test_indices_do_every_task_once(tmp_path, listing_python, n_tasks, tasks_per_index):
    text = script_of(tmp_path, n_tasks=n_tasks, tasks_per_index=tasks_per_index)
    script = tmp_path / "array.sh"
    script.write_text(text)
    first, last = array_bounds(text)
    done = [run_index(script, index).stdout.split() for index in range(first, last + 1)]
    assert [task for tasks in done for task in tasks] == [str(task) for task in range(n_tasks)]
    assert max(map(len, done)) <= tasks_per_index


def test_index_fails_with_one_of_its_tasks_and_still_does_the_others(tmp_path, listing_python):
    script = tmp_path / "array.sh"
    script.write_text(script_of(tmp_path, n_tasks=6, tasks_per_index=3))
    assert [run_index(script, index).returncode for index in (0, 1)] == [1, 0]
    assert run_index(script, 0).stdout.split() == ["0", "1", "2"]


@pytest.mark.parametrize("n_tasks", [MAX_INDICES, MAX_INDICES + 1, 12_345])
def test_array_is_never_larger_than_slurm_takes(tmp_path, n_tasks):
    first, last = array_bounds(script_of(tmp_path, n_tasks=n_tasks))
    assert first == 0
    assert last < MAX_INDICES


def test_options_say_what_a_task_takes(tmp_path):
    params = BatchParams(jobs=4, time_limit=3600)
    options = options_of(
        script_of(tmp_path, params=params, cpus_per_task=8, gpus_per_task=2, memory_per_task=1.5)
    )
    assert options["array"] == "0-4%4"
    assert options["cpus-per-task"] == "8"
    assert options["gres"] == "gpu:2"
    assert options["mem"] == "1500M"
    assert options["time"] == "0-01:05:00"
    assert options["output"] == f'"{tmp_path}/%A_%a.log"'


def test_what_is_not_asked_for_is_left_to_slurm(tmp_path):
    options = options_of(script_of(tmp_path, params=BatchParams(time_limit=0)))
    assert options.keys().isdisjoint({"gres", "mem", "time"})
    assert "%" not in options["array"]


def test_time_is_that_of_all_tasks_of_an_index(tmp_path):
    params = BatchParams(time_limit=43_200)
    assert options_of(script_of(tmp_path, params=params, tasks_per_index=3))["time"] == "1-12:05:00"


def test_tasks_heed_limits_of_their_own(tmp_path):
    params = BatchParams(time_limit=90, retries=3, threads_per_task=2)
    words = shlex.split(
        next(line for line in script_of(tmp_path, params=params).splitlines() if " -m vidlab " in line)
    )
    assert {"--time-limit=90.0", "--retries=3", "--threads-per-task=2"} <= set(words)


def test_percent_in_a_folder_is_no_number_of_slurm(tmp_path):
    assert options_of(script_of(tmp_path / "5%j"))["output"] == f'"{tmp_path}/5%%j/%A_%a.log"'


@pytest.mark.parametrize("name", ['a"b', "a\\b", "a\nb"])
def test_folder_that_no_option_can_hold_is_refused(tmp_path, name):
    with pytest.raises(ParameterError, match="a folder for slurm must have no"):
        create_engine("slurm", params=BatchParams(), options=None, out=tmp_path / name)


def test_share_of_a_gpu_is_refused(tmp_path):
    with pytest.raises(ParameterError, match=r"whole number for slurm, got 0\.25"):
        create_engine("slurm", params=BatchParams(), options=ClusterParams(gpus_per_task=0.25), out=tmp_path)


def test_empty_array_is_refused(tmp_path):
    with pytest.raises(ParameterError, match="at least one task, got 0"):
        script_of(tmp_path, n_tasks=0)


@pytest.fixture(scope="module")
def clips(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("slurm")
    for number in range(2):
        write_clip(root, f"clip{number}", n_frames=6, seed=number)
    return root


def handed_over(root: Path, out: Path) -> Path:
    """Let the engine write its script; return it."""
    engine = create_engine("slurm", params=BatchParams(), options=None, out=out)
    assert engine.is_detached
    result = run_batch(plan(root, out=out), out=out, engine=engine, params=BatchParams())
    assert result.count("waiting") == len(result.tasks)
    (script,) = (out / "slurm").glob("*.sh")
    return script


def test_task_is_found_again_by_its_number(clips, tmp_path):
    script = handed_over(clips, tmp_path / "out")
    assert [read_task(script.with_suffix(".jsonl"), i) for i in (0, 1)] == plan(clips, out=tmp_path / "out")


def test_number_beyond_the_list_is_an_error(clips, tmp_path):
    listed = handed_over(clips, tmp_path / "out").with_suffix(".jsonl")
    with pytest.raises(SourceError, match="must have a task 2, got fewer lines"):
        read_task(listed, 2)


def test_missing_or_damaged_list_is_an_error(tmp_path):
    with pytest.raises(SourceError, match="cannot be read: No such file"):
        read_task(tmp_path / "none.jsonl", 0)
    (tmp_path / "odd.jsonl").write_text("{}\n")
    with pytest.raises(OutputError, match="a task must be readable"):
        read_task(tmp_path / "odd.jsonl", 0)


def test_script_that_waits_is_not_changed_by_a_smaller_one(clips, tmp_path):
    out = tmp_path / "out"
    script = handed_over(clips, out)
    before = script.read_bytes(), script.with_suffix(".jsonl").read_bytes()
    tasks = plan(clips, out=out)[1:]
    list(create_engine("slurm", params=BatchParams(), options=None, out=out).run(tasks, report=print))
    assert (script.read_bytes(), script.with_suffix(".jsonl").read_bytes()) == before
    assert len(list((out / "slurm").glob("*.sh"))) == 2


def test_script_does_the_task_of_its_index(clips, tmp_path):
    serial = run_serially(clips, out=tmp_path / "serial")
    out = tmp_path / "a folder"
    script = handed_over(clips, out)
    ran = run_index(script, 1)
    assert ran.returncode == 0, ran.stderr
    first, second = plan(clips, out=out)
    assert not Path(first.folder).exists()
    assert_same_results(serial[second.name], Path(second.folder))
    assert half_finished(out) == []
