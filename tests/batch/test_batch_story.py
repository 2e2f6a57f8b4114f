import numpy as np
import pytest
from conftest import ROOT
from matplotlib.figure import Figure

from vidlab.batch.sources import find_sources
from vidlab.batch.story import SCENES, add_clip, answer, draw_clips, frame_of, gain, plot_gains
from vidlab.errors import ParameterError, SourceError
from vidlab.jobs.story import iter_masks
from vidlab.masks.coco import CocoMasks
from vidlab.params import METHODS

SIZE_HW = (54, 96)
SAMPLE = ROOT / "data" / "sample"


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    folder = tmp_path_factory.mktemp("clips")
    names = draw_clips(folder, seeds=[1, 2], scenes=list(SCENES), size_hw=SIZE_HW, n_frames=3)
    return folder, names


def test_clips_lie_as_a_batch_takes_them(drawn):
    folder, names = drawn
    assert sorted(source.name for source in find_sources(folder / "clips")) == sorted(names)
    assert len(names) == 2 * len(SCENES)
    for name in names:
        truth = np.stack(list(iter_masks(folder / "truth" / name)))
        assert truth.shape == (3, *SIZE_HW)
        assert truth.any(axis=(1, 2)).all()
        assert CocoMasks(folder / "masks" / f"{name}.json", size_hw=SIZE_HW).last_index == 2
        assert frame_of(folder, name, index=2).shape == (*SIZE_HW, 3)


def test_seed_decides_everything(drawn, tmp_path):
    folder, _ = drawn
    (name,) = draw_clips(tmp_path, seeds=[2], scenes=["passed"], size_hw=SIZE_HW, n_frames=3)
    for path in (f"clips/{name}.mp4", f"masks/{name}.json", f"truth/{name}/00002.png"):
        assert (tmp_path / path).read_bytes() == (folder / path).read_bytes()
    other = folder / "clips" / "passed_1.mp4"
    assert other.read_bytes() != (folder / "clips" / f"{name}.mp4").read_bytes()


def test_unknown_scene_is_refused(tmp_path):
    with pytest.raises(ParameterError, match="unknown scene 'flies'; choose from: walks, "):
        draw_clips(tmp_path, seeds=[1], scenes=["flies"], size_hw=SIZE_HW, n_frames=3)
    assert list(tmp_path.iterdir()) == []


def test_frame_that_a_clip_lacks_is_refused(drawn):
    with pytest.raises(ParameterError, match="index must be a frame of walks_1, got 3"):
        frame_of(drawn[0], "walks_1", index=3)
    with pytest.raises(SourceError, match="must exist"):
        frame_of(drawn[0], "none", index=0)


def test_clip_that_is_there_is_put_beside_them_again_and_again(tmp_path):
    for _ in range(2):
        add_clip(
            tmp_path,
            "sample",
            video=SAMPLE / "video.mp4",
            masks=SAMPLE / "detections.json",
            truth=SAMPLE / "truth",
        )
    assert [source.name for source in find_sources(tmp_path / "clips")] == ["sample"]
    assert (tmp_path / "masks" / "sample.json").read_bytes() == (SAMPLE / "detections.json").read_bytes()
    assert len(list((tmp_path / "truth" / "sample").iterdir())) == 60


def test_gain_is_paired_and_in_points():
    before = {"a": 0.25, "b": 0.75, "c": 0.5}
    won = gain(before, {name: value + 0.125 for name, value in before.items()})
    assert set(won.by_clip.values()) == {12.5}
    assert (won.mean.low, won.mean.mean, won.mean.high, won.mean.n) == (12.5, 12.5, 12.5, 3)
    assert won.n_worse == 0


def test_gain_counts_clips_that_lose():
    won = gain({"a": 0.5, "b": 0.5, "c": 0.5}, {"a": 0.25, "b": 0.5, "c": 1.0})
    assert won.n_worse == 1
    assert won.mean.low < 0 < won.mean.high


def test_gain_of_different_clips_is_refused():
    with pytest.raises(ParameterError, match="the same clips"):
        gain({"a": 0.5}, {"b": 0.5})


@pytest.mark.parametrize(("after", "word"), [(0.75, "Yes"), (0.25, "Not surely")])
def test_answer_says_whether_it_holds(after, word):
    won = gain({"a": 0.5, "b": 0.5}, {"a": after, "b": after})
    said = answer({"median": won, "gaussian": won}, second=won, n_clips=2)
    assert said.startswith(f"{word}: median gains {won}")
    assert ("not surely more than gaussian" in said) == (after < 0.5)
    assert f"worse than raw in {won.n_worse} of 2 clips" in said


def test_plot_has_a_row_per_method_and_a_dot_per_clip():
    won = gain({"a": 0.5, "b": 0.5}, {"a": 0.75, "b": 0.6})
    axes = plot_gains(Figure().add_subplot(), dict.fromkeys(METHODS, won), title="x")
    assert [label.get_text() for label in axes.get_yticklabels()] == list(METHODS)
    assert [len(dots.get_offsets()) for dots in axes.collections] == [2] * len(METHODS)
