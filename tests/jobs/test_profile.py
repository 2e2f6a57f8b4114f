"""The profiling job: what it measures, what it leaves behind, and what it refuses."""

import json
import time

import numpy as np
import pytest

from vidlab.errors import OutputError, ParameterError, VideoError, WeightsError
from vidlab.jobs.profile import profile
from vidlab.jobs.profile_work import Runs, items_in, warm_up, workload
from vidlab.params import ProfileParams, SegmentParams
from vidlab.video import VideoWriter

SIZE_HW = (48, 64)
N_FRAMES = 9
QUICK = ProfileParams(max_frames=6, seconds=2, warmup_items=1)
CPU = SegmentParams(device="cpu")


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    rng = np.random.default_rng(0)
    with VideoWriter(path, size_hw=SIZE_HW, fps=25.0, crf=20, preset="ultrafast") as writer:
        for index in range(N_FRAMES):
            writer.write(rng.integers(0, 256, (*SIZE_HW, 3), dtype=np.uint8), pts_s=index / 25)
    return path


class Segmenter:
    """Stages that sleep: what they cost is known."""

    name, kind, class_ids, weights = "fake", "probs", (), "none"

    def prepare(self, images):
        time.sleep(0.002)
        return images

    def infer(self, prepared):
        time.sleep(0.02)
        return prepared

    def finish(self, found):
        return found

    def segment(self, images):
        return self.finish(self.infer(self.prepare(images)))


def test_profile_without_a_network_writes_numbers_and_pictures(clip, tmp_path):
    result = profile(clip, model="none", out=tmp_path / "out", params=QUICK, command=["vidlab", "profile"])
    assert list(result.timings) == ["decode", "preprocess"]
    assert (result.model, result.weights, result.device) == ("none", "none", "cpu")
    assert result.n_frames == 6
    assert result.speeds == {}
    assert result.clocks is None
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {"profile.json", "timeline.json", "stages.png", "timeline.png"}
    said = json.loads((tmp_path / "out" / "profile.json").read_text())
    assert said["bottleneck"] == result.verdict.bottleneck
    assert said["command"] == ["vidlab", "profile"]
    spans = json.loads((tmp_path / "out" / "timeline.json").read_text())
    assert len(spans["overlapped"]) == len(spans["sequential"]) == 12


def test_profile_with_the_demo_network_prints_model_and_whole(clip):
    pytest.importorskip("torchvision")
    told = []
    result = profile(
        clip,
        model="maskrcnn_demo",
        weights="random",
        params=ProfileParams(max_frames=4, seconds=1, warmup_items=1),
        segment=CPU,
        progress=lambda done, total: told.append((done, total)),
    )
    assert list(result.timings) == ["decode", "preprocess", "infer", "postprocess"]
    assert result.weights == "random (timing only)"
    assert set(result.speeds) == {"sequential", "overlapped"}
    assert result.clocks is not None
    assert result.folder is None
    done, totals = zip(*told, strict=True)
    assert list(done) == sorted(done)
    assert done[-1] <= totals[-1]


def test_short_video_is_taken_whole(clip):
    result = profile(clip, model="none", params=ProfileParams(max_frames=50, seconds=2, warmup_items=0))
    assert result.n_frames == N_FRAMES


def test_items_are_whole_batches(clip):
    result = profile(
        clip, model="none", params=ProfileParams(max_frames=9, seconds=2, warmup_items=1, batch_frames=4)
    )
    assert (result.n_frames, result.item_frames) == (8, 4)


def test_batch_larger_than_the_video_is_an_error(clip, tmp_path):
    params = ProfileParams(max_frames=50, seconds=2, batch_frames=10)
    with pytest.raises(VideoError, match="at least one item of 10 frames, got fewer; take a longer video"):
        profile(clip, model="none", out=tmp_path / "out", params=params)
    assert list(tmp_path.iterdir()) == []


def test_unknown_names_and_files_are_errors_and_leave_nothing(clip, tmp_path):
    out = tmp_path / "out"
    with pytest.raises(ParameterError, match="unknown model 'oracle'; choose from: "):
        profile(clip, model="oracle", out=out, params=QUICK)
    with pytest.raises(VideoError, match=r"none\.mp4"):
        profile(tmp_path / "none.mp4", model="none", out=out, params=QUICK)
    with pytest.raises(WeightsError, match=r"none\.pt"):
        profile(clip, weights="none.pt", out=out, params=QUICK, segment=CPU)
    assert list(tmp_path.iterdir()) == []


def test_full_folder_is_refused_without_force(clip, tmp_path):
    (tmp_path / "mine.txt").touch()
    with pytest.raises(OutputError, match="is not empty"):
        profile(clip, model="none", out=tmp_path, params=QUICK)
    profile(clip, model="none", out=tmp_path, params=QUICK, force=True)
    assert not (tmp_path / "mine.txt").exists()


def runs_of(clip, **options):
    from vidlab.video import open_source

    work = workload(
        open_source(clip, fps=25.0), segmenter=Segmenter(), item_frames=options.pop("item_frames", 1),
        device="cpu",
    )  # fmt: skip
    return work, Runs(work, queue_size=2, progress=lambda done, total: None)


def test_every_run_sees_the_same_items_in_order(clip):
    _, runs = runs_of(clip)
    runs.run(5)
    assert runs.n_items == 5
    for name, timelines in runs.timelines.items():
        assert len(timelines) == 2, name
        for timeline in timelines:
            items = [span.item for span in timeline.spans if span.stage == "infer"]
            assert items == [0, 1, 2, 3, 4]


def test_stages_that_sleep_keep_no_core_busy_and_the_slowest_bounds(clip):
    from vidlab.profiling import judge

    work, runs = runs_of(clip)
    warmed = warm_up(work, n_items=2)
    assert (warmed.n_items, warmed.seconds > warmed.item_s > 0) == (2, True)
    runs.run(6)
    costs = {cost.name: cost for cost in runs.costs(n_cores=2)}
    assert costs["infer"].cores < 0.5
    assert costs["infer"].mean_s >= 0.02
    timings = runs.timings(warmed)
    assert (timings["infer"].n, timings["infer"].n_warmup) == (12, 2)
    verdict = judge(list(costs.values()), n_items=6, queue_size=2, n_cores=2)
    assert verdict.bottleneck == "infer"


@pytest.mark.parametrize(
    ("seconds", "item_s", "most", "items"),
    [
        (60, 1.0, 64, 10),
        (60, 0.01, 64, 64),
        (1, 5.0, 64, 4),
        (1, 5.0, 2, 2),
        (-3, 1.0, 64, 4),
        (1, 0.0, 7, 7),
    ],
)
def test_as_many_items_as_fit_into_the_time(seconds, item_s, most, items):
    assert items_in(seconds, item_s=item_s, most=most) == items
