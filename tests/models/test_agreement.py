import numpy as np
import pytest

from vidlab.errors import ShapeError
from vidlab.models.agreement import largest_score_off, measure_agreement, overlaps
from vidlab.types import ClassProbs, Instances

DOG, CAR = 18, 3


def instances(*found):
    masks = np.array([mask for mask, _, _ in found], bool).reshape(-1, 4, 6)
    scores = np.array([score for _, score, _ in found], np.float32)
    return Instances(masks, scores, np.array([class_id for _, _, class_id in found], np.int64))


def rows(first, end):
    mask = np.zeros((4, 6), bool)
    mask[first:end] = True
    return mask


def probs(values):
    return ClassProbs(np.asarray(values, np.float32), (DOG, CAR))


def test_a_run_agrees_with_itself():
    found = [instances((rows(0, 2), 0.9, DOG), (rows(3, 4), 0.1, CAR)), instances()]
    same = measure_agreement(found, found, class_ids=(CAR, DOG))
    assert (same.iou, same.pixels, same.mean_off, same.largest_off) == (1, 1, 0, 0)
    assert (same.n_frames, same.n_masks, same.n_detections) == (2, 1, 2)


def test_hand_worked_instances():
    one = [instances((rows(0, 2), 0.9, DOG))]
    other = [instances((rows(0, 3), 0.7, DOG))]
    measured = measure_agreement(one, other, class_ids=(DOG,))
    assert measured.iou == pytest.approx(2 / 3)
    assert measured.pixels == pytest.approx(3 / 4)
    assert measured.mean_off == pytest.approx((0.2 * 2 + 0.7) / 4)
    assert measured.largest_off == pytest.approx(0.2)


def test_hand_worked_probabilities():
    left, right = np.zeros((2, 1, 4)), np.zeros((2, 1, 4))
    left[0], right[0] = (0.9, 0.9, 0.1, 0), (0.9, 0.2, 0.1, 0)
    measured = measure_agreement([probs(left)], [probs(right)], class_ids=(DOG, CAR))
    assert (measured.iou, measured.pixels) == (0.5, 0.75)
    assert measured.largest_off == pytest.approx(0.7)
    assert measured.mean_off == pytest.approx(0.7 / 4)
    assert measured.n_detections is None


def test_masks_of_nobody_have_no_overlap():
    assert measure_agreement([instances()], [instances()], class_ids=(DOG,)).iou is None


def test_classes_are_not_mixed_up():
    measured = measure_agreement(
        [instances((rows(0, 2), 0.9, DOG))], [instances((rows(0, 2), 0.9, CAR))], class_ids=(DOG, CAR)
    )
    assert measured.iou == 0
    assert measured.largest_off == 0  # each alone, and none above the lowest


def test_a_detection_that_only_one_run_has_counts_with_what_it_exceeds_the_lowest_by():
    sure, doubtful = (rows(0, 2), 0.9, DOG), (rows(3, 4), 0.06, DOG)
    assert largest_score_off(instances(sure, doubtful), instances(sure)) == pytest.approx(0)
    assert largest_score_off(instances(sure, doubtful), instances(doubtful)) == pytest.approx(0.84)
    assert largest_score_off(instances(), instances()) == 0
    assert largest_score_off(instances(sure, doubtful), instances()) == pytest.approx(0.84)
    assert largest_score_off(instances(), instances(sure)) == 0


def test_overlaps_are_those_of_a_slow_reference():
    rng = np.random.default_rng(3)
    one, other = (
        Instances(rng.random((n, 4, 6)) > 0.5, rng.random(n, np.float32), rng.integers(1, 3, n))
        for n in (5, 3)
    )
    measured = overlaps(one, other)
    for i in range(5):
        for j in range(3):
            both, either = (one.masks[i] & other.masks[j]).sum(), (one.masks[i] | other.masks[j]).sum()
            expected = both / either if one.class_ids[i] == other.class_ids[j] else 0
            assert measured[i, j] == pytest.approx(expected)


def test_runs_must_match():
    empty = instances()
    with pytest.raises(ShapeError, match="same frames, got one that ends before the other"):
        measure_agreement([empty], [empty, empty], class_ids=(DOG,))
    with pytest.raises(ShapeError, match="at least one frame must be compared, got none"):
        measure_agreement([], [], class_ids=(DOG,))
    with pytest.raises(
        ShapeError, match=r"one kind and size, got Instances \(4, 6\) and ClassProbs \(1, 4\)"
    ):
        measure_agreement([empty], [probs(np.zeros((2, 1, 4)))], class_ids=(DOG, CAR))
