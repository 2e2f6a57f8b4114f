"""Maps carried straight to a frame, instead of a mean that is resampled in every frame."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vidlab.flow import warp
from vidlab.temporal.extent import NOTHING
from vidlab.temporal.fusion import Carrier, begin, carried, fuse
from vidlab.temporal.neighbors import Trail

HW = (12, 40)
MEMORY = 0.8


def moved(dx: float) -> Carrier:
    """Everything came from `dx` pixels to the right, and can be trusted."""
    flow = np.full((*HW, 2), (dx, 0), np.float32)
    return Carrier(flow, flow, np.ones(HW, np.float32))


def run(maps, *, dx, weights=None, neighbors):
    """Take in a map per frame, carried along a constant motion; return all states."""
    trail = Trail(neighbors=neighbors)
    weights = weights or [1.0] * len(maps)
    states = [begin(maps[0], weight=weights[0], mass_hw=HW)]
    for probs, weight in zip(maps[1:], weights[1:], strict=True):
        step = moved(dx)
        trail.extend(step.small_flow, step.flow)
        before = carried(states[-1], step, memory=MEMORY, trail=trail)
        states.append(fuse(before, probs, weight=weight, neighbors=neighbors))
    return states


def maps_of(seed: int, n: int) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    return list(rng.random((n, *HW), dtype=np.float32))


@given(st.integers(0, 10_000), st.integers(2, 8), st.integers(1, 12), st.integers(-2, 2))
def test_where_resampling_changes_nothing_both_give_the_same_mean(seed, neighbors, n_frames, dx):
    maps = maps_of(seed, n_frames)
    weights = np.random.default_rng(seed).uniform(0.02, 1, n_frames).tolist()
    one = run(maps, dx=dx, weights=weights, neighbors=1)
    many = run(maps, dx=dx, weights=weights, neighbors=neighbors)
    for a, b in zip(one, many, strict=True):
        np.testing.assert_allclose(b.probs, a.probs, atol=1e-5)
        assert np.array_equal(b.mass, a.mass)


def test_each_map_is_resampled_once():
    """The slow reference: every map warped straight from its own frame, along the sum of the flows."""
    maps, dx = maps_of(3, 4), 0.3
    state = run(maps, dx=dx, neighbors=4)[-1]
    ages = np.arange(3, -1, -1)
    straight = [
        warp(m, np.full((*HW, 2), (dx * age, 0), np.float32)) for m, age in zip(maps, ages, strict=True)
    ]
    inner = np.s_[:, 4:-4]  # at the border the mass that comes from outside is missing
    expected = np.average(straight, axis=0, weights=MEMORY**ages)
    np.testing.assert_allclose(state.probs[inner], expected[inner], atol=1e-5)


def test_a_thin_part_outlives_missed_frames_better():
    """A bar two pixels wide, a third of a pixel on in each frame, is seen once and missed eight times."""
    bar = np.zeros(HW, np.float32)
    bar[:, 10:12] = 1
    missed = [np.zeros(HW, np.float32)] * 8
    weights = [1.0, *[1e-4] * 8]
    peak = {
        neighbors: run([bar, *missed], dx=-0.3, weights=weights, neighbors=neighbors)[-1].probs.max()
        for neighbors in (1, 2, 4, 8)
    }
    assert peak[1] < 0.6 < peak[2] < 0.9 < peak[4] < peak[8]
    assert peak[8] > 0.99  # nothing was mixed in its core


@given(st.integers(1, 8), st.integers(1, 20))
def test_their_number_is_bounded(neighbors, n_frames):
    states = run(maps_of(0, n_frames), dx=0.5, neighbors=neighbors)
    assert all(len(state.sources) <= neighbors for state in states)
    assert all(source.age < neighbors for state in states for source in state.sources)


def test_shares_add_up_to_one():
    state = run(maps_of(1, 4), dx=0.5, neighbors=8)[-1]
    np.testing.assert_allclose(sum(source.share for source in state.sources), 1, atol=1e-6)


def test_the_window_holds_all_that_is_something():
    maps = [np.where(probs > 0.97, probs, 0) for probs in maps_of(5, 7)]
    for state in run(maps, dx=1.5, neighbors=3):
        outside = np.ones(HW, bool)
        outside[state.window] = False
        assert (state.probs[outside] <= NOTHING).all()


def test_nothing_leads_across_a_cut():
    trail = Trail(neighbors=3)
    for dx in (1, 2):
        trail.extend(moved(dx).small_flow, moved(dx).flow)
    assert trail.full(2)[5, 5].tolist() == [3, 0]
    trail.clear()
    with pytest.raises(IndexError):
        trail.small(1)
