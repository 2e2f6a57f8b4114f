import itertools
import json
import math
import re

import numpy as np
import pytest
from conftest import REAL, needs_real
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image
from pycocotools import mask as coco_mask

from vidlab.classes import class_id
from vidlab.errors import ParameterError, ShapeError
from vidlab.metrics import accuracy

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


def golden_mask(name):
    """Rebuild a mask of the golden file from its name, by the rules of its README."""
    yy, xx = np.mgrid[:120, :160]
    n = [int(text) for text in re.findall(r"\d+", name)]

    def rect(r0, r1, c0, c1):
        return (yy >= r0) & (yy < r1) & (xx >= c0) & (xx < c1)

    fixed = {
        "empty": lambda: rect(0, 0, 0, 0),
        "full": lambda: rect(0, 120, 0, 160),
        "L": lambda: rect(20, 100, 30, 60) | rect(70, 100, 30, 120),
        "two_rects": lambda: rect(20, 60, 30, 80) | rect(60, 100, 80, 130),
        "big_plus_speck": lambda: disk(60, 80, 30) | rect(5, 11, 5, 11),
        "rect_1x10": lambda: rect(60, 61, 70, 80),
        "rect_2x2": lambda: rect(60, 62, 70, 72),
        "rect_5x5": lambda: rect(60, 65, 70, 75),
    }
    for prefix, make in fixed.items():
        if name == prefix or (prefix == "two_rects" and name.startswith(prefix)):
            return make()
    if name.startswith("rect_"):
        return rect(*n)
    if name.startswith("disk"):
        return disk(*n)
    if name.startswith("ellipse"):
        cy, cx, a, b = n
        return ((yy - cy) / a) ** 2 + ((xx - cx) / b) ** 2 <= 1
    if name.startswith("pixel"):
        return (yy == n[-2]) & (xx == n[-1])
    if name.startswith("annulus"):
        return disk(*n[:3]) & ~disk(*n[:2], n[3])
    raise KeyError(name)


@needs_real
def test_edge_cases_equal_the_official_code():
    edge = json.loads((REAL / "golden" / "davis_jf.json").read_text())["edge_cases"]
    masks = {name: golden_mask(name) for name in edge["boundary_px"]}
    tolerance_px = accuracy.davis_tolerance_px(tuple(edge["size_hw"]))
    assert tolerance_px == edge["bound_px"]
    for name, count in edge["boundary_px"].items():
        assert accuracy.boundary_px(masks[name]).sum() == count, name
    for truth, prediction, j, f in edge["rows"]:
        pair = (masks[prediction], masks[truth])
        assert accuracy.region_j(*pair) == pytest.approx(j, abs=1e-9), (truth, prediction)
        ours = accuracy.boundary_f(*pair, tolerance_px=tolerance_px)
        assert ours == pytest.approx(f, abs=1e-9), (truth, prediction)


def read_gray(path):
    return np.asarray(Image.open(path)) > 127


def golden_predictions(name, network):
    folder = REAL / "sequences" / name
    n_frames = len(list((folder / "truth").glob("*.png")))
    if network == "deeplab":
        return [read_gray(folder / "deeplabv3_probs" / f"{i:05d}.png") for i in range(n_frames)]
    wanted = [class_id(text) for text in json.loads((folder / "sequence.json").read_text())["target_classes"]]
    masks = np.zeros((n_frames, 480, 854), bool)
    for found in json.loads((folder / "yolov8n_seg.json").read_text()):
        if found["category_id"] in wanted and found["score"] >= 0.25:
            masks[found["image_id"]] |= coco_mask.decode(found["segmentation"]) > 0
    return masks


@needs_real
@pytest.mark.parametrize("network", ["yolo", "deeplab"])
@pytest.mark.parametrize("name", ["lucia", "rollerblade", "car-shadow", "dog", "blackswan"])
def test_every_frame_equals_the_official_code(name, network):
    golden = json.loads((REAL / "golden" / "davis_jf.json").read_text())["sequences"][name][network]
    metric = accuracy.Accuracy()
    frames = []
    for i, pred in enumerate(golden_predictions(name, network)):
        target = read_gray(REAL / "sequences" / name / "truth" / f"{i:05d}.png")
        frames.append(metric.update(pred, target=target))
    assert [frame.j for frame in frames] == pytest.approx(golden["J"]["per_frame"], abs=1e-9)
    assert [frame.f for frame in frames] == pytest.approx(golden["F"]["per_frame"], abs=1e-9)
    values = metric.compute()
    assert values["j"] == pytest.approx(golden["J"]["mean"], abs=1e-9)
    assert values["f"] == pytest.approx(golden["F"]["mean"], abs=1e-9)
    assert values["jf"] == pytest.approx((golden["J"]["mean"] + golden["F"]["mean"]) / 2, abs=1e-9)


@given(PAIRS, st.integers(0, 4))
def test_boundary_f_equals_a_slow_reference(pair, tolerance_px):
    ours = accuracy.boundary_f(*pair, tolerance_px=tolerance_px)
    assert ours == pytest.approx(slow_f(*pair, tolerance_px), abs=1e-12)
    assert np.argwhere(accuracy.boundary_px(pair[0])).tolist() == [list(p) for p in slow_boundary(pair[0])]


@given(PAIRS, st.integers(0, 4))
def test_scores_are_symmetric_and_bounded(pair, tolerance_px):
    first, second = pair
    forward = accuracy.boundary_score(first, second, tolerance_px=tolerance_px)
    backward = accuracy.boundary_score(second, first, tolerance_px=tolerance_px)
    assert (forward.precision, forward.recall) == (backward.recall, backward.precision)
    assert forward.f == backward.f
    assert 0 <= forward.f <= 1
    assert accuracy.boundary_f(first, first, tolerance_px=tolerance_px) == 1


@pytest.mark.parametrize("radius_px", [0, 1, 8, 18, 36])
def test_matching_reaches_exactly_as_far_as_the_radius(radius_px):
    edge = np.zeros((81, 81), bool)
    edge[40, 40] = True
    yy, xx = np.mgrid[:81, :81]
    expected = (yy - 40) ** 2 + (xx - 40) ** 2 <= radius_px**2
    np.testing.assert_array_equal(accuracy._within(edge, radius_px), expected)


def test_hand_worked_accuracy():
    truth, pred = np.zeros((8, 8), bool), np.zeros((8, 8), bool)
    truth[2:6, 2:6], pred[2:6, 3:7] = True, True
    frame = accuracy.Accuracy().update(pred, target=truth)
    assert (frame.j, frame.dice) == (12 / 20, 24 / 32)
    assert frame.f == slow_f(pred, truth, 1) == 1.0


def test_nothing_to_find_and_nothing_found_is_right():
    nothing, full = np.zeros((5, 5), bool), np.ones((5, 5), bool)
    assert accuracy.region_j(nothing, nothing) == 1
    assert accuracy.boundary_f(nothing, full, tolerance_px=1) == 1  # neither has a boundary, as DAVIS has it
    only_pred = accuracy.boundary_score(np.eye(5, dtype=bool), nothing, tolerance_px=1)
    assert (only_pred.precision, only_pred.recall, only_pred.f) == (0, 1, 0)
    assert all(math.isnan(value) for value in accuracy.Accuracy().compute().values())


def test_picture_without_pixels_scores_as_empty():
    nothing = np.zeros((0, 4), bool)
    assert accuracy.boundary_f(nothing, nothing, tolerance_px=1) == accuracy.region_j(nothing, nothing) == 1


def test_inputs_are_left_alone():
    pred, target = np.eye(6, dtype=bool), np.ones((6, 6), bool)
    pred.setflags(write=False)
    target.setflags(write=False)
    accuracy.Accuracy().update(pred[::-1], target=target.T)


def test_wrong_arrays_are_refused():
    with pytest.raises(ShapeError, match=r"masks must match, got pred \(2, 2\) and target \(2, 3\)"):
        accuracy.Accuracy().update(np.zeros((2, 2), bool), target=np.zeros((2, 3), bool))
    with pytest.raises(ShapeError, match=r"pred must be bool \(H, W\), got uint8"):
        accuracy.region_j(np.zeros((2, 2), np.uint8), np.zeros((2, 2), bool))
    with pytest.raises(ShapeError, match=r"pred must be bool \(H, W\), got bool \(2,\)"):
        accuracy.Accuracy().update(np.zeros(2, bool), target=np.zeros(2, bool))
    with pytest.raises(ParameterError, match="tolerance_px must be 0 or more, got -1"):
        accuracy.boundary_f(np.zeros((2, 2), bool), np.zeros((2, 2), bool), tolerance_px=-1)
