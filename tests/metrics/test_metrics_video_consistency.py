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
from vidlab.metrics.video_consistency import VideoConsistency

SEQUENCES = ("lucia", "rollerblade", "car-shadow", "dog", "blackswan")
# labels that often stay: drawn changes, added up over time
CLIPS = st.tuples(st.integers(0, 9), st.integers(1, 3), st.integers(1, 3)).flatmap(
    lambda size: st.tuples(*(hnp.arrays(np.uint8, size, elements=st.sampled_from([0, 0, 0, 1, 2])),) * 2)
)
WINDOWS = st.integers(2, 5)


def labels_of(changes):
    return (np.cumsum(changes, axis=0) % 3).astype(np.uint8)


def slow_windows(preds, targets, window, ignore):
    """VC and VC* of the window that ends at each frame, straight from the definition."""
    values = []
    for end in range(len(preds)):
        first = end - window + 1
        calm = kept = right = 0
        for spot in np.ndindex(preds.shape[1:]) if first >= 0 else ():
            truths = [int(targets[(t, *spot)]) for t in range(first, end + 1)]
            ours = [int(preds[(t, *spot)]) for t in range(first, end + 1)]
            if len(set(truths)) == 1 and truths[0] not in ignore:
                calm += 1
                kept += len(set(ours)) == 1
                right += ours == truths
        values.append((kept / calm, right / calm) if calm else (math.nan, math.nan))
    return values


def stream(preds, targets, **options):
    metric = VideoConsistency(**options)
    return metric, [tuple(metric.update(p, target=t)) for p, t in zip(preds, targets, strict=True)]


def mean_defined(values):
    defined = [value for value in values if not math.isnan(value)]
    return sum(defined) / len(defined) if defined else math.nan


@given(CLIPS, WINDOWS)
def test_windows_equal_a_slow_reference(changes, window):
    preds, targets = (labels_of(clip) for clip in changes)
    metric, values = stream(preds, targets, window=window, compat="strict")
    expected = slow_windows(preds, targets, window, ignore={255})
    np.testing.assert_array_equal(values, expected)
    result = metric.compute()
    assert result["vc"] == pytest.approx(mean_defined([v for v, _ in expected]), abs=1e-12, nan_ok=True)
    assert result["vc_star"] == pytest.approx(mean_defined([s for _, s in expected]), abs=1e-12, nan_ok=True)
    assert result["n_windows"] == sum(not math.isnan(v) for v, _ in expected)
    assert all(math.isnan(v) or 0 <= s <= v <= 1 for v, s in values)


@given(CLIPS, WINDOWS)
def test_vspw_drops_the_last_window_of_a_clip(changes, window):
    preds, targets = (labels_of(clip) for clip in changes)
    _, all_windows = stream(preds, targets, window=window, compat="strict")
    metric, values = stream(preds, targets, window=window, compat="vspw")
    np.testing.assert_array_equal(values, all_windows)
    expected = mean_defined([v for v, _ in all_windows[:-1]])
    assert metric.compute()["vc"] == pytest.approx(expected, abs=1e-12, nan_ok=True)
    if len(preds) <= window:
        assert metric.compute()["n_windows"] == 0


@given(CLIPS, WINDOWS)
def test_the_truth_is_perfectly_consistent_and_so_is_any_constant_prediction(changes, window):
    targets = labels_of(changes[1])
    _, values = stream(targets, targets, window=window, compat="strict")
    assert all(math.isnan(v) or (v, s) == (1, 1) for v, s in values)
    nothing = np.zeros_like(targets)
    _, of_nothing = stream(nothing, targets, window=window, compat="strict")
    for t, (v, s) in enumerate(of_nothing):
        assert math.isnan(v) or v == 1
        zero_throughout = (targets[max(t - window + 1, 0) : t + 1] == 0).all(axis=0)
        assert math.isnan(v) or (s == 0) == (not zero_throughout.any())


@given(CLIPS, WINDOWS, st.sampled_from(["strict", "vspw"]))
def test_clips_are_pooled_window_by_window(changes, window, compat):
    clips = [tuple(labels_of(clip) for clip in changes), tuple(labels_of(clip) for clip in changes[::-1])]
    pooled, counted = VideoConsistency(window=window, compat=compat), []
    for preds, targets in clips:
        pooled.start_clip()
        _, values = stream(preds, targets, window=window, compat="strict")
        for p, t, value in zip(preds, targets, values, strict=True):
            np.testing.assert_array_equal(pooled.update(p, target=t), value)
        counted += values if compat == "strict" else values[:-1]
    result = pooled.compute()
    assert result["vc"] == pytest.approx(mean_defined([v for v, _ in counted]), abs=1e-12, nan_ok=True)
    assert result["vc_star"] == pytest.approx(mean_defined([s for _, s in counted]), abs=1e-12, nan_ok=True)


def test_hand_worked_windows():
    truth = np.array([[[0, 1, 1, 2]], [[0, 1, 1, 1]], [[0, 1, 0, 1]]])
    pred = np.array([[[0, 2, 1, 2]], [[0, 2, 1, 1]], [[1, 2, 1, 1]]])
    metric, values = stream(pred, truth, window=2, compat="strict")
    # frames 0, 1: truth stays in the first three, prediction too, the second is wrong;
    # frames 1, 2: truth stays in all but the third; of those the prediction leaves the first
    assert values[1:] == [(3 / 3, 2 / 3), (2 / 3, 1 / 3)]
    assert all(math.isnan(v) for v in values[0])
    assert metric.compute() == pytest.approx({"vc": 5 / 6, "vc_star": 1 / 2, "n_windows": 2})
    metric.reset()
    assert metric.compute() == pytest.approx(
        {"vc": math.nan, "vc_star": math.nan, "n_windows": 0}, nan_ok=True
    )


def test_the_prediction_may_stay_wrong_for_vc_but_not_for_its_star():
    truth = np.zeros((4, 2, 2), bool)
    metric, values = stream(~truth, truth, window=3, compat="strict")
    assert values[2:] == [(1, 0), (1, 0)]
    assert metric.compute() == {"vc": 1, "vc_star": 0, "n_windows": 2}


def test_ignored_truth_is_judged_only_by_the_official_rule():
    truth = np.full((3, 1, 2), 255, np.uint8)
    truth[:, 0, 0] = 1
    pred = np.array([[[1, 0]], [[1, 1]], [[1, 0]]])
    _, strict = stream(pred, truth, window=2, compat="strict")
    _, vspw = stream(pred, truth, window=2, compat="vspw")
    assert strict[1:] == [(1, 1), (1, 1)]
    assert vspw[1:] == [(0.5, 0.5), (0.5, 0.5)]


def test_windows_where_the_truth_never_stays_have_no_value():
    truth = np.arange(4, dtype=np.uint8)[:, None, None] * np.ones((1, 2, 2), np.uint8)
    metric, values = stream(truth, truth, window=2, compat="strict")
    assert all(math.isnan(number) for value in values for number in value)
    assert metric.compute()["n_windows"] == 0
    _, of_no_pixels = stream(truth[:, :0], truth[:, :0], window=2, compat="strict")
    assert all(math.isnan(value) for value, _ in of_no_pixels)


@pytest.mark.parametrize("window", [254, 255, 256, 300])
def test_long_windows_do_not_wrap_around(window):
    calm = np.zeros((1, 1), bool)
    metric = VideoConsistency(window=window, compat="strict")
    values = [metric.update(calm, target=calm).vc for _ in range(2 * window)]
    assert sum(math.isnan(value) for value in values) == window - 1
    assert metric.compute() == {"vc": 1, "vc_star": 1, "n_windows": window + 1}


def test_memory_grows_neither_with_the_window_nor_with_the_clip():
    def peak_bytes(window, n_frames):
        metric, frame = VideoConsistency(window=window, compat="strict"), np.zeros((200, 200), np.uint8)
        tracemalloc.start()
        for _ in range(n_frames):
            metric.update(frame, target=frame)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak

    assert peak_bytes(64, 200) < 1.2 * peak_bytes(8, 20)


def test_inputs_are_left_alone_and_not_kept():
    metric = VideoConsistency(window=2, compat="strict")
    pred, target = np.zeros((2, 2), np.uint8), np.zeros((2, 2), np.int64)
    metric.update(pred, target=target)
    pred[:], target[:] = 1, 1
    frozen = np.zeros((2, 2), bool)
    frozen.setflags(write=False)
    assert metric.update(frozen, target=frozen) == (1, 1)  # labels of any of the dtypes compare by value


def test_wrong_arrays_are_refused():
    metric, labels = VideoConsistency(window=8, compat="vspw"), np.zeros((2, 3), np.uint8)
    with pytest.raises(ShapeError, match=r"pred must be bool, uint8 or int64 \(H, W\), got float32 \(2, 3\)"):
        metric.update(labels.astype(np.float32), target=labels)
    with pytest.raises(ShapeError, match=r"target must be bool, .* got uint8 \(1, 2, 3\)"):
        metric.update(labels, target=labels[None])
    with pytest.raises(ShapeError, match=r"labels must match, got pred \(2, 3\) and target \(3, 2\)"):
        metric.update(labels, target=labels.T)
    metric.update(labels, target=labels)
    with pytest.raises(ShapeError, match=r"got \(2, 3\) in the frame before and \(3, 2\) now"):
        metric.update(labels.T, target=labels.T)
    metric.start_clip()
    metric.update(labels.T, target=labels.T)
    with pytest.raises(ParameterError, match="window must be 2 frames or more, got 1"):
        VideoConsistency(window=1, compat="strict")
    with pytest.raises(ParameterError, match="unknown compat 'plain'; choose from: strict, vspw"):
        VideoConsistency(window=8, compat="plain")


@needs_real
@pytest.mark.parametrize("network", ["yolo", "deeplab"])
def test_every_window_and_the_pooled_score_equal_the_official_code(network):
    golden = json.loads((REAL / "golden" / "vc_tc.json").read_text())
    pooled = {window: VideoConsistency(window=window, compat="vspw") for window in (8, 16)}
    for name in SEQUENCES:
        alone = {window: VideoConsistency(window=window, compat="strict") for window in (8, 16)}
        values = {8: [], 16: []}
        for metric in pooled.values():
            metric.start_clip()
        for t, pred in enumerate(golden_clip(name, network)):
            target = read_gray(REAL / "sequences" / name / "truth" / f"{t:05d}.png")
            for window in (8, 16):
                if network == "deeplab":
                    alone[window].update(pred, target=target)
                values[window].append(pooled[window].update(pred, target=target).vc)
        for window in (8, 16):
            expected = golden["sequences"][name][f"VC{window}"]
            assert values[window][window - 1 : -1] == pytest.approx(
                expected[f"per_window_{network}"], abs=1e-9
            )
            mean = np.mean(values[window][window - 1 : -1])
            assert mean == pytest.approx(expected[f"mean_{network}"], abs=1e-9)
            if network == "deeplab":
                check_strict(alone[window].compute(), values[window][-1], expected)
    for window, metric in pooled.items():
        expected = golden["VC_pooled_over_windows_of_all_sequences"][f"VC{window}"][network]
        assert metric.compute()["vc"] == pytest.approx(expected, abs=1e-9)


def check_strict(ours, last_window, expected):
    star = expected["paper_style_mean_prediction_must_equal_truth_deeplab"]
    assert last_window == pytest.approx(expected["last_window_that_the_code_drops_deeplab"], abs=1e-9)
    assert ours["vc"] == pytest.approx(expected["mean_all_windows_deeplab"], abs=1e-9)
    assert ours["vc_star"] == pytest.approx(star, abs=1e-9)
    assert ours["n_windows"] == expected["windows"] + 1
