"""The foreman and its worker in this process: limits that a test cannot wait for, and starts that fail."""

import sys
import time
from dataclasses import replace

import pytest
from tiny_clip import make_clip
from web_server import zip_of

from vidlab.params import WebParams
from vidlab.web import queueing, worker_process
from vidlab.web.context import Context
from vidlab.web.home import MB, new_id
from vidlab.web.probe import UPLOAD, probe
from vidlab.web.records import Job, Upload
from vidlab.web.schemas import FoundParams, State

PATIENCE_S = 120.0


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    return make_clip(tmp_path_factory.mktemp("clip"))


@pytest.fixture
def context(tmp_path):
    opened = Context.open(tmp_path / "home", params=WebParams(), weights={})
    yield opened
    opened.close()


def take(context, content, *, kind):
    upload_id = new_id()
    folder = context.home.upload(upload_id)
    folder.mkdir()
    (folder / UPLOAD).write_bytes(content)
    facts = probe(folder, kind=kind, name="file", params=context.params)
    context.store.add_upload(Upload(upload_id, kind, "file", 1, facts))
    return upload_id


def prepared(context, clip):
    """A segmentation of the visitor's own masks that is not asked for yet."""
    video = take(context, clip.video.read_bytes(), kind="video")
    masks = take(context, zip_of(clip.masks), kind="masks")
    wanted = {"model": None, "class_names": [], "method": None, "params": FoundParams().model_dump()}
    return Job(new_id(), "segment", State.QUEUED, video, masks, None, wanted)


def start(context, clip):
    job = prepared(context, clip)
    context.store.add_job(job, max_queue=10)
    return job.id


def patience():
    ends_s = time.monotonic() + PATIENCE_S
    while time.monotonic() < ends_s:
        yield
        time.sleep(0.02)


def end_of(context, job_id):
    for _ in patience():
        job = context.store.job(job_id)
        if job.state.is_final:
            return job
    raise AssertionError(job)


def process_of(context):
    """The worker, once it is ready."""
    for _ in patience():
        if context.foreman._is_ready and (process := context.foreman._process) is not None:
            return process
    raise AssertionError("there is no worker")


def test_worker_that_takes_too_much_memory_is_killed_and_says_so(context, clip, monkeypatch):
    monkeypatch.setattr(worker_process.WorkerProcess, "memory_bytes", lambda self: 10**12)
    monkeypatch.setattr(queueing, "WATCH_S", 0.0)
    monkeypatch.setattr(queueing, "TICK_S", 0.01)
    job = end_of(context, start(context, clip))
    assert job.state is State.FAILED
    assert job.error == "it took more than 8192 MB of memory; try a smaller video"
    monkeypatch.undo()
    assert end_of(context, start(context, clip)).state is State.DONE  # another worker has come


@pytest.mark.parametrize(
    ("limit", "said"),
    [
        ({"job_limit_min": 1e-6}, "it took longer than 1e-06 min"),
        ({"stall_s": 1e-3}, "no frame was finished in 0.001 s"),
    ],
)
def test_job_that_takes_too_long_is_ended(tmp_path, clip, limit, said, monkeypatch):
    monkeypatch.setattr(queueing, "TICK_S", 1e-3)  # the job is over between two of the usual looks
    context = Context.open(tmp_path / "home", params=WebParams(**limit), weights={})
    try:
        job = end_of(context, start(context, clip))
        assert (job.state, job.error) == (State.FAILED, said)
    finally:
        context.close()


def test_worker_tells_how_much_memory_it_takes(context):
    process = process_of(context)
    assert 1 * MB < process.memory_bytes() < 2000 * MB
    process.stop()
    assert process.memory_bytes() == 0


def test_worker_that_cannot_start_is_tried_again_with_pauses(context, clip, monkeypatch):
    job, healthy = prepared(context, clip), process_of(context)
    monkeypatch.setattr(queueing, "MAX_PAUSE_S", 0.2)
    with monkeypatch.context() as broken:
        broken.setattr(sys, "executable", "/bin/false")
        healthy.kill()
        context.store.add_job(job, max_queue=10)
        for _ in patience():
            if context.foreman._n_failed_starts >= 2:
                break
        assert context.store.job(job.id).state is State.QUEUED
    assert end_of(context, job.id).state is State.DONE


def test_what_the_worker_complains_of_is_in_the_log_of_the_server(context, clip, caplog):
    process_of(context)
    job = prepared(context, clip)
    broken = replace(job, wanted={**job.wanted, "params": None})
    context.store.add_job(broken, max_queue=10)
    ended = end_of(context, broken.id)
    assert ended.state is State.FAILED
    assert ended.error == f"something unexpected happened; the server's log knows more under {broken.id}"
    (record,) = [each for each in caplog.records if each.name == "vidlab.web.worker"]
    assert record.levelname == "ERROR"
    assert f"job {broken.id} failed" in record.getMessage()
    assert "Traceback" in record.getMessage()
