import numpy as np
import pytest

from vidlab.errors import ShapeError
from vidlab.jobs.failures import count_failures, worst_stretch

SIZE_HW = (20, 30)


def box(top: int, left: int, side: int) -> np.ndarray:
    mask = np.zeros(SIZE_HW, bool)
    mask[top : top + side, left : left + side] = True
    return mask


NOTHING = np.zeros(SIZE_HW, bool)
OBJECT = box(5, 5, 10)


def test_perfect_masks_have_no_failures():
    found = count_failures([OBJECT] * 4, truth=[OBJECT] * 4)
    assert (found.missed, found.jumps, found.false_patches) == ((), (), ())
    assert found.n_frames == 4


def test_gap_inside_is_missed_and_absence_at_the_ends_is_not():
    found = count_failures([NOTHING, OBJECT, NOTHING, OBJECT, NOTHING], truth=None)
    assert found.missed == (2,)
    assert found.jumps == ()  # a lost mask is missed, not a jump


def test_mask_that_halves_jumps_there_and_back():
    half = OBJECT & (np.arange(30) < 10)
    assert count_failures([OBJECT, half, OBJECT], truth=None).jumps == (1, 2)


def test_patch_off_the_truth_is_false_however_long_it_stays():
    wrong = OBJECT | box(0, 25, 3)
    found = count_failures([wrong] * 3, truth=[OBJECT] * 3)
    assert found.false_patches == (0, 1, 2)
    assert found.against_truth


def test_without_truth_a_patch_is_false_if_no_neighbor_shows_it():
    wrong = OBJECT | box(0, 25, 3)
    found = count_failures([OBJECT, wrong, OBJECT, OBJECT], truth=None)
    assert found.false_patches == (1,)
    assert not found.against_truth


def test_no_frames_have_no_failures():
    found = count_failures([], truth=None)
    assert (found.n_frames, found.missed, found.jumps, found.false_patches) == (0, (), (), ())


def test_too_few_true_masks_are_refused():
    with pytest.raises(ShapeError, match="got 1 true masks and more masks"):
        count_failures([OBJECT, OBJECT], truth=[OBJECT])


@pytest.mark.parametrize(
    ("values", "n_frames", "expected"),
    [
        ([], 3, range(0)),
        ([0.5, 0.1], 3, range(2)),
        ([None, None, None], 2, range(2)),
        ([1, 0, 1, 0, 0, 1], 2, range(3, 5)),
        ([0.5, 0.5, 0.5], 2, range(2)),
    ],
)
def test_worst_stretch_is_the_first_with_the_smallest_mean(values, n_frames, expected):
    assert worst_stretch(values, n_frames=n_frames) == expected
