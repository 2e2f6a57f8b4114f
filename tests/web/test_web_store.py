"""The list of jobs: what it remembers, in which order, and what it says after a kill."""

import sqlite3
import threading

import pytest

from vidlab.errors import OutputError
from vidlab.web.home import Home, new_id
from vidlab.web.records import Job, Upload
from vidlab.web.refusals import WebError
from vidlab.web.schemas import State
from vidlab.web.store import MAX_ATTEMPTS, Store

FACTS = {"path": "video", "size_hw": [48, 80]}
WANTED = {"model": None, "class_names": [], "method": None, "params": {}}


@pytest.fixture
def store(tmp_path):
    opened = Store(tmp_path / "jobs.sqlite")
    opened.add_upload(Upload("video", "video", "clip.mp4", 10, FACTS))
    yield opened
    opened.close()


def add(store, *, parent=None, max_queue=100):
    kind = "segment" if parent is None else "stabilize"
    job = Job(new_id(), kind, State.QUEUED, "video", None, parent, WANTED)
    store.add_job(job, max_queue=max_queue)
    return job.id


def test_what_was_put_in_comes_out_of_another_opening(store, tmp_path):
    job_id = add(store)
    store.finish(job_id, State.DONE, n_frames=12)
    store.close()
    again = Store(tmp_path / "jobs.sqlite")
    job = again.job(job_id)
    assert (job.state, job.n_frames, job.wanted, job.kind) == (State.DONE, 12, WANTED, "segment")
    assert job.finished_at >= job.created_at
    assert again.upload("video").facts == FACTS
    assert again.upload("nobody") is again.job("nobody") is None
    again.close()


def test_write_ahead_log_is_on(store, tmp_path):
    with sqlite3.connect(tmp_path / "jobs.sqlite") as other:
        assert other.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
        assert other.execute("SELECT COUNT(*) FROM uploads").fetchone()[0] == 1  # readers are not kept out


def test_jobs_are_begun_in_the_order_they_came_and_not_before_what_they_are_of(store):
    parent, other = add(store), add(store)
    child = add(store, parent=parent)
    assert store.queue() == [parent, other, child]
    assert store.start_next().id == parent
    assert store.start_next().id == other  # the child's segmentation is not done
    assert store.start_next() is None
    store.finish(parent, State.DONE)
    started = store.start_next()
    assert (started.id, started.state, started.attempts) == (child, State.RUNNING, 1)
    assert [each.id for each in store.jobs()] == [child, other, parent]


@pytest.mark.parametrize("end", [State.FAILED, State.CANCELLED])
def test_what_waits_for_a_job_ends_with_it_and_says_why(store, end):
    parent = add(store)
    child, grown = add(store, parent=parent), add(store, parent=parent)
    store.finish(grown, State.DONE)
    store.start_next()
    store.finish(parent, end, error="why")
    assert store.job(parent).state is end
    assert store.job(child).state is State.FAILED
    assert store.job(child).error.startswith("the segmentation that it is of")
    assert store.job(grown).state is State.DONE


def test_end_of_a_job_is_final(store):
    job_id = add(store)
    store.finish(job_id, State.DONE)
    store.finish(job_id, State.FAILED, error="late")
    assert (store.job(job_id).state, store.job(job_id).error) == (State.DONE, None)
    assert not store.cancel_waiting(job_id)


def test_full_queue_takes_no_more_until_one_begins(store):
    for _ in range(3):
        add(store, max_queue=3)
    with pytest.raises(WebError, match="3 jobs are waiting") as caught:
        add(store, max_queue=3)
    assert caught.value.status == 503
    store.start_next()
    add(store, max_queue=3)


def test_job_of_what_is_gone_is_refused(store):
    with pytest.raises(WebError, match="just been removed"):
        add(store, parent="nobody")


def test_jobs_of_a_killed_server_wait_again_at_their_old_place(store):
    first, second = add(store), add(store)
    store.start_next()
    assert store.recover() == [first]
    assert store.queue() == [first, second]
    assert store.job(first).attempts == 1


def test_job_that_is_interrupted_again_and_again_is_given_up(store):
    job_id = add(store)
    for _ in range(MAX_ATTEMPTS):
        assert store.job(job_id).state is State.QUEUED
        store.start_next()
        store.recover()
    assert store.job(job_id).state is State.FAILED
    assert store.job(job_id).error.startswith(f"it was ended from outside {MAX_ATTEMPTS} times")


def test_server_that_is_stopped_in_peace_does_not_count(store):
    job_id = add(store)
    for _ in range(MAX_ATTEMPTS + 1):
        store.start_next()
        store.put_back(job_id)
    assert store.job(job_id).state is State.QUEUED


def test_only_jobs_at_rest_are_removed_and_no_segmentation_before_its_children(store):
    parent = add(store)
    child = add(store, parent=parent)
    store.start_next()
    assert store.remove_jobs([parent, child]) == []
    store.finish(parent, State.DONE)
    store.start_next()
    assert store.remove_jobs([parent, child]) == []
    store.finish(child, State.DONE)
    assert not store.remove_upload("video")
    assert store.remove_jobs([parent, child]) == [child, parent]
    assert store.remove_upload("video")


def test_many_threads_add_and_begin_without_losing_or_doubling_one(store):
    added, begun = [], []

    def visit():
        for _ in range(10):
            added.append(add(store))
            if (job := store.start_next()) is not None:
                begun.append(job.id)

    threads = [threading.Thread(target=visit) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(begun) == sorted(added)


@pytest.mark.parametrize("content", [b"hello " * 1000, b"SQLite format 3\x00" + bytes(5000)])
def test_damaged_list_is_a_sentence(tmp_path, content):
    (tmp_path / "jobs.sqlite").write_bytes(content)
    with pytest.raises(OutputError, match=r"must be a database of vidlab, got .*jobs\.sqlite"):
        Store(tmp_path / "jobs.sqlite")


def test_list_of_another_version_is_refused(tmp_path):
    with sqlite3.connect(tmp_path / "jobs.sqlite") as database:
        database.execute("PRAGMA user_version = 99")
    with pytest.raises(OutputError, match="must have version 1, got 99"):
        Store(tmp_path / "jobs.sqlite")


def test_home_that_cannot_be_written_is_a_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot be written"):
        Home(tmp_path / "file" / "home").open()
