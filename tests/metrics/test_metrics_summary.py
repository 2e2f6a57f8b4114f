import json
import math

import numpy as np
import pytest

from vidlab.errors import ParameterError, ShapeError
from vidlab.metrics import area, stability
from vidlab.metrics.summary import ClipMetrics, ClipSummary, compare

STILL = np.zeros((6, 8, 2), np.float32)


def random_clip(seed, n_frames=5):
    return np.random.default_rng(seed).random((n_frames, 6, 8)) > 0.5


def measure(masks, *, probs=None, targets=None, flow=None):
    metrics = ClipMetrics()
    for t, mask in enumerate(masks):
        metrics.update(
            mask,
            probs=None if probs is None else probs[t],
            target=None if targets is None else targets[t],
            flow_to_prev=flow if t else None,
            occluded=None,
        )
    return metrics.compute()


def test_every_metric_is_there_and_agrees_with_its_function():
    masks = random_clip(1)
    probs = masks.astype(np.float32) / 2
    summary = measure(masks, probs=probs, targets=masks, flow=STILL)
    assert (summary.n_frames, summary.n_pairs, summary.n_consistency_pairs, summary.n_target) == (5, 4, 4, 5)
    assert summary.instability == pytest.approx(stability.instability(masks))
    assert summary.changed_px_mean == pytest.approx(stability.changed_px(masks).mean())
    assert summary.changed_share_mean == pytest.approx(stability.changed_share(masks).mean())
    assert summary.dice_prev_mean == pytest.approx(stability.adjacent_dice(masks).mean())
    assert summary.probs_l1_mean == pytest.approx(stability.adjacent_l1(probs).mean())
    assert summary.area_px_mean == pytest.approx(area.area_px(masks).mean())
    assert summary.area_cv == pytest.approx(area.area_cv(area.area_px(masks)))
    assert summary.consistency_mean == pytest.approx(summary.iou_prev_mean)  # nothing moves
    assert (summary.j_mean, summary.f_mean, summary.jf_mean, summary.dice_mean) == (1, 1, 1, 1)
    assert summary.curves.area_px == area.area_px(masks).tolist()
    assert summary.curves.iou_prev == [None, *stability.adjacent_iou(masks).tolist()]


def test_what_was_not_given_is_null_and_said():
    summary = measure(random_clip(2))
    assert summary.j_mean is summary.jf_mean is summary.consistency_mean is summary.probs_l1_mean is None
    assert summary.undefined_frames["j"] == summary.undefined_frames["consistency"] == "0-4"
    assert summary.undefined_frames["iou_prev"] == "0"
    assert "area_px" not in summary.undefined_frames


def test_truth_may_be_there_for_some_frames_only():
    masks = random_clip(3)
    summary = measure(masks, targets=[masks[0], None, masks[2], None, None])
    assert summary.n_target == 2
    assert summary.j_mean == 1
    assert summary.curves.j == [1, None, 1, None, None]
    assert summary.undefined_frames["j"] == "1, 3-4"


def test_the_record_survives_json():
    summary = measure(random_clip(4))
    text = summary.model_dump_json()
    assert "NaN" not in text
    assert json.loads(text)["curves"]["iou_prev"][0] is None
    assert ClipSummary.model_validate_json(text) == summary


@pytest.mark.parametrize("n_frames", [0, 1])
def test_short_clips_have_stated_values(n_frames):
    summary = measure(np.ones((n_frames, 6, 8), bool))
    assert summary.n_pairs == 0
    assert summary.instability is None
    assert summary.area_px_mean == (48 if n_frames else None)
    assert summary.area_cv == (0 if n_frames else None)


def test_an_empty_prediction_is_calm_but_not_right():
    summary = measure(np.zeros((3, 6, 8), bool), targets=np.ones((3, 6, 8), bool), flow=STILL)
    assert summary.instability == 0
    assert summary.area_cv is None
    assert summary.j_mean == 0


def test_comparison_counts_percent_and_points():
    flickering = np.zeros((4, 6, 8), bool)
    flickering[::2, 2:4, 2:4] = True
    steady = np.zeros((4, 6, 8), bool)
    steady[:, 2:4, 2:4] = True
    change = compare(measure(flickering, targets=steady), measure(steady, targets=steady))
    assert change.improvement_percent == change.changed_px_improvement_percent == 100
    assert change.j_gain_points == 50
    assert change.consistency_gain_points is change.probs_l1_improvement_percent is None
    worse = compare(measure(steady), measure(flickering))
    assert worse.improvement_percent is None  # raw instability 0: no ratio


def test_comparison_of_different_lengths_is_refused():
    with pytest.raises(ParameterError, match="must cover the same frames, got 5 and 4"):
        compare(measure(random_clip(5)), measure(random_clip(5, n_frames=4)))


def test_reset_forgets_everything():
    metrics = ClipMetrics()
    mask = np.eye(4, dtype=bool)
    metrics.update(mask, probs=None, target=mask, flow_to_prev=None, occluded=None)
    metrics.reset()
    assert metrics.compute() == ClipMetrics().compute()


def test_a_frame_of_another_size_is_refused():
    metrics = ClipMetrics()
    metrics.update(np.eye(4, dtype=bool), probs=None, target=None, flow_to_prev=None, occluded=None)
    with pytest.raises(ShapeError, match="masks must match"):
        metrics.update(np.eye(5, dtype=bool), probs=None, target=None, flow_to_prev=None, occluded=None)


def test_nan_never_reaches_a_field():
    summary = measure(np.zeros((2, 6, 8), bool))
    flat = summary.model_dump()
    assert not any(isinstance(value, float) and math.isnan(value) for value in flat.values())
