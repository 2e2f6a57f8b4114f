import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from vidlab.errors import ShapeError
from vidlab.metrics import stability
from vidlab.metrics.area import area_cv, area_px
from vidlab.metrics.overlap import dice, iou
from vidlab.metrics.running import RunningStats

CLIPS = hnp.arrays(np.bool_, st.tuples(st.integers(2, 6), st.integers(1, 5), st.integers(1, 5)))


def clip(*rows: str) -> np.ndarray:
    return np.array([[[c == "#" for c in row]] for row in rows])


def test_hand_worked_clip():
    masks = clip("##..", "#...", "#...", "....")
    assert stability.adjacent_iou(masks).tolist() == [0.5, 1.0, 0.0]
    assert stability.adjacent_dice(masks).tolist() == [2 / 3, 1.0, 0.0]
    assert stability.instability(masks) == 0.5
    assert stability.changed_px(masks).tolist() == [1, 0, 1]
    assert stability.changed_share(masks).tolist() == [0.25, 0, 0.25]


def test_two_empty_masks_agree():
    masks = clip("...", "...")
    assert stability.adjacent_iou(masks).tolist() == [1.0]
    assert stability.adjacent_dice(masks).tolist() == [1.0]
    assert stability.instability(masks) == 0.0


@pytest.mark.parametrize("n_frames", [0, 1])
def test_a_clip_without_pairs_gives_empty_curves(n_frames):
    masks = np.ones((n_frames, 2, 2), bool)
    for curve in (stability.adjacent_iou, stability.adjacent_dice, stability.changed_px):
        assert curve(masks).shape == (0,)
    assert stability.adjacent_l1(masks.astype(np.float32)).shape == (0,)
    assert math.isnan(stability.instability(masks))


def test_l1_is_the_mean_over_pixels_and_classes():
    probs = np.zeros((2, 2, 1, 2), np.float32)
    probs[1, 0, 0] = (1.0, 0.5)
    assert stability.adjacent_l1(probs).tolist() == [1.5 / 4]


@pytest.mark.parametrize(
    ("raw", "stable", "percent"), [(0.2, 0.05, 75.0), (0.2, 0.0, 100.0), (0.1, 0.2, -100.0), (0.0, 0.0, 0.0)]
)
def test_improvement_percent(raw, stable, percent):
    assert stability.improvement_percent(raw, stable) == pytest.approx(percent)


def test_flicker_made_from_none_has_no_percentage():
    assert math.isnan(stability.improvement_percent(0.0, 0.1))
    assert math.isnan(stability.improvement_percent(math.nan, 0.1))


@given(CLIPS)
def test_curves_equal_a_slow_reference(masks):
    for i, value in enumerate(stability.adjacent_iou(masks)):
        first, second = set(np.flatnonzero(masks[i])), set(np.flatnonzero(masks[i + 1]))
        assert value == (len(first & second) / len(first | second) if first | second else 1.0)
        assert stability.changed_px(masks)[i] == len(first ^ second)


@given(CLIPS)
def test_streamed_equals_batched(masks):
    probs = masks.astype(np.float32) / 3
    metric = stability.Stability()
    frames = [metric.update(mask, probs=prob) for mask, prob in zip(masks, probs, strict=True)]
    assert [frame.iou_prev for frame in frames[1:]] == stability.adjacent_iou(masks).tolist()
    assert [frame.changed_px for frame in frames[1:]] == stability.changed_px(masks).tolist()
    assert [frame.probs_l1 for frame in frames[1:]] == pytest.approx(stability.adjacent_l1(probs).tolist())
    values = metric.compute()
    assert values["instability"] == pytest.approx(stability.instability(masks))
    assert values["area_cv"] == pytest.approx(area_cv(area_px(masks)), nan_ok=True)
    metric.reset()
    assert math.isnan(metric.update(masks[0], probs=None).iou_prev)


@given(CLIPS)
def test_overlaps_are_symmetric_bounded_and_ordered(masks):
    first, second = masks[0], masks[1]
    assert iou(first, second) == iou(second, first)
    assert dice(first, second) == dice(second, first)
    assert 0 <= iou(first, second) <= dice(first, second) <= 1
    assert iou(first, first) == dice(first, first) == 1


@given(CLIPS)
def test_reversed_time_changes_nothing(masks):
    assert stability.instability(masks) == pytest.approx(stability.instability(masks[::-1]))


def test_a_stream_does_not_share_memory_with_its_input():
    metric = stability.Stability()
    mask = np.ones((2, 2), bool)
    metric.update(mask, probs=None)
    mask[:] = False
    assert metric.update(mask, probs=None).changed_px == 4


@given(st.lists(st.floats(-1e6, 1e6) | st.just(math.nan), max_size=20))
def test_running_stats_equal_numpy(values):
    stats = RunningStats()
    for value in values:
        stats.update(value)
    defined = [value for value in values if not math.isnan(value)]
    assert stats.n == len(defined)
    assert stats.mean == pytest.approx(np.mean(defined) if defined else math.nan, nan_ok=True)
    expected = np.std(defined) if defined else math.nan
    assert stats.std == pytest.approx(expected, nan_ok=True, rel=1e-6, abs=1e-6)


def test_wrong_arrays_are_refused():
    with pytest.raises(ShapeError, match=r"masks must be bool \(T, H, W\), got uint8 \(2, 3, 3\)"):
        stability.adjacent_iou(np.zeros((2, 3, 3), np.uint8))
    with pytest.raises(ShapeError, match=r"masks must match, got first \(2, 2\) and second \(2, 3\)"):
        iou(np.zeros((2, 2), bool), np.zeros((2, 3), bool))
    with pytest.raises(ShapeError, match=r"probs must be float32 .* got float64 \(2, 3, 3\)"):
        stability.adjacent_l1(np.zeros((2, 3, 3)))
    metric = stability.Stability()
    metric.update(np.zeros((2, 2), bool), probs=np.zeros((2, 2), np.float32))
    with pytest.raises(ShapeError, match=r"the mask before \(2, 2\) and mask \(3, 2\)"):
        metric.update(np.zeros((3, 2), bool), probs=None)
    with pytest.raises(ShapeError, match="probability maps must match"):
        metric.update(np.zeros((2, 2), bool), probs=np.zeros((1, 2, 2), np.float32))
