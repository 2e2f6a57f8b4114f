"""A network asked about some frames only: what is asked, and what is made of it for the others."""

import tracemalloc
from collections.abc import Callable, Sequence

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vidlab.params import KeyframeParams
from vidlab.temporal.compensated import Path
from vidlab.temporal.keyframes import Keyframes
from vidlab.temporal.keyframes_carry import matched
from vidlab.temporal.keyframes_known import DEEPEST, Known, Side, change, depth_of
from vidlab.temporal.keyframes_path import Way, way
from vidlab.types import ClassProbs, Instances, Observation

HW = (120, 160)
DOG, CAT = 18, 17
EVERY = 4


def keyframes(every: int = EVERY, **settings) -> Keyframes:
    named = {f"keyframe_{name}": value for name, value in settings.items()}
    return Keyframes(KeyframeParams(keyframe_every=every, keyframe_flow_scale=1.0, **named))


def texture(seed: int, hw: tuple[int, int] = HW) -> np.ndarray:
    """Something that can be followed, uint8 (H, W, 3)."""
    noise = np.random.default_rng(seed).integers(0, 256, (*hw, 3), np.uint8)
    return cv2.normalize(cv2.GaussianBlur(noise, (0, 0), 2), None, 0, 255, cv2.NORM_MINMAX)


def dogs(*masks: np.ndarray, scores: Sequence[float] | None = None, classes=None) -> Instances:
    given = np.array(scores or [0.9] * len(masks), np.float32)
    named = np.array(classes or [DOG] * len(masks), np.int64)
    return Instances(np.stack(masks) if masks else np.zeros((0, *HW), bool), given, named)


def square(x: int, y: int = 40, side: int = 40) -> np.ndarray:
    mask = np.zeros(HW, bool)
    mask[y : y + side, max(0, x) : max(0, x + side)] = True
    return mask


def driven(
    stepper: Keyframes, images: Sequence[np.ndarray], observe: Callable[[int], Observation]
) -> tuple[list[Observation], list[int]]:
    """Run over a clip; return the observations, and the frames that were asked about."""
    asked: list[int] = []
    found: list[Observation] = []

    def ask(index: int) -> Observation:
        asked.append(index)
        return observe(index)

    for index, image in enumerate(images):
        found += stepper.step(image, lambda index=index: ask(index))
        assert index + 1 - len(found) <= stepper.delay
    found += stepper.flush()
    assert len(found) == len(images)
    return found, asked


def union(observation: Observation) -> np.ndarray:
    assert isinstance(observation, Instances)
    return observation.masks.any(axis=0)


def is_within(mask: np.ndarray, truth: np.ndarray, *, px: int) -> bool:
    box = np.ones((2 * px + 1, 2 * px + 1), np.uint8)
    most, least = cv2.dilate(truth.view(np.uint8), box), cv2.erode(truth.view(np.uint8), box)
    return not (mask & (most == 0)).any() and not (~mask & (least == 1)).any()


# ── which frames are asked about ────────────────────────────────────────────────────────────────────────────
def test_every_frame_a_keyframe_hands_on_what_it_is_given():
    said = [dogs(square(x)) for x in range(5)]
    found, asked = driven(keyframes(1), [texture(0)] * 5, said.__getitem__)
    assert asked == [0, 1, 2, 3, 4]
    assert all(a is b for a, b in zip(found, said, strict=True))


@pytest.mark.parametrize(("look_ahead", "expected"), [(True, [0, 4, 8, 10]), (False, [0, 4, 8])])
def test_every_fourth_frame_and_the_last_that_others_wait_for(look_ahead, expected):
    stepper = keyframes(look_ahead=look_ahead)
    assert stepper.delay == (3 if look_ahead else 0)
    _, asked = driven(stepper, [texture(0)] * 11, lambda _: dogs(square(20)))
    assert asked == expected


@pytest.mark.parametrize(("look_ahead", "expected"), [(True, [0, 4, 6, 7, 11]), (False, [0, 4, 7, 11])])
def test_cut_starts_anew_and_nothing_is_carried_across(look_ahead, expected):
    images = [texture(0)] * 7 + [texture(1)] * 5
    before, after = square(10), square(100)
    found, asked = driven(
        keyframes(look_ahead=look_ahead), images, lambda i: dogs(before if i < 7 else after)
    )
    assert asked == expected
    for index, observation in enumerate(found):
        assert np.array_equal(union(observation), before if index < 7 else after), index


@pytest.mark.parametrize("look_ahead", [True, False])
def test_what_enters_unexplained_is_a_reason_to_ask_early(look_ahead):
    def shown(index: int) -> np.ndarray:
        picture = texture(0)
        if index >= 6:
            picture[square(60)] = texture(5)[square(60)]
        return picture

    images = [shown(index) for index in range(10)]
    stepper = keyframes(64, change=0.15, look_ahead=look_ahead)
    found, asked = driven(stepper, images, lambda i: dogs(square(60)) if i >= 6 else dogs())
    assert asked[:2] == [0, 6]
    assert all(len(observation) == (index >= 6) for index, observation in enumerate(found))
    _, never = driven(keyframes(64, look_ahead=False), images, lambda _: dogs())
    assert never == [0]


def test_reset_forgets():
    stepper, images = keyframes(), [texture(2)] * 6
    first = driven(stepper, images, lambda _: dogs(square(20)))
    stepper.reset()
    second = driven(stepper, images, lambda _: dogs(square(20)))
    assert first[1] == second[1] == [0, 4]
    for a, b in zip(first[0], second[0], strict=True):
        assert np.array_equal(union(a), union(b))


@settings(max_examples=12, deadline=None)
@given(st.lists(st.integers(1, 7), min_size=1, max_size=4), st.integers(2, 6), st.booleans())
def test_one_observation_for_each_frame_whatever_the_shots(lengths, every, look_ahead):
    images = [texture(shot) for shot, length in enumerate(lengths) for _ in range(length)]
    starts = np.cumsum([0, *lengths[:-1]]).tolist()
    stepper = keyframes(every, look_ahead=look_ahead)
    found, asked = driven(stepper, images, lambda i: dogs(square(20), scores=[0.5]))
    assert set(starts) <= set(asked)
    assert asked == sorted(set(asked))
    assert all(len(observation) == 1 for observation in found)


# ── what the other frames get ───────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("look_ahead", [True, False])
def test_where_nothing_moves_masks_are_those_of_the_keyframe(look_ahead):
    ragged = np.random.default_rng(4).random(HW) < 0.5
    said = dogs(square(20), ragged, scores=[0.9, 0.3], classes=[DOG, CAT])
    found, _ = driven(keyframes(look_ahead=look_ahead), [texture(3)] * 9, lambda _: said)
    for observation in found:
        assert isinstance(observation, Instances)
        assert np.array_equal(observation.masks[0], said.masks[0])
        assert np.mean(observation.masks[1] == ragged) > 0.99  # single pixels are no outline
        assert observation.class_ids.tolist() == [DOG, CAT]
        np.testing.assert_allclose(observation.scores, said.scores, atol=1e-6)


@pytest.mark.parametrize("every", [4, 8])
@pytest.mark.parametrize("look_ahead", [True, False])
def test_moving_camera_carries_masks_within_a_pixel(every, look_ahead):
    wide = texture(7, (HW[0], HW[1] + 60))
    images = [np.ascontiguousarray(wide[:, 3 * i : 3 * i + HW[1]]) for i in range(17)]
    truth = [square(90 - 3 * i) for i in range(17)]
    found, _ = driven(keyframes(every, look_ahead=look_ahead), images, lambda i: dogs(truth[i]))
    for index, observation in enumerate(found):
        assert is_within(union(observation), truth[index], px=1), index


def test_moving_square_is_where_it_is():
    def shown(index: int) -> np.ndarray:
        picture = texture(0)
        picture[square(20 + 3 * index)] = texture(9)[square(20)]
        return picture

    truth = [square(20 + 3 * i) for i in range(13)]
    found, asked = driven(keyframes(), [shown(i) for i in range(13)], lambda i: dogs(truth[i]))
    assert asked == [0, 4, 8, 12]
    for index, observation in enumerate(found):
        assert is_within(union(observation), truth[index], px=2), index
        assert np.count_nonzero(union(observation) ^ truth[index]) < 160  # a pixel, along the outline


def test_outline_is_between_those_of_the_two_keyframes():
    def said(index: int) -> Instances:
        return dogs(square(40, side=40 if index < 2 else 44))

    found, _ = driven(keyframes(2), [texture(1)] * 3, said)
    rows = union(found[1]).any(axis=1).sum()
    assert rows == 42  # of 40 and 44


def test_empty_keyframes_leave_nothing_between_them():
    found, _ = driven(keyframes(), [texture(0)] * 9, lambda _: Instances.empty(HW))
    assert all(len(observation) == 0 and observation.size_hw == HW for observation in found)


def test_object_that_one_keyframe_misses_holds_to_near_the_other():
    found, _ = driven(keyframes(8), [texture(0)] * 9, lambda i: dogs(square(30)) if i == 8 else dogs())
    assert [len(observation) for observation in found] == [0, 0, 1, 1, 1, 1, 1, 1, 1]


def test_scores_change_evenly_and_instances_keep_who_they_are():
    left, right = square(10), square(100)
    said = {
        0: dogs(left, right, scores=[0.8, 0.4]),
        4: dogs(right, left, scores=[0.8, 0.4]),
    }
    found, _ = driven(keyframes(), [texture(0)] * 5, said.__getitem__)
    for index in range(5):
        one = found[index]
        assert isinstance(one, Instances)
        scores = {bool(mask[60, 20]): float(score) for mask, score in zip(one.masks, one.scores, strict=True)}
        assert scores[True] == pytest.approx(0.8 - 0.1 * index)
        assert scores[False] == pytest.approx(0.4 + 0.1 * index)


def test_probabilities_change_evenly_class_by_class():
    dog, cat = np.full((1, *HW), 0.8, np.float32), np.full((1, *HW), 0.4, np.float32)
    said = {0: ClassProbs(dog, (DOG,)), 4: ClassProbs(cat, (CAT,))}
    found, _ = driven(keyframes(), [texture(0)] * 5, said.__getitem__)
    for index in (1, 2, 3):
        one = found[index]
        assert isinstance(one, ClassProbs)
        assert one.class_ids == (CAT, DOG)
        np.testing.assert_allclose(one.probs[0], 0.1 * index, atol=0.01)
        np.testing.assert_allclose(one.probs[1], 0.8 - 0.2 * index, atol=0.01)


@pytest.mark.parametrize("look_ahead", [True, False])
def test_memory_does_not_grow_with_length(look_ahead):
    def peak(n_frames: int) -> int:
        stepper, image = keyframes(look_ahead=look_ahead), texture(0)
        tracemalloc.start()
        for _ in range(n_frames):
            stepper.step(image.copy(), lambda: dogs(square(20)))
        peak_bytes = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak_bytes

    peak(10)
    assert peak(60) < 1.2 * peak(15)


# ── the parts ───────────────────────────────────────────────────────────────────────────────────────────────
@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.floats(0.02, 0.98), st.integers(0, 6))
def test_deeper_than_the_outline_is_inside(seed, share, blur):
    noise = np.random.default_rng(seed).random((40, 50), np.float32)
    mask = np.asarray(cv2.blur(noise, (blur + 1, blur + 1)) < share)
    assert np.array_equal(depth_of(mask) > DEEPEST / 2, mask)


def test_depth_of_nothing_and_of_everything():
    assert not depth_of(np.zeros((4, 4), bool)).any()
    assert (depth_of(np.ones((4, 4), bool)) == DEEPEST).all()


def test_ways_add_up_and_are_resampled_once():
    right = np.full((8, 20, 2), (2, 0), np.float32)
    path = Path(right, np.ones((8, 20), bool)).onwards(right, np.zeros((8, 20), bool))
    assert np.all(path.flow[:, :16, 0] == 4)
    assert path.seen[:, :16].all()


def still_way(gray: np.ndarray, key: np.ndarray) -> Way:
    return way(Path(np.zeros((*HW, 2), np.float32), np.ones(HW, bool)), gray=gray, key=key)


def test_change_is_none_in_the_same_picture_and_near_all_in_another():
    gray, other = texture(0)[..., 0], texture(1)[..., 0]
    known = Known.of(gray, dogs(square(60)))
    assert change(known, still_way(gray, gray)) == pytest.approx(0, abs=1e-6)
    assert change(known, still_way(other, gray)) > 0.5


def test_what_is_beside_an_object_matters_more_than_what_is_far_away():
    gray = texture(0)[..., 0]
    known = Known.of(gray, dogs(square(20)))
    spoiled = [gray.copy(), gray.copy()]
    spoiled[0][square(30)] = texture(1)[..., 0][square(30)]
    spoiled[1][square(110)] = texture(1)[..., 0][square(110)]
    near, far = (change(known, still_way(one, gray)) for one in spoiled)
    assert near > 3 * far > 0


def test_matching_wants_the_class_and_an_overlap_or_a_part():
    gray = texture(0)[..., 0]
    first = dogs(square(10), square(60), square(110), classes=[DOG, DOG, CAT])
    second = dogs(square(115), square(62, 42, 12), square(10), classes=[CAT, DOG, CAT])
    side = Side(Known.of(gray, first), still_way(gray, gray), 1)
    assert matched(side, Known.of(gray, second)) == [(1, 1), (2, 0)]
    assert matched(side, Known.of(gray, Instances.empty(HW))) == []
