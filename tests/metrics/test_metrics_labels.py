import math
import tracemalloc
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from vidlab.errors import ParameterError, ShapeError
from vidlab.metrics.labels import ClassOverlap, class_iou
from vidlab.metrics.overlap import iou

N_CLASSES = 4
DTYPES = st.sampled_from([np.uint8, np.int64])
SIZES = st.tuples(st.integers(1, 4), st.integers(1, 5), st.integers(1, 5))


@st.composite
def clips(draw):
    """Prediction and truth, (T, H, W); the truth may hold 255, and so may the prediction where it does."""
    size = draw(SIZES)
    known = st.integers(0, N_CLASSES - 1)
    target = draw(hnp.arrays(draw(DTYPES), size, elements=st.one_of(known, st.just(255))))
    pred = draw(hnp.arrays(draw(DTYPES), size, elements=known))
    return np.where(target == 255, draw(st.sampled_from([0, 255])), pred).astype(pred.dtype), target


def slow_class_iou(pred, target):
    found = []
    for label in range(N_CLASSES):
        pairs = [(p, t) for p, t in zip(pred.flat, target.flat, strict=True) if t != 255]
        both = sum(p == label and t == label for p, t in pairs)
        either = sum(p == label or t == label for p, t in pairs)
        found.append(both / either if either else math.nan)
    return found


def slow_miou(pred, target):
    defined = [value for value in slow_class_iou(pred, target) if not math.isnan(value)]
    return sum(defined) / len(defined) if defined else math.nan


@given(clips())
def test_classes_equal_a_slow_reference(clip):
    ours = class_iou(*clip, n_classes=N_CLASSES, ignore_label=255)
    assert ours.dtype == np.float64
    assert ours.tolist() == pytest.approx(slow_class_iou(*clip), abs=1e-12, nan_ok=True)


@given(clips())
def test_streamed_equals_batched(clip):
    metric = ClassOverlap(n_classes=N_CLASSES, ignore_label=255)
    for pred, target in zip(*clip, strict=True):
        frame = metric.update(pred, target=target)
        assert frame == pytest.approx(slow_miou(pred, target), abs=1e-12, nan_ok=True)
    scores = metric.compute()
    np.testing.assert_array_equal(scores.iou, class_iou(*clip, n_classes=N_CLASSES, ignore_label=255))
    assert scores.miou == pytest.approx(slow_miou(*clip), abs=1e-12, nan_ok=True)
    counted = clip[1] != 255
    right = (clip[0] == clip[1])[counted].mean() if counted.any() else math.nan
    assert scores.pixel_accuracy == pytest.approx(right, abs=1e-12, nan_ok=True)


@given(
    hnp.arrays(
        np.uint8, st.tuples(st.just(2), st.integers(1, 5), st.integers(1, 5)), elements=st.integers(0, 3)
    )
)
def test_classes_are_symmetric_and_bounded(pair):
    forward = class_iou(*pair, n_classes=N_CLASSES, ignore_label=None)
    np.testing.assert_array_equal(forward, class_iou(*pair[::-1], n_classes=N_CLASSES, ignore_label=None))
    defined = forward[~np.isnan(forward)]
    assert ((defined >= 0) & (defined <= 1)).all()
    same = class_iou(pair[0], pair[0], n_classes=N_CLASSES, ignore_label=None)
    assert set(same[~np.isnan(same)]) == {1}


def test_two_classes_are_the_iou_of_the_mask_and_of_the_rest():
    pred, target = np.random.default_rng(0).random((2, 20, 30)) > 0.6
    rest, mask = class_iou(pred.astype(np.uint8), target.astype(np.int64), n_classes=2, ignore_label=None)
    assert mask == iou(pred, target)
    assert rest == iou(~pred, ~target)


def test_hand_worked_frame():
    target = np.array([[0, 0, 1, 1], [0, 0, 1, 255]], np.uint8)
    pred = np.array([[0, 0, 0, 1], [0, 2, 1, 1]], np.uint8)
    metric = ClassOverlap(n_classes=4, ignore_label=255)
    assert metric.update(pred, target=target) == pytest.approx((3 / 5 + 2 / 3 + 0) / 3)
    scores = metric.compute()
    assert scores.iou.tolist() == pytest.approx([3 / 5, 2 / 3, 0, math.nan], nan_ok=True)
    assert scores.pixel_accuracy == 5 / 7


def test_pixels_are_pooled_and_frames_not_averaged():
    metric = ClassOverlap(n_classes=2, ignore_label=None)
    assert metric.update(np.array([[1, 1, 1, 1]]), target=np.array([[1, 1, 1, 1]])) == 1
    assert metric.update(np.array([[1, 0, 0, 0]]), target=np.array([[0, 0, 0, 0]])) == (3 / 4 + 0) / 2
    assert metric.compute().iou.tolist() == [3 / 4, 4 / 5]


def test_what_was_predicted_where_the_truth_is_ignored_does_not_count():
    target = np.array([[0, 255]], np.uint8)
    for anything in (0, 1, 7, 255):
        pred = np.array([[0, anything]], np.uint8)
        assert class_iou(pred, target, n_classes=2, ignore_label=255).tolist()[0] == 1
    with pytest.raises(ParameterError, match=r"pred labels must lie in 0\.\.1, got 255"):
        class_iou(target, np.zeros_like(target), n_classes=2, ignore_label=255)


def test_an_ignored_class_has_no_iou_but_may_not_be_predicted_for_free():
    target, pred = np.array([[0, 1, 1, 2]]), np.array([[1, 1, 0, 2]])
    metric = ClassOverlap(n_classes=3, ignore_label=0)
    assert metric.update(pred, target=target) == (1 / 2 + 1) / 2
    assert metric.compute().iou.tolist() == pytest.approx([math.nan, 1 / 2, 1], nan_ok=True)


@pytest.mark.parametrize("size", [(0, 3, 4), (3, 0, 4), (0, 4), (4, 0)])
def test_an_empty_clip_has_stated_values(size):
    nothing = np.zeros(size, np.uint8)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.isnan(class_iou(nothing, nothing, n_classes=3, ignore_label=255)).all()
        scores = ClassOverlap(n_classes=3, ignore_label=255).compute()
    assert math.isnan(scores.miou)
    assert math.isnan(scores.pixel_accuracy)


def test_a_frame_that_is_all_ignored_is_undefined_and_changes_nothing():
    metric = ClassOverlap(n_classes=2, ignore_label=255)
    metric.update(np.array([[0, 1]]), target=np.array([[0, 0]]))
    before = metric.compute()
    assert math.isnan(metric.update(np.array([[0, 1]]), target=np.array([[255, 255]])))
    np.testing.assert_array_equal(metric.compute().iou, before.iou)


def test_reset_forgets_everything():
    metric = ClassOverlap(n_classes=2, ignore_label=None)
    metric.update(np.array([[0, 1]]), target=np.array([[1, 0]]))
    metric.reset()
    assert math.isnan(metric.compute().miou)


def test_memory_does_not_grow_with_the_clip():
    rng = np.random.default_rng(0)
    metric = ClassOverlap(n_classes=21, ignore_label=255)

    def feed(n_frames):
        for _ in range(n_frames):
            pred, target = rng.integers(0, 21, (2, 40, 60), np.uint8)
            metric.update(pred, target=target)

    feed(10)
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        feed(300)
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert after - before < 4096  # less than two frames


def test_inputs_are_left_alone():
    pred, target = np.zeros((3, 4), np.uint8), np.full((3, 4), 255, np.int64)
    for labels in (pred, target):
        labels.setflags(write=False)
    class_iou(pred[::-1], target[:, ::-1], n_classes=2, ignore_label=255)


def test_wrong_input_is_refused():
    labels = np.zeros((2, 2), np.uint8)
    metric = ClassOverlap(n_classes=3, ignore_label=255)
    with pytest.raises(ParameterError, match=r"pred labels must lie in 0\.\.2, got 3"):
        metric.update(np.full((2, 2), 3), target=labels)
    with pytest.raises(ParameterError, match=r"pred labels must lie in 0\.\.2, got -1"):
        metric.update(np.full((2, 2), -1), target=labels)
    with pytest.raises(
        ParameterError, match=r"target labels must lie in 0\.\.2, got 9; .* need ignore_label"
    ):
        metric.update(labels, target=np.full((2, 2), 9))
    with pytest.raises(ShapeError, match=r"labels must match, got pred \(2, 2\) and target \(2, 3\)"):
        metric.update(labels, target=np.zeros((2, 3), np.uint8))
    with pytest.raises(ShapeError, match=r"pred must be uint8 or int64 \(H, W\), got bool \(2, 2\)"):
        metric.update(np.zeros((2, 2), bool), target=labels)
    with pytest.raises(ShapeError, match=r"pred must be uint8 or int64 \(H, W\), got uint8 \(1, 2, 2\)"):
        metric.update(labels[None], target=labels[None])
    with pytest.raises(
        ShapeError, match=r"pred must be uint8 or int64 \(H, W\) or \(T, H, W\), got uint8 \(2,\)"
    ):
        class_iou(labels[0], labels[0], n_classes=2, ignore_label=None)
    with pytest.raises(ParameterError, match="n_classes must be 1 or more, got 0"):
        ClassOverlap(n_classes=0, ignore_label=None)
    assert math.isnan(metric.compute().miou)  # what was refused left no trace
