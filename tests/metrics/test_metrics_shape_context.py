import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from vidlab.metrics import shape_context

POLYGONS = st.lists(
    st.tuples(st.integers(0, 60), st.integers(0, 60)), min_size=3, max_size=12, unique=True
).map(lambda corners: np.array([*corners, corners[0]]))


def slow_resample(vertices):
    points = [np.float32(vertices[0])]
    for start, end in itertools.pairwise(vertices):
        side = np.float32(end) - np.float32(start)
        n_steps = max(math.ceil(np.sqrt(np.float32(side[0] ** 2 + side[1] ** 2)) / np.float32(3)), 1)
        for _ in range(n_steps - 1):
            points.append(points[-1] + side / np.float32(n_steps))
        points.append(np.float32(end))
    return points


def slow_contexts(points):
    points = [(float(x), float(y)) for x, y in points]
    mean = sum(math.dist(p, q) for p in points for q in points) / len(points) ** 2
    edges = [1 / 8, 1 / 4, 1 / 2, 1, 2]
    rows = []
    for p in points:
        row = [0] * 60
        for q in points:
            inside = sum(math.dist(p, q) / mean < edge for edge in edges)
            angle = math.degrees(math.atan2(q[1] - p[1], q[0] - p[0])) % 360
            if inside:
                row[12 * (inside - 1) + int((angle + 1e-9) // 30) % 12] += 1
        rows.append(row)
    return rows


def slow_cost(first, second):
    costs = []
    for a in first:
        a = a / a.sum()
        costs.append([])
        for b in second:
            b = b / b.sum()
            both = a + b > 0
            costs[-1].append(0.5 * float(((a - b)[both] ** 2 / (a + b)[both]).sum()))
    return costs


@given(POLYGONS)
def test_resampling_equals_a_slow_reference(vertices):
    np.testing.assert_array_equal(shape_context.resample(vertices), slow_resample(vertices))


@given(POLYGONS)
def test_points_are_at_most_3_px_apart_and_hold_the_vertices(vertices):
    points = shape_context.resample(vertices)
    assert points.dtype == np.float32
    assert np.hypot(*np.diff(points, axis=0).T).max() <= 3 + 1e-4
    assert {tuple(vertex) for vertex in vertices.tolist()} <= {tuple(point) for point in points.tolist()}
    assert points[0].tolist() == points[-1].tolist()


@settings(deadline=None)
@given(POLYGONS)
def test_contexts_equal_a_slow_reference(vertices):
    points = shape_context.resample(vertices)[:60]
    np.testing.assert_array_equal(shape_context.shape_contexts(points), slow_contexts(points))


def test_sectors_begin_at_their_lower_border():
    """One neighbour per direction of the axes: 0, 90, 180 and 270 degrees open sectors 0, 3, 6 and 9."""
    cross = np.array([[0, 0], [1, 0], [0, 1], [-1, 0], [0, -1]], np.float32)
    ring = shape_context.shape_contexts(cross)[0].reshape(5, 12)[1]  # 1 px of 1.09 on average
    assert ring.tolist() == [1, 0, 0, 1, 0, 0, 1, 0, 0, 1, 0, 0]


@pytest.mark.parametrize("n_points", [127, 128, 129, 300])
def test_describing_in_blocks_changes_nothing(monkeypatch, n_points):
    points = np.random.default_rng(n_points).random((n_points, 2)).astype(np.float32)
    blocks = shape_context.shape_contexts(points)
    monkeypatch.setattr(shape_context, "BLOCK_ROWS", 10**6)
    np.testing.assert_array_equal(blocks, shape_context.shape_contexts(points))


@given(st.floats(-50, 50), st.integers(1, 5))
def test_contexts_do_not_see_a_shift_or_a_scale(shift, power):
    points = np.random.default_rng(3).integers(0, 50, (30, 2)).astype(np.float32)
    moved = points * np.float32(2**power) + np.float32(round(shift))
    np.testing.assert_array_equal(
        shape_context.shape_contexts(points), shape_context.shape_contexts(moved.astype(np.float32))
    )


COUNTS = st.integers(1, 12).flatmap(
    lambda n: hnp.arrays(np.int64, (n, 9), elements=st.integers(0, 6)).map(
        lambda a: a + (a.sum(1) == 0)[:, None]
    )
)


@given(COUNTS, COUNTS)
def test_costs_equal_a_slow_reference(first, second):
    costs = shape_context.matching_cost(first, second)
    np.testing.assert_allclose(costs, slow_cost(first, second), atol=1e-13)
    np.testing.assert_array_equal(costs, shape_context.matching_cost(second, first).T)
    assert costs.min() >= 0
    assert costs.max() <= 1 + 1e-12


@given(COUNTS, st.integers(1, 7))
def test_equal_histograms_cost_nothing_at_all(counts, times):
    assert not shape_context.matching_cost(counts, counts * times).diagonal().any()


@pytest.mark.parametrize("gap", [0, 3, 1000])
def test_costs_do_not_depend_on_how_bins_are_grouped(monkeypatch, gap):
    rng = np.random.default_rng(5)
    first, second = (
        rng.poisson(0.2, (n, 60)) + np.eye(60, dtype=int)[rng.integers(0, 60, n)] for n in (90, 70)
    )
    costs = shape_context.matching_cost(first, second)
    monkeypatch.setattr(shape_context, "MERGED_GAP", gap)
    np.testing.assert_array_equal(costs, shape_context.matching_cost(first, second))
