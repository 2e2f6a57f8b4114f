import itertools
import math
import re
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vidlab.errors import ParameterError, ShapeError
from vidlab.metrics import davis_t
from vidlab.metrics.davis_t import TemporalStability, temporal_stability

SEEDS = st.integers(0, 2**32 - 1)


def disk(cy, cx, r, size_hw=(60, 80)):
    yy, xx = np.mgrid[: size_hw[0], : size_hw[1]]
    return (yy - cy) ** 2 + (xx - cx) ** 2 <= r * r


def star(seed, size_hw=(60, 80)):
    """One random shape without holes: a disk whose radius wobbles."""
    rng = np.random.default_rng(seed)
    yy, xx = np.mgrid[: size_hw[0], : size_hw[1]]
    angle = np.arctan2(yy - 30, xx - 40)
    waves = [rng.uniform(0, 3) * np.cos(k * angle + rng.uniform(0, 6)) for k in (2, 3, 5)]
    return np.hypot(yy - 30, xx - 40) < 17 + sum(waves)


NOTHING, FULL = np.zeros((60, 80), bool), np.ones((60, 80), bool)
SPECK = disk(20, 20, 0)


@settings(max_examples=20, deadline=None)
@given(SEEDS, SEEDS)
def test_values_are_bounded_and_a_still_mask_has_zero(first, second):
    assert 0 <= temporal_stability(star(first), star(second)) <= 5
    assert temporal_stability(star(first), star(first).copy()) == 0


@settings(max_examples=20, deadline=None)
@given(SEEDS, st.integers(-8, 8), st.integers(-8, 8))
def test_shift_is_hardly_seen(seed, dx, dy):
    """A mask that jumps stays calm (points on the border of two sectors may change sides)."""
    moved = np.roll(star(seed), (dy, dx), axis=(0, 1))
    assert temporal_stability(moved, star(seed)) < 0.05


@settings(max_examples=10, deadline=None)
@given(st.lists(st.one_of(SEEDS.map(star), st.sampled_from([NOTHING, FULL, SPECK])), min_size=1, max_size=7))
def test_streamed_equals_pairs(masks):
    metric = TemporalStability()
    streamed = [metric.update(mask) for mask in masks]
    pairs = [temporal_stability(mask, before) for before, mask in itertools.pairwise(masks)]
    np.testing.assert_array_equal(streamed, [math.nan, *pairs])
    defined = [value for value in pairs if not math.isnan(value)]
    assert metric.compute() == pytest.approx(np.mean(defined) if defined else math.nan, nan_ok=True)
    metric.reset()
    assert math.isnan(metric.compute())
    np.testing.assert_array_equal([metric.update(mask) for mask in masks], streamed)


@pytest.mark.parametrize("n_frames", range(8))
def test_davis2016_leaves_out_the_first_and_the_last_pair(n_frames):
    masks = [disk(30, 40, 12 + 3 * (i % 3)) for i in range(n_frames)]
    official, strict = TemporalStability(compat="davis2016"), TemporalStability()
    for mask in masks:
        assert official.update(mask) == pytest.approx(strict.update(mask), nan_ok=True)
    pairs = [temporal_stability(mask, before) for before, mask in itertools.pairwise(masks)]
    for metric, counted in ((official, pairs[1:-1]), (strict, pairs)):
        expected = np.mean(counted) if counted else math.nan
        assert metric.compute() == pytest.approx(expected, nan_ok=True)


@pytest.mark.parametrize("other", [NOTHING, SPECK])
def test_no_contour_is_undefined(other):
    for pair in ((other, FULL), (FULL, other), (other, other)):
        assert math.isnan(temporal_stability(*pair))
    metric = TemporalStability()
    for mask in (FULL, other, FULL, FULL):
        metric.update(mask)
    assert metric.compute() == 0  # the last pair alone has a value


def test_full_pictures_and_pictures_without_pixels():
    assert temporal_stability(FULL, FULL) == 0
    assert math.isnan(temporal_stability(np.zeros((0, 4), bool), np.zeros((0, 4), bool)))
    assert math.isnan(TemporalStability().compute())


def test_only_one_contour_counts():
    """A second object comes and goes unseen; a hole with more vertices is taken instead of the object."""
    big = disk(30, 40, 20)
    assert temporal_stability(big | disk(5, 5, 4), big) == 0
    pierced = FULL & ~disk(30, 40, 20)
    assert temporal_stability(pierced, pierced) == 0
    assert temporal_stability(pierced, FULL) > 1


def test_change_of_shape_costs_more_than_change_of_size():
    small, large = disk(30, 40, 16), disk(30, 40, 22)
    stretched = np.repeat(disk(30, 20, 16, (60, 40)), 2, axis=1)
    assert temporal_stability(small, large) < temporal_stability(small, stretched)


def test_each_frame_is_described_once(monkeypatch):
    calls = []

    def count(mask):
        calls.append(mask.sum())
        return original(mask)

    original = davis_t._describe
    monkeypatch.setattr(davis_t, "_describe", count)
    metric = TemporalStability()
    for r in range(5, 12):
        metric.update(disk(30, 40, r))
    assert len(calls) == 7


def test_memory_does_not_grow_with_the_clip():
    metric = TemporalStability()

    def held():
        return sum(sys.getsizeof(value) for value in vars(metric).values()) + metric._histograms.nbytes

    sizes = []
    for i in range(9):
        metric.update(disk(30, 40, 20 - i % 2))
        sizes.append(held())
    assert sizes[-1] == sizes[2]


def test_inputs_are_left_alone():
    mask = disk(30, 40, 12)
    mask.setflags(write=False)
    assert temporal_stability(mask[::-1], mask.copy()[::-1]) == 0
    TemporalStability().update(mask.T)


def test_wrong_input_is_refused():
    with pytest.raises(ShapeError, match=re.escape("mask must be bool (H, W), got uint8 (2, 2)")):
        temporal_stability(np.zeros((2, 2), np.uint8), np.zeros((2, 2), bool))
    with pytest.raises(ShapeError, match=re.escape("masks must match, got previous (2, 3) and mask (2, 2)")):
        temporal_stability(np.zeros((2, 2), bool), np.zeros((2, 3), bool))
    with pytest.raises(ShapeError, match=re.escape("mask must be bool (H, W), got bool (1, 2, 2)")):
        TemporalStability().update(np.zeros((1, 2, 2), bool))
    with pytest.raises(ParameterError, match="unknown compat 'davis2017'; choose from: strict, davis2016"):
        TemporalStability(compat="davis2017")
    metric = TemporalStability()
    metric.update(NOTHING)
    with pytest.raises(
        ShapeError, match=re.escape("masks must match, got previous (60, 80) and mask (2, 2)")
    ):
        metric.update(np.zeros((2, 2), bool))


def test_noise_has_no_value_and_takes_no_gigabytes(monkeypatch):
    small, large = disk(30, 40, 8), disk(30, 40, 25)
    assert temporal_stability(large, large) == 0
    monkeypatch.setattr(davis_t, "MAX_POINTS", 30)
    assert temporal_stability(small, small) == 0
    assert math.isnan(temporal_stability(large, large))
