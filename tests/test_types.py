"""What flows between the rooms: well-formed values are kept as they are, others refused in a sentence."""

import re
from dataclasses import FrozenInstanceError
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vidlab.errors import ShapeError
from vidlab.types import OBJECT_CLASS_ID, ClassProbs, Frame, Instances, VideoInfo


def instances(n: int = 3, size_hw: tuple[int, int] = (4, 5), tracked: bool = False) -> Instances:
    masks = np.zeros((n, *size_hw), bool)
    masks[np.arange(n), 0, np.arange(n) % size_hw[1]] = True
    scores = np.linspace(0.1, 0.9, n, dtype=np.float32)
    tracks = np.arange(10, 10 + n, dtype=np.int64) if tracked else None
    return Instances(masks, scores, np.arange(1, n + 1, dtype=np.int64), tracks)


def test_instances_tell_their_number_and_size() -> None:
    found = instances(3, (4, 5))
    assert (len(found), found.size_hw) == (3, (4, 5))


def test_empty_instances_keep_the_size_of_the_frame() -> None:
    none = Instances.empty((7, 9))
    assert (len(none), none.size_hw, none.masks.dtype) == (0, (7, 9), np.bool_)


@pytest.mark.parametrize("tracked", [False, True])
def test_where_keeps_the_chosen_in_their_order(tracked: bool) -> None:
    found = instances(3, tracked=tracked)
    kept = found.where(np.array([True, False, True]))
    assert kept.class_ids.tolist() == [1, 3]
    np.testing.assert_array_equal(kept.masks, found.masks[[0, 2]])
    np.testing.assert_array_equal(kept.scores, found.scores[[0, 2]])
    assert kept.track_ids is None if not tracked else kept.track_ids.tolist() == [10, 12]


@given(st.lists(st.booleans(), max_size=6))
def test_where_everything_and_where_nothing_are_the_ends(keep: list[bool]) -> None:
    found = instances(len(keep), tracked=True)
    assert len(found.where(np.array(keep, bool))) == sum(keep)
    assert len(found.where(np.zeros(len(keep), bool))) == 0
    np.testing.assert_array_equal(found.where(np.ones(len(keep), bool)).scores, found.scores)


def test_where_shares_no_memory_and_changes_nothing() -> None:
    found = instances(2)
    kept = found.where(np.array([True, True]))
    assert not np.shares_memory(kept.masks, found.masks)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"masks": np.zeros((3, 4, 5), np.uint8)}, "masks must be bool with 3 axes, got uint8 with 3"),
        ({"masks": np.zeros((4, 5), bool)}, "masks must be bool with 3 axes, got bool with 2"),
        ({"scores": np.zeros(3)}, "scores must be float32 with 1 axes, got float64 with 1"),
        ({"class_ids": np.zeros(3, np.int32)}, "class_ids must be int64 with 1 axes, got int32 with 1"),
        ({"track_ids": np.zeros(3)}, "track_ids must be int64 with 1 axes, got float64 with 1"),
        ({"scores": np.zeros(2, np.float32)}, "must have one length, got [2, 3]"),
        ({"track_ids": np.zeros(4, np.int64)}, "must have one length, got [3, 4]"),
    ],
)
def test_malformed_instances_are_refused(changes: dict[str, np.ndarray], message: str) -> None:
    good = instances(3)
    arrays = {"masks": good.masks, "scores": good.scores, "class_ids": good.class_ids, **changes}
    with pytest.raises(ShapeError, match=re.escape(message)):
        Instances(**arrays)


def test_class_probs_tell_their_size() -> None:
    assert ClassProbs(np.zeros((2, 4, 5), np.float32), (1, 3)).size_hw == (4, 5)


@pytest.mark.parametrize(
    ("probs", "message"),
    [
        (np.zeros((1, 4, 5)), "probs must be float32 with 3 axes, got float64 with 3"),
        (np.zeros((4, 5), np.float32), "probs must be float32 with 3 axes, got float32 with 2"),
        (np.zeros((2, 4, 5), np.float32), "probs must hold one map per class, got 2 for (18,)"),
    ],
)
def test_malformed_class_probs_are_refused(probs: np.ndarray, message: str) -> None:
    with pytest.raises(ShapeError, match=re.escape(message)):
        ClassProbs(probs, (18,))


@pytest.mark.parametrize(
    ("value", "name"),
    [
        (Frame(np.zeros((1, 1, 3), np.uint8), 0, 0.0), "index"),
        (VideoInfo("a.mp4", "h264", (1, 1), 25.0, None, None, 0, Fraction(1, 25)), "fps"),
        (Instances.empty((1, 1)), "scores"),
        (ClassProbs(np.zeros((0, 1, 1), np.float32), ()), "probs"),
    ],
)
def test_values_are_immutable(value: object, name: str) -> None:
    with pytest.raises(FrozenInstanceError):
        setattr(value, name, None)


def test_object_class_id_is_no_coco_id() -> None:
    assert OBJECT_CLASS_ID == 0
