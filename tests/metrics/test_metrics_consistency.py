import json
import math

import cv2
import numpy as np
import pytest
from conftest import REAL, needs_real
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image
from pycocotools import mask as coco_mask
from scipy.ndimage import map_coordinates

from vidlab.classes import class_id
from vidlab.errors import ShapeError
from vidlab.flow import occluded
from vidlab.metrics import consistency
from vidlab.metrics.overlap import iou

CASES = st.tuples(st.integers(1, 6), st.integers(1, 6)).flatmap(
    lambda size: st.tuples(
        hnp.arrays(np.bool_, size),
        hnp.arrays(np.bool_, size),
        hnp.arrays(np.float32, (*size, 2), elements=st.floats(-4, 4, width=16)),
        hnp.arrays(np.bool_, size),
    )
)


def uniform_flow(size_hw, dx, dy):
    return np.zeros((*size_hw, 2), np.float32) + np.float32([dx, dy])


def slow_warped_iou(mask, previous, flow, hidden):
    height, width = mask.shape
    both = either = 0
    for y in range(height):
        for x in range(width):
            # round() is half to even, as stated
            sx, sy = round(float(x + flow[y, x, 0])), round(float(y + flow[y, x, 1]))
            if hidden[y, x] or not (0 <= sx < width and 0 <= sy < height):
                continue
            both += mask[y, x] and previous[sy, sx]
            either += mask[y, x] or previous[sy, sx]
    return both / either if either else 1.0


@given(CASES)
def test_warped_iou_equals_a_slow_reference(case):
    mask, previous, flow, hidden = case
    value = consistency.warped_iou(mask, previous, flow_to_prev=flow, occluded=hidden)
    assert value == slow_warped_iou(mask, previous, flow, hidden)


@given(CASES)
def test_without_motion_it_is_the_plain_iou(case):
    mask, previous, flow, _ = case
    still = np.zeros_like(flow)
    assert consistency.warped_iou(mask, previous, flow_to_prev=still, occluded=None) == iou(mask, previous)


def test_a_mask_that_moves_with_its_flow_is_consistent():
    before, now = np.zeros((20, 30), bool), np.zeros((20, 30), bool)
    before[5:10, 5:10], now[7:12, 9:14] = True, True
    flow = uniform_flow(now.shape, -4, -2)
    assert consistency.warped_iou(now, before, flow_to_prev=flow, occluded=None) == 1
    assert consistency.warped_iou(now, before, flow_to_prev=np.zeros_like(flow), occluded=None) < 0.1


def test_what_comes_from_outside_the_picture_is_left_out():
    now, before = np.ones((1, 4), bool), np.zeros((1, 4), bool)
    before[0, 1:] = True
    flow = uniform_flow(now.shape, 3, 0)
    assert consistency.warped_iou(now, before, flow_to_prev=flow, occluded=None) == 1
    everything_outside = uniform_flow(now.shape, 9, 0)
    assert consistency.warped_iou(now, before, flow_to_prev=everything_outside, occluded=None) == 1


def test_flow_that_does_not_come_back_marks_an_occlusion():
    size_hw = (5, 9)
    there, back = uniform_flow(size_hw, 2, 0), uniform_flow(size_hw, -2, 0)
    back[2, 4] = 0  # what stood at (4, 2) before did not move, so (2, 2) of this frame came from nowhere
    hidden = occluded(there, back)
    expected = np.zeros(size_hw, bool)
    expected[:, 7:] = True
    expected[2, 2] = True
    np.testing.assert_array_equal(hidden, expected)


def test_occlusion_equals_its_formula_in_every_row():
    rng = np.random.default_rng(0)
    there = cv2.GaussianBlur(rng.normal(0, 20, (150, 20, 2)).astype(np.float32), (0, 0), 5)
    back = -there + rng.normal(0, 0.3, there.shape).astype(np.float32)
    y, x = np.mgrid[:150, :20] + np.moveaxis(there[..., ::-1], 2, 0)
    returned = np.stack([map_coordinates(back[..., i], (y, x), order=1, mode="nearest") for i in (0, 1)], -1)
    lengths = (there**2).sum(-1) + (returned**2).sum(-1)
    outside = (np.rint(x) < 0) | (np.rint(x) > 19) | (np.rint(y) < 0) | (np.rint(y) > 149)
    expected = outside | (((there + returned) ** 2).sum(-1) > 0.01 * lengths + 0.5)
    hidden = occluded(there, back)
    assert 0.1 < expected.mean() < 0.9
    assert (hidden != expected).mean() < 0.01  # OpenCV interpolates in steps of 1/32 px


def test_the_slack_is_that_of_sundaram():
    still = uniform_flow((1, 1), 0, 0)
    just_inside, just_outside = uniform_flow((1, 1), 0.70, 0), uniform_flow((1, 1), 0.72, 0)
    assert not occluded(still, just_inside).any()
    assert occluded(still, just_outside).all()


def test_stream_skips_frames_without_flow():
    metric = consistency.Consistency()
    mask = np.eye(4, dtype=bool)
    still = uniform_flow((4, 4), 0, 0)
    first = metric.update(mask, flow_to_prev=None, occluded=None)
    second = metric.update(~mask, flow_to_prev=None, occluded=None)
    third = metric.update(~mask, flow_to_prev=still, occluded=None)
    fourth = metric.update(mask, flow_to_prev=still, occluded=None)
    assert math.isnan(first)
    assert math.isnan(second)
    assert (third, fourth, metric.compute(), metric.n_pairs) == (1, 0, 0.5, 2)
    metric.reset()
    assert math.isnan(metric.compute())


def test_wrong_arrays_are_refused():
    mask, flow = np.zeros((2, 3), bool), np.zeros((2, 3, 2), np.float32)
    with pytest.raises(ShapeError, match=r"flow_to_prev must be float32 \(2, 3, 2\), got float64"):
        consistency.warped_iou(mask, mask, flow_to_prev=flow.astype(float), occluded=None)
    with pytest.raises(ShapeError, match=r"flow_from_prev must be float32 \(2, 3, 2\), got float32 \(3, 2"):
        occluded(flow, np.zeros((3, 2, 2), np.float32))
    with pytest.raises(ShapeError, match=r"previous \(3, 2\) and mask \(2, 3\)"):
        consistency.warped_iou(mask, mask.T, flow_to_prev=flow, occluded=None)
    with pytest.raises(ShapeError, match=r"mask .* and occluded"):
        consistency.warped_iou(mask, mask, flow_to_prev=flow, occluded=mask.T)


@needs_real
@pytest.mark.slow
def test_raw_consistency_is_the_published_one():
    """The table of the test data's own README: raw MC .876 (YOLO) and .757 (DeepLab), mean of sequences."""
    means = np.array([_raw_mc(REAL / "sequences" / n) for n in SEQUENCES]).mean(axis=0)
    assert means.tolist() == pytest.approx([0.876, 0.757], abs=0.001)


SEQUENCES = ("lucia", "rollerblade", "car-shadow", "dog", "blackswan")


def _raw_mc(folder):
    grays = [cv2.imread(str(path), 0) for path in sorted((folder / "frames").glob("*.jpg"))]
    wanted = [class_id(text) for text in json.loads((folder / "sequence.json").read_text())["target_classes"]]
    yolo = np.zeros((len(grays), *grays[0].shape), bool)
    for found in json.loads((folder / "yolov8n_seg.json").read_text()):
        if found["category_id"] in wanted and found["score"] >= 0.25:
            yolo[found["image_id"]] |= coco_mask.decode(found["segmentation"]) > 0
    deeplab = [np.asarray(Image.open(path)) > 127 for path in sorted((folder / "deeplabv3_probs").iterdir())]
    dis = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
    metrics = (consistency.Consistency(), consistency.Consistency())
    flow = hidden = None
    for t, gray in enumerate(grays):
        if t:
            flow = dis.calc(gray, grays[t - 1], None)
            hidden = occluded(flow, dis.calc(grays[t - 1], gray, None))
        for metric, masks in zip(metrics, (yolo, deeplab), strict=True):
            metric.update(masks[t], flow_to_prev=flow, occluded=hidden)
    return [metric.compute() for metric in metrics]
