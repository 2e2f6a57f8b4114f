"""Scenes in which identities are lost: that what is said to happen does happen, with exact identities."""

from functools import cache
from itertools import pairwise

import numpy as np
import pytest

from vidlab.errors import ParameterError
from vidlab.metrics.overlap import iou
from vidlab.synthetic.crossings import DETECTORS, LOOKS, PLOTS, crossing_clip, crossings
from vidlab.synthetic.scene import SceneFrame
from vidlab.types import Instances

SIZE, N_FRAMES, CAR = (96, 170), 32, 3


@cache
def drawn(plot: str, *, looks: str = "unlike", detector: str = "exact", seed: int = 2):
    clip = crossing_clip(plot, looks=looks, detector=detector, seed=seed, size_hw=SIZE, n_frames=N_FRAMES)
    return list(clip)


def centers(frames: list[tuple[SceneFrame, Instances]], track_id: int) -> np.ndarray:
    """Where an object is along x in every frame, NaN where it is hidden."""
    places = np.full(len(frames), np.nan)
    for index, (frame, _) in enumerate(frames):
        for mask, one in zip(frame.instances.masks, frame.instances.track_ids.tolist(), strict=True):
            if one == track_id:
                places[index] = mask.nonzero()[1].mean()
    return places


def areas(frames: list[tuple[SceneFrame, Instances]], track_id: int) -> list[int]:
    return [int(f.instances.masks[f.instances.track_ids == track_id].sum()) for f, _ in frames]


def test_those_apart_never_touch() -> None:
    frames = drawn("apart")
    first, second = centers(frames, 1), centers(frames, 2)
    assert np.all(second - first > 0.25 * SIZE[1])
    assert first[-1] > first[0] + 0.2 * SIZE[1]


def test_those_who_cross_change_sides_and_one_hides_the_other() -> None:
    frames = drawn("cross")
    first, second = centers(frames, 1), centers(frames, 2)
    assert first[0] < second[0]
    assert first[-1] > second[-1]
    assert min(areas(frames, 2)) < 0.7 * max(areas(frames, 2))


def test_those_who_turn_meet_and_go_back() -> None:
    frames = drawn("turn")
    first, second = centers(frames, 1), centers(frames, 2)
    assert first[0] < second[0]
    assert first[-1] < second[-1]
    assert np.nanmin(second - first) < 0.1 * SIZE[1]
    assert min(areas(frames, 2)) < 0.7 * max(areas(frames, 2))


def test_those_behind_the_car_are_hidden_and_come_out_on_the_other_side() -> None:
    frames = drawn("behind")
    for dog in (1, 2):
        assert min(areas(frames, dog)) < 0.15 * max(areas(frames, dog))
    first, second = centers(frames, 1), centers(frames, 2)
    assert first[0] < second[0]
    assert first[-1] > second[-1]
    assert set(frames[0][0].instances.class_ids.tolist()) >= {CAR}


def test_a_crowd_is_five() -> None:
    assert len(drawn("crowd")[0][0].instances) == 5


@pytest.mark.parametrize("plot", PLOTS)
def test_identities_are_exact_and_never_given_twice(plot: str) -> None:
    seen: dict[int, int] = {}
    for frame, _ in drawn(plot):
        ids = frame.instances.track_ids.tolist()
        assert len(set(ids)) == len(ids)
        for one, class_id in zip(ids, frame.instances.class_ids.tolist(), strict=True):
            assert seen.setdefault(one, class_id) == class_id
    assert sorted(seen) == list(range(1, len(seen) + 1))


def mean_color(frames: list[tuple[SceneFrame, Instances]], track_id: int) -> np.ndarray:
    frame = frames[0][0]
    (mask,) = frame.instances.masks[frame.instances.track_ids == track_id]
    return frame.image[mask].mean(axis=0)


def test_looks_are_alike_where_they_are_said_to_be() -> None:
    apart = {
        looks: [
            float(
                np.abs(
                    np.subtract(*(mean_color(drawn("cross", looks=looks, seed=s), i) for i in (1, 2)))
                ).mean()
            )
            for s in range(4)
        ]
        for looks in LOOKS
    }
    assert max(apart["alike"]) < 8
    assert np.mean(apart["unlike"]) > 2 * np.mean(apart["alike"])


def test_an_exact_detector_says_the_truth() -> None:
    for frame, found in drawn("cross"):
        assert len(found) == len(frame.instances)
        assert sorted(max(iou(a, b) for b in found.masks) for a in frame.instances.masks)[0] > 0.99
        assert found.track_ids is None


def test_others_miss_or_invent() -> None:
    def counted(detector: str) -> list[int]:
        return [
            len(found) - len(frame.instances) for frame, found in drawn("cross", detector=detector, seed=5)
        ]

    assert min(counted("missing")) < 0
    assert max(counted("false")) > 0


def test_every_combination_is_listed_once() -> None:
    clips = crossings(size_hw=SIZE, n_frames=N_FRAMES, seed=1)
    assert len({clip.name for clip in clips}) == len(clips) == len(PLOTS) * len(LOOKS) * len(DETECTORS)
    assert len({clip.spec.seed for clip in clips}) == len(clips)
    assert not {clip.spec.seed for clip in clips} & {c.spec.seed for c in crossings(size_hw=SIZE, n_frames=4)}


def test_equal_seeds_give_equal_pixels() -> None:
    again_drawn = drawn.__wrapped__("turn")
    for (one, found), (other, again) in zip(drawn("turn"), again_drawn, strict=True):
        assert np.array_equal(one.image, other.image)
        assert np.array_equal(found.masks, again.masks)
    assert not np.array_equal(drawn("turn")[0][0].image, drawn("turn", seed=9)[0][0].image)


def test_the_world_moves_smoothly() -> None:
    """Nobody jumps, not even who turns: a tracker may rely on it."""
    for plot in ("cross", "turn"):
        way = centers(drawn(plot), 1)
        assert max(abs(b - a) for a, b in pairwise(way)) < 0.06 * SIZE[1]


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"plot": "dance"}, "unknown plot 'dance'; choose from: apart, cross"),
        ({"looks": "same"}, "unknown looks 'same'; choose from: unlike, alike"),
        ({"detector": "best"}, "unknown detector 'best'; choose from: exact, missing"),
    ],
)
def test_unknown_names_are_refused(changed: dict[str, str], said: str) -> None:
    words = {"plot": "cross", "looks": "alike", "detector": "exact", **changed}
    with pytest.raises(ParameterError, match=said):
        crossing_clip(words.pop("plot"), **words, seed=1, size_hw=SIZE, n_frames=N_FRAMES)
