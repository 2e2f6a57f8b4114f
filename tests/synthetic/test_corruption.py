import dataclasses
from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import pytest

from vidlab.errors import ParameterError
from vidlab.synthetic import (
    PROFILES,
    CorruptionProfile,
    Role,
    SceneSpec,
    corrupt_instances,
    corrupt_probs,
    iter_scene,
)
from vidlab.types import Instances

DOG, PERSON = 18, 1
SIZE = (120, 200)


def disk(center: tuple[float, float], radius: float) -> np.ndarray:
    y, x = np.mgrid[: SIZE[0], : SIZE[1]]
    return (x - center[0]) ** 2 + (y - center[1]) ** 2 < radius**2


def walk(n_frames: int, n_objects: int = 1) -> Iterator[Instances]:
    """Disks that sway slowly, identities 1, 2, …"""
    for t in range(n_frames):
        masks = [disk((40 + 4 * np.sin(0.1 * t) + 50 * n, 60), 22) for n in range(n_objects)]
        yield Instances(
            np.stack(masks),
            np.ones(n_objects, np.float32),
            np.full(n_objects, DOG, np.int64),
            np.arange(1, n_objects + 1),
        )


def corrupted(
    profile: CorruptionProfile, n_frames: int = 60, *, seed: int = 0, **walked: int
) -> list[Instances]:
    rng = np.random.default_rng(seed)
    return list(corrupt_instances(walk(n_frames, **walked), profile=profile, rng=rng))


def iou(a: np.ndarray, b: np.ndarray) -> float:
    return float((a & b).sum() / max((a | b).sum(), 1))


def union(frame: Instances, min_score: float = 0.25) -> np.ndarray:
    return frame.masks[(frame.scores >= min_score) & (frame.class_ids == DOG)].any(axis=0)


def recall(profile: CorruptionProfile, *, n_clips: int = 8, n_frames: int = 60) -> float:
    found = []
    for seed in range(n_clips):
        for truth, seen in zip(walk(n_frames), corrupted(profile, n_frames, seed=seed), strict=True):
            found.append(iou(truth.masks[0], union(seen)) > 0.5)
    return float(np.mean(found))


def test_clean_profile_gives_the_truth_back() -> None:
    for truth, seen in zip(walk(5, 2), corrupted(PROFILES["clean"], 5, n_objects=2), strict=True):
        assert np.array_equal(truth.masks, seen.masks)
        assert (seen.scores == 1).all()
        assert np.array_equal(truth.class_ids, seen.class_ids)
        assert seen.track_ids is None


@pytest.mark.parametrize("name", PROFILES)
def test_equal_seeds_corrupt_alike_and_others_differ(name: str) -> None:
    first, second = corrupted(PROFILES[name], 12, seed=4), corrupted(PROFILES[name], 12, seed=4)
    for a, b in zip(first, second, strict=True):
        assert np.array_equal(a.masks, b.masks)
        assert np.array_equal(a.scores, b.scores)
    if name != "clean":
        other = corrupted(PROFILES[name], 12, seed=5)
        assert any(
            len(a) != len(b) or not np.array_equal(a.masks, b.masks)
            for a, b in zip(first, other, strict=True)
        )


@pytest.mark.parametrize("name", PROFILES)
def test_detections_keep_their_contract(name: str) -> None:
    for frame in corrupted(PROFILES[name], 40, n_objects=3):
        assert frame.size_hw == SIZE
        assert (np.diff(frame.scores) <= 0).all()
        assert ((frame.scores >= 0.05) & (frame.scores <= 1)).all()
        assert frame.masks.any(axis=(1, 2)).all()


def test_corruption_streams() -> None:
    taken = 0

    def counted() -> Iterator[Instances]:
        nonlocal taken
        for frame in walk(50):
            taken += 1
            yield frame

    stream = corrupt_instances(counted(), profile=PROFILES["yolo_like"], rng=np.random.default_rng(0))
    for n in range(1, 6):
        next(stream)
        assert taken == n


def test_truth_is_left_alone() -> None:
    frames = list(walk(10))
    copies = [frame.masks.copy() for frame in frames]
    rng = np.random.default_rng(0)
    list(corrupt_instances(frames, profile=PROFILES["partial"], rng=rng))
    list(corrupt_probs(frames, class_ids=(DOG,), profile=PROFILES["deeplab_like"], rng=rng))
    assert all(np.array_equal(frame.masks, copy) for frame, copy in zip(frames, copies, strict=True))


def test_recall_of_the_presets_lies_in_its_band() -> None:
    assert 0.88 < recall(PROFILES["yolo_like"]) < 1.0
    assert 0.15 < recall(PROFILES["missed_mostly"]) < 0.55
    assert recall(PROFILES["late"]) < recall(PROFILES["yolo_like"])


def test_missed_share_and_run_length_are_the_ones_asked_for() -> None:
    profile = CorruptionProfile(missed_share=0.3, missed_run_frames=4.0)
    found = np.array([len(frame) for frame in corrupted(profile, 3000)])
    assert (found == 0).mean() == pytest.approx(0.3, abs=0.05)
    runs = [len(run) for run in "".join("01"[int(n == 0)] for n in found).split("0") if run]
    assert np.mean(runs) == pytest.approx(4.0, rel=0.2)


def test_missed_objects_whisper_with_low_scores() -> None:
    profile = CorruptionProfile(missed_share=0.5, missed_run_frames=3.0, whisper=1.0, score_mean=0.8)
    scores = np.concatenate([frame.scores for frame in corrupted(profile, 400)])
    low = scores < 0.25
    assert 0.3 < low.mean() < 0.7
    assert scores.min() >= 0.05
    assert len(scores) == 400


def test_scores_follow_mean_and_noise() -> None:
    calm = CorruptionProfile(score_mean=0.8)
    assert np.allclose([frame.scores[0] for frame in corrupted(calm, 30)], 0.8, atol=1e-3)
    noisy = dataclasses.replace(calm, score_noise=0.5)
    scores = np.array([frame.scores[0] for frame in corrupted(noisy, 500)])
    assert scores.mean() == pytest.approx(0.78, abs=0.05)
    assert scores.std() > 0.05


def test_jitter_moves_the_boundary_and_not_the_object() -> None:
    profile = CorruptionProfile(jitter=0.03)
    frames = corrupted(profile, 100)
    truths = list(walk(100))
    overlaps = [iou(seen.masks[0], truth.masks[0]) for seen, truth in zip(frames, truths, strict=True)]
    assert 0.85 < np.mean(overlaps) < 0.97
    areas = np.array([seen.masks[0].sum() for seen in frames])
    assert areas.mean() == pytest.approx(truths[0].masks[0].sum(), rel=0.04)


def test_jitter_memory_calms_the_boundary() -> None:
    def change(memory: float) -> float:
        frames = corrupted(CorruptionProfile(jitter=0.05, jitter_memory=memory), 100)
        return float(np.mean([iou(a.masks[0], b.masks[0]) for a, b in pairwise(frames)]))

    assert change(0.98) > change(0.0)


def test_partial_masks_persist() -> None:
    profile = CorruptionProfile(partial_share=1.0, partial_size=0.4)
    for seed in range(5):
        missing = [
            truth.masks[0] & ~seen.masks[0]
            for truth, seen in zip(walk(20), corrupted(profile, 20, seed=seed), strict=True)
        ]
        assert all(piece.sum() > 0.03 * disk((60, 60), 22).sum() for piece in missing)
        assert min(iou(a, b) for a, b in pairwise(missing)) > 0.85
        assert np.ptp([piece.sum() for piece in missing]) < 0.15 * missing[0].sum()


def test_holes_come_and_go() -> None:
    profile = CorruptionProfile(hole_share=0.3, hole_run_frames=2.0, hole_size=0.3)
    whole = [
        iou(s.masks[0], t.masks[0]) == 1 for s, t in zip(corrupted(profile, 300), walk(300), strict=True)
    ]
    assert 0.5 < np.mean(whole) < 0.9


def test_late_objects_appear_later_than_they_enter() -> None:
    profile = CorruptionProfile(late_frames=10)
    firsts = [
        next(index for index, frame in enumerate(corrupted(profile, 60, seed=seed)) if len(frame))
        for seed in range(30)
    ]
    assert 6 < np.mean(firsts) < 14


def test_distractors_stay_for_the_whole_clip_beside_the_object() -> None:
    profile = dataclasses.replace(PROFILES["clean"], distractors=1)
    frames = corrupted(profile, 60, seed=2)
    extra = [len(frame) == 2 for frame in frames]
    assert 0.6 < np.mean(extra) < 1.0
    assert extra[-10:].count(True) > 4


def test_false_positives_live_briefly() -> None:
    profile = CorruptionProfile(false_per_frame=0.3, false_run_frames=2.0, false_score=0.4)
    extra = np.array([len(frame) - 1 for frame in corrupted(profile, 500)])
    assert extra.mean() == pytest.approx(0.6, rel=0.3)


def test_hard_masks_have_no_scores() -> None:
    assert all((frame.scores == 1).all() for frame in corrupted(PROFILES["hard_masks"], 60, n_objects=2))


def test_truth_without_identities_is_taken_in_its_order() -> None:
    anonymous = (Instances(f.masks, f.scores, f.class_ids) for f in walk(6, 2))
    seen = list(corrupt_instances(anonymous, profile=PROFILES["clean"], rng=np.random.default_rng(0)))
    assert [len(frame) for frame in seen] == [2] * 6


def test_empty_truth_gives_empty_detections_and_maps() -> None:
    rng = np.random.default_rng(0)
    empty = [Instances.empty(SIZE)] * 3
    for frame in corrupt_instances(empty, profile=PROFILES["distractors"], rng=rng):
        assert len(frame) == 0
    for soft in corrupt_probs(empty, class_ids=(DOG,), profile=PROFILES["deeplab_like"], rng=rng):
        assert soft.probs.max() < 0.05


def soft_maps(profile: CorruptionProfile, n_frames: int, seed: int = 0) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    return [f.probs[0] for f in corrupt_probs(walk(n_frames), class_ids=(DOG,), profile=profile, rng=rng)]


@pytest.mark.parametrize("stride", [8, 16])
def test_clean_probability_maps_are_coarse_but_right(stride: int) -> None:
    profile = dataclasses.replace(PROFILES["clean"], stride=stride)
    for truth, probs in zip(walk(5), soft_maps(profile, 5), strict=True):
        assert probs.dtype == np.float32
        assert 0 <= probs.min() <= probs.max() <= 1
        assert iou(probs > 0.5, truth.masks[0]) > (0.85 if stride == 8 else 0.7)
        assert probs[60, 40] > 0.95
        assert probs[5, 190] < 0.02


def test_a_missed_object_stays_faintly_in_the_maps() -> None:
    profile = dataclasses.replace(
        PROFILES["clean"], missed_share=0.5, missed_run_frames=3.0, whisper=1.0, score_mean=0.9
    )
    peaks = np.array([probs.max() for probs in soft_maps(profile, 200)])
    missed = peaks < 0.5
    assert 0.3 < missed.mean() < 0.7
    assert peaks[missed].min() > 0.005


def test_soft_preset_has_the_recall_and_flicker_of_a_semantic_network() -> None:
    overlaps, adjacent = [], []
    for seed in range(10):
        masks = [probs > 0.5 for probs in soft_maps(PROFILES["deeplab_like"], 40, seed)]
        overlaps += [iou(mask, truth.masks[0]) for mask, truth in zip(masks, walk(40), strict=True)]
        adjacent += [iou(a, b) for a, b in pairwise(masks) if (a | b).any()]
    assert 0.55 < np.mean(overlaps) < 0.85
    assert 0.75 < np.mean(np.array(overlaps) > 0.5) < 0.99
    assert 0.6 < np.mean(adjacent) < 0.95


def test_maps_follow_the_order_of_the_classes() -> None:
    rng = np.random.default_rng(0)
    maps = next(corrupt_probs(walk(1), class_ids=(PERSON, DOG), profile=PROFILES["clean"], rng=rng))
    assert maps.class_ids == (PERSON, DOG)
    assert maps.probs[0].max() < 0.05
    assert maps.probs[1].max() > 0.9


def test_drawn_scene_goes_through_every_preset() -> None:
    spec = SceneSpec(
        seed=1,
        size_hw=SIZE,
        n_frames=6,
        cast=(Role(DOG, 0.5, 0.3, 0.9, 3.0), Role(PERSON, 0.6, 0.9, 0.8, -9.0)),
    )
    for profile in PROFILES.values():
        truth = (frame.instances for frame in iter_scene(spec))
        assert len(list(corrupt_instances(truth, profile=profile, rng=np.random.default_rng(0)))) == 6


def test_wrong_profiles_are_refused_in_a_sentence() -> None:
    with pytest.raises(ParameterError, match=r"missed_share must lie in \[0, 1\), got 1.2"):
        CorruptionProfile(missed_share=1.2)
    with pytest.raises(ParameterError, match="false_per_frame must not be negative, got -1"):
        CorruptionProfile(false_per_frame=-1)
    with pytest.raises(ParameterError, match="stride must be at least 1 pixel, got 0"):
        CorruptionProfile(stride=0)
    with pytest.raises(ParameterError, match="class_ids must name at least one class, got none"):
        next(corrupt_probs(walk(1), class_ids=(), profile=PROFILES["clean"], rng=np.random.default_rng(0)))
