import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from vidlab.metrics import alignment

SIZES = st.tuples(st.integers(1, 9), st.integers(1, 9))
COSTS = SIZES.flatmap(lambda size: hnp.arrays(np.float64, size, elements=st.integers(0, 4).map(float)))


def slow_total(costs):
    """Cost of the cheapest path, cell by cell; the first cell is free."""
    n, m = costs.shape
    total = np.full((n, m), np.inf)
    total[0, 0] = 0
    for i, j in itertools.product(range(n), range(m)):
        before = [total[i - a, j - b] for a, b in ((1, 0), (0, 1), (1, 1)) if i >= a and j >= b]
        if before:
            total[i, j] = costs[i, j] + min(before)
    return total


def slow_path(costs):
    """Walk back through the sums: diagonally if that is no dearer, else by (1, 0), else by (0, 1)."""
    total = slow_total(costs)
    i, j = costs.shape[0] - 1, costs.shape[1] - 1
    path = [[i, j]]
    while i or j:
        steps = [(a, b) for a, b in ((1, 1), (1, 0), (0, 1)) if i >= a and j >= b]
        a, b = min(steps, key=lambda step: total[i - step[0], j - step[1]])
        i, j = i - a, j - b
        path.append([i, j])
    return path


@given(COSTS)
def test_path_equals_a_slow_reference(costs):
    assert alignment.cheapest_path(costs).tolist() == slow_path(costs)


@given(SIZES, st.integers(0, 2**32 - 1))
def test_path_of_real_costs_is_the_cheapest(size, seed):
    costs = np.random.default_rng(seed).random(size)
    path = alignment.cheapest_path(costs)
    assert path[0].tolist() == [size[0] - 1, size[1] - 1]
    assert path[-1].tolist() == [0, 0]
    assert {tuple(step) for step in -np.diff(path, axis=0)} <= {(1, 0), (0, 1), (1, 1)}
    assert sum(costs[i, j] for i, j in path[:-1]) == pytest.approx(slow_total(costs)[-1, -1])


@given(COSTS)
def test_aligned_pairs_go_once_round_both_contours(costs):
    pairs = alignment.align_closed(costs)
    assert set(pairs[:, 0]) == set(range(costs.shape[0]))
    assert set(pairs[:, 1]) == set(range(costs.shape[1]))


@given(st.integers(1, 6), st.integers(0, 12))
def test_contours_that_start_elsewhere_are_turned_into_line(half, shift):
    """Point i belongs to point i + shift: the first path meets some of these cells, the second all of them.

    (With an even number of points, shifted by half of it, the plain diagonal would cost the first no more.)
    """
    n = 2 * half + 1
    costs = np.ones((n, n))
    costs[np.arange(n), (np.arange(n) + shift) % n] = 0
    pairs = alignment.align_closed(costs)
    assert costs[pairs[:, 0], pairs[:, 1]].sum() == 0


def test_second_path_starts_after_the_cheapest_cell_nearest_the_end():
    costs = np.ones((5, 5))
    costs[1, 1] = costs[3, 3] = 0.5  # the path goes down the diagonal; of the two the later counts
    assert alignment.align_closed(costs)[-1].tolist() == [4, 4]
    costs[0, 0] = 0  # not asked
    assert alignment.align_closed(costs)[-1].tolist() == [4, 4]


@given(COSTS, st.integers(0, 2**32 - 1), st.integers(1, 30))
def test_cheapest_pairs_equal_a_slow_reference(costs, seed, n_pairs):
    rng = np.random.default_rng(seed)
    pairs = np.stack([rng.integers(0, size, n_pairs) for size in costs.shape], axis=1)
    expected = [tuple(pair) for pair in pairs.tolist()]
    for axis in (0, 1):
        groups = {key: [p for p in expected if p[axis] == key] for key in sorted({p[axis] for p in expected})}
        expected = [min(group, key=lambda p: costs[p]) for group in groups.values()]
    assert alignment.cheapest_pairs(costs, pairs).tolist() == [list(pair) for pair in expected]


def test_inputs_are_left_alone():
    costs = np.eye(4)[:, :3]
    costs.setflags(write=False)
    pairs = alignment.align_closed(costs)
    pairs.setflags(write=False)
    alignment.cheapest_pairs(costs, pairs)
