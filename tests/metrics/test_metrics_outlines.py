import itertools
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from vidlab.errors import ShapeError
from vidlab.metrics.outlines import trace_outlines, twice_area

MASKS = st.tuples(st.integers(1, 9), st.integers(1, 9)).flatmap(lambda size: hnp.arrays(np.bool_, size))


def draw(*rows):
    return np.array([[pixel == "#" for pixel in row] for row in rows])


def corners(mask):
    return [(outline.corners.tolist(), outline.is_hole) for outline in trace_outlines(mask)]


def slow_edges(mask):
    """Every pair of neighbouring corners with object on one side of it and background on the other."""
    padded = np.pad(mask, 1)
    edges = set()
    for y in range(mask.shape[0] + 1):
        for x in range(mask.shape[1] + 1):
            if padded[y + 1, x] != padded[y + 1, x + 1]:
                edges.add(frozenset([(x, y), (x, y + 1)]))
            if padded[y, x + 1] != padded[y + 1, x + 1]:
                edges.add(frozenset([(x, y), (x + 1, y)]))
    return edges


def inside(walk, mask):
    """Mark the pixels that a walk goes round: an odd number of its upright edges lies to their left."""
    marked = np.zeros(mask.shape, bool)
    for (x0, y0), (x1, y1) in itertools.pairwise(walk):
        if x0 == x1:
            marked[min(y0, y1), x0:] ^= True
    return marked


@given(MASKS)
def test_every_edge_is_walked_once_in_simple_loops(mask):
    walked = []
    for walk, _ in corners(mask):
        assert walk[0] == walk[-1]
        assert len({tuple(corner) for corner in walk}) == len(walk) - 1
        walked += [frozenset([tuple(a), tuple(b)]) for a, b in itertools.pairwise(walk)]
    assert len(walked) == len(set(walked))
    assert set(walked) == slow_edges(mask)


@given(MASKS)
def test_loops_rebuild_the_mask_and_know_what_they_go_round(mask):
    rebuilt = np.zeros(mask.shape, bool)
    area = 0
    for walk, is_hole in corners(mask):
        inner = inside(walk, mask)
        assert abs(twice_area(np.array(walk))) == 2 * inner.sum()
        area += (-1 if is_hole else 1) * int(inner.sum())
        rebuilt ^= inner
        x, y = min((x, y) for y, x in zip(*np.nonzero(inner), strict=True))
        assert mask[y, x] != is_hole  # a pixel just inside the walk
    np.testing.assert_array_equal(rebuilt, mask)
    assert area == mask.sum()


@given(MASKS)
def test_walks_turn_at_crossings(mask):
    ends = [corner for edge in slow_edges(mask) for corner in edge]
    crossings = {corner for corner in ends if ends.count(corner) == 4}
    for walk, _ in corners(mask):
        loop = [walk[-2], *walk]
        for before, here, after in zip(loop, loop[1:], loop[2:], strict=False):
            if tuple(here) in crossings:
                assert before[0] != after[0]
                assert before[1] != after[1]


@given(MASKS)
def test_outlines_without_crossings_start_up_left_and_go_down(mask):
    ends = [corner for edge in slow_edges(mask) for corner in edge]
    crossings = {corner for corner in ends if ends.count(corner) == 4}
    starts = []
    for walk, _ in corners(mask):
        through = [tuple(corner) in crossings for corner in walk]
        if any(through):
            assert through[0]
            starts.append((1, 0, 0))
        else:
            (x, y), second = walk[:2]
            assert second == [x, y + 1]
            assert (y, x) == min((y, x) for x, y in walk)
            starts.append((0, -y, -x))
    assert starts == sorted(starts)


def test_hand_worked_ring():
    ring = draw("###", "#.#", "###")
    hole = [[1, 1], [1, 2], [2, 2], [2, 1], [1, 1]]
    assert corners(ring)[0] == (hole, True)
    assert corners(ring)[1][0][:5] == [[0, 0], [0, 1], [0, 2], [0, 3], [1, 3]]
    assert corners(ring)[1][1] is False


def test_hand_worked_crossing():
    lower = [[1, 1], [1, 2], [2, 2], [2, 1], [1, 1]]
    upper = [[1, 1], [1, 0], [0, 0], [0, 1], [1, 1]]
    assert corners(draw("#.", ".#")) == [(upper, False), (lower, False)]
    assert corners(draw("..", ".#", "#.")) == [
        ([[1, 2], [1, 1], [2, 1], [2, 2], [1, 2]], False),
        ([[1, 2], [0, 2], [0, 3], [1, 3], [1, 2]], False),
    ]


def test_hand_worked_ring_of_four_pixels():
    """Worked by hand: pieces from the last crossing, (2, 2), to the first, (1, 1), up, left, down, right.

    0, 1: up and left along the hole; 2, 3: down and right round the lower and the right pixel; from (1, 2):
    4 up along the hole, 5 left round the left pixel; from (2, 1): 6 up round the upper pixel, 7 left along
    the hole. Walks: 0 and 3, of 3 and 7 the lower that turns; 1 and 2; 4 and 5; 6 and 7.
    """
    outlines = corners(draw(".#.", "#.#", ".#."))
    assert outlines == [
        ([[2, 2], [2, 1], [3, 1], [3, 2], [2, 2]], False),
        ([[2, 2], [1, 2], [1, 3], [2, 3], [2, 2]], False),
        ([[1, 2], [1, 1], [0, 1], [0, 2], [1, 2]], False),
        ([[2, 1], [2, 0], [1, 0], [1, 1], [2, 1]], False),
    ]


@pytest.mark.parametrize("shape", [(0, 0), (0, 4), (3, 0), (3, 4)])
def test_empty_mask_has_no_outline(shape):
    assert trace_outlines(np.zeros(shape, bool)) == []


def test_mask_at_the_border_is_closed_along_it():
    assert corners(np.ones((1, 2), bool)) == [
        ([[0, 0], [0, 1], [1, 1], [2, 1], [2, 0], [1, 0], [0, 0]], False)
    ]


@given(MASKS, st.integers(0, 3), st.integers(0, 3))
def test_place_in_the_picture_does_not_matter(mask, dx, dy):
    moved = np.pad(mask, ((dy, 1), (dx, 2)))
    assert corners(moved) == [
        ([[x + dx, y + dy] for x, y in walk], is_hole) for walk, is_hole in corners(mask)
    ]


def test_inputs_are_left_alone_and_any_layout_will_do():
    mask = np.tri(5, 7, dtype=bool)
    mask.setflags(write=False)
    flipped = trace_outlines(mask[::-1].T)
    assert [o.corners.tolist() for o in flipped] == [
        o.corners.tolist() for o in trace_outlines(mask[::-1].T.copy())
    ]


def test_wrong_arrays_are_refused():
    with pytest.raises(ShapeError, match=re.escape("mask must be bool (H, W), got uint8 (2, 2)")):
        trace_outlines(np.zeros((2, 2), np.uint8))
    with pytest.raises(ShapeError, match=re.escape("mask must be bool (H, W), got bool (2,)")):
        trace_outlines(np.zeros(2, bool))
