"""A batch from plan to report: what is done is skipped, what changed is done anew, failures cost nothing."""

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path
from threading import Timer

import pytest
from few_videos import GOOD, Inline, content, make_few, make_video, plan

from vidlab.batch import disk, running
from vidlab.batch.planning import method_defaults
from vidlab.batch.report import write_report
from vidlab.batch.running import run_batch
from vidlab.batch.store import Store, finished
from vidlab.batch.work import Outcome, Task, run_task
from vidlab.errors import OutputError
from vidlab.jobs import stabilizing
from vidlab.jobs.unfinished import lock_folder
from vidlab.params import BatchParams

PARAMS = BatchParams(disk_reserve=0)


def run(tasks: list[Task], out: Path, **changes: object):
    engine = changes.pop("engine", None) or Inline()
    return run_batch(tasks, out=out, engine=engine, params=PARAMS, **changes), engine


@pytest.fixture(scope="module", autouse=True)
def _without_plots():
    """Drawing plots takes most of the time of a tiny video, and other tests look at them."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(stabilizing, "write_plots", lambda folder, **_: folder.mkdir())
        yield


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """A finished batch of three good videos and a broken one; not to be changed."""
    root = tmp_path_factory.mktemp("done")
    few, out = make_few(root), root / "out"
    result, _ = run(plan(few, out), out)
    return few, out, result


@pytest.fixture
def again(done, tmp_path):
    """A copy of it to change."""
    few, out, _ = done
    copy = type(few)(tmp_path / "videos", tmp_path / "masks")
    for here, there in ((few.videos, copy.videos), (few.masks, copy.masks), (out, tmp_path / "out")):
        shutil.copytree(here, there)
    return copy, tmp_path / "out"


def test_good_ones_are_done_and_the_broken_one_is_explained(done):
    _, out, result = done
    said = {task.name: outcome for task, outcome in zip(result.tasks, result.outcomes, strict=True)}
    assert {name: outcome.status for name, outcome in said.items()} == {
        "ant": "done", "bee": "done", "broken": "failed", "cat": "done",
    }  # fmt: skip
    assert not result.succeeded
    assert (result.count("done"), result.count("failed"), result.count("waiting")) == (3, 1, 0)
    assert said["broken"].error.endswith("broken.mp4, which is empty (0 bytes)")
    assert "\n" not in said["broken"].error
    assert said["ant"].n_frames == 6
    assert said["ant"].frames_per_s > 0
    assert said["ant"].metrics["stable_iou_prev_mean"] > said["ant"].metrics["raw_iou_prev_mean"]
    assert sorted(path.name[:-13] for path in (out / "results").iterdir()) == list(GOOD)
    assert list((out / "work").iterdir()) == []
    assert "done:" in (out / "logs" / "ant.log").read_text()
    assert "Traceback" in (out / "logs" / "broken.log").read_text()


def test_second_start_does_only_what_has_no_result(again):
    few, out = again
    before = content(out / "results")
    result, engine = run(plan(few, out), out)
    assert engine.given == ["broken"]
    assert (result.count("skipped"), result.count("failed")) == (3, 1)
    assert content(out / "results") == before
    make_video(few, "broken", seed=9, n_frames=4)
    result, engine = run(plan(few, out), out)
    assert engine.given == ["broken"]
    assert result.succeeded
    assert list((out / "failures").iterdir()) == [], "of the empty file, whose key is another"


def test_what_changed_is_done_anew_and_a_new_name_is_no_change(again):
    few, out = again
    (few.videos / "bee.mp4").rename(few.videos / "wasp.mp4")
    (few.masks / "bee.json").rename(few.masks / "wasp.json")
    (few.videos / "broken.mp4").unlink()
    detections = json.loads((few.masks / "cat.json").read_text())
    (few.masks / "cat.json").write_text(json.dumps(detections[1:]))
    result, engine = run(plan(few, out), out)
    assert engine.given == ["cat"]
    assert result.succeeded
    assert [task.name for task in result.tasks] == ["ant", "cat", "wasp"]
    assert Path(result.tasks[2].folder).name.startswith("bee-")
    assert Store(out).n_others(result.tasks) == 1, "the former cat is kept"


def test_other_parameters_are_another_result(again):
    few, out = again
    tasks = plan(few, out, method="none")
    assert {finished(task) for task in tasks} == {None}
    assert all(finished(task) for task in plan(few, out) if task.name != "broken")


def test_several_methods_give_a_task_each(done, tmp_path):
    few, _, _ = done
    tasks = plan(few, tmp_path, methods=method_defaults(["none", "median"]))
    assert [task.name for task in tasks][:2] == ["ant.none", "ant.median"]
    assert len({task.key for task in tasks}) == 8


def test_copies_of_a_video_are_done_once(again):
    few, out = again
    for folder, suffix in ((few.videos, ".mp4"), (few.masks, ".json")):
        (folder / f"ant{suffix}").rename(folder / f"a1{suffix}")
        shutil.copy(folder / f"a1{suffix}", folder / f"a2{suffix}")
    shutil.rmtree(out)
    (few.videos / "broken.mp4").unlink()
    result, engine = run(plan(few, out), out)
    assert engine.given == ["a1", "bee", "cat"]
    assert result.succeeded
    assert result.tasks[0].folder == result.tasks[1].folder


def test_too_little_room_is_said_before_anything_starts(again, monkeypatch):
    few, out = again
    monkeypatch.setattr(disk, "GB", 1e15)
    with pytest.raises(
        OutputError, match=r"out must hold 0\.00 GB of results and 5 GB in reserve \(--disk-reser"
    ):
        run_batch(plan(few, out), out=out, engine=Inline(), params=BatchParams(disk_reserve=5))


def test_one_batch_at_a_time_has_a_folder(again, monkeypatch):
    few, out = again
    monkeypatch.setattr(running, "DYING_S", 0.1)
    lock = lock_folder(out / "work", out)
    try:
        with pytest.raises(OutputError, match="is being written by another run; wait for it"):
            run(plan(few, out), out)
    finally:
        os.close(lock)


def test_what_a_dying_process_still_holds_is_waited_for(again):
    few, out = again
    lock = lock_folder(out / "work", out)
    Timer(0.2, os.close, [lock]).start()
    assert len(run(plan(few, out), out)[0].tasks) == len(plan(few, out))


class Broken(Inline):
    """Does one task, then cannot go on."""

    def run(self, tasks, *, report):
        yield run_task(tasks[0])
        raise OutputError("the engine is gone")


class Forgetful(Inline):
    """Forgets all tasks but the first."""

    def run(self, tasks, *, report):
        yield run_task(tasks[0])


def test_what_an_engine_did_before_it_broke_stays(again):
    few, out = again
    shutil.rmtree(out)
    with pytest.raises(OutputError, match="the engine is gone"):
        run(plan(few, out), out, engine=Broken())
    assert [finished(task) is not None for task in plan(few, out)] == [True, False, False, False]
    assert "1 done" in (out / "report.html").read_text()


def test_task_that_an_engine_forgot_is_a_failure(again):
    few, out = again
    shutil.rmtree(out)
    result, _ = run(plan(few, out), out, engine=Forgetful())
    assert [outcome.status for outcome in result.outcomes] == ["done", "failed", "failed", "failed"]
    assert result.outcomes[1].error == "the engine gave no outcome"


def test_leftovers_are_swept_unless_their_task_is_wanted(again):
    few, out = again
    tasks = plan(few, out)
    broken = next(task for task in tasks if task.name == "broken")
    for folder in (broken.work, out / "work" / "old-123456789012"):
        folder.mkdir()
        (folder / "something").touch()
    (out / ".report.html.part-12345678").touch()
    Store(out).sweep([broken])
    assert [path.name for path in (out / "work").iterdir()] == [broken.label]
    assert list(out.glob(".*.part-*")) == []


def test_leftover_of_another_request_is_replaced(again):
    few, out = again
    (task,) = (task for task in plan(few, out) if task.name == "ant")
    before = content(Path(task.folder) / "masks")
    shutil.rmtree(task.folder)
    partial, state = task.work / ".result.partial-resumable", task.work / ".result.resume"
    partial.mkdir(parents=True)
    state.mkdir()
    (state / "request.json").write_text('{"vidlab": "0.0.0"}')
    (state / "state").write_bytes(b"of another version")
    assert run_task(task).status == "done"
    assert content(Path(task.folder) / "masks") == before
    assert not task.work.exists()
    assert "starting over" in task.log.read_text()


def test_finished_task_is_not_done_again(again):
    few, out = again
    task = plan(few, out)[0]
    before = content(Path(task.folder))
    assert run_task(task).status == "skipped"
    assert content(Path(task.folder)) == before


def test_whatever_a_task_raises_is_an_outcome(again, monkeypatch):
    few, out = again
    task = plan(few, out)[-2]
    assert task.name == "broken"
    odd = replace(task, settings={**task.settings, "method": "no such"})
    assert run_task(odd) == Outcome(task.key, "failed", error="unexpected KeyError: 'no such'")
    assert Store(out).failure(task).error == "unexpected KeyError: 'no such'"


def test_report_can_be_written_anew_from_the_folder_alone(again):
    few, out = again
    for name in ("report.html", "report.parquet"):
        (out / name).unlink()
    page, table = write_report(out)
    assert page.is_file()
    assert table.is_file()
    with pytest.raises(OutputError, match=r"must be the folder of a batch, got no batch\.json in it"):
        write_report(few.videos)
