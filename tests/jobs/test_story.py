import re
from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT
from tiny_clip import MISSED, N_FRAMES, make_clip, true_mask

from vidlab.errors import MaskError, SourceError
from vidlab.jobs import MaskFile, stabilize, story
from vidlab.metrics.bootstrap import paired_change
from vidlab.params import EvaluateParams, SourceParams, method_params


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    return make_clip(tmp_path_factory.mktemp("clip"))


@pytest.fixture(scope="module")
def result(clip, tmp_path_factory):
    return stabilize(
        clip.video,
        masks_from=MaskFile(clip.masks),
        out=tmp_path_factory.mktemp("job") / "out",
        method=method_params("flow_fusion_two_pass"),
        truth=clip.truth,
    )


def test_input_is_found_from_anywhere(monkeypatch, tmp_path):
    for folder in (ROOT, ROOT / "notebooks", tmp_path):
        monkeypatch.chdir(folder)
        assert story.input_path("pyproject.toml").samefile(ROOT / "pyproject.toml")


def test_input_here_comes_before_one_in_the_repository(monkeypatch, tmp_path):
    (tmp_path / "README.md").touch()
    monkeypatch.chdir(tmp_path)
    assert story.input_path("README.md").samefile(tmp_path / "README.md")


def test_input_that_is_nowhere_is_named():
    with pytest.raises(SourceError, match=r"got no/such\.mp4"):
        story.input_path("no/such.mp4")


def test_output_lies_in_the_repository_or_where_an_absolute_path_says(tmp_path):
    assert story.output_path("runs/a") == ROOT / "runs" / "a"
    assert story.output_path(str(tmp_path)) == tmp_path


def test_truth_is_found_beside_the_video(clip, tmp_path):
    assert story.truth_path("auto", video=clip.video) == clip.truth.resolve()
    assert story.truth_path("auto", video=tmp_path / "a.mp4") is None
    assert story.truth_path(str(clip.masks), video=clip.video) == clip.masks
    assert story.truth_path("", video=clip.video) is story.truth_path(None, video=clip.video) is None


def test_stretch_holds_the_frames_that_were_asked_for(clip, result):
    shown = story.read_stretch(clip.video, result=result.folder, frames=range(3, 6), source=SourceParams())
    assert [frame.index for frame in shown] == [3, 4, 5]
    assert not shown[1].raw.any()
    assert np.array_equal(shown[0].raw, true_mask(3))
    assert shown[1].stable.any()


def test_curves_come_back_as_written(result):
    curves = story.read_curves(result.folder)
    assert np.isnan(curves["raw_iou_prev"][0])
    assert curves["stable_j"].mean() == pytest.approx(result.stable.j_mean)
    streak = story.class_curves(curves, state="miss_streak")["object"]
    assert [int(value) for value in streak[[3, *MISSED]]] == [0, 1, 1]


def test_clip_of_one_shot_has_no_cuts(result):
    assert story.read_cuts(result.folder) == []


def test_masks_are_read_in_order(result):
    masks = list(story.iter_masks(result.folder / "raw"))
    assert len(masks) == N_FRAMES
    assert [i for i, mask in enumerate(masks) if not mask.any()] == list(MISSED)


def test_telling_frame_follows_an_object_and_starts_no_shot(result):
    assert story.telling_frame(result.raw, cuts=[], stretch=range(3, 7)) == MISSED[0]
    assert story.telling_frame(result.raw, cuts=[MISSED[0]], stretch=range(3, 7)) != MISSED[0]
    assert story.telling_frame(result.raw, cuts=[], stretch=range(0)) in MISSED


def test_clip_without_objects_has_no_telling_frame(result):
    curves = result.raw.curves.model_copy(update={"area_px": [0] * N_FRAMES})
    empty = result.raw.model_copy(update={"curves": curves})
    with pytest.raises(MaskError, match="got none in the clip"):
        story.telling_frame(empty, cuts=[], stretch=range(3))


def test_change_is_drawn_as_often_as_the_default_says():
    before, after = [None, 0.1, 0.2, 0.3], [0.9, 0.2, 0.3, 0.5]
    change = story.paired_change(before, after, rng=np.random.default_rng(0))
    draws = EvaluateParams().resamples
    assert change == paired_change(before, after, rng=np.random.default_rng(0), resamples=draws)
    assert (change.n, change.mean) == (3, pytest.approx(0.4 / 3))


@pytest.mark.parametrize(
    ("instability", "jf", "expected"),
    [
        ((0.4, 0.1), (0.5, 0.6), r"got calmer, and more accurate: .* rose by 10\.0 points"),
        ((0.4, 0.1), (0.6, 0.5), r"got calmer, and accuracy paid for it: .* fell by 10\.0 points"),
        ((0.1, 0.4), (0.5, 0.6), r"did not get calmer, but more accurate"),
        ((0.4, 0.1), (None, None), r"got calmer; without truth nobody knows"),
        ((None, None), (0.5, 0.5), r"cannot flicker"),
    ],
)
def test_verdict_weighs_calm_against_accuracy(result, instability, jf, expected):
    raw, stable = (
        result.raw.model_copy(update={"instability": i, "jf_mean": j})
        for i, j in zip(instability, jf, strict=True)
    )
    assert re.search(expected, story.verdict(raw, stable))


def test_hardware_names_device_and_cores():
    text = story.hardware(device="cpu")
    assert text.startswith("cpu, ")
    assert "cores (" in text
    assert str(Path.home()) not in text


def test_hardware_names_the_gpu(monkeypatch):
    torch = pytest.importorskip("torch")
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: f"Fast {device}")
    assert story.hardware(device="cuda:1").startswith("cuda:1: Fast cuda:1, ")
