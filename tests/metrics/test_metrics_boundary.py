import itertools
import json
import math

import numpy as np
import pytest
from conftest import REAL, needs_real
from golden_masks import golden_mask
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.ndimage import distance_transform_edt

from vidlab.errors import ParameterError, ShapeError
from vidlab.metrics import bitmap, boundary
from vidlab.metrics.accuracy import region_j
from vidlab.metrics.overlap import dice

PAIRS = st.tuples(st.integers(1, 9), st.integers(1, 9)).flatmap(
    lambda size: st.tuples(hnp.arrays(np.bool_, size), hnp.arrays(np.bool_, size))
)


def slow_boundary(mask):
    height, width = mask.shape
    points = []
    for y, x in itertools.product(range(height), range(width)):
        down, right = y + 1 < height, x + 1 < width
        neighbours = [(y, x + 1)] * right + [(y + 1, x)] * down + [(y + 1, x + 1)] * (down and right)
        if any(mask[y, x] != mask[q] for q in neighbours):
            points.append((y, x))
    return points


def slow_f(pred, target, tolerance_px):
    ours, truths = slow_boundary(pred), slow_boundary(target)
    if not ours or not truths:
        return float(not ours and not truths)

    def share(points, others):
        near = [any(math.dist(p, q) <= tolerance_px for q in others) for p in points]
        return sum(near) / len(near)

    precision, recall = share(ours, truths), share(truths, ours)
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def disk(cy, cx, r):
    yy, xx = np.mgrid[:120, :160]
    return (yy - cy) ** 2 + (xx - cx) ** 2 <= r * r


@needs_real
def test_edge_cases_equal_the_official_code():
    edge = json.loads((REAL / "golden" / "davis_jf.json").read_text())["edge_cases"]
    masks = {name: golden_mask(name) for name in edge["boundary_px"]}
    tolerance_px = boundary.davis_tolerance_px(tuple(edge["size_hw"]))
    assert tolerance_px == edge["bound_px"]
    for name, count in edge["boundary_px"].items():
        assert boundary.boundary_px(masks[name]).sum() == count, name
    for truth, prediction, j, f in edge["rows"]:
        pair = (masks[prediction], masks[truth])
        assert region_j(*pair) == pytest.approx(j, abs=1e-9), (truth, prediction)
        ours = boundary.boundary_f(*pair, tolerance_px=tolerance_px)
        assert ours == pytest.approx(f, abs=1e-9), (truth, prediction)


@given(PAIRS, st.integers(0, 4))
def test_boundary_f_equals_a_slow_reference(pair, tolerance_px):
    ours = boundary.boundary_f(*pair, tolerance_px=tolerance_px)
    assert ours == pytest.approx(slow_f(*pair, tolerance_px), abs=1e-12)
    assert np.argwhere(boundary.boundary_px(pair[0])).tolist() == [list(p) for p in slow_boundary(pair[0])]


@given(PAIRS, st.integers(0, 4))
def test_scores_are_symmetric_and_bounded(pair, tolerance_px):
    first, second = pair
    forward = boundary.boundary_score(first, second, tolerance_px=tolerance_px)
    backward = boundary.boundary_score(second, first, tolerance_px=tolerance_px)
    assert (forward.precision, forward.recall) == (backward.recall, backward.precision)
    assert forward.f == backward.f
    assert 0 <= forward.f <= 1
    assert boundary.boundary_f(first, first, tolerance_px=tolerance_px) == 1


@given(PAIRS, st.lists(st.integers(0, 12), max_size=4))
def test_several_tolerances_at_once_equal_one_at_a_time(pair, tolerances_px):
    together = boundary.boundary_scores(*pair, tolerances_px=tolerances_px)
    assert together == [boundary.boundary_score(*pair, tolerance_px=one) for one in tolerances_px]
    rising = [score.f for score in boundary.boundary_scores(*pair, tolerances_px=sorted(tolerances_px))]
    assert rising == sorted(rising)


@given(PAIRS)
def test_cropping_changes_no_score(pair):
    cropped = boundary.crop_to_both(*pair)
    assert cropped[0].shape == cropped[1].shape
    assert region_j(*cropped) == region_j(*pair)
    assert dice(*cropped) == dice(*pair)
    assert slow_f(*cropped, 2) == slow_f(*pair, 2)


def blobs(seed, size_hw, share):
    return np.random.default_rng(seed).random(size_hw) < share


def distance_f(pred, target, tolerance_px):
    """F from the distance of every pixel to the nearest boundary pixel."""
    edges = [boundary.boundary_px(mask) for mask in (pred, target)]
    to_pred, to_target = (np.rint(distance_transform_edt(~edge) ** 2) <= tolerance_px**2 for edge in edges)
    precision, recall = to_target[edges[0]].mean(), to_pred[edges[1]].mean()
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


@pytest.mark.parametrize("width", [63, 64, 65, 127, 128, 129, 200])
@pytest.mark.parametrize("tolerance_px", [0, 1, 8, 36, 70])
def test_words_of_64_pixels_leave_no_seam(width, tolerance_px):
    height = 150 - width // 2
    dense, sparse = blobs(width, (height, width), 0.3), blobs(width + 1, (height, width), 0.002)
    sparse[-1, -1] = dense[0, 0] = dense[-1, -1] = True  # reaches the corners, so nothing is cropped
    for pair in ((dense, sparse), (sparse, np.roll(sparse, 3, axis=1))):
        ours = boundary.boundary_f(*pair, tolerance_px=tolerance_px)
        assert ours == pytest.approx(distance_f(*pair, tolerance_px), abs=1e-12)


@pytest.mark.parametrize("radius_px", [0, 1, 8, 18, 36, 500])
@pytest.mark.parametrize("at", [(40, 40), (0, 0), (80, 99)])
def test_matching_reaches_exactly_as_far_as_the_radius(radius_px, at):
    edge = np.zeros((81, 100), bool)
    edge[at] = True
    yy, xx = np.mgrid[:81, :100]
    bits = bitmap.pack([edge, ~edge], spare_px=min(radius_px, 100))
    (near,) = bitmap.within(bits, [radius_px], width_px=100)
    expected = (yy - at[0]) ** 2 + (xx - at[1]) ** 2 <= radius_px**2
    np.testing.assert_array_equal(bitmap.unpack(near, width_px=100)[0], expected)


@given(hnp.arrays(np.bool_, st.tuples(st.integers(1, 3), st.integers(0, 4), st.integers(0, 70))))
def test_packed_masks_come_back_and_are_counted(masks):
    bits = bitmap.pack(list(masks), spare_px=1)
    np.testing.assert_array_equal(bitmap.unpack(bits, width_px=masks.shape[2]), masks)
    assert bitmap.count(bits).tolist() == masks.sum(axis=(1, 2)).tolist()


def test_bits_are_counted_alike_without_the_newer_numpy(monkeypatch):
    bits = bitmap.pack([blobs(0, (5, 70), 0.5), blobs(1, (5, 70), 0.1)], spare_px=8)
    expected = bitmap.count(bits).tolist()
    monkeypatch.delattr(np, "bitwise_count", raising=False)
    assert bitmap.count(bits).tolist() == bitmap.count(bits[::-1])[::-1].tolist() == expected


def test_hand_worked_shift_is_seen_at_one_pixel_and_forgiven_at_two():
    square = np.zeros((20, 20), bool)
    square[5:15, 5:15] = True
    shifted = np.roll(square, 2, axis=1)
    # 10 rows of each side miss by 2 px, less those that the top and bottom edges of the other reach
    at_1px, at_2px = boundary.boundary_scores(square, shifted, tolerances_px=(1, 2))
    assert at_1px.f == slow_f(square, shifted, 1) == 0.55
    assert at_2px.f == 1


def test_only_one_boundary_scores_nothing_and_none_scores_all():
    nothing, full = np.zeros((5, 5), bool), np.ones((5, 5), bool)
    assert boundary.boundary_f(nothing, full, tolerance_px=1) == 1  # neither has a boundary, as DAVIS has it
    only_pred = boundary.boundary_score(np.eye(5, dtype=bool), nothing, tolerance_px=1)
    assert (only_pred.precision, only_pred.recall, only_pred.f) == (0, 1, 0)


@pytest.mark.parametrize("size_hw", [(0, 4), (4, 0), (0, 0)])
def test_picture_without_pixels_scores_as_empty(size_hw):
    nothing = np.zeros(size_hw, bool)
    assert boundary.boundary_f(nothing, nothing, tolerance_px=1) == 1
    assert boundary.boundary_px(nothing).shape == size_hw


def test_inputs_are_left_alone():
    pred, target = np.eye(6, dtype=bool), np.ones((6, 6), bool)
    pred.setflags(write=False)
    target.setflags(write=False)
    backwards = boundary.boundary_scores(pred[::-1], target.T, tolerances_px=(1,))
    assert backwards == boundary.boundary_scores(pred[::-1].copy(), target, tolerances_px=(1,))


def test_wrong_arrays_are_refused():
    mask = np.zeros((2, 2), bool)
    with pytest.raises(ParameterError, match="tolerance_px must be 0 or more, got -1"):
        boundary.boundary_scores(mask, mask, tolerances_px=(1, -1))
    with pytest.raises(ShapeError, match=r"masks must match, got pred \(2, 2\) and target \(2, 3\)"):
        boundary.boundary_f(mask, np.zeros((2, 3), bool), tolerance_px=1)
    with pytest.raises(ShapeError, match=r"mask must be bool \(H, W\), got uint8 \(2, 2\)"):
        boundary.boundary_px(np.zeros((2, 2), np.uint8))
