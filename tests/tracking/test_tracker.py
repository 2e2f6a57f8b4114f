import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vidlab.tracking import Tracker
from vidlab.tracking.tracker import box_iou, box_of
from vidlab.types import Instances

SIZE = (40, 60)
DOG, CAT = 18, 17


def box(x0: int, x1: int, y0: int = 10, y1: int = 30) -> np.ndarray:
    mask = np.zeros(SIZE, bool)
    mask[y0:y1, max(0, x0) : max(0, x1)] = True
    return mask


def found(*masks: np.ndarray, scores=None, classes=None) -> Instances:
    n = len(masks)
    return Instances(
        np.stack(masks) if n else np.zeros((0, *SIZE), bool),
        np.array(scores if scores is not None else [0.9] * n, np.float32),
        np.array(classes if classes is not None else [DOG] * n, np.int64),
    )


def flow(dx: float) -> np.ndarray:
    field = np.zeros((*SIZE, 2), np.float32)
    field[..., 0] = -dx
    return field


def tracker() -> Tracker:
    return Tracker(iou=0.3, max_missed=5)


def step(tracker: Tracker, instances: Instances, *masks: np.ndarray, moved=0.0, classes=(DOG,), is_cut=False):
    return tracker.step(
        instances, np.stack(masks), class_ids=classes, flow_to_prev=flow(moved), is_cut=is_cut
    )


def test_two_objects_keep_their_identities_while_they_move():
    tracks = tracker()
    for i in range(6):
        left, right = box(5 + 2 * i, 15 + 2 * i), box(30 + 2 * i, 40 + 2 * i)
        order = (left, right) if i % 2 else (right, left)  # the network lists them in any order
        out = step(tracks, found(*order), left | right, moved=2)
        by_id = dict(zip(out.track_ids.tolist(), out.masks, strict=True))
        if i == 0:
            names = {"left": next(t for t, m in by_id.items() if np.array_equal(m, left))}
        assert np.array_equal(by_id[names["left"]], left)
        assert len(by_id) == 2


def test_an_object_that_is_missed_keeps_its_identity():
    tracks = tracker()
    first = step(tracks, found(box(10, 20)), box(10, 20))
    missed = step(tracks, found(), box(12, 22), moved=2)
    again = step(tracks, found(box(14, 24)), box(14, 24), moved=2)
    assert first.track_ids.tolist() == missed.track_ids.tolist() == again.track_ids.tolist() == [1]


def test_an_object_out_of_sight_comes_back_under_its_name():
    tracks = tracker()
    step(tracks, found(box(10, 20)), box(10, 20))
    for _ in range(4):
        assert len(step(tracks, found(), np.zeros(SIZE, bool))) == 0
    assert step(tracks, found(box(11, 21)), box(11, 21)).track_ids.tolist() == [1]


def test_an_identity_is_never_used_again():
    tracks = tracker()
    step(tracks, found(box(10, 20)), box(10, 20))
    for _ in range(8):
        step(tracks, found(), np.zeros(SIZE, bool))
    assert step(tracks, found(box(10, 20)), box(10, 20)).track_ids.tolist() == [2]


def test_a_cut_ends_every_identity():
    tracks = tracker()
    step(tracks, found(box(10, 20)), box(10, 20))
    assert step(tracks, found(box(10, 20)), box(10, 20), is_cut=True).track_ids.tolist() == [2]


def test_a_repeated_detection_is_no_second_object():
    out = step(tracker(), found(box(10, 30), box(11, 29), scores=[0.9, 0.3]), box(10, 30))
    assert len(out) == 1
    assert out.scores == pytest.approx([0.9])


def test_a_detection_outside_the_stable_mask_has_no_say():
    out = step(tracker(), found(box(10, 20), box(40, 50)), box(10, 20))
    assert len(out) == 1
    assert np.array_equal(out.masks[0], box(10, 20))


def test_pixels_that_nobody_claims_go_to_the_nearest_object():
    out = step(tracker(), found(box(5, 15), box(45, 55)), box(5, 20) | box(40, 55))
    assert sorted(box_of(mask)[::2] for mask in out.masks) == [(5, 20), (40, 55)]


def test_a_mask_without_any_detection_is_an_object():
    out = step(tracker(), found(), box(10, 20))
    assert np.array_equal(out.masks, [box(10, 20)])
    assert out.scores.tolist() == [0.0]


def test_classes_do_not_share_identities():
    out = step(
        tracker(),
        found(box(5, 15), box(30, 40), classes=[DOG, CAT]),
        box(30, 40),
        box(5, 15),
        classes=(CAT, DOG),
    )
    assert sorted(zip(out.class_ids.tolist(), (box_of(m)[0] for m in out.masks), strict=True)) == [
        (17, 30),
        (18, 5),
    ]


def test_reset_begins_again_at_one():
    tracks = tracker()
    step(tracks, found(box(10, 20)), box(10, 20))
    tracks.reset()
    assert step(tracks, found(box(30, 40)), box(30, 40)).track_ids.tolist() == [1]


@given(
    st.lists(st.lists(st.tuples(st.integers(0, 50), st.integers(3, 12)), max_size=4), min_size=1, max_size=6)
)
@settings(max_examples=60, deadline=None)
def test_instances_always_partition_the_stable_masks(schedule):
    tracks = tracker()
    for frame in schedule:
        masks = [box(x, x + width) for x, width in frame]
        stable = np.logical_or.reduce([np.zeros(SIZE, bool), *masks])
        out = step(tracks, found(*masks), stable, moved=1)
        assert np.array_equal(out.masks.sum(axis=0), stable.astype(int))
        assert len(set(out.track_ids.tolist())) == len(out)
        assert out.masks.any(axis=(1, 2)).all()


def test_boxes():
    assert box_of(np.zeros((3, 3), bool)) == (0, 0, 0, 0)
    assert box_iou((0, 0, 0, 0), (0, 0, 0, 0)) == 0
    assert box_iou((0, 0, 2, 2), (5, 5, 7, 7)) == 0
    assert box_iou((0, 0, 2, 2), (0, 0, 2, 2)) == 1
