"""Room is predicted before the work starts, and never less than what results take."""

from pathlib import Path

import pytest
from few_videos import DOG, make_few, plan

from vidlab.batch.disk import PROBE_S, Room, predict_room, require_room
from vidlab.batch.local import WorkerProcess
from vidlab.batch.planning import plan_videos
from vidlab.batch.sources import find_sources
from vidlab.batch.videos import StabilizeSettings
from vidlab.batch.work import Task, run_task
from vidlab.errors import OutputError
from vidlab.jobs.reading import MaskFile
from vidlab.params import SourceParams, WriterParams, method_params


def planned(few, out: Path, **changes: object) -> list[Task]:
    settings = StabilizeSettings(
        masks_from=MaskFile(few.masks), method=method_params("none", []), method_name="none",
        class_ids=(DOG,), **changes,
    )  # fmt: skip
    return plan_videos(find_sources(few.videos), out=out, settings=settings)


def test_prediction_covers_the_result_and_counts_what_nobody_can_predict(tmp_path):
    few = make_few(tmp_path, names=("ant",))
    tasks = plan(few, tmp_path / "out")
    room = predict_room(tasks, out=tmp_path)
    assert room.n_unknown == 1  # the broken one
    ant = next(task for task in tasks if task.name == "ant")
    assert run_task(ant).status == "done"
    taken = sum(512 * path.stat().st_blocks for path in Path(ant.folder).rglob("*") if path.is_file())
    assert taken < room.n_bytes < 20 * taken


def test_prediction_grows_with_frames_and_with_saved_frames(tmp_path):
    few = make_few(tmp_path, names=("ant",), broken=False)
    one = predict_room(planned(few, tmp_path, source=SourceParams(max_frames=1)), out=tmp_path)
    all_ = predict_room(planned(few, tmp_path), out=tmp_path)
    saved = predict_room(planned(few, tmp_path, save_frames=True), out=tmp_path)
    assert one.n_bytes < all_.n_bytes < saved.n_bytes


def test_prediction_grows_with_the_videos_that_are_finished_at_the_same_time(tmp_path):
    few = make_few(tmp_path, names=("ant", "bee", "cow"), broken=False)
    one, two, three, four = (
        predict_room(planned(few, tmp_path), out=tmp_path, at_once=n).n_bytes for n in (1, 2, 3, 4)
    )
    assert two - one == pytest.approx(three - two, abs=1)
    assert one < two < three == four


@pytest.mark.parametrize(("crf", "share"), [(20, 1.0), (26, 0.5), (14, 2.0)])
def test_video_of_better_quality_takes_more_room(tmp_path, crf, share):
    few = make_few(tmp_path, names=("ant",), broken=False)

    def film_bytes(crf: int) -> int:
        tasks = planned(few, tmp_path, writer=WriterParams(crf=crf))
        with_film, without = (predict_room(tasks, out=tmp_path, at_once=n).n_bytes for n in (1, 0))
        return with_film - without

    assert film_bytes(crf) == pytest.approx(share * film_bytes(20), abs=1)


def test_notebooks_take_a_fixed_room(tmp_path):
    task = Task("a" * 64, "notebook", "a", "a.ipynb", str(tmp_path / "results" / "a"), {})
    one, two = (predict_room([task] * n, out=tmp_path).n_bytes for n in (1, 2))
    assert two == 2 * one > 0


def test_too_little_room_is_refused(tmp_path):
    require_room(Room(int(5e9), 0, int(8e9)), out=tmp_path, reserve_gb=3.0)
    with pytest.raises(
        OutputError, match=r"must hold 5\.00 GB of results and 3\.5 GB in reserve .* got 8\.00 GB free"
    ):
        require_room(Room(int(5e9), 0, int(8e9)), out=tmp_path, reserve_gb=3.5)


def test_video_is_opened_in_another_process(tmp_path):
    few = make_few(tmp_path, names=("ant",))
    worker = WorkerProcess()
    try:
        assert worker.ask("probe", (str(few.videos / "ant.mp4"), 25.0), limit_s=PROBE_S) == (6, (48, 80))
        assert worker.ask("probe", (str(few.videos / "broken.mp4"), 25.0), limit_s=PROBE_S) is None
    finally:
        worker.close()
