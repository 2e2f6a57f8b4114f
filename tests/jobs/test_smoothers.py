"""Smoothers on drawn clips: what is drawn, how it is measured, and what the notebooks say of it."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from vidlab.errors import ParameterError
from vidlab.jobs import smoothers, traps
from vidlab.jobs.smoothers import Score
from vidlab.metrics.overlap import iou
from vidlab.params import FlowFusionParams, method_params
from vidlab.viz.colors import METHOD_COLORS

SIZE_HW = (120, 214)
N_FRAMES = 6


def draw(profile="yolo_like", *, seed=3, speed_px=3.0):
    return smoothers.draw_clip(seed, size_hw=SIZE_HW, n_frames=N_FRAMES, speed_px=speed_px, profile=profile)


@pytest.fixture(scope="module")
def clip():
    return draw()


def a_score(headline, **others):
    return Score(**({"j": 0.8, "f": 0.9, "f_2px": 0.6, "excess_flicker": 0.1} | others), headline=headline)


# ── clips ───────────────────────────────────────────────────────────────────────────────────────────────────
def test_equal_seeds_draw_equal_clips_and_others_do_not(clip):
    same, other = draw(), draw(seed=4)
    np.testing.assert_array_equal(same.truth, clip.truth)
    np.testing.assert_array_equal(same.raw, clip.raw)
    assert not np.array_equal(other.truth, clip.truth)


def test_soft_profile_gives_probabilities_and_a_hard_one_gives_masks(clip):
    soft = np.unique(draw("deeplab_like").evidence[0].probs)
    assert len(soft) > 10
    assert set(np.unique(clip.evidence[0].probs)) <= {0.0, 1.0}


def test_clean_profile_gives_the_truth():
    clean = draw("clean")
    np.testing.assert_array_equal(clean.raw, clean.truth)


def test_unknown_profile_is_refused_with_the_known_ones():
    with pytest.raises(ParameterError, match="unknown profile 'yolo'; choose from: clean, yolo_like"):
        draw("yolo")


# ── methods ─────────────────────────────────────────────────────────────────────────────────────────────────
def test_every_filter_contends_blind_and_following_and_fusion_early_and_late():
    methods = smoothers.contenders()
    blind = [name for name, method in methods.items() if smoothers.is_blind(method)]
    assert blind == list(smoothers.FILTERS)
    assert [name for name in methods if name.endswith(", follows")] == [f"{name}, follows" for name in blind]
    assert methods["flow_fusion, lag 4"] == FlowFusionParams(lag=4)
    assert {smoothers.method_of(name) for name in methods} == METHOD_COLORS.keys() - {"none"}


def test_delay_is_what_the_method_waits_for():
    methods = smoothers.contenders()
    delays = {name: smoothers.delay_frames(method) for name, method in methods.items()}
    assert (delays["median"], delays["exponential"], delays["flow_fusion"]) == (2, 0, 0)
    assert delays["flow_fusion, lag 4"] == 4 < delays[smoothers.OURS]


# ── measuring ───────────────────────────────────────────────────────────────────────────────────────────────
def test_truth_scores_one_and_shaken_truth_less(clip):
    shaken = np.stack([np.roll(mask, 3 * (t % 2), axis=1) for t, mask in enumerate(clip.truth)])
    scores = smoothers.score_all(clip, {"truth": clip.truth, "shaken": shaken})
    true = scores["truth"]
    assert (true.j, true.f, true.f_2px, true.excess_flicker, true.headline, true.jf) == (1, 1, 1, 0, 1, 1)
    assert scores["shaken"].excess_flicker > 0
    assert scores["shaken"].headline < 1


def test_score_is_that_of_the_frames_one_by_one(clip):
    found = smoothers.score(clip.raw, truth=clip.truth, along=traps.exact_motions(clip))
    overlaps = [iou(mask, target) for mask, target in zip(clip.raw, clip.truth, strict=True)]
    assert found.j == pytest.approx(np.mean(overlaps))


def test_smooth_keeps_raw_and_agrees_with_the_job(clip):
    masks = smoothers.smooth(clip, {"median": method_params("median")})
    np.testing.assert_array_equal(masks["raw"], clip.raw)
    padded = np.concatenate([clip.raw[2:0:-1], clip.raw, clip.raw[-2:-4:-1]])
    votes = np.stack([padded[t : t + 5].sum(axis=0) > 2 for t in range(N_FRAMES)])
    np.testing.assert_array_equal(masks["median"][2:-2], votes[2:-2])


def test_method_called_raw_is_refused(clip):
    with pytest.raises(ParameterError, match="must not be called 'raw'"):
        smoothers.smooth(clip, {"raw": method_params("median")})


def test_mean_score_is_the_mean_field_by_field():
    mean = smoothers.mean_score([a_score(0.5, j=0.6), a_score(0.7, j=0.8)])
    assert (mean.headline, mean.j, mean.f) == pytest.approx((0.6, 0.7, 0.9))
    with pytest.raises(ParameterError, match="at least one clip"):
        smoothers.mean_score([])


def test_gains_are_points_over_the_named_version():
    scores = {"raw": a_score(0.5), "a": a_score(0.61), "b": a_score(0.4)}
    assert smoothers.gains(scores, over="raw", what="headline") == pytest.approx({"a": 11, "b": -10})


def test_score_cells_fit_their_header():
    assert smoothers.score_cells(a_score(0.5)) == ("0.800", "0.900", "0.600", "0.100", "0.500")
    assert len(smoothers.SCORE_HEADER) == 5


def test_worst_stretch_is_where_the_overlap_jumps():
    truth = np.ones((8, 4, 4), bool)
    masks = truth.copy()
    masks[5] = False
    assert list(smoothers.worst_stretch(masks, truth=truth, n_frames=3)) == [4, 5, 6]
    assert list(smoothers.worst_stretch(truth, truth=truth, n_frames=3)) == [0, 1, 2]
    for n_frames in (1, 9):
        with pytest.raises(ParameterError, match="n_frames must lie between 2 and 8"):
            smoothers.worst_stretch(masks, truth=truth, n_frames=n_frames)


# ── words and pictures ──────────────────────────────────────────────────────────────────────────────────────
def test_answer_names_the_best_the_best_filter_and_the_share_of_the_causal_one():
    gained = {"gaussian": [-1.0, 5.0], "median": [1.0, 2.0], "flow_fusion": [9.0, 6.0], "two": [8.0, 12.0]}
    assert smoothers.answer(gained, causal="flow_fusion") == (
        "Take two for files: +10.0 (+8.0 to +12.0) points over raw, best on 1 of 2 clips, where the best "
        "classical filter (gaussian) gains +2.0 (-1.0 to +5.0); flow_fusion, which waits for no frame, "
        "keeps 75 % of it."
    )


def test_answer_does_not_divide_by_a_loss():
    assert "keeps no part of it" in smoothers.answer({"median": [-2.0], "two": [-1.0]}, causal="two")


def test_blind_contenders_are_dashed_and_late_ones_dotted():
    axes = Figure().add_subplot()
    curves = {name: [1.0, 2.0] for name in ("median", "median, follows", "flow_fusion, lag 4")}
    smoothers.plot_gains(axes, [1, 2], curves, xlabel="speed (px)", ylabel="gain (points)", title="Gain")
    lines = axes.get_lines()
    assert [line.get_linestyle() for line in lines] == ["--", "-", ":"]
    expected = [METHOD_COLORS[name] for name in ("median", "median", "flow_fusion")]
    assert [line.get_color() for line in lines] == expected
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("speed (px)", "gain (points)")
