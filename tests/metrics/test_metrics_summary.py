import json
import math

import numpy as np
import pytest

from vidlab.errors import ParameterError, ShapeError
from vidlab.metrics import area, stability
from vidlab.metrics.clip import ClipMetrics, PairMotion
from vidlab.metrics.comparison import compare
from vidlab.metrics.curves import Curves
from vidlab.metrics.summary import ClipSummary
from vidlab.params import EvaluateParams

SEEN = np.ones((6, 8), bool)
STILL = PairMotion(np.zeros((6, 8, 2), np.float32), occluded=~SEEN, valid=SEEN)
GRAY = np.full((6, 8, 3), 128, np.uint8)


def random_clip(seed, n_frames=5):
    return np.random.default_rng(seed).random((n_frames, 6, 8)) > 0.5


def feed(metrics, mask, *, probs=None, target=None, image=None, motion=None):
    metrics.update(mask, probs=probs, target=target, image=image, motion=motion, judge=motion)


def measure(masks, *, probs=None, targets=None, motion=None, params=None):
    metrics = ClipMetrics(params or EvaluateParams())
    for t, mask in enumerate(masks):
        feed(
            metrics,
            mask,
            probs=None if probs is None else probs[t],
            target=None if targets is None else targets[t],
            image=None if motion is None else GRAY,
            motion=motion if t else None,
        )
    return metrics.compute()


def test_every_metric_is_there_and_agrees_with_its_function():
    masks = random_clip(1)
    probs = masks.astype(np.float32) / 2
    summary = measure(masks, probs=probs, targets=masks, motion=STILL)
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
    summary = measure(np.zeros((3, 6, 8), bool), targets=np.ones((3, 6, 8), bool), motion=STILL)
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
    metrics = ClipMetrics(EvaluateParams())
    feed(metrics, np.eye(4, dtype=bool), target=np.eye(4, dtype=bool))
    metrics.reset()
    assert metrics.compute() == ClipMetrics(EvaluateParams()).compute()


def test_a_frame_of_another_size_is_refused():
    metrics = ClipMetrics(EvaluateParams())
    feed(metrics, np.eye(4, dtype=bool))
    with pytest.raises(ShapeError, match="must match"):
        feed(metrics, np.eye(5, dtype=bool))


def test_the_truth_itself_scores_perfectly_and_an_empty_mask_does_not():
    masks = random_clip(6, n_frames=20)
    summary = measure(masks, targets=masks, motion=STILL)
    perfect = ("headline", "jf_mean", "j_recall", "f_recall", "f_1px_mean", "f_2px_mean", "vc8_star")
    for name in perfect:
        assert getattr(summary, name) in (1, None), name
    assert summary.headline == 1
    assert (summary.excess_flicker, summary.j_decay, summary.dtssd_mean) == (0, 0, 0)
    assert (summary.ghost_frames, summary.false_frames, summary.unborn, summary.dropouts) == (0, 0, 0, 0)
    assert summary.birth_latency_frames == 0
    nothing = measure(np.zeros_like(masks), targets=masks, motion=STILL)
    assert (nothing.headline, nothing.quality_proxy, nothing.unborn) == (0, 0, 1)
    assert nothing.excess_flicker < 0


def test_flicker_is_judged_by_its_own_flow_and_consistency_by_the_other():
    masks = np.zeros((2, 6, 8), bool)
    masks[0, :, 2:4] = masks[1, :, 3:5] = True
    right = PairMotion(STILL.flow_to_prev + np.float32([-1, 0]), occluded=~SEEN, valid=SEEN)
    metrics = ClipMetrics(EvaluateParams())
    for t, mask in enumerate(masks):
        pair = {"motion": STILL, "judge": right} if t else {"motion": None, "judge": None}
        metrics.update(mask, probs=None, target=mask, image=None, **pair)
    summary = metrics.compute()
    assert summary.consistency_mean == pytest.approx(1 / 3)
    assert summary.flicker_mean == 0


def test_every_curve_has_a_value_per_frame_and_t_can_be_left_out():
    masks = random_clip(7)
    summary = measure(masks, targets=masks, motion=STILL, params=EvaluateParams(davis_t=False))
    assert {len(getattr(summary.curves, name)) for name in Curves.model_fields} == {5}
    assert summary.davis_t_mean is None
    assert set(summary.undefined_frames) >= {"davis_t", "probs_l1"}


def test_nan_never_reaches_a_field():
    summary = measure(np.zeros((2, 6, 8), bool))
    flat = summary.model_dump()
    assert not any(isinstance(value, float) and math.isnan(value) for value in flat.values())
