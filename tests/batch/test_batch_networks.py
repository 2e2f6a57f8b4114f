"""A network is loaded once for the tasks of one process, and what it finds is the same to the byte."""

from pathlib import Path

from few_videos import content, make_few

from vidlab.batch.networks import Networks
from vidlab.batch.planning import jobs_of, plan_videos
from vidlab.batch.sources import find_sources
from vidlab.batch.videos import StabilizeSettings
from vidlab.batch.work import Task, run_task
from vidlab.jobs import reading, stabilizing
from vidlab.jobs.reading import Network
from vidlab.params import BatchParams, NetworkParams, SegmentParams, SourceParams, method_params

TIMED = {"metrics.json", "outcome.json"}


def planned(videos: Path, out: Path) -> list[Task]:
    settings = StabilizeSettings(
        masks_from=Network("maskrcnn_demo", options=NetworkParams(input_short_px=64)),
        method=method_params("median", []),
        method_name="median",
        segment=SegmentParams(device="cpu"),
        source=SourceParams(max_frames=2),
        command=("the", "same"),
    )
    return plan_videos(find_sources(videos), out=out, settings=settings)


def test_kept_network_gives_the_bytes_of_a_new_one(tmp_path, monkeypatch):
    monkeypatch.setattr(stabilizing, "write_plots", lambda folder, **_: folder.mkdir())
    created: list[str] = []
    create = reading.models.create

    def counted(name: str, **given):
        created.append(name)
        return create(name, **given)

    monkeypatch.setattr(reading.models, "create", counted)
    few, networks = make_few(tmp_path, names=("ant", "bee"), broken=False), Networks()
    kept = planned(few.videos, tmp_path / "kept")
    assert [run_task(task, networks=networks).status for task in kept] == ["done", "done"]
    assert len(created) == 1
    alone = planned(few.videos, tmp_path / "alone")
    assert [run_task(task).status for task in alone] == ["done", "done"]
    assert len(created) == 3
    for one, other in zip(kept, alone, strict=True):
        got, wanted = content(Path(one.folder)), content(Path(other.folder))
        assert got.keys() == wanted.keys()
        assert {name for name in wanted if got[name] != wanted[name]} <= TIMED


def test_one_at_a_time_where_a_network_takes_the_cores_itself(tmp_path):
    few = make_few(tmp_path, names=("ant",), broken=False)
    tasks = planned(few.videos, tmp_path / "out")
    assert jobs_of(BatchParams(), tasks, n_cores=8) == 1
    assert jobs_of(BatchParams(jobs=3), tasks, n_cores=8) == 3
    light = [Task("a", "stabilize", "a", "a", "/o/results/a", {"network": None})]
    assert jobs_of(BatchParams(), light, n_cores=8) == 8
