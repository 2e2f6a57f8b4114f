"""Class labels measured: IoU of each class, and calm along the motion."""

import json
from pathlib import Path

import numpy as np
import pytest
from tiny_clip import MISSED, N_FRAMES, SIZE_HW, make_clip, true_mask

from vidlab.errors import MaskError, ParameterError
from vidlab.jobs.labels import evaluate_labels
from vidlab.masks.png import write_labels_png
from vidlab.metrics.label_clip import LabelMetrics
from vidlab.params import EvaluateParams, SourceParams

DOG, QUICK = 18, EvaluateParams(resamples=200)


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    return make_clip(tmp_path_factory.mktemp("clip"))


@pytest.fixture(scope="module")
def truth(tmp_path_factory):
    """Dog on background; the last row is not judged."""
    folder = tmp_path_factory.mktemp("truth")
    for index in range(N_FRAMES):
        labels = np.where(true_mask(index), DOG, 0).astype(np.uint8)
        labels[-1] = 255
        write_labels_png(folder / f"{index:05d}.png", labels)
    return folder


@pytest.fixture(scope="module")
def result_folder(tmp_path_factory) -> Path:
    """What `stabilize` writes: the dog is lost in some frames, and the last row is wrong everywhere."""
    folder = tmp_path_factory.mktemp("result")
    (folder / "labels").mkdir()
    (folder / "params.json").write_text("{}")
    for index in range(N_FRAMES):
        labels = np.where(true_mask(index) & (index not in MISSED), DOG, 0).astype(np.uint8)
        labels[-1] = 1
        write_labels_png(folder / "labels" / f"{index:05d}.png", labels)
    return folder


def test_iou_of_each_class_and_its_name(result_folder, truth):
    result = evaluate_labels(result_folder, truth=truth, params=QUICK)
    n_pixels = (SIZE_HW[0] - 1) * SIZE_HW[1]
    missed_px, dog_px = 24 * 24 * len(MISSED), 24 * 24 * N_FRAMES
    assert result.names == {0: "background", DOG: "dog"}
    assert result.summary.iou[DOG] == pytest.approx(1 - missed_px / dog_px)
    rest = N_FRAMES * n_pixels - dog_px
    assert result.summary.iou[0] == pytest.approx(rest / (rest + missed_px))
    assert result.summary.miou == pytest.approx(np.mean(list(result.summary.iou.values())))
    assert result.summary.pixel_accuracy == pytest.approx(1 - missed_px / (N_FRAMES * n_pixels))
    assert result.summary.tc is None
    assert result.summary.vc8 is not None
    assert result.summary.vc16 is None  # the clip has twelve frames


def test_a_plain_folder_names_no_class(result_folder, truth, tmp_path):
    copy = tmp_path / "plain"
    (result_folder / "labels").rename(copy)
    try:
        assert evaluate_labels(copy, truth=truth, params=QUICK).names == {0: "class 0", DOG: f"class {DOG}"}
    finally:
        copy.rename(result_folder / "labels")


def test_video_adds_tc_and_lost_frames_lower_it(clip, result_folder, truth):
    steady = evaluate_labels(truth, video=clip.video, params=QUICK)
    assert steady.summary.tc > 0.9
    assert steady.summary.iou == {}
    assert steady.names == {}
    lost = evaluate_labels(result_folder, truth=truth, video=clip.video, against=truth, params=QUICK)
    assert lost.summary.tc < 0.9
    assert lost.summary.tc_curve[0] is None
    assert lost.against_summary.miou == 1
    assert lost.intervals["miou"].mean < 0
    assert lost.intervals["tc"].p_better < 0.1
    json.dumps(lost.to_json(), allow_nan=False)


def test_metrics_are_written(clip, result_folder, truth, tmp_path):
    result = evaluate_labels(result_folder, truth=truth, out=tmp_path / "out", params=QUICK)
    said = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert said["miou"] == result.summary.miou
    assert said["classes"] == {"0": "background", "18": "dog"}


def test_something_to_measure_by_is_needed(result_folder):
    with pytest.raises(ParameterError, match="must be measured by --truth, --video or both, got neither"):
        evaluate_labels(result_folder)


def test_sides_of_another_length_or_size_are_refused(clip, truth, tmp_path):
    (tmp_path / "small").mkdir()
    (tmp_path / "short").mkdir()
    write_labels_png(tmp_path / "small" / "0.png", np.zeros((4, 4), np.uint8))
    write_labels_png(tmp_path / "short" / "0.png", np.zeros(SIZE_HW, np.uint8))
    with pytest.raises(MaskError, match="masks must be as large as the video, got 80×48"):
        evaluate_labels(tmp_path / "small", truth=truth)
    with pytest.raises(MaskError, match="labels must not outlast the clip of 1 frames, got 12"):
        evaluate_labels(tmp_path / "short", truth=truth)
    with pytest.raises(MaskError, match="every frame must have labels, got 1"):
        evaluate_labels(tmp_path / "short", video=clip.video)
    one = evaluate_labels(tmp_path / "short", truth=truth, source=SourceParams(max_frames=1))
    assert one.summary.n_frames == 1


def test_ignoring_in_the_prediction_is_refused():
    metrics = LabelMetrics()
    with pytest.raises(ParameterError, match=r"pred labels must lie in 0\.\.254, got 255"):
        metrics.update(np.full((2, 2), 255, np.uint8), target=np.zeros((2, 2), np.uint8), motion=None)


def test_no_frames_measure_nothing():
    summary = LabelMetrics().compute()
    assert (summary.n_frames, summary.iou, summary.miou, summary.tc, summary.vc8) == (0, {}, None, None, None)
