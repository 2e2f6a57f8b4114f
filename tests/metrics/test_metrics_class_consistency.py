import hashlib
import json
import math

import cv2
import numpy as np
import pytest
from conftest import REAL, needs_real
from golden_masks import golden_clip, read_gray
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from vidlab.errors import ParameterError, ShapeError
from vidlab.flow import DisFlow, occluded
from vidlab.metrics import class_consistency as tc
from vidlab.metrics.consistency import warped_iou
from vidlab.metrics.labels import class_ious

N_CLASSES = 3
LABELS = st.sampled_from([0, 1, 2, 255])
COMPATS = st.sampled_from(["strict", "plain"])
CASES = st.tuples(st.integers(1, 6), st.integers(1, 6)).flatmap(
    lambda size: st.tuples(
        hnp.arrays(np.uint8, size, elements=LABELS),
        hnp.arrays(np.uint8, size, elements=LABELS),
        hnp.arrays(np.float32, (*size, 2), elements=st.floats(-4, 4, width=16)),
        hnp.arrays(np.bool_, size),
    )
)


def uniform_flow(size_hw, dx, dy):
    return np.zeros((*size_hw, 2), np.float32) + np.float32([dx, dy])


def slow_confusion(labels, previous, flow, hidden, compat):
    height, width = labels.shape
    counts = [[0] * N_CLASSES for _ in range(N_CLASSES)]
    for y in range(height):
        for x in range(width):
            # round() is half to even, as stated
            sx, sy = round(float(x + flow[y, x, 0])), round(float(y + flow[y, x, 1]))
            inside = 0 <= sx < width and 0 <= sy < height
            if hidden[y, x] or not (inside or compat == "plain"):
                continue
            now, before = labels[y, x], previous[sy, sx] if inside else 0
            if now != 255 and before != 255:
                counts[now][before] += 1
    return counts


def slow_miou(counts):
    ious = []
    for k in range(len(counts)):
        either = sum(counts[k]) + sum(row[k] for row in counts) - counts[k][k]
        if either:
            ious.append(counts[k][k] / either)
    return sum(ious) / len(ious) if ious else math.nan


@given(CASES, COMPATS)
def test_tc_equals_a_slow_reference(case, compat):
    labels, previous, flow, hidden = case
    options = {"flow_to_prev": flow, "occluded": hidden, "n_classes": N_CLASSES, "compat": compat}
    expected = slow_confusion(labels, previous, flow, hidden, compat)
    assert tc.pair_confusion(labels, previous, **options).tolist() == expected
    value = tc.frame_tc(labels, previous, **options)
    assert value == pytest.approx(slow_miou(expected), abs=1e-12, nan_ok=True)
    assert math.isnan(value) or 0 <= value <= 1


@given(CASES, COMPATS)
def test_without_motion_two_frames_agree_the_same_either_way(case, compat):
    labels, previous, flow, hidden = case
    still = np.zeros_like(flow)
    options = {"flow_to_prev": still, "occluded": hidden, "n_classes": N_CLASSES, "compat": compat}
    there = tc.pair_confusion(labels, previous, **options)
    np.testing.assert_array_equal(there, tc.pair_confusion(previous, labels, **options).T)
    itself = tc.frame_tc(labels, labels, **options)
    assert itself == 1 or (math.isnan(itself) and (hidden | (labels == 255)).all())


@given(CASES)
def test_a_mask_counts_as_two_classes(case):
    labels, previous, flow, hidden = case
    mask, before = labels == 1, previous == 1
    options = {"flow_to_prev": flow, "occluded": hidden, "n_classes": 2, "compat": "strict"}
    confusion = tc.pair_confusion(mask, before, **options)
    for dtype in (np.uint8, np.int64):
        as_labels = tc.pair_confusion(mask.astype(dtype), before.astype(dtype), **options)
        np.testing.assert_array_equal(as_labels, confusion)
    foreground = class_ious(confusion)[1]
    masked_iou = warped_iou(mask, before, flow_to_prev=flow, occluded=hidden)
    assert foreground == masked_iou or (math.isnan(foreground) and masked_iou == 1)


def test_hand_worked_pair():
    before = np.array([[1, 1, 0, 0], [2, 2, 0, 0]])
    now = np.array([[0, 1, 1, 0], [0, 2, 0, 0]])
    options = {"flow_to_prev": uniform_flow((2, 4), -1, 0), "occluded": None, "n_classes": 4}
    # what was at x is expected at x+1: 1 1 0 and 2 2 0 against 1 1 0 and 2 0 0; class 3 is nowhere
    strict = tc.frame_tc(now, before, compat="strict", **options)
    assert strict == pytest.approx((2 / 3 + 2 / 2 + 1 / 2) / 3)
    # the first column is filled with 0, and was 0 in both rows: two more hits for class 0
    plain = tc.frame_tc(now, before, compat="plain", **options)
    assert plain == pytest.approx((4 / 5 + 2 / 2 + 1 / 2) / 3)


def test_occluded_pixels_do_not_count():
    now, before, still = np.array([[1, 1]]), np.array([[1, 0]]), uniform_flow((1, 2), 0, 0)
    options = {"flow_to_prev": still, "n_classes": 2, "compat": "strict"}
    assert tc.frame_tc(now, before, occluded=None, **options) == (0 / 1 + 1 / 2) / 2
    assert tc.frame_tc(now, before, occluded=np.array([[False, True]]), **options) == 1
    assert math.isnan(tc.frame_tc(now, before, occluded=np.ones((1, 2), bool), **options))


def test_nothing_to_compare_is_undefined():
    no_pixels, no_flow = np.zeros((0, 4), bool), np.zeros((0, 4, 2), np.float32)
    options = {"occluded": None, "n_classes": 2, "compat": "strict"}
    assert math.isnan(tc.frame_tc(no_pixels, no_pixels, flow_to_prev=no_flow, **options))
    ignored, still = np.full((2, 2), 255), uniform_flow((2, 2), 0, 0)
    assert math.isnan(tc.frame_tc(ignored, ignored, flow_to_prev=still, **options))


@given(CASES, COMPATS, st.integers(0, 2**32 - 1))
def test_stream_equals_its_pairs(case, compat, seed):
    (labels, previous, flow, hidden), rng = case, np.random.default_rng(seed)
    clip = [previous, labels, rng.permutation(labels.ravel()).reshape(labels.shape)]
    options = {"flow_to_prev": flow, "occluded": hidden, "n_classes": N_CLASSES, "compat": compat}
    metric = tc.ClassConsistency(n_classes=N_CLASSES, compat=compat)
    streamed = [
        metric.update(frame, flow_to_prev=flow if t else None, occluded=hidden)
        for t, frame in enumerate(clip)
    ]
    values = [tc.frame_tc(clip[t], clip[t - 1], **options) for t in (1, 2)]
    np.testing.assert_array_equal(streamed, [math.nan, *values])
    defined = [value for value in values if not math.isnan(value)]
    assert metric.n_pairs == len(defined)
    mean = sum(defined) / len(defined) if defined else math.nan
    assert metric.compute()["tc"] == pytest.approx(mean, abs=1e-12, nan_ok=True)
    pooled = sum(tc.pair_confusion(clip[t], clip[t - 1], **options) for t in (1, 2))
    np.testing.assert_array_equal(metric.confusion, pooled)
    if compat == "strict":
        expected = slow_miou(pooled.tolist())
        assert metric.compute()["tc_pooled"] == pytest.approx(expected, abs=1e-12, nan_ok=True)


def test_pooling_leaves_warped_strangers_out_only_where_the_evaluator_does():
    before, now, still = np.array([[0, 1]]), np.array([[0, 0]]), uniform_flow((1, 2), 0, 0)
    pooled = {}
    for compat in ("strict", "plain"):
        metric = tc.ClassConsistency(n_classes=2, compat=compat)
        metric.update(before, flow_to_prev=None, occluded=None)
        metric.update(now, flow_to_prev=still, occluded=None)
        pooled[compat] = metric.compute()["tc_pooled"]
    assert pooled == {"strict": (1 / 2 + 0) / 2, "plain": 1 / 2}


def test_clips_are_pooled_and_never_compared_with_each_other():
    metric = tc.ClassConsistency(n_classes=2, compat="strict")
    small, large = np.ones((2, 2), bool), np.zeros((3, 4), bool)
    assert math.isnan(metric.update(small, flow_to_prev=None, occluded=None))
    assert metric.update(small, flow_to_prev=uniform_flow((2, 2), 0, 0), occluded=None) == 1
    assert math.isnan(metric.update(large, flow_to_prev=None, occluded=None))
    assert metric.update(~large, flow_to_prev=uniform_flow((3, 4), 0, 0), occluded=None) == 0
    assert metric.n_pairs == 2
    assert metric.compute() == {"tc": 0.5, "tc_pooled": (0 / 12 + 4 / 16) / 2}
    metric.reset()
    assert (metric.n_pairs, metric.confusion.sum()) == (0, 0)
    assert all(math.isnan(value) for value in metric.compute().values())


def test_inputs_are_left_alone_and_not_kept():
    metric = tc.ClassConsistency(n_classes=2, compat="plain")
    labels, still = np.eye(6, dtype=np.uint8), uniform_flow((6, 6), 0, 0)
    metric.update(labels, flow_to_prev=None, occluded=None)
    labels[:] = 1
    frozen = np.eye(6, dtype=np.uint8)
    for array in (frozen, still):
        array.setflags(write=False)
    assert metric.update(frozen[::-1, ::-1], flow_to_prev=still, occluded=None) == 1


def test_wrong_arrays_are_refused():
    labels, flow = np.zeros((2, 3), np.uint8), uniform_flow((2, 3), 0, 0)
    options = {"flow_to_prev": flow, "occluded": None, "n_classes": 2, "compat": "strict"}
    with pytest.raises(
        ShapeError, match=r"labels must be bool, uint8 or int64 \(H, W\), got float64 \(2, 3\)"
    ):
        tc.frame_tc(labels.astype(float), labels, **options)
    with pytest.raises(ShapeError, match=r"previous must be bool, .* got uint8 \(6,\)"):
        tc.frame_tc(labels, labels.ravel(), **options)
    with pytest.raises(ShapeError, match=r"labels must match, got previous \(3, 2\) and labels \(2, 3\)"):
        tc.frame_tc(labels, labels.T, **options)
    with pytest.raises(ShapeError, match=r"flow_to_prev must be float32 \(2, 3, 2\), got float64"):
        tc.frame_tc(labels, labels, **{**options, "flow_to_prev": flow.astype(float)})
    with pytest.raises(ShapeError, match=r"got labels \(2, 3\) and occluded \(3, 2\)"):
        tc.frame_tc(labels, labels, **{**options, "occluded": np.zeros((3, 2), bool)})
    with pytest.raises(ShapeError, match=r"occluded must be bool \(H, W\), got uint8"):
        tc.frame_tc(labels, labels, **{**options, "occluded": labels})
    with pytest.raises(ParameterError, match=r"labels must lie in 0\.\.1, or be 255 .* got 2"):
        tc.frame_tc(labels + np.uint8(2), labels, **options)
    with pytest.raises(ParameterError, match=r"previous must lie in 0\.\.1, .* got -1"):
        tc.frame_tc(labels, labels.astype(np.int64) - 1, **options)
    with pytest.raises(ParameterError, match=r"n_classes must lie in 1\.\.255, got 256"):
        tc.ClassConsistency(n_classes=256, compat="strict")
    with pytest.raises(ParameterError, match="unknown compat 'vspw'; choose from: strict, plain"):
        tc.ClassConsistency(n_classes=2, compat="vspw")


@needs_real
@pytest.mark.parametrize(
    "name",
    [
        "rollerblade",
        "blackswan",
        *(pytest.param(n, marks=pytest.mark.slow) for n in ("lucia", "car-shadow", "dog")),
    ],
)
def test_every_pair_equals_the_golden_value(name):
    """Equal to the last digit where DIS gives the very same flow; versions of OpenCV differ a little."""
    golden = json.loads((REAL / "golden" / "vc_tc.json").read_text())["sequences"][name]
    grays = [
        cv2.imread(str(path), 0) for path in sorted((REAL / "sequences" / name / "frames").glob("*.jpg"))
    ]
    assert hashlib.md5(grays[0].tobytes()).hexdigest() == golden["gray_md5_frame0"]
    dis = DisFlow(preset="fast", scale=1.0)
    flows = [dis(grays[t], grays[t - 1]) for t in range(1, len(grays))]
    same_flow = hashlib.md5(flows[0].tobytes()).hexdigest() == golden["flow_md5_first"]
    pair_slack, mean_slack = (1e-9, 1e-9) if same_flow else (0.02, 0.001)
    for source, expected in golden["TC"].items():
        metric = tc.ClassConsistency(n_classes=2, compat="plain")
        values, masks = [], golden_clip(name, source)
        for t, mask in enumerate(masks):
            flow = flows[t - 1] if t else None
            values.append(metric.update(mask, flow_to_prev=flow, occluded=None))
        assert values[1:] == pytest.approx(expected["per_pair_miou"], abs=pair_slack)
        means = metric.compute()
        assert means["tc"] == pytest.approx(expected["mean_of_pair_miou"], abs=mean_slack)
        assert means["tc_pooled"] == pytest.approx(expected["pooled_miou_evaluator"], abs=mean_slack)
        if same_flow:
            assert metric.confusion.tolist() == expected["pooled_confusion_matrix"]


@needs_real
def test_leaving_occlusions_and_the_border_out_raises_the_consistency_of_the_truth():
    """What a true mask loses in TC without an occlusion test is the flow's doing, not the mask's."""
    folder, dis = REAL / "sequences" / "rollerblade", DisFlow(preset="fast", scale=1.0)
    grays = [cv2.imread(str(folder / "frames" / f"{t:05d}.jpg"), 0) for t in range(6)]
    masks = [read_gray(folder / "truth" / f"{t:05d}.png") for t in range(6)]
    plain, strict = (tc.ClassConsistency(n_classes=2, compat=compat) for compat in ("plain", "strict"))
    for t, mask in enumerate(masks):
        flow = dis(grays[t], grays[t - 1]) if t else None
        hidden = occluded(flow, dis(grays[t - 1], grays[t])) if t else None
        plain.update(mask, flow_to_prev=flow, occluded=None)
        strict.update(mask, flow_to_prev=flow, occluded=hidden)
    assert strict.compute()["tc"] > plain.compute()["tc"]
