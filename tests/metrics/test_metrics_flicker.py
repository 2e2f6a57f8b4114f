import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from vidlab.errors import ShapeError
from vidlab.metrics.flicker import ExcessFlicker
from vidlab.metrics.headline import FLICKER_CHARGE, headline

SHARES = st.floats(0, 1)
CLIPS = st.tuples(st.integers(2, 5), st.integers(1, 6), st.integers(1, 6)).flatmap(
    lambda shape: st.tuples(hnp.arrays(np.bool_, shape), hnp.arrays(np.bool_, shape))
)


def still(masks):
    return np.zeros((*masks.shape[1:], 2), np.float32)


def measure(preds, targets, *, flow, occluded=None):
    metric = ExcessFlicker()
    frames = [
        metric.update(pred, target=target, flow_to_prev=flow if i else None, occluded=occluded)
        for i, (pred, target) in enumerate(zip(preds, targets, strict=True))
    ]
    return metric.compute(), frames


def slow_instability(masks, flow, occluded):
    """1 − IoU with the frame before, pixel by pixel, in Python."""
    values = []
    height, width = masks.shape[1:]
    for before, now in pairwise(masks):
        both = either = 0
        for y in range(height):
            for x in range(width):
                sx, sy = round(x + float(flow[y, x, 0])), round(y + float(flow[y, x, 1]))
                if not (0 <= sx < width and 0 <= sy < height) or occluded[y, x]:
                    continue
                both += bool(now[y, x] and before[sy, sx])
                either += bool(now[y, x] or before[sy, sx])
        values.append(1 - both / either if either else 0.0)
    return np.mean(values)


@given(CLIPS, st.integers(-2, 2), st.integers(-2, 2))
def test_excess_equals_a_slow_reference(clips, dx, dy):
    preds, targets = clips
    flow = still(preds) + np.float32([dx, dy])
    hidden = np.random.default_rng(0).random(preds.shape[1:]) < 0.2
    found, _ = measure(preds, targets, flow=flow, occluded=hidden)
    ours, truths = (slow_instability(masks, flow, hidden) for masks in (preds, targets))
    assert found.instability == pytest.approx(ours)
    assert found.target_instability == pytest.approx(truths)
    assert found.excess == pytest.approx(ours - truths)
    assert -1 <= found.excess <= 1


@given(CLIPS)
def test_truth_has_excess_flicker_exactly_zero(clips):
    targets, _ = clips
    flow = np.random.default_rng(1).normal(0, 3, (*targets.shape[1:], 2)).astype(np.float32)
    found, frames = measure(targets, targets, flow=flow)
    assert found.excess == 0.0
    assert [frame.excess for frame in frames[1:]] == [0.0] * (len(targets) - 1)


def test_truth_that_moves_with_the_flow_is_calm_and_its_frozen_mask_is_not():
    truth = np.zeros((4, 8, 30), bool)
    for t in range(4):
        truth[t, 2:6, 4 + 3 * t : 12 + 3 * t] = True
    flow = still(truth) + np.float32([-3, 0])
    assert measure(truth, truth, flow=flow)[0].target_instability == 0
    frozen = np.broadcast_to(truth[0], truth.shape)
    assert measure(frozen, truth, flow=flow)[0].excess == pytest.approx(1 - 5 / 11)


def test_empty_prediction_is_calmer_than_the_truth():
    truth = np.zeros((3, 4, 4), bool)
    truth[::2, 1:3] = True
    found, _ = measure(np.zeros_like(truth), truth, flow=still(truth))
    assert (found.instability, found.excess) == (0, -1)


def test_pairs_without_truth_have_no_excess():
    truth = np.ones((4, 3, 3), bool)
    _, frames = measure(truth, [truth[0], None, truth[2], truth[3]], flow=still(truth))
    assert [math.isnan(frame.excess) for frame in frames] == [True, True, True, False]
    assert [math.isnan(frame.instability) for frame in frames] == [True, False, False, False]


@pytest.mark.parametrize("n_frames", [0, 1])
def test_short_clips_have_no_flicker(n_frames):
    masks = np.ones((n_frames, 3, 3), bool)
    found, _ = measure(masks, masks, flow=still(np.ones((1, 3, 3))))
    assert all(math.isnan(getattr(found, name)) for name in found.__slots__)


def test_wrong_arrays_are_refused():
    metric, mask = ExcessFlicker(), np.ones((3, 3), bool)
    with pytest.raises(ShapeError, match=r"mask must be bool \(H, W\), got uint8"):
        metric.update(mask.astype(np.uint8), target=None, flow_to_prev=None, occluded=None)
    metric.update(mask, target=mask, flow_to_prev=None, occluded=None)
    flow = np.zeros((4, 4, 2), np.float32)
    with pytest.raises(ShapeError, match="masks must match"):
        metric.update(np.ones((4, 4), bool), target=mask, flow_to_prev=flow, occluded=None)


def test_headline_of_hand_worked_cases():
    assert headline(j=1.0, f_2px=1.0, excess_flicker=0.0) == 1
    assert headline(j=0.8, f_2px=0.4, excess_flicker=0.2) == pytest.approx(
        2 * 0.8 * 0.4 / 1.2 * (1 - FLICKER_CHARGE * 0.2)
    )
    assert headline(j=0.0, f_2px=0.0, excess_flicker=-0.5) == 0  # an empty mask
    assert headline(j=0.0, f_2px=1.0, excess_flicker=0.0) == 0  # an inverted mask has a perfect outline
    assert headline(j=0.5, f_2px=0.5, excess_flicker=math.nan) == 0.5
    assert math.isnan(headline(j=math.nan, f_2px=math.nan, excess_flicker=0.0))


@given(SHARES, SHARES, st.floats(-1, 1))
def test_headline_is_bounded_and_pays_nothing_for_calm_beyond_the_truth(j, f_2px, excess):
    value = headline(j=j, f_2px=f_2px, excess_flicker=excess)
    assert 0 <= value <= min(1.0, 2 * min(j, f_2px)) + 1e-12
    assert value <= headline(j=j, f_2px=f_2px, excess_flicker=0.0)


@given(SHARES, SHARES, SHARES, st.floats(0, 0.5))
def test_headline_grows_with_accuracy_and_falls_with_flicker(j, f_2px, excess, more):
    value = headline(j=j, f_2px=f_2px, excess_flicker=excess)
    assert headline(j=min(1.0, j + more), f_2px=f_2px, excess_flicker=excess) >= value - 1e-12
    assert headline(j=j, f_2px=f_2px, excess_flicker=min(1.0, excess + more)) <= value + 1e-12
