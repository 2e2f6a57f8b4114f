import dataclasses
from collections.abc import Iterator

import cv2
import numpy as np
import pytest

from vidlab.errors import ParameterError
from vidlab.synthetic import CLASS_IDS, SceneFrame, SceneSpec, iter_scene, random_scene

SMALL = (136, 240)


def still_scene(**changes: object) -> SceneSpec:
    spec = SceneSpec(
        seed=3, size_hw=SMALL, n_frames=4, speed_px=0.0, articulation=0.0, deformation=0.0, rotation_deg=0.0,
        scaling=0.0, camera_pan_px=0.0, camera_zoom=0.0, noise=0.0, light_change=0.0,
    )  # fmt: skip
    return dataclasses.replace(spec, **changes)  # type: ignore[arg-type]


def iou(a: np.ndarray, b: np.ndarray) -> float:
    union = np.logical_or(a, b).sum()
    return float(np.logical_and(a, b).sum() / union) if union else 1.0


def pull(previous: np.ndarray, flow: np.ndarray) -> np.ndarray:
    height, width = flow.shape[:2]
    grid = np.stack(np.meshgrid(np.arange(width), np.arange(height)), axis=-1).astype(np.float32)
    return cv2.remap(previous.astype(np.float32), grid + flow, None, cv2.INTER_LINEAR)


def mask_of(frame: SceneFrame, track_id: int) -> np.ndarray:
    found = frame.instances.masks[frame.instances.track_ids == track_id]
    return found[0] if len(found) else np.zeros(frame.occluded.shape, bool)


def pairs(spec: SceneSpec) -> Iterator[tuple[SceneFrame, SceneFrame]]:
    before = None
    for frame in iter_scene(spec):
        if before is not None:
            yield before, frame
        before = frame


def test_equal_specs_give_equal_frames() -> None:
    spec = random_scene(7, size_hw=SMALL, n_frames=6)
    for a, b in zip(iter_scene(spec), iter_scene(spec), strict=True):
        for name in ("image", "flow_to_prev", "occluded"):
            assert np.array_equal(getattr(a, name), getattr(b, name))
        assert np.array_equal(a.instances.masks, b.instances.masks)
        assert np.array_equal(a.instances.track_ids, b.instances.track_ids)


def test_streamed_equals_listed() -> None:
    spec = random_scene(8, size_hw=SMALL, n_frames=6)
    listed = list(iter_scene(spec))
    for kept, streamed in zip(listed, iter_scene(spec), strict=True):
        assert np.array_equal(kept.image, streamed.image)
        assert np.array_equal(kept.flow_to_prev, streamed.flow_to_prev)


def test_length_does_not_change_the_beginning() -> None:
    spec = random_scene(9, size_hw=SMALL, n_frames=3)
    longer = dataclasses.replace(spec, n_frames=30)
    for a, b in zip(iter_scene(spec), iter_scene(longer), strict=False):
        assert np.array_equal(a.image, b.image)


def test_other_seeds_give_other_frames() -> None:
    first, second = (next(iter_scene(random_scene(s, size_hw=SMALL, n_frames=1))) for s in (1, 2))
    assert not np.array_equal(first.image, second.image)


@pytest.mark.parametrize("size_hw", [SMALL, (97, 131), (32, 32)])
def test_every_array_keeps_its_contract(size_hw: tuple[int, int]) -> None:
    for frame in iter_scene(random_scene(5, size_hw=size_hw, n_frames=3)):
        assert frame.image.shape == (*size_hw, 3)
        assert frame.image.dtype == np.uint8
        assert frame.flow_to_prev.shape == (*size_hw, 2)
        assert frame.flow_to_prev.dtype == np.float32
        assert np.isfinite(frame.flow_to_prev).all()
        assert frame.occluded.shape == size_hw
        assert frame.occluded.dtype == bool
        assert frame.instances.masks.shape[1:] == size_hw
        assert set(frame.instances.class_ids) <= set(CLASS_IDS)
        assert (frame.instances.scores == 1).all()


def test_still_scene_has_zero_flow_and_no_occlusion() -> None:
    for before, frame in pairs(still_scene()):
        assert np.abs(frame.flow_to_prev).max() < 1e-3
        assert not frame.occluded.any()
        assert np.array_equal(before.image, frame.image)
        assert np.array_equal(before.instances.masks, frame.instances.masks)


def test_first_frame_has_no_past() -> None:
    frame = next(iter_scene(random_scene(4, size_hw=SMALL, n_frames=1)))
    assert not frame.flow_to_prev.any()
    assert frame.occluded.all()
    assert frame.index == 0
    assert frame.pts_s == 0.0


def test_pure_translation_moves_every_point_of_the_object_alike() -> None:
    spec = still_scene(
        speed_px=3.0,
        n_objects=1,
        classes=(18,),
        enter_leave=0.0,
        occlusion=0,
        distractors=0,
        n_frames=8,
        size_hw=(270, 480),
        min_size=0.45,
        max_size=0.45,
    )
    moved = 0.0
    for before, frame in pairs(spec):
        mask = mask_of(frame, 1)
        flow = frame.flow_to_prev[mask]
        assert np.ptp(flow, axis=0).max() < 1e-2
        assert np.abs(frame.flow_to_prev[~mask]).max() < 1e-3
        assert not mask[:, [0, -1]].any(), "the hand-worked case needs the whole object"
        columns, columns_before = (np.nonzero(m)[1].mean() for m in (mask, mask_of(before, 1)))
        assert flow[:, 0].mean() == pytest.approx(columns_before - columns, abs=0.15)
        moved += abs(float(flow[:, 0].mean()))
    assert moved > 3


def test_camera_pan_gives_one_flow_to_the_background() -> None:
    spec = still_scene(camera_pan_px=2.0, n_objects=0, occlusion=0, distractors=0, n_frames=40)
    speeds = [np.abs(frame.flow_to_prev[..., 0]).mean() for _, frame in pairs(spec)]
    for _, frame in pairs(dataclasses.replace(spec, n_frames=4)):
        assert np.ptp(frame.flow_to_prev[..., 0]) < 1e-2
    assert 0 < np.mean(speeds) < 4


@pytest.mark.parametrize("seed", range(8))
def test_previous_masks_pulled_along_the_flow_are_this_frames_masks(seed: int) -> None:
    spec = random_scene(seed, size_hw=(180, 320), n_frames=12, n_objects=4, occlusion=2, min_size=0.3)
    scores = []
    for before, frame in pairs(spec):
        for track_id in frame.instances.track_ids:
            mask = mask_of(frame, int(track_id)) & ~frame.occluded
            carried = pull(mask_of(before, int(track_id)), frame.flow_to_prev) >= 0.5
            if mask.sum() > 200:
                scores.append(iou(mask, carried & ~frame.occluded))
    assert not scores or min(scores) > 0.97


@pytest.mark.parametrize("seed", range(4))
def test_previous_image_pulled_along_the_flow_is_this_image(seed: int) -> None:
    spec = random_scene(
        seed, size_hw=(180, 320), n_frames=6, noise=0.0, light_change=0.0, motion_blur=0.0, defocus_px=0.8
    )
    inside = np.zeros(spec.size_hw, bool)
    inside[4:-4, 4:-4] = True
    for before, frame in pairs(spec):
        seen = inside & ~cv2.dilate(frame.occluded.astype(np.uint8), np.ones((9, 9))).astype(bool)
        pulled = np.stack([pull(before.image[..., c], frame.flow_to_prev) for c in range(3)], axis=-1)
        error = np.abs(pulled - frame.image).mean(axis=-1)[seen]
        still = np.abs(before.image.astype(float) - frame.image).mean(axis=-1)[seen]
        assert np.median(error) < 3
        assert error.mean() <= still.mean() + 0.5


def test_occluded_pixels_are_rare_when_nothing_moves_fast() -> None:
    spec = random_scene(2, size_hw=SMALL, n_frames=6, speed_px=1.0, camera_pan_px=0.5, camera_shake_px=0.0)
    assert max(frame.occluded.mean() for _, frame in pairs(spec)) < 0.1


def test_an_identity_keeps_its_class_and_is_never_reused() -> None:
    class_of: dict[int, int] = {}
    last_seen: dict[int, int] = {}
    spec = random_scene(11, size_hw=SMALL, n_frames=200, speed_px=8.0, n_objects=3, enter_leave=1.0)
    for frame in iter_scene(spec):
        assert len(set(frame.instances.track_ids)) == len(frame.instances)
        for track_id, class_id in zip(frame.instances.track_ids, frame.instances.class_ids, strict=True):
            assert class_of.setdefault(int(track_id), int(class_id)) == class_id
            last_seen[int(track_id)] = frame.index
    assert len(class_of) > 5
    assert min(last_seen.values()) < 100


def test_objects_enter_and_leave() -> None:
    spec = random_scene(
        12, size_hw=SMALL, n_frames=120, speed_px=6.0, n_objects=3, enter_leave=1.0, occlusion=0
    )
    present = [set(map(int, frame.instances.track_ids)) for frame in iter_scene(spec)]
    assert set.union(*present) - present[0], "nobody entered"
    assert present[0] - present[-1], "nobody left"


def test_masks_of_different_objects_do_not_overlap() -> None:
    for frame in iter_scene(random_scene(13, size_hw=SMALL, n_frames=10, n_objects=5)):
        assert frame.instances.masks.sum(axis=0).max(initial=0) <= 1


def test_objects_hide_one_another() -> None:
    spec = random_scene(14, size_hw=SMALL, n_frames=30, n_objects=5, min_size=0.5, max_size=0.9)
    areas: dict[int, list[int]] = {}
    for frame in iter_scene(spec):
        for track_id, mask in zip(frame.instances.track_ids, frame.instances.masks, strict=True):
            areas.setdefault(int(track_id), []).append(int(mask.sum()))
    assert any(min(a) < 0.7 * max(a) for a in areas.values())


def test_mean_speed_is_the_one_asked_for() -> None:
    spec = still_scene(speed_px=4.0, n_frames=60, n_objects=4, enter_leave=1.0, occlusion=0, distractors=0)
    speeds = [
        np.abs(frame.flow_to_prev[mask, 0]).mean()
        for _, frame in pairs(spec)
        for mask in frame.instances.masks
        if mask.sum() > 300
    ]
    assert np.mean(speeds) == pytest.approx(4.0, rel=0.35)


def test_noise_and_light_leave_the_truth_alone() -> None:
    quiet = random_scene(15, size_hw=SMALL, n_frames=5, noise=0.0, light_change=0.0, n_objects=3)
    loud = dataclasses.replace(quiet, light_change=0.3, motion_blur=0.9, defocus_px=2.0)
    for a, b in zip(iter_scene(quiet), iter_scene(loud), strict=True):
        assert np.array_equal(a.instances.masks, b.instances.masks)
        assert np.array_equal(a.flow_to_prev, b.flow_to_prev)


@pytest.mark.parametrize("class_id", CLASS_IDS)
def test_every_class_can_be_drawn(class_id: int) -> None:
    spec = still_scene(n_objects=2, classes=(class_id,), min_size=0.5, n_frames=1)
    frame = next(iter_scene(spec))
    assert set(frame.instances.class_ids) == {class_id}
    assert frame.instances.masks.any(axis=(1, 2)).all()


def test_wrong_specs_are_refused_in_a_sentence() -> None:
    with pytest.raises(ParameterError, match="size_hw must be at least 16 pixels a side, got \\(8, 8\\)"):
        random_scene(0, size_hw=(8, 8), n_frames=1)
    with pytest.raises(ParameterError, match="classes must be COCO ids from 1, 3, 16"):
        random_scene(0, size_hw=SMALL, n_frames=1, classes=(2,))
    with pytest.raises(ParameterError, match="speed_px must not be negative, got -1"):
        random_scene(0, size_hw=SMALL, n_frames=1, speed_px=-1.0)
    with pytest.raises(ParameterError, match="settings must be fields of SceneSpec"):
        random_scene(0, size_hw=SMALL, n_frames=1, speeed=1.0)
