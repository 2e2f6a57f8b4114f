"""The gate that keeps smoothing from doing harm: what counts as flicker, and what is done about it."""

import numpy as np
import pytest

from vidlab.flow import DisFlow, Motion, MotionEstimator
from vidlab.metrics.accuracy import region_j
from vidlab.params import method_params
from vidlab.synthetic import PROFILES, corrupt_instances, iter_scene, random_scene
from vidlab.temporal import create_stabilizer
from vidlab.temporal.evidence import to_evidence
from vidlab.temporal.flicker import FlickerShare
from vidlab.temporal.protocol import Evidence
from vidlab.types import BoolMask

SIZE_HW = (64, 96)
RULES = {"min_score": 0.25, "drop_below": 0.05, "prob_threshold": 0.5}


def said(mask: BoolMask, class_id: int = 18) -> Evidence:
    return Evidence(
        (class_id,), mask[np.newaxis].astype(np.float32), mask[np.newaxis], np.ones(1, np.float32)
    )


def still() -> Motion:
    flow, nowhere = np.zeros((16, 24, 2), np.float32), np.zeros((16, 24), bool)
    error = np.zeros((16, 24), np.float32)
    return Motion(flow, flow, nowhere, nowhere, error, error, is_cut=False)


def box(width: int, *, x: int = 16) -> BoolMask:
    mask = np.zeros(SIZE_HW, bool)
    mask[16:48, x : x + width] = True
    return mask


def watched(masks: list[BoolMask]) -> FlickerShare:
    share = FlickerShare(watches=True)
    for i, mask in enumerate(masks):
        share.step(said(mask), still() if i else None)
    return share


def test_a_part_that_comes_and_goes_is_flicker():
    assert watched([box(40), box(48)] * 20).doubt(18) == 1


def test_a_mask_that_grows_and_stays_is_followed():
    assert watched([box(24 + 4 * (i // 2)) for i in range(30)]).doubt(18) == 0


def test_a_jump_of_the_area_is_flicker_even_if_it_stays():
    nothing = np.zeros(SIZE_HW, bool)
    assert watched(([box(40)] * 4 + [nothing] * 4) * 5).doubt(18) == 1


def test_nothing_known_is_smoothed_in_full_and_so_is_what_nobody_watches():
    assert FlickerShare(watches=True).doubt(18) == 1
    blind = FlickerShare(watches=False)
    for i in range(20):
        blind.step(said(box(24 + 4 * i)), still() if i else None)
    assert blind.doubt(18) == 1


def test_masks_that_never_change_tell_nothing():
    assert watched([box(40)] * 30).doubt(18) == 1


def test_classes_are_watched_one_by_one_and_forgotten():
    share = FlickerShare(watches=True)
    for i in range(30):
        masks = np.stack([box(24 + 4 * (i // 2)), box(40 + 8 * (i % 2))])
        evidence = Evidence((1, 18), masks.astype(np.float32), masks, np.ones(2, np.float32))
        share.step(evidence, still() if i else None)
    assert (share.doubt(1), share.doubt(18)) == (0, 1)
    share.forget(1)
    assert share.doubt(1) == 1


def test_nothing_is_compared_across_a_cut():
    """Masks that differ before and after a cut have not flickered; what was learned before it stays."""
    share = FlickerShare(watches=True)
    for i in range(40):
        share.step(said(box(24 + 4 * (i % 2), x=16 + 30 * (i % 2))), None)
    assert share.doubt(18) == FlickerShare(watches=True).doubt(18)


def test_motion_is_no_change():
    """A box that moves as the picture does has not changed, however far it goes."""
    rng = np.random.default_rng(0)
    texture = rng.integers(0, 256, (128, 192, 3)).astype(np.uint8)
    motion = MotionEstimator(DisFlow(preset="medium", scale=1.0), cut_similarity=-1, both_ways=False)
    share = FlickerShare(watches=True)
    for i in range(12):
        mask = np.zeros((128, 192), bool)
        mask[32:96, 16 + 4 * i : 80 + 4 * i] = True
        share.step(said(mask), motion.step(np.roll(texture, 4 * i, axis=1)))
    changed = sum(changed for _, changed in share._sums.values())
    assert changed < 12 * 16 * 0.5  # less than half a pixel along each vertical edge of the small picture


def loss(seed: int, method: str, setting: str) -> float:
    """Overlap that stabilizing takes from masks that are right, edges left alone."""
    scene = list(
        iter_scene(
            random_scene(seed, size_hw=(180, 320), n_frames=16, speed_px=4.0, min_size=0.3, max_size=0.6)
        )
    )
    truths = [frame.instances.masks.any(axis=0) for frame in scene]
    right = corrupt_instances(
        (frame.instances for frame in scene), profile=PROFILES["clean"], rng=np.random.default_rng(seed)
    )
    evidence = [to_evidence(found, class_ids=None, **RULES) for found in right]
    stabilizer = create_stabilizer(method_params(method, [setting, "edge_weight=0"]))
    stabilizer.reset()
    results = [r for f, e in zip(scene, evidence, strict=True) for r in stabilizer.step(f.image, e)]
    results += stabilizer.flush()
    raw = [region_j(e.raw.any(axis=0), t) for e, t in zip(evidence, truths, strict=True)]
    stable = [region_j(r.masks.any(axis=0), t) for r, t in zip(results, truths, strict=True)]
    return float(np.mean(raw) - np.mean(stable))


@pytest.mark.parametrize("method", ["flow_fusion", "flow_fusion_two_pass"])
def test_masks_that_are_right_are_hardly_worn_away(method):
    spared = [loss(seed, method, "spare_steady=on") for seed in range(5)]
    worn = [loss(seed, method, "spare_steady=off") for seed in range(5)]
    assert np.median(spared) < 0.5 * np.median(worn)
    assert all(a <= b + 0.002 for a, b in zip(spared, worn, strict=True))
