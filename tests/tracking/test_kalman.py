"""The Kalman filter of boxes against a textbook's, written out in NumPy."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import mahalanobis as scipy_mahalanobis

from vidlab.tracking.kalman import AreaMotion, Belief, HeightMotion, correct, mahalanobis, predict

MOTIONS = [AreaMotion(), HeightMotion()]
each_motion = pytest.mark.parametrize("motion", MOTIONS, ids=lambda motion: type(motion).__name__)


def box(x: float, y: float, width: float = 20, height: float = 40) -> np.ndarray:
    return np.array([x, y, x + width, y + height], np.float64)


def a_belief(rng: np.random.Generator, n: int) -> Belief:
    root = rng.normal(size=(n, n))
    return Belief(rng.normal(size=n), root @ root.T + np.eye(n))


# ── against a reference ─────────────────────────────────────────────────────────────────────────────────────
@given(st.integers(0, 10**6), st.integers(2, 8))
@settings(max_examples=30, deadline=None)
def test_prediction_and_correction_are_the_textbooks(seed: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    belief, m = a_belief(rng, n), int(rng.integers(1, n + 1))
    step, noise = rng.normal(size=(n, n)), rng.uniform(0.1, 2, n)
    ahead = predict(belief, step=step, noise=noise)
    assert ahead.mean == pytest.approx(step @ belief.mean)
    assert ahead.spread == pytest.approx(step @ belief.spread @ step.T + np.diag(noise**2))
    seen, blur = rng.normal(size=m), rng.uniform(0.1, 2, m)
    look = np.eye(n)[:m]  # H
    expected = look @ ahead.spread @ look.T + np.diag(blur**2)  # S
    gain = ahead.spread @ look.T @ np.linalg.inv(expected)  # K
    after = correct(ahead, seen, noise=blur)
    assert after.mean == pytest.approx(ahead.mean + gain @ (seen - look @ ahead.mean))
    keep = np.eye(n) - gain @ look
    joseph = keep @ ahead.spread @ keep.T + gain @ np.diag(blur**2) @ gain.T
    assert after.spread == pytest.approx(joseph, abs=1e-9)
    assert after.spread == pytest.approx(after.spread.T, abs=0)


@given(st.integers(0, 10**6))
@settings(max_examples=20, deadline=None)
def test_distances_are_scipys(seed: int) -> None:
    rng = np.random.default_rng(seed)
    belief, noise, seen = a_belief(rng, 8), rng.uniform(0.1, 2, 4), rng.normal(size=(5, 4))
    inverse = np.linalg.inv(belief.spread[:4, :4] + np.diag(noise**2))
    expected = [scipy_mahalanobis(one, belief.mean[:4], inverse) ** 2 for one in seen]
    assert mahalanobis(belief, seen, noise=noise) == pytest.approx(expected)


# ── boxes ───────────────────────────────────────────────────────────────────────────────────────────────────
@each_motion
@given(x=st.floats(-50, 500), y=st.floats(-50, 500), width=st.floats(2, 300), height=st.floats(2, 300))
@settings(max_examples=30, deadline=None)
def test_what_was_seen_once_is_where_it_was_seen(motion, x, y, width, height) -> None:
    there = box(x, y, width, height)
    assert motion.box(motion.starting(there)) == pytest.approx(there, abs=1e-6)
    assert motion.box(motion.onwards(motion.starting(there))) == pytest.approx(there, abs=1e-6)


@each_motion
def test_a_straight_walk_is_learned_and_goes_on_unseen(motion) -> None:
    belief = motion.starting(box(0, 10))
    for i in range(1, 25):
        belief = motion.seen(motion.onwards(belief), box(4 * i, 10))
    for _ in range(5):
        belief = motion.onwards(belief)
    assert motion.box(belief) == pytest.approx(box(4 * 29, 10), abs=1.5)


@each_motion
def test_growth_is_learned(motion) -> None:
    belief = motion.starting(box(0, 0))
    for i in range(1, 30):
        belief = motion.seen(motion.onwards(belief), box(-i / 4, -i / 2, 20 + i / 2, 40 + i))
    x0, y0, x1, y1 = motion.box(motion.onwards(belief))
    assert (x1 - x0, y1 - y0) == pytest.approx((35, 70), rel=0.05)


@each_motion
def test_a_box_that_shrinks_stays_a_box(motion) -> None:
    belief = motion.starting(box(0, 0, 40, 40))
    for size in (30, 20, 10, 5, 2, 1):
        belief = motion.seen(motion.onwards(belief), box(0, 0, size, size))
    for _ in range(60):
        belief = motion.onwards(belief)
        x0, y0, x1, y1 = motion.box(belief)
        assert x1 > x0
        assert y1 > y0
        assert np.isfinite(belief.spread).all()


@each_motion
def test_near_and_far_are_treated_alike(motion) -> None:
    """What doubles in size moves, and doubts, twice as much."""
    small, large = motion.starting(box(0, 0, 20, 40)), motion.starting(box(0, 0, 40, 80))
    for i in range(1, 6):
        small = motion.seen(motion.onwards(small), box(3 * i, i, 20, 40))
        large = motion.seen(motion.onwards(large), box(6 * i, 2 * i, 40, 80))
    assert motion.box(large) == pytest.approx(2 * motion.box(small), rel=1e-6)
    off = np.stack([box(40, 10, 22, 41)])
    assert motion.distances(large, 2 * off) == pytest.approx(motion.distances(small, off), rel=1e-6)


@each_motion
def test_doubt_grows_unseen_and_shrinks_seen(motion) -> None:
    belief = motion.starting(box(0, 0))
    for i in range(10):
        ahead = motion.onwards(belief)
        assert np.trace(ahead.spread[:2, :2]) > np.trace(belief.spread[:2, :2])
        belief = motion.seen(ahead, box(2 * i, 0))
        assert np.trace(belief.spread[:2, :2]) < np.trace(ahead.spread[:2, :2])
        assert np.all(np.linalg.eigvalsh(belief.spread) > 0)
