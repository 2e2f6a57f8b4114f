"""What goes when it is old or the disk is full, and what stays because somebody needs it."""

import dataclasses
import json
import time

import pytest

from vidlab.params import WebParams
from vidlab.web.home import MB, Home, new_id
from vidlab.web.keeping import Keeper
from vidlab.web.records import Job, Upload
from vidlab.web.refusals import WebError
from vidlab.web.schemas import State
from vidlab.web.store import Store

HOUR_S = 3600


class House:
    """A home with uploads and jobs of chosen age and size."""

    def __init__(self, root):
        self.home = Home(root)
        self.home.open()
        self.store = Store(self.home.database)

    def upload(self, *, age_h, size_mb=0):
        upload = Upload(new_id(), "video", "a.mp4", size_mb * MB, {}, time.time() - age_h * HOUR_S)
        self._fill(self.home.upload(upload.id), size_mb)
        self.store.add_upload(upload)
        return upload.id

    def job(self, upload_id, *, age_h, parent=None, state=State.DONE, size_mb=0):
        then = time.time() - age_h * HOUR_S
        kind = "stabilize" if parent else "segment"
        job = Job(new_id(), kind, State.QUEUED, upload_id, None, parent, {}, then)
        self._fill(self.home.job(job.id), size_mb)
        self.store.add_job(job, max_queue=100)
        if state is State.RUNNING:
            while self.store.start_next().id != job.id:
                pass
        elif state is not State.QUEUED:
            self.store.finish(job.id, state)
            with self.store._transaction() as database:
                database.execute("UPDATE jobs SET finished_at = ? WHERE id = ?", (then, job.id))
        return job.id

    def _fill(self, folder, size_mb):
        folder.mkdir()
        (folder / "content").write_bytes(bytes(size_mb * MB))

    def keeper(self, **params):
        return Keeper(self.store, self.home, params=WebParams(**params))

    def rest(self):
        """Ids that are left, on disk and in the list alike."""
        on_disk = {path.name for folder in (self.home.uploads, self.home.jobs) for path in folder.iterdir()}
        listed = {one.id for one in [*self.store.uploads(), *self.store.jobs()]}
        assert on_disk == listed
        return listed


@pytest.fixture
def house(tmp_path):
    made = House(tmp_path / "home")
    yield made
    made.store.close()
    made.home.close()


def test_old_results_go_with_their_uploads_and_young_ones_stay(house):
    old, young = house.upload(age_h=80), house.upload(age_h=1)
    old_job, young_job = house.job(old, age_h=79), house.job(young, age_h=1)
    removed = house.keeper(max_age_h=72).tidy()
    assert old_job in removed
    assert house.rest() == {young, young_job}


def test_old_upload_stays_while_a_job_needs_it(house):
    upload = house.upload(age_h=80)
    job = house.job(upload, age_h=1)
    assert house.keeper(max_age_h=72).tidy() == []
    assert house.rest() == {upload, job}


@pytest.mark.parametrize("state", [State.QUEUED, State.RUNNING])
def test_segmentation_stays_while_something_of_it_waits_or_runs(house, state):
    upload = house.upload(age_h=90)
    parent = house.job(upload, age_h=89)
    child = house.job(upload, age_h=88, parent=parent, state=state)
    assert house.keeper(max_age_h=1, quota_mb=1).tidy() == []
    assert house.rest() == {upload, parent, child}


def test_segmentation_lives_as_long_as_its_youngest_stabilization(house):
    upload = house.upload(age_h=90)
    parent = house.job(upload, age_h=89)
    old, young = (house.job(upload, age_h=age_h, parent=parent) for age_h in (88, 1))
    assert house.keeper(max_age_h=72).tidy() == [old]
    assert house.rest() == {upload, parent, young}


def test_oldest_results_make_room_and_no_more_than_needed(house):
    upload = house.upload(age_h=5)
    jobs = [house.job(upload, age_h=age_h, size_mb=3) for age_h in (4, 3, 2)]
    keeper = house.keeper(quota_mb=8)
    assert keeper.tidy() == jobs[:1]
    assert house.rest() == {upload, *jobs[1:]}


def test_room_for_an_upload_is_made_or_refused(house):
    upload = house.upload(age_h=5)
    job = house.job(upload, age_h=4, size_mb=4)
    keeper = house.keeper(quota_mb=8)
    keeper.reserve(3 * MB)  # fits beside
    assert job in house.rest()
    keeper.reserve(4 * MB)  # needs the job's room
    assert job not in house.rest()
    with pytest.raises(WebError, match="no room left") as caught:
        keeper.reserve(5 * MB)
    assert caught.value.status == 507
    keeper.release(4 * MB, kept=0)
    keeper.reserve(4 * MB)


def test_upload_of_somebody_who_still_chooses_is_spared(house):
    upload = house.upload(age_h=0, size_mb=3)
    with pytest.raises(WebError, match="no room left"):
        house.keeper(quota_mb=4).reserve(2 * MB)
    assert house.rest() == {upload}


def test_leavings_of_a_killed_server_are_swept_away(house):
    upload = house.upload(age_h=1)
    job = house.job(upload, age_h=1)
    for folder in (house.home.incoming, house.home.uploads, house.home.jobs):
        (folder / "orphan").mkdir()
        (folder / "orphan" / "file").write_text("half")
    house.home.sweep(uploads={upload}, jobs={job})
    assert house.rest() == {upload, job}
    assert not list(house.home.incoming.iterdir())


def test_records_can_be_told_as_json(house):
    upload = house.store.upload(house.upload(age_h=1))
    assert json.loads(json.dumps(dataclasses.asdict(upload)))["name"] == "a.mp4"
