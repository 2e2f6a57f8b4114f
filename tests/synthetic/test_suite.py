import json
import tracemalloc
from pathlib import Path

import cv2
import numpy as np
import pytest

from vidlab.synthetic import PROFILES, Role, SceneSpec, iter_scene, suite
from vidlab.types import ClassProbs, Instances

SAMPLE = Path(__file__).resolve().parents[2] / "data" / "sample"
SIZE = (96, 160)


def test_suite_crosses_every_preset_with_every_speed() -> None:
    clips = suite(size_hw=SIZE, n_frames=5)
    assert len({clip.name for clip in clips}) == len(clips) == len(PROFILES) * 5
    assert {clip.spec.speed_px for clip in clips} == {0.0, 1.0, 3.0, 6.0, 12.0}
    assert len({clip.spec.seed for clip in clips}) == len(clips)


@pytest.mark.parametrize("number", [0, 6, 11, 17])
def test_a_clip_is_the_same_on_every_pass(number: int) -> None:
    clip = suite(size_hw=SIZE, n_frames=4)[number]
    for (a, seen_a), (b, seen_b) in zip(clip, clip, strict=True):
        assert np.array_equal(a.image, b.image)
        assert type(seen_a) is type(seen_b) is (ClassProbs if clip.soft else Instances)
        if isinstance(seen_a, ClassProbs):
            assert np.array_equal(seen_a.probs, seen_b.probs)
        else:
            assert np.array_equal(seen_a.masks, seen_b.masks)


def test_another_seed_gives_another_suite() -> None:
    first, second = (suite(size_hw=SIZE, n_frames=1, seed=seed)[0] for seed in (0, 1))
    assert not np.array_equal(next(iter(first))[0].image, next(iter(second))[0].image)


def test_objects_of_a_clip_are_of_its_classes() -> None:
    for clip in suite(size_hw=SIZE, n_frames=2)[::9]:
        for frame, _ in clip:
            assert set(frame.instances.class_ids) <= set(clip.class_ids)


def peak_bytes(n_frames: int) -> int:
    spec = SceneSpec(seed=1, size_hw=SIZE, n_frames=n_frames, speed_px=10.0, enter_leave=1.0)
    frames = iter_scene(spec)
    next(frames)  # the painted world is made with the first frame
    tracemalloc.start()
    for _ in frames:
        pass
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


def test_memory_does_not_grow_with_the_length() -> None:
    assert peak_bytes(150) < 1.3 * peak_bytes(50)


def test_a_cast_walks_as_told_and_is_not_replaced() -> None:
    cast = (Role(18, 0.5, 0.4, 0.9, 0.0), Role(1, 0.6, 0.9, 0.8, 12.0))
    spec = SceneSpec(seed=2, size_hw=SIZE, n_frames=40, cast=cast, occlusion=0, distractors=0)
    frames = list(iter_scene(spec))
    assert set(frames[0].instances.class_ids) == {1, 18}
    assert set(frames[-1].instances.class_ids) == {18}
    assert set(frames[-1].instances.track_ids) == {1}


def test_sample_is_complete_small_and_consistent() -> None:
    scene = json.loads((SAMPLE / "scene.json").read_text())
    masks = [cv2.imread(str(path), cv2.IMREAD_GRAYSCALE) for path in sorted((SAMPLE / "truth").glob("*.png"))]
    assert len(masks) == scene["n_frames"] == len(list((SAMPLE / "probs").glob("*.png")))
    assert all(mask.shape == tuple(scene["size_hw"]) and set(np.unique(mask)) <= {0, 255} for mask in masks)
    detections = json.loads((SAMPLE / "detections.json").read_text())
    assert {found["image_id"] for found in detections} <= set(range(scene["n_frames"]))
    assert min(found["score"] for found in detections) < 0.25
    assert sum(path.stat().st_size for path in SAMPLE.rglob("*") if path.is_file()) < 1_000_000


def test_sample_truth_is_what_its_spec_draws() -> None:
    fields = json.loads((SAMPLE / "scene.json").read_text())["spec"]
    fields["cast"] = tuple(Role(**role) for role in fields["cast"])
    fields["size_hw"], fields["classes"] = tuple(fields["size_hw"]), tuple(fields["classes"])
    frame = next(iter_scene(SceneSpec(**fields)))
    drawn = frame.instances.masks[frame.instances.class_ids == 18].any(axis=0)
    kept = cv2.imread(str(SAMPLE / "truth" / "00000.png"), cv2.IMREAD_GRAYSCALE) > 127
    assert (drawn ^ kept).sum() < 0.01 * kept.sum()  # another OpenCV may round an edge otherwise
