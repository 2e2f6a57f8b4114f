"""Server, worker or visitor end it in the middle: nothing finished is lost, nothing half done stays."""

import os
import signal
from contextlib import suppress

import numpy as np
import pytest
from tiny_clip import SIZE_HW, make_clip
from web_server import gone, refused, serving

from vidlab.errors import OutputError
from vidlab.jobs.resume import CHECKPOINT_FRAMES
from vidlab.masks.png import write_mask_png
from vidlab.video import VideoWriter
from vidlab.web.home import Home

ATTEMPTS = 5
N_FRAMES = 180
KILLED_AFTER = CHECKPOINT_FRAMES + 30  # beyond the first place from which a run can go on


@pytest.fixture(scope="module")
def long_clip(tmp_path_factory):
    """A video of noise in which a square goes to and fro, and its masks, some of them lost."""
    root = tmp_path_factory.mktemp("long")
    rng = np.random.default_rng(3)
    background = rng.integers(60, 120, (*SIZE_HW, 3), np.uint8)
    patch = rng.integers(150, 250, (24, 24, 3), np.uint8)
    (root / "masks").mkdir()
    with VideoWriter(root / "long.mp4", size_hw=SIZE_HW, fps=25.0, crf=20, preset="ultrafast") as video:
        for index in range(N_FRAMES):
            x, image, mask = 28 + round(20 * np.sin(index / 15)), background.copy(), np.zeros(SIZE_HW, bool)
            image[12:36, x : x + 24], mask[12:36, x : x + 24] = patch, index % 7 > 0
            video.write(image, pts_s=index / 25)
            write_mask_png(root / "masks" / f"{index:05d}.png", mask)
    return root


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    return make_clip(tmp_path_factory.mktemp("clip"))


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with serving(tmp_path_factory.mktemp("web") / "home", view_width_px=160) as running:
        yield running


@pytest.fixture(scope="module")
def uploads(server, long_clip):
    """What a segmentation of the long clip takes; outlives every server."""
    video = server.visitor.upload(long_clip / "long.mp4")
    return {"upload_id": video, "masks_id": server.visitor.upload(long_clip / "masks", kind="masks")}


@pytest.fixture(scope="module")
def parent(server, uploads):
    """A segmentation that is done."""
    job = server.visitor.start("segment", **uploads)
    assert server.visitor.end_of(job)["state"] == "done"
    return job


def segmenting(visitor, uploads):
    """Start a segmentation, and wait until it is at work."""
    job = visitor.start("segment", **uploads)
    visitor.reaches(job, stage="segmenting", frame=1)
    return job


def hidden_in(folder):
    return [path.name for path in folder.rglob(".*")]


def test_killed_server_goes_on_where_it_was_and_comes_to_the_same_end(server, parent):
    wish = {"job_id": parent, "method": "median"}
    child = server.visitor.start("stabilize", **wish)
    server.visitor.reaches(child, stage="stabilizing", frame=KILLED_AFTER)
    waiting = server.visitor.start("stabilize", **wish)
    half = server.home / "incoming" / "half"
    half.mkdir()
    (half / "upload").write_bytes(b"half a file")
    orphan = server.home / "jobs" / "orphan"
    orphan.mkdir()
    worker = server.worker()
    server.kill()
    assert gone([worker])  # it never outlives its server
    assert hidden_in(server.home / "jobs" / child)  # what it can go on from
    server.start()
    assert not half.exists()
    assert not orphan.exists()
    visitor = server.visitor
    assert visitor.status(parent)["state"] == "done"
    assert len(visitor.get(f"/api/files/{parent}/masks.zip").content) > 0
    first = visitor.reaches(child, stage="stabilizing", frame=1)["frame"]
    assert first >= 100  # not from the start
    for job_id in (child, waiting):
        assert visitor.end_of(job_id)["state"] == "done"
    ends = [visitor.get(f"/api/metrics/{job_id}").json() for job_id in (child, waiting)]
    for name in ("raw", "stable", "curves"):
        assert ends[0][name] == ends[1][name]
    masks = [visitor.get(f"/api/files/{job_id}/curves.csv").content for job_id in (child, waiting)]
    assert masks[0] == masks[1]
    assert not hidden_in(server.home / "jobs")


def test_stopped_server_lets_its_job_wait_for_the_next(server, uploads):
    job = segmenting(server.visitor, uploads)
    family = server.family()
    assert server.stop() in (0, -signal.SIGTERM)
    assert gone(family)
    server.start()
    status = server.visitor.end_of(job)
    assert (status["state"], status["frame"]) == ("done", N_FRAMES)
    assert not hidden_in(server.home / "jobs")


def test_killed_worker_is_replaced_and_its_job_begun_again(server, uploads):
    visitor = server.visitor
    job = segmenting(visitor, uploads)
    server.worker().kill()
    assert visitor.end_of(job)["state"] == "done"


def test_job_that_crashes_its_worker_fails_and_the_next_one_is_done(server, uploads, clip):
    visitor = server.visitor
    job = segmenting(visitor, uploads)
    after = visitor.start("stabilize", job_id=job)
    os.kill(server.worker().pid, signal.SIGSEGV)
    status = visitor.end_of(job)
    assert status["state"] == "failed"
    assert "SIGSEGV" in status["error"]
    assert visitor.end_of(after)["error"] == "the segmentation that it is of failed"
    assert not (server.home / "jobs" / job).exists()
    assert f"it is failed: {status['error']}" in refused(visitor.get(f"/api/results/{job}"), 409)
    video, masks = visitor.upload(clip.video), visitor.upload(clip.masks, kind="masks")
    assert visitor.end_of(visitor.start("segment", upload_id=video, masks_id=masks))["state"] == "done"


def test_cancelled_job_ends_at_once_and_leaves_nothing(server, parent):
    visitor = server.visitor
    child = visitor.start("stabilize", job_id=parent)
    other = visitor.start("stabilize", job_id=parent)
    assert visitor.post(f"/api/cancel/{other}").json()["state"] == "cancelled"  # it had not begun
    visitor.reaches(child, stage="stabilizing", frame=1)
    visitor.post(f"/api/cancel/{child}")
    status = visitor.end_of(child)
    assert (status["state"], status["error"]) == ("cancelled", None)
    assert not (server.home / "jobs" / child).exists()
    assert "it is cancelled" in refused(visitor.post(f"/api/cancel/{child}"), 409)
    assert visitor.status(parent)["state"] == "done"
    again = visitor.start("stabilize", job_id=parent)
    visitor.reaches(again, stage="stabilizing", frame=1)
    assert visitor.request("DELETE", f"/api/job/{again}").json() == {"deleted": [again]}


def test_worker_that_does_not_listen_is_killed_for_a_cancellation(server, uploads):
    visitor = server.visitor
    job = segmenting(visitor, uploads)
    worker = server.worker()
    worker.suspend()
    visitor.post(f"/api/cancel/{job}")
    assert visitor.end_of(job)["state"] == "cancelled"
    assert gone([worker])


def test_two_servers_do_not_share_a_home(server):
    with pytest.raises(OutputError, match="in use by another server"):
        Home(server.home).open()


def test_progress_tells_stage_speed_and_time_left(server, uploads):
    visitor = server.visitor
    for _ in range(ATTEMPTS):  # on a busy machine a job may end between two questions
        job = visitor.start("segment", **uploads)
        with suppress(AssertionError):
            status = visitor.reaches(job, stage="segmenting", frame=N_FRAMES // 4)
            break
    else:
        raise AssertionError("no job was seen at work")
    assert status["n_frames"] == N_FRAMES
    assert status["frames_per_s"] > 0
    assert status["time_left_s"] >= 0
    assert status["queue_position"] is None
    waiting = [visitor.start("stabilize", job_id=job, method="none") for _ in range(2)]
    places = [visitor.status(each)["queue_position"] for each in waiting]
    assert places in ([1, 2], [None, 1])
    for each in [*reversed(waiting), job]:
        visitor.post(f"/api/cancel/{each}")
    visitor.end_of(job)


def test_page_answers_while_the_worker_computes(server, uploads):
    visitor = server.visitor
    job = segmenting(visitor, uploads)
    server.worker().suspend()  # as if it were in a long call
    for address in ("/api", "/api/jobs", f"/api/status/{job}", "/api/methods"):
        assert visitor.get(address).status_code == 200
    with visitor.stream(f"/api/events/{job}") as stream:
        assert next(line for line in stream.iter_lines() if line).startswith("data: ")
    visitor.post(f"/api/cancel/{job}")
    visitor.end_of(job)
