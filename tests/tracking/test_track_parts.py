"""The parts of tracking: boxes, overlaps, courses, and the book of names and scores."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vidlab.errors import UsageError
from vidlab.tracking import NOBODY, TrackBook, as_groups, identified, without_masks
from vidlab.tracking.boxes import areas_px, box_of, shared_px
from vidlab.tracking.course import Course
from vidlab.tracking.likeness import overlaps
from vidlab.types import OBJECT_CLASS_ID, Instances

DOG, CAT = 18, 17


def box(x: float, y: float, width: float = 20, height: float = 40) -> np.ndarray:
    return np.array([x, y, x + width, y + height], np.float64)


# ── boxes and overlaps ──────────────────────────────────────────────────────────────────────────────────────
def test_boxes():
    assert box_of(np.zeros((3, 3), bool)) == (0, 0, 0, 0)
    boxes = np.stack([box(0, 0), box(10, 0), box(100, 0)])
    assert shared_px(boxes, boxes[:1]).ravel().tolist() == [800, 400, 0]
    assert areas_px(boxes).tolist() == [800, 800, 800]


@given(st.integers(0, 10**6))
@settings(max_examples=20, deadline=None)
def test_overlaps_are_those_of_counting_pixels(seed):
    rng = np.random.default_rng(seed)
    masks, others = rng.random((3, 6, 7)) < 0.4, rng.random((2, 6, 7)) < rng.random()
    iou, inside = overlaps(masks, others)
    for i, a in enumerate(masks):
        for j, b in enumerate(others):
            assert iou[i, j] == pytest.approx((a & b).sum() / max(1, (a | b).sum()))
            assert inside[i, j] == pytest.approx((a & b).sum() / max(1, a.sum()))


# ── courses ─────────────────────────────────────────────────────────────────────────────────────────────────
def walked(n_frames: int, *, step: float = 3.0, with_flow: bool = False) -> Course:
    moved = np.array([step, 0.0]) if with_flow else None
    course = Course.starting(box(0, 0), velocity=None)
    for i in range(1, n_frames + 1):
        course = course.onwards().seen(box(step * i, 0), velocity=moved, is_crowded=False)
    return course


def test_a_straight_course_is_learned_from_places_alone():
    course = walked(25)
    assert course.velocity == pytest.approx([3, 0], abs=0.1)
    assert course.onwards().box == pytest.approx(box(78, 0), abs=0.5)


def test_the_flow_tells_the_course_at_once():
    assert walked(2, with_flow=True).velocity == pytest.approx([3, 0], abs=0.1)
    assert Course.starting(box(0, 0), velocity=np.array([3.0, 0])).velocity == pytest.approx([3, 0], abs=0.1)


def test_what_is_not_seen_moves_on():
    course = walked(10, with_flow=True)
    for _ in range(12):
        course = course.onwards()
    assert course.box == pytest.approx(box(66, 0), abs=2)


@pytest.mark.parametrize("side", ["left", "right"])
def test_an_object_that_is_being_hidden_keeps_course_and_size(side):
    course = walked(10, with_flow=True)
    for i in range(1, 6):  # less and less of it is seen, on one side
        whole = box(30 + 3 * i, 0)
        part = whole + np.array([0, 0, -3 * i, 0] if side == "left" else [3 * i, 0, 0, 0])
        course = course.onwards().seen(part, velocity=None, is_crowded=True)
    assert course.velocity == pytest.approx([3, 0], abs=0.3)
    assert course.box == pytest.approx(whole, abs=3)


def test_an_object_that_is_taken_for_one_with_another_keeps_its_course():
    course = walked(10, with_flow=True)
    for i in range(1, 4):
        both = box(30 + 3 * i, 0) + np.array([0, 0, 30, 0])
        course = course.onwards().seen(both, velocity=None, is_crowded=True)
    assert course.velocity == pytest.approx([3, 0], abs=0.3)


def test_an_object_that_grows_is_followed():
    course = walked(3)
    for _ in range(12):
        course = course.onwards().seen(box(0, 0, 40, 80), velocity=None, is_crowded=False)
    assert course.size == pytest.approx([40, 80], abs=4)


@given(st.integers(0, 10**6))
@settings(max_examples=20, deadline=None)
def test_uncertainty_grows_unseen_and_shrinks_seen(seed):
    rng = np.random.default_rng(seed)
    course = Course.starting(box(*rng.uniform(0, 50, 2)), velocity=None)
    for _ in range(15):
        ahead = course.onwards()
        assert ahead.spread[0, 0] > course.spread[0, 0]
        course = ahead.seen(box(*rng.uniform(0, 50, 2)), velocity=None, is_crowded=bool(rng.random() < 0.5))
        assert course.spread[0, 0] < ahead.spread[0, 0]
        assert np.all(np.linalg.eigvalsh(course.spread) > 0)


# ── the book ────────────────────────────────────────────────────────────────────────────────────────────────
def tracked(*facts: tuple[int, int, float]) -> Instances:
    ids, classes, scores = zip(*facts, strict=True) if facts else ((), (), ())
    return Instances(
        np.ones((len(facts), 2, 2), bool),
        np.array(scores, np.float32),
        np.array(classes, np.int64),
        np.array(ids, np.int64),
    )


def test_a_track_is_called_what_most_of_its_detections_say():
    book = TrackBook()
    for class_id, score in ((CAT, 0.6), (DOG, 0.5), (DOG, 0.5)):
        book.announce(tracked((4, class_id, score)))
    assert book.class_of(4) == DOG
    assert book.class_of(5) == OBJECT_CLASS_ID


def test_scores_are_those_of_the_last_detection_that_was_settled():
    book = TrackBook()
    frames = [tracked((1, DOG, 0.5)), tracked((1, DOG, 0.9), (1, DOG, 0.3)), tracked()]
    for frame in frames:
        book.announce(frame)
    masks = np.ones((1, 2, 2), bool)
    shown = []
    for frame in frames:
        book.settle(frame, shown=(1,))
        shown.append(float(book.instances((1,), masks).scores[0]))
    assert shown == pytest.approx([0.5, 0.9, 0.9])


def test_tracks_without_pixels_are_no_instances():
    book = TrackBook()
    book.announce(tracked((1, DOG, 0.5), (2, CAT, 0.6)))
    book.settle(tracked((1, DOG, 0.5), (2, CAT, 0.6)), shown=(1, 2))
    found = book.instances((1, 2), np.array([[[False]], [[True]]]))
    assert (found.track_ids.tolist(), found.class_ids.tolist()) == ([2], [CAT])


def test_a_track_is_remembered_while_it_is_awaited_or_shown():
    book = TrackBook()
    book.announce(tracked((1, DOG, 0.5)))
    book.announce(tracked((2, CAT, 0.5)))
    book.settle(tracked((1, DOG, 0.5)), shown=())
    assert len(book) == 1  # frame 1, with track 2, is awaited
    book.announce(tracked())
    book.settle(tracked((2, CAT, 0.5)), shown=(2,))
    assert book.class_of(2) == CAT
    book.settle(tracked(), shown=())
    assert len(book) == 0


# ── groups ──────────────────────────────────────────────────────────────────────────────────────────────────
def test_groups_stand_for_classes():
    groups = as_groups(identified(tracked((7, DOG, 0.5), (NOBODY, DOG, 0.1), (9, CAT, 0.6))))
    assert groups.class_ids.tolist() == [7, 9]
    assert groups.scores == pytest.approx([0.5, 0.6])


def test_what_has_no_identities_is_refused():
    bare = Instances(np.ones((1, 2, 2), bool), np.ones(1, np.float32), np.array([DOG]))
    with pytest.raises(UsageError, match="detections must have track_ids, got none"):
        as_groups(bare)


def test_masks_can_be_left_behind():
    left = without_masks(tracked((7, DOG, 0.5)))
    assert left.masks.size == 0
    assert left.track_ids.tolist() == [7]
