"""Each of the six steps, alone."""

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vidlab.errors import ParameterError
from vidlab.flow import resize_flow, resize_map, warp
from vidlab.params import MethodParams
from vidlab.temporal import create_stabilizer
from vidlab.temporal.area import adaptive_threshold, vote_weight
from vidlab.temporal.evidence import to_evidence
from vidlab.temporal.extent import NOTHING
from vidlab.temporal.fusion import LEAST_TRUST, FusedState, begin, carried, carrier, fuse, joined
from vidlab.temporal.ghost import confirm, fading
from vidlab.temporal.neighbors import Trail
from vidlab.types import ClassProbs, Instances

SIZE = (8, 8)
RULES = {"min_score": 0.25, "drop_below": 0.05, "prob_threshold": 0.5}


def square(x0: int, x1: int) -> np.ndarray:
    mask = np.zeros(SIZE, bool)
    mask[2:6, x0:x1] = True
    return mask


def instances(*found: tuple[np.ndarray, float, int]) -> Instances:
    masks = np.stack([mask for mask, _, _ in found])
    return Instances(
        masks, np.array([s for _, s, _ in found], np.float32), np.array([c for _, _, c in found], np.int64)
    )


# ── 1 evidence ──────────────────────────────────────────────────────────────────────────────────────────────
def test_raw_is_the_union_of_wanted_instances_above_the_operating_point():
    found = instances(
        (square(0, 2), 0.9, 18), (square(3, 5), 0.3, 18), (square(5, 8), 0.2, 18), (square(6, 8), 0.9, 1)
    )
    evidence = to_evidence(found, class_ids=(18,), **RULES)
    assert np.array_equal(evidence.raw, [square(0, 2) | square(3, 5)])
    assert evidence.strength == pytest.approx([0.6])  # both have the same area


def test_detections_below_the_operating_point_are_kept_as_doubtful():
    found = instances(
        (square(0, 2), 0.9, 18), (square(3, 5), 0.2, 18), (square(4, 6), 0.1, 18), (square(6, 8), 0.04, 18)
    )
    evidence = to_evidence(found, class_ids=(18,), **RULES)
    assert np.array_equal(evidence.raw, [square(0, 2)])
    assert evidence.doubtful[0, 3] == pytest.approx([0, 0, 0, 0.2, 0.2, 0.1, 0, 0])


def test_without_a_wish_every_class_counts():
    found = instances((square(0, 2), 0.9, 18), (square(6, 8), 0.9, 1))
    assert to_evidence(found, class_ids=None, **RULES).class_ids == (1, 18)


def test_an_empty_frame_has_a_map_for_each_wanted_class():
    evidence = to_evidence(Instances.empty(SIZE), class_ids=(1, 18), **RULES)
    assert evidence.probs.shape == (2, *SIZE)
    assert not evidence.raw.any()
    assert evidence.strength.tolist() == [0, 0]


def test_soft_masks_keep_their_probabilities():
    probs = np.full((1, *SIZE), 0.25, np.float32)
    probs[0, square(2, 6)] = 0.75
    evidence = to_evidence(ClassProbs(probs, (18,)), class_ids=(18,), **RULES)
    assert np.array_equal(evidence.probs, probs)
    assert np.array_equal(evidence.raw, [square(2, 6)])
    assert evidence.strength.tolist() == [0.75]


@given(st.floats(0.05, 0.95), st.floats(0, 1))
def test_another_operating_point_moves_to_one_half_and_keeps_the_order(threshold, value):
    probs = np.array([[[0.0, threshold, value, 1.0]]], np.float32)
    evidence = to_evidence(
        ClassProbs(probs, (1,)), class_ids=None, min_score=0.25, drop_below=0.05, prob_threshold=threshold
    )
    low, middle, _, high = evidence.probs[0, 0]
    assert (low, high) == pytest.approx((0, 1))
    assert middle == pytest.approx(0.5, abs=1e-5)
    assert (evidence.raw == (probs > np.float32(threshold))).all() or abs(value - threshold) < 1e-5


def test_a_class_the_file_lacks_has_no_evidence():
    soft = ClassProbs(np.ones((1, *SIZE), np.float32), (1,))
    assert not to_evidence(soft, class_ids=(18,), **RULES).raw.any()


# ── 2 and 3 carrying and trust ──────────────────────────────────────────────────────────────────────────────
def moved(dx: float, *, lost: bool = False, **switches) -> object:
    flow = np.zeros((*SIZE, 2), np.float32)
    flow[..., 0] = dx
    settings = {"carry": True, "motion_weight": True, "motion_px": 4.0, "lost_keep": 0.2, "flow_error": 0.7}
    explained = {"error": np.zeros(SIZE, np.float32)}
    return carrier(flow, np.full(SIZE, lost), size_hw=SIZE, **(explained | settings | switches))


def test_trust_halves_at_the_stated_motion():
    assert moved(0).keep.tolist() == np.ones(SIZE).tolist()
    assert moved(4).keep == pytest.approx(np.full(SIZE, 0.5))
    assert moved(4, motion_weight=False).keep == pytest.approx(np.ones(SIZE))


def test_trust_falls_where_there_and_back_disagree():
    assert moved(0, lost=True).keep == pytest.approx(np.full(SIZE, 0.2))


def test_trust_falls_where_the_flow_does_not_explain_the_picture():
    wrong = np.full(SIZE, 0.7, np.float32)
    assert moved(0, error=wrong).keep == pytest.approx(np.full(SIZE, np.exp(-1)))
    assert moved(0, error=10 * wrong).keep == pytest.approx(np.full(SIZE, LEAST_TRUST))
    assert moved(0, error=10 * wrong, motion_weight=False).keep == pytest.approx(np.ones(SIZE))


def test_motion_is_judged_in_pixels_of_the_frame():
    flow = np.full((4, 4, 2), [2, 0], np.float32)  # 4 px at twice the size
    step = carrier(
        flow,
        np.zeros((4, 4), bool),
        error=np.zeros((4, 4), np.float32),
        size_hw=SIZE,
        carry=True,
        motion_weight=True,
        motion_px=4.0,
        lost_keep=0.2,
        flow_error=0.7,
    )
    assert step.keep == pytest.approx(np.full((4, 4), 0.5))
    assert step.flow == pytest.approx(np.broadcast_to(np.array([4, 0], np.float32), (*SIZE, 2)))


def trail_along(step):
    trail = Trail(neighbors=1)
    if step.flow is not None:
        trail.extend(step.small_flow, step.flow)
    return trail


def onwards(state, probs, *, weight, memory, step):
    before = carried(state, step, memory=memory, trail=trail_along(step))
    return fuse(before, probs, weight=weight, neighbors=1)


# ── 4 the running mean ──────────────────────────────────────────────────────────────────────────────────────
def test_a_state_is_carried_to_where_the_object_went():
    state = begin(square(2, 4).astype(np.float32), weight=1, mass_hw=SIZE)
    fused = onwards(
        state, np.zeros(SIZE, np.float32), weight=1e-6, memory=0.9, step=moved(-2, motion_weight=False)
    )
    assert np.array_equal(fused.probs > 0.5, square(4, 6))


def test_without_carrying_it_stays_in_place():
    state = begin(square(2, 4).astype(np.float32), weight=1, mass_hw=SIZE)
    step = moved(-2, motion_weight=False, carry=False)
    fused = onwards(state, np.zeros(SIZE, np.float32), weight=1e-6, memory=0.9, step=step)
    assert np.array_equal(fused.probs > 0.5, square(2, 4))


@given(
    st.lists(st.tuples(st.floats(0, 1), st.floats(0.02, 1)), min_size=1, max_size=8),
    st.floats(0, 0.95),
)
def test_the_state_is_the_weighted_mean_of_its_frames(frames, memory):
    state = None
    for prob, weight in frames:
        probs = np.full(SIZE, prob, np.float32)
        if state is None:
            state = begin(probs, weight=weight, mass_hw=SIZE)
        else:
            state = onwards(state, probs, weight=weight, memory=memory, step=moved(0))
    weights = [weight * memory ** (len(frames) - 1 - i) for i, (_, weight) in enumerate(frames)]
    mean = np.dot(weights, [prob for prob, _ in frames]) / sum(weights)
    assert state.probs == pytest.approx(np.full(SIZE, mean), abs=NOTHING)
    assert state.mass == pytest.approx(np.full(SIZE, sum(weights)), rel=1e-4)


def test_a_weak_frame_does_not_teach_the_mean_to_forget():
    state = begin(np.ones(SIZE, np.float32), weight=1, mass_hw=SIZE)
    weak = onwards(state, np.zeros(SIZE, np.float32), weight=0.02, memory=0.8, step=moved(0))
    strong = onwards(state, np.zeros(SIZE, np.float32), weight=1.0, memory=0.8, step=moved(0))
    assert weak.probs.min() > 0.95
    assert strong.probs.max() < 0.5


def test_what_enters_the_picture_is_judged_by_its_own_evidence():
    state = begin(np.zeros(SIZE, np.float32), weight=1, mass_hw=SIZE)
    fused = onwards(
        state, np.ones(SIZE, np.float32), weight=1, memory=0.8, step=moved(-3, motion_weight=False)
    )
    assert fused.probs[:, :3] == pytest.approx(1)
    assert fused.probs[:, 3:].max() < 0.6


def test_past_present_and_future_are_joined_by_weight():
    past, now, future = (np.full(SIZE, value, np.float32) for value in (0.0, 0.5, 1.0))
    present = onwards(begin(past, weight=1, mass_hw=SIZE), now, weight=1, memory=0.5, step=moved(0))
    still = moved(0)
    ahead = carried(begin(future, weight=1, mass_hw=SIZE), still, memory=0.5, trail=trail_along(still))
    # weights ½, 1, ½ on 0, ½, 1
    assert joined(present, ahead) == pytest.approx(np.full(SIZE, 0.5))


def blob(rng, hw):
    """A soft spot somewhere in a picture, nothing elsewhere."""
    (y, x), radius = rng.uniform(0, hw), rng.uniform(2, 12)
    yy, xx = np.mgrid[: hw[0], : hw[1]]
    return np.float32(rng.uniform(0.3, 1) * np.clip(1 - np.hypot(yy - y, xx - x) / radius, 0, 1))


@given(st.integers(0, 100_000))
def test_work_in_a_window_gives_what_work_on_the_whole_picture_gives(seed):
    rng = np.random.default_rng(seed)
    hw, small_hw = (48, 70), (12, 18)  # widths that are no multiples
    coarse = rng.normal(0, 4, (3, 4, 2)).astype(np.float32)
    flow = np.stack([cv2.resize(coarse[..., i], small_hw[::-1]) for i in range(2)], axis=-1)
    step = carrier(
        flow,
        rng.random(small_hw) < 0.1,
        error=rng.random(small_hw).astype(np.float32),
        size_hw=hw,
        carry=True,
        motion_weight=True,
        motion_px=50.0,
        lost_keep=0.2,
        flow_error=0.7,
    )
    first, second = blob(rng, hw), blob(rng, hw)
    before = begin(first, weight=1.0, mass_hw=small_hw)
    moved_on = carried(before, step, memory=0.8, trail=trail_along(step))
    whole = warp(first, resize_flow(flow, hw))
    np.testing.assert_allclose(moved_on.probs, whole, atol=NOTHING)
    fused = fuse(moved_on, second, weight=0.5, neighbors=1)
    share = resize_map(0.5 / fused.mass, hw)
    expected = whole + share * (second - whole)
    np.testing.assert_allclose(fused.probs, expected, atol=NOTHING)
    outside = np.ones(hw, bool)
    outside[fused.window] = False
    assert (expected[outside] <= 2 * NOTHING).all()


def test_fusing_leaves_its_inputs_alone():
    probs = square(2, 4).astype(np.float32)
    state = begin(probs.copy(), weight=1, mass_hw=SIZE)
    before = FusedState(state.probs.copy(), state.mass.copy(), state.window)
    onwards(state, 1 - probs, weight=1, memory=0.9, step=moved(1))
    assert np.array_equal(state.probs, before.probs)
    assert np.array_equal(state.mass, before.mass)


# ── 5 area ──────────────────────────────────────────────────────────────────────────────────────────────────
VOTES = {"expected": None, "min_recall": 0.25, "weak_vote": 0.02}


def test_a_missed_frame_among_found_ones_hardly_votes():
    assert vote_weight([100, 100, 0, 100], 2, strength=0.0, **VOTES) == 0.02


def test_a_lone_finding_is_outvoted_by_the_empty_frames():
    areas = [0] * 10 + [100] + [0] * 10
    assert vote_weight(areas, 3, strength=0.0, **VOTES) > 0.8
    assert vote_weight(areas, 10, strength=0.4, **VOTES) >= 0.4


def test_growth_is_not_punished():
    assert vote_weight([100, 100, 200], 2, strength=0.9, **VOTES) == pytest.approx(0.9)


def test_what_is_leaving_the_picture_is_not_missed():
    sliver = np.zeros(SIZE, bool)
    sliver[:3, 0] = True
    votes = VOTES | {"expected": sliver}
    assert vote_weight([100, 100, 0], 2, strength=0.0, **votes) > 0.8
    votes["expected"] = np.roll(sliver, 4, axis=(0, 1))  # as small, but inside: lost, not leaving
    assert vote_weight([100, 100, 0], 2, strength=0.0, **votes) == 0.02


def test_an_object_half_out_of_the_picture_may_be_half_as_large():
    expected = np.zeros(SIZE, bool)
    expected[:, :4] = True
    votes = VOTES | {"expected": expected}
    assert vote_weight([64, 64, 32], 2, strength=0.9, **votes) == pytest.approx(0.9)


def test_nothing_anywhere_is_certain():
    assert vote_weight([0, 0, 0], 1, strength=0.0, **VOTES) == 1.0


@given(st.lists(st.integers(0, 1000), min_size=1, max_size=21), st.floats(0, 1), st.data())
def test_weights_stay_in_their_range(areas, strength, data):
    index = data.draw(st.integers(0, len(areas) - 1))
    assert 0.02 <= vote_weight(areas, index, strength=strength, **VOTES) <= 1.0


def ramp() -> np.ndarray:
    return np.linspace(0, 1, 100, dtype=np.float32).reshape(10, 10)  # 50 pixels above 0.5


def test_an_expected_area_leaves_the_threshold_alone():
    assert adaptive_threshold(ramp(), [50, 52, 48], tolerance=0.1, band=0.2) == 0.5


@pytest.mark.parametrize(("recent", "area"), [([40], 44), ([60], 54)])
def test_a_jump_is_held_back_to_the_edge_of_the_tolerance(recent, area):
    threshold = adaptive_threshold(ramp(), recent, tolerance=0.1, band=0.2)
    assert np.count_nonzero(ramp() > threshold) == area


@given(st.lists(st.integers(0, 100), max_size=5), st.floats(0, 0.45), st.floats(0, 1))
def test_the_threshold_stays_in_its_band(recent, band, tolerance):
    threshold = adaptive_threshold(ramp(), recent, tolerance=tolerance, band=band)
    assert 0.5 - band - 1e-6 <= threshold <= 0.5 + band + 1e-6


# ── 6 ghosts ────────────────────────────────────────────────────────────────────────────────────────────────
def test_confidence_rises_with_findings_and_falls_with_misses():
    state = confirm(None, found=True, strength=0.8, confidence_memory=0.5)
    assert (state.confidence, state.miss_streak) == (0.8, 0)
    state = confirm(state, found=False, strength=0.9, confidence_memory=0.5)
    assert (state.confidence, state.miss_streak) == (0.4, 1)
    state = confirm(state, found=False, strength=0.0, confidence_memory=0.5)
    assert (state.confidence, state.miss_streak) == (0.2, 2)
    state = confirm(state, found=True, strength=1.0, confidence_memory=0.5)
    assert (state.confidence, state.miss_streak) == (0.6, 0)


@given(st.integers(0, 40), st.integers(0, 20), st.integers(1, 30))
def test_fading_falls_and_ends(missed, fade_after, gone_after):
    now = fading(missed, fade_after=fade_after, gone_after=gone_after)
    assert 0 <= fading(missed + 1, fade_after=fade_after, gone_after=gone_after) <= now <= 1
    assert fading(gone_after, fade_after=fade_after, gone_after=gone_after) == 0


def test_parameters_of_no_method_build_nothing():
    with pytest.raises(ParameterError, match="params must be those of a method, got MethodParams"):
        create_stabilizer(MethodParams.model_validate({}))
