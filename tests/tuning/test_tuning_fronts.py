"""Fronts of quality against flicker."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vidlab.tuning.fronts import front, hypervolume, knee

shares = st.integers(0, 20).map(lambda value: value / 20)
point_lists = st.lists(st.tuples(shares, shares), min_size=1, max_size=12)


def covered(points: list[tuple[float, float]]) -> float:
    """The slow way: cells of the unit square that some point dominates."""
    edges = np.arange(20) / 20 + 1 / 40
    quality, flicker = np.meshgrid(edges, edges)
    return float(np.mean(np.any([(quality < q) & (flicker > f) for q, f in points], axis=0)))


@given(point_lists)
def test_hypervolume_is_the_area_that_is_dominated(points):
    assert hypervolume(points) == pytest.approx(covered(points))


@given(point_lists, point_lists)
def test_more_points_never_cover_less(points, others):
    assert hypervolume(points + others) >= hypervolume(points) - 1e-12


def test_nothing_covers_nothing_and_the_ideal_covers_all():
    assert hypervolume([]) == 0
    assert hypervolume([(1.0, 0.0)]) == 1
    assert hypervolume([(0.5, 1.5)]) == 0  # flickers more than can be: beyond the corner
    assert hypervolume([(1.0, -0.1)]) == pytest.approx(1.1)  # calmer than the truth


def test_a_third_aim_keeps_what_is_early_on_the_front():
    assert front([(0.9, 0.1, 39), (0.8, 0.2, 0), (0.7, 0.3, 0), (0.9, 0.1, 40)]) == [0, 1]


@given(point_lists)
def test_a_front_is_what_nobody_dominates(points):
    places = front(points)
    for place, (quality, flicker) in enumerate(points):
        beaten = any(q >= quality and f <= flicker and (q, f) != (quality, flicker) for q, f in points)
        if place in places:
            assert not beaten
        else:
            assert (
                beaten
                or points.index((quality, flicker)) != place
                or (quality, flicker) in [points[p] for p in places]
            )


@given(point_lists)
def test_the_knee_is_on_the_front(points):
    assert knee(points) in front(points)


def test_the_knee_is_where_the_front_bends():
    bent = [(0.9, 0.5), (0.88, 0.12), (0.86, 0.1), (0.2, 0.0)]
    assert knee(bent) == 2
    assert knee([*bent, (0.5, 0.4)]) == 2  # who is dominated has no say
    assert knee([(0.9, 0.5), (0.2, 0.0)]) == 0
    assert knee([(0.4, 0.5)]) == 0
