import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vidlab.errors import ParameterError, ShapeError
from vidlab.metrics import bootstrap
from vidlab.metrics.bootstrap import paired_change, paired_clips, to_array

CURVES = st.lists(st.floats(-10, 10) | st.none(), min_size=1, max_size=30)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def slow_block_means(values: np.ndarray, n_draws: int, generator: np.random.Generator) -> np.ndarray:
    """Künsch's moving blocks, one draw at a time, value by value."""
    n = len(values)
    block = max(1, round(n ** (1 / 3)))
    means = []
    for _ in range(n_draws):
        drawn: list[float] = []
        for _ in range(math.ceil(n / block)):
            start = int(generator.integers(0, n - block + 1))
            drawn += values[start : start + block].tolist()
        means.append(sum(drawn[:n]) / n)
    return np.array(means)


def test_equal_change_everywhere_has_no_spread():
    change = paired_change([None, 0.1, 0.2, 0.3], [0.9, 0.2, 0.3, 0.4], rng=rng(), resamples=200)
    assert change.n == 3
    assert (change.low, change.mean, change.high) == pytest.approx((0.1, 0.1, 0.1))
    assert change.p_better == 1
    back = paired_change([0.2, 0.3], [0.1, 0.2], rng=rng(), resamples=200)
    assert (back.mean, back.p_better) == (pytest.approx(-0.1), 0)


def test_no_change_is_not_better():
    assert paired_change([0.5] * 9, [0.5] * 9, rng=rng(), resamples=200).p_better == 0


def test_interval_holds_the_mean_and_widens_with_the_spread():
    noise = rng(3).normal(size=60)
    narrow, wide = (
        paired_change([0.0] * 60, list(1 + scale * noise), rng=rng(), resamples=2000) for scale in (0.1, 1.0)
    )
    for change in (narrow, wide):
        assert change.low < change.mean < change.high
    assert wide.high - wide.low > 5 * (narrow.high - narrow.low)


@pytest.mark.parametrize("n", [1, 2, 5, 20, 70])
def test_blocks_equal_a_slow_reference(n):
    values = rng(n).normal(size=n)
    quick, slow = bootstrap._block_means(values, 4000, rng(1)), slow_block_means(values, 4000, rng(2))
    spread = slow.std() if n > 1 else 0
    assert quick.mean() == pytest.approx(slow.mean(), abs=0.1 * spread + 1e-9)
    assert quick.std() == pytest.approx(spread, rel=0.08, abs=1e-9)


def test_long_clips_are_drawn_in_pieces_with_the_same_result(monkeypatch):
    values = rng(5).normal(size=100)
    at_once = bootstrap._block_means(values, 50, rng())
    monkeypatch.setattr(bootstrap, "CHUNK_DRAWS", 7 * 20)
    np.testing.assert_array_equal(bootstrap._block_means(values, 50, rng()), at_once)


def test_neighbors_that_resemble_one_another_make_the_interval_wider():
    """Blocks know what single frames do not: 25 runs of 8 equal frames are not 200 independent ones."""
    runs = np.repeat(rng(2).normal(size=25), 8)
    shuffled = rng(4).permutation(runs)
    blocked, single = (
        paired_change(np.zeros(200), values, rng=rng(), resamples=2000) for values in (runs, shuffled)
    )
    assert blocked.high - blocked.low > 1.5 * (single.high - single.low)


def test_intervals_hold_the_truth_about_as_often_as_they_say():
    """95 % intended; moving blocks of correlated noise are known to reach somewhat less."""
    held = 0
    for seed in range(200):
        noise = rng(seed).normal(size=82)
        correlated = noise[2:] + noise[1:-1] + noise[:-2]  # of mean 0
        change = paired_change(np.zeros(80), correlated, rng=rng(), resamples=300)
        held += change.low <= 0 <= change.high
    assert 0.82 <= held / 200 <= 0.98


@pytest.mark.parametrize("before", [[None], [math.nan], []])
def test_nothing_to_compare_has_no_mean(before):
    change = paired_change(before, [0.5] * len(before), rng=rng(), resamples=10)
    assert change.n == 0
    assert np.isnan([change.mean, change.low, change.high, change.p_better]).all()
    assert paired_clips({"a": before}, {"a": before}, rng=rng(), resamples=10).n == 0
    assert paired_clips({}, {}, rng=rng(), resamples=10).n == 0


@given(CURVES, st.integers(0, 5))
def test_exchanging_both_sides_mirrors_the_interval(curve, seed):
    other = [None if i % 7 == 6 else 1.0 for i in range(len(curve))]
    there = paired_change(curve, other, rng=rng(seed), resamples=50)
    back = paired_change(other, curve, rng=rng(seed), resamples=50)
    assert (
        there.n == back.n == sum(a is not None and b is not None for a, b in zip(curve, other, strict=True))
    )
    assert (there.mean, there.low, there.high) == pytest.approx(
        (-back.mean, -back.high, -back.low), nan_ok=True, abs=1e-9
    )


@given(CURVES, st.integers(0, 5))
def test_equal_seeds_give_equal_intervals_within_the_values(curve, seed):
    zeros = [0.0] * len(curve)
    change = paired_change(zeros, curve, rng=rng(seed), resamples=50)
    again = paired_change(zeros, curve, rng=rng(seed), resamples=50)
    assert change == again or change.n == again.n == 0
    defined = [value for value in curve if value is not None]
    if defined:
        assert min(defined) - 1e-9 <= change.low <= change.high <= max(defined) + 1e-9


def test_one_clip_alone_is_drawn_over_its_frames():
    curve = rng(1).normal(size=40)
    zeros = np.zeros(40)
    alone = paired_clips({"a": zeros}, {"a": curve}, rng=rng(), resamples=4000)
    frames = paired_change(zeros, curve, rng=rng(), resamples=4000)
    assert alone.n == 1
    assert alone.mean == pytest.approx(frames.mean)
    assert (alone.low, alone.high) == pytest.approx((frames.low, frames.high), abs=0.05)


def test_clips_differ_more_than_frames():
    """Ten clips, each steady, of ten different changes: the spread is that of clips."""
    changes = rng(7).normal(size=10)
    before = {f"{i}": [0.0] * 30 for i in range(10)}
    after = {f"{i}": [float(change)] * 30 for i, change in enumerate(changes)}
    change = paired_clips(before, after, rng=rng(), resamples=4000)
    assert change.n == 10
    assert change.mean == pytest.approx(changes.mean())
    expected = 2 * 1.96 * changes.std() / math.sqrt(10)
    assert change.high - change.low == pytest.approx(expected, rel=0.1)
    pooled = paired_change([0.0] * 300, np.repeat(changes, 30), rng=rng(), resamples=4000)
    assert change.high - change.low > 1.2 * (pooled.high - pooled.low)


def test_a_long_clip_does_not_outweigh_a_short_one():
    before, after = {"long": [0.0] * 1000, "short": [0.0]}, {"long": [0.0] * 1000, "short": [1.0]}
    change = paired_clips(before, after, rng=rng(), resamples=1000)
    assert (change.mean, change.low, change.high) == (0.5, 0, 1)
    assert change.p_better == pytest.approx(0.75, abs=0.05)  # unless the long one is drawn twice


def test_order_and_undefined_clips_change_nothing():
    before, after = {"a": [0.0, 0.1], "b": [0.4, 0.2]}, {"b": [0.5, 0.5], "a": [0.3, 0.1]}
    change = paired_clips(before, after, rng=rng(), resamples=100)
    unseen = {"c": [None, None]}
    assert paired_clips(unseen | before, after | unseen, rng=rng(), resamples=100) == change


def test_none_and_nan_are_both_undefined():
    np.testing.assert_array_equal(to_array([None, math.nan, 1]), [math.nan, math.nan, 1.0])


def test_wrong_input_is_refused():
    with pytest.raises(ShapeError, match="one length, got 1 and 2"):
        paired_change([0.1], [0.1, 0.2], rng=rng(), resamples=10)
    with pytest.raises(ShapeError, match="one length, got 2 and 1"):
        paired_clips({"a": [0.1, 0.2]}, {"a": [0.1]}, rng=rng(), resamples=10)
    with pytest.raises(ParameterError, match="same clips, got a, b on one side only"):
        paired_clips({"a": [0.1], "c": [0.1]}, {"b": [0.1], "c": [0.1]}, rng=rng(), resamples=10)
    for call, curves in ((paired_change, [0.1]), (paired_clips, {"a": [0.1]})):
        with pytest.raises(ParameterError, match="resamples must be at least 1, got 0"):
            call(curves, curves, rng=rng(), resamples=0)
