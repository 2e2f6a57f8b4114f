"""Twenty visitors at once: everyone gets an answer, and everyone's own."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from conftest import REAL, needs_real
from tiny_clip import make_clip
from web_server import FINAL, Visitor, serving

from vidlab.video import VideoWriter

N_VISITORS = 20


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with serving(tmp_path_factory.mktemp("web") / "home", max_queue=2 * N_VISITORS) as running:
        yield running


def gray_film(path, *, gray):
    with VideoWriter(path, size_hw=(16, 16), fps=25.0, crf=0, preset="ultrafast") as video:
        for index in range(2):
            video.write(np.full((16, 16, 3), gray, np.uint8), pts_s=index / 25)
    return path


def at_once(server, visit):
    """Let all visit at the same time, each with a connection of their own."""

    def one(number):
        visitor = Visitor(server.url)
        try:
            return visit(visitor, number)
        finally:
            visitor.close()

    with ThreadPoolExecutor(N_VISITORS) as pool:
        return list(pool.map(one, range(N_VISITORS)))


def test_twenty_visitors_wait_in_one_queue_and_are_all_served(server, tmp_path):
    clip = make_clip(tmp_path)
    owner = server.visitor
    video, masks = owner.upload(clip.video), owner.upload(clip.masks, kind="masks")
    server.worker().suspend()

    def visit(visitor, number):
        job = visitor.start("segment", upload_id=video, masks_id=masks, class_names=[str(number % 10 + 1)])
        return job, visitor.status(job)["queue_position"], visitor.get("/api/jobs").status_code

    seen = at_once(server, visit)
    waiting = len([place for _, place, _ in seen if place is not None])
    server.worker().resume()
    assert {code for _, _, code in seen} == {200}
    assert waiting >= N_VISITORS - 1  # all but the one that the worker has been given
    jobs = [job for job, _, _ in seen]
    assert len(set(jobs)) == N_VISITORS
    ends = at_once(server, lambda visitor, number: visitor.end_of(jobs[number]))
    assert {end["state"] for end in ends} == {"done"}
    assert [end["class_names"] for end in ends] == [end["class_names"] for end in map(owner.status, jobs)]
    frames = at_once(server, lambda visitor, number: visitor.get(f"/api/frames/{jobs[number]}/raw/3").content)
    assert len(set(frames)) == 1  # the same masks by ten names


@pytest.mark.slow
def test_twenty_visitors_go_all_the_way_with_videos_of_their_own(server, tmp_path):
    clip = make_clip(tmp_path)

    def visit(visitor, number):
        own = visitor.upload(gray_film(tmp_path / f"{number}.mp4", gray=10 * number + 10))
        assert visitor.get(f"/api/upload/{own}").json()["name"] == f"{number}.mp4"
        video, masks = visitor.upload(clip.video), visitor.upload(clip.masks, kind="masks")
        parent = visitor.start("segment", upload_id=video, masks_id=masks)
        child = visitor.start("stabilize", job_id=parent, method="median")
        assert visitor.end_of(child)["state"] == "done"
        return visitor.get(f"/api/metrics/{child}").json()["stable"]

    results = at_once(server, visit)
    assert all(result == results[0] for result in results)


@needs_real
@pytest.mark.slow
def test_every_nasty_file_that_is_taken_comes_to_an_end(server):
    visitor, taken = server.visitor, 0
    for path in sorted((REAL / "nasty").iterdir()):
        answer = visitor.send(path.read_bytes(), name=path.name)
        if answer.status_code != 201:
            continue
        taken += 1
        parent = visitor.start("segment", upload_id=answer.json()["upload_id"], model="maskrcnn_demo")
        child = visitor.start("stabilize", job_id=parent)
        for job in (parent, child):
            status = visitor.end_of(job)
            assert status["state"] in FINAL
            assert (status["state"] == "done") or status["error"]
    assert taken == 7
