import itertools
import math
import re

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from vidlab.errors import ShapeError
from vidlab.metrics import contours
from vidlab.metrics.outlines import trace_outlines, twice_area

LINES = st.lists(st.tuples(st.integers(0, 12), st.integers(0, 12)), min_size=1, max_size=40)
SEEDS = st.integers(0, 2**32 - 1)


def blobs(seed, size_hw=(60, 80)):
    """Smooth random shapes with holes and, now and then, crossings."""
    noise = np.random.default_rng(seed).random(size_hw)
    for axis in (0, 1):
        for _ in range(3):
            noise = noise + np.roll(noise, 1, axis) + np.roll(noise, 2, axis)
    return noise > np.quantile(noise, 0.6)


def slow_squared_distance(point, start, end):
    (px, py), (ax, ay), (bx, by) = point, start, end
    dx, dy = bx - ax, by - ay
    along = (px - ax) * dx + (py - ay) * dy
    length = dx * dx + dy * dy
    fraction = 0.0 if along <= 0 else 1.0 if along >= length else float(np.float32(along / length))
    x, y = px - (ax + fraction * dx), py - (ay + fraction * dy)
    return x * x + y * y  # not `** 2`, which may be off in the last bit


def slow_douglas_peucker(points, tolerance):
    """Return the kept points, by recursion."""
    if len(points) < 3:
        return points
    farthest, split = -1.0, 0
    for i in range(1, len(points) - 1):
        squared = slow_squared_distance(points[i], points[0], points[-1])
        if squared >= farthest:
            farthest, split = squared, i
    if farthest <= tolerance**2:
        return [points[0], points[-1]]
    left = slow_douglas_peucker(points[: split + 1], tolerance)
    return left[:-1] + slow_douglas_peucker(points[split:], tolerance)


def slow_keep_apart(points, distance):
    kept = [points[0]]
    for point in points[1:-1]:
        if math.dist(point, kept[-1]) >= distance:
            kept.append(point)
    return kept + points[-1:] if len(points) > 1 else kept


def slow_contour(outline):
    points = [(float(x), float(y)) for x, y in outline.corners.tolist()]
    points = slow_douglas_peucker(slow_keep_apart(points, 0.05), 0.05)
    points = slow_douglas_peucker(slow_keep_apart(points, 1.5), 1.5)
    clockwise = sum(a[0] * b[1] - b[0] * a[1] for a, b in itertools.pairwise(points)) > 0
    return points[::-1] if clockwise == outline.is_hole else points


@given(LINES, st.sampled_from([0.05, 1.0, 1.5, 3.0]))
def test_douglas_peucker_equals_a_recursion(line, tolerance):
    points = np.array(line, float)
    kept = contours.douglas_peucker(points, tolerance=tolerance)
    ours = [tuple(point) for point in points[kept].tolist()]
    assert ours == slow_douglas_peucker([tuple(point) for point in points.tolist()], tolerance)


@given(LINES, st.sampled_from([1.0, 1.5, 4.0]))
def test_keep_apart_equals_a_slow_reference(line, distance):
    points = np.array(line, float)
    ours = [tuple(point) for point in points[contours.keep_apart(points, distance=distance)].tolist()]
    assert ours == slow_keep_apart([tuple(point) for point in points.tolist()], distance)


@settings(max_examples=15, deadline=None)
@example(1816359)  # two points as good as equally far
@given(SEEDS)
def test_contours_equal_a_slow_reference(seed):
    mask = blobs(seed)
    expected = [slow_contour(outline) for outline in trace_outlines(mask)]
    ours = [contour.vertices.tolist() for contour in contours.find_contours(mask)]
    assert ours == [[list(point) for point in points] for points in expected if len(points) > 3]


@settings(max_examples=40, deadline=None)
@given(st.one_of(SEEDS.map(blobs), hnp.arrays(np.bool_, (12, 14))))
def test_main_contour_is_the_last_of_those_with_most_vertices(mask):
    """Short outlines are passed over unseen; that must not change the result."""
    found = contours.find_contours(mask)
    main = contours.main_contour(mask)
    if not found:
        assert main is None
        return
    most = max(len(contour.vertices) for contour in found)
    expected = [contour for contour in found if len(contour.vertices) == most][-1]
    assert main.is_hole == expected.is_hole
    np.testing.assert_array_equal(main.vertices, expected.vertices)


@settings(max_examples=25, deadline=None)
@given(SEEDS)
def test_polygons_are_closed_and_stay_near_the_outline(seed):
    mask = blobs(seed)
    for outline in trace_outlines(mask):
        (found,) = [contours._to_contour(outline)]
        corners = {tuple(corner) for corner in outline.corners.tolist()}
        assert {tuple(vertex) for vertex in found.vertices.tolist()} <= corners
        assert found.vertices[0].tolist() == found.vertices[-1].tolist() == outline.corners[0].tolist()
        sides = list(zip(found.vertices[:-1].tolist(), found.vertices[1:].tolist(), strict=True))
        for corner in outline.corners.tolist()[::7]:
            squared = min(slow_squared_distance(corner, start, end) for start, end in sides)
            assert squared <= (0.05 + 1.5 + 1.5) ** 2  # straightened, thinned out, simplified


def test_objects_run_clockwise_and_holes_counter_clockwise():
    mask = np.zeros((30, 40), bool)
    mask[3:27, 4:36] = True
    mask[10:20, 12:28] = False
    hole, square = contours.find_contours(mask)
    assert (hole.is_hole, square.is_hole) == (True, False)
    assert hole.vertices.tolist() == [[12, 10], [12, 20], [28, 20], [28, 10], [12, 10]]
    assert square.vertices.tolist() == [[4, 3], [36, 3], [36, 27], [4, 27], [4, 3]]
    assert twice_area(hole.vertices) < 0 < twice_area(square.vertices)


def test_a_hole_can_be_the_main_contour():
    yy, xx = np.mgrid[:60, :80]
    mask = np.ones((60, 80), bool) & ((yy - 30) ** 2 + (xx - 40) ** 2 > 20**2)
    assert contours.main_contour(mask).is_hole


def test_specks_and_lines_have_no_contour():
    for rows, columns in [(1, 1), (2, 2), (1, 10), (10, 1)]:
        mask = np.zeros((20, 20), bool)
        mask[5 : 5 + rows, 5 : 5 + columns] = True
        assert contours.find_contours(mask) == []
        assert contours.main_contour(mask) is None
    assert contours.find_contours(np.zeros((0, 3), bool)) == []


def test_wrong_arrays_are_refused():
    for function in (contours.find_contours, contours.main_contour):
        with pytest.raises(ShapeError, match=re.escape("mask must be bool (H, W), got float64 (2, 2)")):
            function(np.zeros((2, 2)))
