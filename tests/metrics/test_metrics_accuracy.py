import json
import math
import tracemalloc

import numpy as np
import pytest
from conftest import REAL, needs_real
from golden_masks import golden_clip, read_gray
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from vidlab.errors import ParameterError, ShapeError
from vidlab.metrics import accuracy
from vidlab.metrics.boundary import boundary_f, davis_tolerance_px
from vidlab.metrics.overlap import dice
from vidlab.metrics.statistics import decay, recall

CLIPS = hnp.arrays(np.bool_, st.tuples(st.integers(1, 6), st.just(2), st.integers(1, 9), st.integers(1, 9)))


@needs_real
@pytest.mark.parametrize("network", ["yolo", "deeplab"])
@pytest.mark.parametrize("name", ["lucia", "rollerblade", "car-shadow", "dog", "blackswan"])
def test_every_frame_equals_the_official_code(name, network):
    golden = json.loads((REAL / "golden" / "davis_jf.json").read_text())["sequences"][name][network]
    metric = accuracy.Accuracy(compat="davis2017")
    frames = []
    for i, pred in enumerate(golden_clip(name, network)):
        target = read_gray(REAL / "sequences" / name / "truth" / f"{i:05d}.png")
        frames.append(metric.update(pred, target=target))
        assert frames[-1].dice == pytest.approx(dice(pred, target), abs=1e-12)
    assert [frame.j for frame in frames] == pytest.approx(golden["J"]["per_frame"], abs=1e-9)
    assert [frame.f for frame in frames] == pytest.approx(golden["F"]["per_frame"], abs=1e-9)
    values = metric.compute()
    for ours, theirs in (("j", golden["J"]), ("f", golden["F"])):
        assert values[ours] == pytest.approx(theirs["mean"], abs=1e-9)
        assert values[f"{ours}_recall"] == pytest.approx(theirs["recall"], abs=1e-9)
        assert values[f"{ours}_decay"] == pytest.approx(theirs["decay"], abs=1e-9)
    assert values["jf"] == pytest.approx((golden["J"]["mean"] + golden["F"]["mean"]) / 2, abs=1e-9)


@given(CLIPS)
def test_streamed_equals_the_single_functions(clip):
    metric = accuracy.Accuracy()
    frames = [metric.update(pred, target=target) for pred, target in clip]
    tolerance_px = davis_tolerance_px(clip.shape[2:])
    expected = {
        "j": [accuracy.region_j(*pair) for pair in clip],
        "f": [boundary_f(*pair, tolerance_px=tolerance_px) for pair in clip],
        "dice": [dice(*pair) for pair in clip],
        "f_1px": [boundary_f(*pair, tolerance_px=1) for pair in clip],
        "f_2px": [boundary_f(*pair, tolerance_px=2) for pair in clip],
    }
    values = metric.compute()
    for name, curve in expected.items():
        assert [getattr(frame, name) for frame in frames] == pytest.approx(curve, abs=1e-12)
        assert values[name] == pytest.approx(sum(curve) / len(curve), abs=1e-12)
    assert values["jf"] == pytest.approx((values["j"] + values["f"]) / 2)
    for name in ("j", "f"):
        assert values[f"{name}_recall"] == recall(expected[name])
        assert values[f"{name}_decay"] == pytest.approx(decay(expected[name], compat="strict"), abs=1e-12)
    assert all(0 <= getattr(frame, name) <= 1 for frame in frames for name in expected)


def test_hand_worked_accuracy():
    truth, pred = np.zeros((8, 8), bool), np.zeros((8, 8), bool)
    truth[2:6, 2:6], pred[2:6, 3:7] = True, True
    frame = accuracy.Accuracy().update(pred, target=truth)
    assert (frame.j, frame.dice) == (12 / 20, 24 / 32)
    assert frame.f == frame.f_1px == frame.f_2px == 1  # all within one pixel, and DAVIS allows 1 px here


def test_a_shake_that_davis_forgives_is_seen_at_one_and_two_pixels():
    truth = np.zeros((480, 854), bool)
    truth[100:300, 200:500] = True
    frame = accuracy.Accuracy().update(np.roll(truth, 4, axis=(0, 1)), target=truth)
    assert frame.f == 1
    assert frame.f_1px <= frame.f_2px < 0.1


@pytest.mark.parametrize(("n_frames", "agrees"), [(255, True), (256, False), (500, False), (1000, False)])
def test_a_long_clip_decays_as_it_does_whatever_the_official_code_says(n_frames, agrees):
    truth = np.zeros((6, 41), bool)
    truth[1:5, :40] = True
    strict, official = accuracy.Accuracy(), accuracy.Accuracy(compat="davis2017")
    j = []
    for i in range(n_frames):
        pred = truth.copy()
        pred[:, 40 - 40 * i // n_frames :] = False
        j.append(strict.update(pred, target=truth).j)
        official.update(pred, target=truth)
    quarter = (n_frames + 1) // 4
    lost = np.mean(j[: quarter + 1]) - np.mean(j[-quarter - 1 :])
    assert strict.compute()["j_decay"] == pytest.approx(lost, abs=0.01)
    assert (official.compute()["j_decay"] == strict.compute()["j_decay"]) == agrees
    assert official.compute()["j"] == strict.compute()["j"]


def test_memory_grows_by_two_numbers_per_frame_only():
    rng = np.random.default_rng(0)
    metric = accuracy.Accuracy()

    def feed(n_frames):
        for _ in range(n_frames):
            pred, target = rng.random((2, 40, 60)) > 0.5
            metric.update(pred, target=target)

    feed(20)
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        feed(600)
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert after - before < 600 * 2 * 8 * 1.5 + 4096  # one bit per pixel and frame would be 180,000


def test_reset_forgets_everything():
    metric = accuracy.Accuracy()
    metric.update(np.eye(4, dtype=bool), target=np.ones((4, 4), bool))
    metric.reset()
    metric.update(np.eye(4, dtype=bool), target=np.eye(4, dtype=bool))
    assert metric.compute()["j"] == 1


def test_nothing_to_find_and_nothing_found_is_right():
    nothing = np.zeros((5, 5), bool)
    assert accuracy.region_j(nothing, nothing) == 1
    frame = accuracy.Accuracy().update(nothing, target=nothing)
    assert (frame.j, frame.f, frame.dice, frame.f_1px, frame.f_2px) == (1, 1, 1, 1, 1)


def test_before_the_first_frame_all_is_undefined():
    values = accuracy.Accuracy().compute()
    assert set(values) == {
        *("j", "f", "jf", "dice", "f_1px", "f_2px", "j_recall", "j_decay", "f_recall", "f_decay")
    }
    assert all(math.isnan(value) for value in values.values())


def test_picture_without_pixels_scores_as_empty():
    nothing = np.zeros((0, 4), bool)
    assert accuracy.region_j(nothing, nothing) == 1
    assert accuracy.Accuracy().update(nothing, target=nothing).f_1px == 1


def test_inputs_are_left_alone():
    pred, target = np.eye(6, dtype=bool), np.ones((6, 6), bool)
    pred.setflags(write=False)
    target.setflags(write=False)
    accuracy.Accuracy().update(pred[::-1], target=target.T)


def test_wrong_input_is_refused():
    with pytest.raises(ShapeError, match=r"masks must match, got pred \(2, 2\) and target \(2, 3\)"):
        accuracy.Accuracy().update(np.zeros((2, 2), bool), target=np.zeros((2, 3), bool))
    with pytest.raises(ShapeError, match=r"pred must be bool \(H, W\), got uint8"):
        accuracy.region_j(np.zeros((2, 2), np.uint8), np.zeros((2, 2), bool))
    with pytest.raises(ShapeError, match=r"pred must be bool \(H, W\), got bool \(2,\)"):
        accuracy.Accuracy().update(np.zeros(2, bool), target=np.zeros(2, bool))
    with pytest.raises(ParameterError, match="unknown compat 'davis2016'; choose from: strict, davis2017, "):
        accuracy.Accuracy(compat="davis2016")
