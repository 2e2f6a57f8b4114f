import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vidlab.errors import ParameterError, ShapeError
from vidlab.metrics.flow_error import SPEED_CLASSES, FlowError, angular_error, end_point_error

STILL = np.zeros((1, 4, 2), np.float32)
# speeds 0, 5, 30 and 50 px: one pixel of each of Sintel's classes, and one that rests
TRUE = np.float32([[[0, 0], [3, 4], [0, 30], [-50, 0]]])


def error_of(flow, truth, **known):
    return FlowError().update(flow, truth=truth, **known)


# ── worked by hand ──────────────────────────────────────────────────────────────────────────────────────────
def test_no_flow_errs_by_the_true_length():
    found = error_of(STILL, TRUE)
    assert found.n_px == 4
    assert found.epe == pytest.approx((0 + 5 + 30 + 50) / 4)
    assert found.by_speed == {
        "s0-2": 0.0,
        "s2-10": 5.0,
        "s0-10": 2.5,
        "s10-40": 30.0,
        "s40+": 50.0,
    }
    assert found.fl_all == 0.75
    assert (found.matched, found.unmatched) == (None, None)


def test_speed_classes_are_half_open_and_leave_no_gap():
    edges = np.float32([[[0, 0], [1.99, 0], [2, 0], [9.99, 0], [10, 0], [39.9, 0], [40, 0], [900, 0]]])
    fast = [edges[:, k : k + 1] for k in range(8)]
    of = [error_of(one + np.float32(1), one).by_speed for one in fast]
    found = [{name for name, value in each.items() if value is not None} for each in of]
    slow, middle = {"s0-2", "s0-10"}, {"s2-10", "s0-10"}
    assert found == [slow, slow, middle, middle, {"s10-40"}, {"s10-40"}, {"s40+"}, {"s40+"}]
    assert [low for low, _ in SPEED_CLASSES.values()] == [0, 2, 0, 10, 40]


def test_an_outlier_is_off_by_three_pixels_and_by_a_twentieth():
    true = np.float32([[[10, 0], [10, 0], [100, 0], [100, 0], [0, 0]]])
    off = true + np.float32([[[3, 0], [3.1, 0], [4.9, 0], [5.1, 0], [2.9, 0]]])
    assert error_of(off, true).fl_all == pytest.approx(2 / 5)  # the second and the fourth


def test_occluded_pixels_are_told_from_matched_ones():
    hidden = np.array([[False, True, False, True]])
    found = error_of(STILL, TRUE, occluded=hidden)
    assert found.matched == pytest.approx((0 + 30) / 2)
    assert found.unmatched == pytest.approx((5 + 50) / 2)
    assert error_of(STILL, TRUE, occluded=hidden & False).unmatched is None


def test_pixels_without_truth_do_not_count():
    holes = TRUE.copy()
    holes[0, 1] = np.nan
    valid = np.array([[True, True, True, False]])
    found = error_of(STILL, holes, valid=valid)
    assert (found.n_px, found.epe) == (2, 15.0)
    assert found.by_speed["s40+"] is None


def test_a_flow_may_be_unknown_where_the_truth_is_but_nowhere_else():
    flow = STILL.copy()
    flow[0, 3] = np.nan
    assert error_of(flow, TRUE, valid=np.array([[True, True, True, False]])).n_px == 3
    with pytest.raises(ParameterError, match="wherever the truth is known, got 1 pixels that are not"):
        error_of(flow, TRUE)


def test_angles_are_those_in_space_and_time():
    flow = np.float32([[[1, 0], [0, 0], [1, 0], [0, 0]]])
    true = np.float32([[[1, 0], [1, 0], [-1, 0], [0, 1e6]]])
    assert angular_error(flow, truth=true)[0] == pytest.approx([0, 45, 90, 90], abs=1e-3)
    assert error_of(flow, true).angle_deg == pytest.approx(56.25, abs=1e-3)


def test_small_angles_are_not_lost():
    flow, true = np.float32([[[1.0001, 0]]]), np.float32([[[1, 0]]])
    assert angular_error(flow, truth=true)[0, 0] == pytest.approx(np.degrees(0.5e-4), rel=0.02)


def test_nothing_to_compare_has_no_error():
    found = FlowError().compute()
    assert (found.n_px, found.epe, found.fl_all, found.angle_deg) == (0, None, None, None)
    assert set(found.by_speed.values()) == {None}
    alone = error_of(STILL, TRUE, valid=np.zeros((1, 4), bool))
    assert (alone.n_px, alone.epe, alone.fl_all) == (0, None, None)


# ── properties ──────────────────────────────────────────────────────────────────────────────────────────────
def fields(seed: int, size_hw=(7, 9)):
    rng = np.random.default_rng(seed)
    true = rng.normal(0, 20, (*size_hw, 2)).astype(np.float32)
    flow = (true + rng.normal(0, 4, true.shape)).astype(np.float32)
    return flow, true, rng.random(size_hw) < 0.8, rng.random(size_hw) < 0.2


@given(st.integers(0, 1000))
@settings(max_examples=30, deadline=None)
def test_a_slow_reference_agrees(seed):
    flow, true, valid, hidden = fields(seed)
    sums = {name: [] for name in (*SPEED_CLASSES, "all", "matched", "unmatched", "outlier", "angle")}
    for y, x in zip(*np.nonzero(valid), strict=True):
        a, b = flow[y, x].astype(float), true[y, x].astype(float)
        error, speed = float(np.linalg.norm(a - b)), float(np.linalg.norm(b))
        sums["all"].append(error)
        sums["unmatched" if hidden[y, x] else "matched"].append(error)
        sums["outlier"].append(error > 3 and error > 0.05 * speed)
        cosine = (a @ b + 1) / np.sqrt((a @ a + 1) * (b @ b + 1))
        sums["angle"].append(np.degrees(np.arccos(min(1.0, cosine))))
        for name, (low, high) in SPEED_CLASSES.items():
            if low <= speed < high:
                sums[name].append(error)
    found = error_of(flow, true, valid=valid, occluded=hidden)
    means = {name: float(np.mean(values)) if values else None for name, values in sums.items()}
    got = {"all": found.epe, "matched": found.matched, "unmatched": found.unmatched, **found.by_speed}
    got |= {"outlier": found.fl_all, "angle": found.angle_deg}
    for name, mean in means.items():
        assert got[name] == (None if mean is None else pytest.approx(mean, rel=1e-4, abs=1e-3)), name


def test_frames_one_by_one_are_all_pixels_together():
    metric, parts = FlowError(), [fields(seed, size_hw=(5, 4 + seed)) for seed in range(3)]
    for flow, true, valid, hidden in parts:
        metric.update(flow, truth=true, valid=valid, occluded=hidden)
    flow, true, valid, hidden = (np.concatenate([part[k] for part in parts], axis=1) for k in range(4))
    found, whole = metric.compute(), error_of(flow, true, valid=valid, occluded=hidden)
    assert found.n_px == whole.n_px
    assert found.epe == pytest.approx(whole.epe)
    assert found.by_speed == pytest.approx(whole.by_speed)
    assert found.unmatched == pytest.approx(whole.unmatched)


def test_error_is_symmetric_and_zero_of_the_truth_itself():
    flow, true, _, _ = fields(3)
    assert np.array_equal(end_point_error(flow, truth=true), end_point_error(true, truth=flow))
    assert error_of(true, true).epe == 0
    assert error_of(true, true).angle_deg == pytest.approx(0, abs=1e-4)


# ── sentences ───────────────────────────────────────────────────────────────────────────────────────────────
def test_what_cannot_be_compared_is_refused():
    with pytest.raises(
        ShapeError, match=r"flow and truth must be float32 \(H, W, 2\) of one size, got float32"
    ):
        error_of(STILL, TRUE[:, :3])
    with pytest.raises(ShapeError, match="got float64"):
        error_of(STILL.astype(np.float64), TRUE)
    with pytest.raises(ShapeError, match=r"valid must be bool \(1, 4\), got uint8 \(1, 4\)"):
        error_of(STILL, TRUE, valid=np.ones((1, 4), np.uint8))
    with pytest.raises(ShapeError, match=r"occluded must be bool \(1, 4\), got bool \(1, 3\)"):
        error_of(STILL, TRUE, occluded=np.ones((1, 3), bool))
