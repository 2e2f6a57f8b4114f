import sys

import numpy as np
import pytest
from conftest import ROOT

pytest.importorskip("torchvision")
sys.path.insert(0, str(ROOT / "scripts"))

import demo_scenes
import mask_ap
import train_demo

from vidlab.types import Instances


def squares(*corners, score=1.0, class_ids=None, side=20):
    masks = np.zeros((len(corners), 60, 80), bool)
    for mask, (x, y) in zip(masks, corners, strict=True):
        mask[y : y + side, x : x + side] = True
    ids = np.array(class_ids or [18] * len(corners), np.int64)
    return Instances(masks, np.full(len(corners), score, np.float32), ids)


def test_perfect_masks_have_ap50_one_and_none_have_zero():
    truth = [squares((0, 0), (40, 30)), squares((10, 10), class_ids=[1])]
    assert mask_ap.mask_ap50(truth, truth, min_area_px=64) == pytest.approx(1.0)
    nothing = [Instances.empty((60, 80))] * 2
    assert mask_ap.mask_ap50(nothing, truth, min_area_px=64) == 0.0


def test_wrong_class_or_too_little_overlap_counts_as_missed():
    truth = [squares((0, 0))]
    assert mask_ap.mask_ap50([squares((0, 0), class_ids=[1])], truth, min_area_px=64) == 0.0
    assert mask_ap.mask_ap50([squares((8, 0))], truth, min_area_px=64) == 0.0  # IoU 240 / 560
    assert mask_ap.mask_ap50([squares((5, 0))], truth, min_area_px=64) == pytest.approx(1.0)  # 300 / 500


def test_half_of_the_objects_found_gives_half_the_ap50():
    truth = [squares((0, 0), (40, 30))]
    assert mask_ap.mask_ap50([squares((0, 0))], truth, min_area_px=64) == pytest.approx(0.5, abs=0.01)


def test_slivers_neither_count_nor_harm():
    truth = [
        Instances(*[np.concatenate(pair) for pair in _parts(squares((0, 0)), squares((40, 30), side=5))])
    ]
    assert mask_ap.mask_ap50([squares((0, 0))], truth, min_area_px=64) == pytest.approx(1.0)
    assert mask_ap.mask_ap50(truth, truth, min_area_px=64) == pytest.approx(1.0)


def _parts(first, second):
    return zip(
        (first.masks, first.scores, first.class_ids),
        (second.masks, second.scores, second.class_ids),
        strict=True,
    )


@pytest.fixture
def pictures():
    objects = np.zeros((2, 90, 160), np.uint8)
    objects[:, 30:60, 40:90] = 1
    images = np.where(objects[..., None] > 0, np.uint8(200), np.uint8(40)).repeat(3, axis=3)
    class_ids = np.zeros((2, demo_scenes.MAX_OBJECTS), np.int64)
    class_ids[:, 0] = 18
    return demo_scenes.Pictures(images, objects, class_ids)


@pytest.mark.parametrize("draw", [demo_scenes.vary, demo_scenes.mosaic])
@pytest.mark.parametrize("seed", range(6))
def test_drawn_picture_and_objects_move_together(pictures, draw, seed):
    image, objects, class_of = draw(pictures, size_hw=(64, 112), rng=np.random.default_rng(seed))
    assert image.shape == (64, 112, 3)
    assert image.dtype == objects.dtype == np.uint8
    numbers = np.unique(objects[objects > 0])
    assert set(class_of[numbers]) <= {18}
    gray = image.astype(float).mean(axis=2)
    for number in numbers:  # one object, one gray: hardly an edge pixel lies outside
        inside = gray[objects == number]
        assert np.mean(np.abs(inside - np.median(inside)) < 20) > 0.75


def test_mosaic_shows_more_objects_than_a_picture(pictures):
    rng = np.random.default_rng(0)
    counts = [
        len(np.unique(demo_scenes.mosaic(pictures, size_hw=(64, 112), rng=rng)[1])) - 1 for _ in range(8)
    ]
    assert min(counts) >= 2


def test_targets_hold_boxes_around_their_masks_and_leave_slivers_out():
    objects = np.zeros((40, 50), np.uint8)
    objects[10:20, 5:25] = 2
    objects[0, 0:3] = 1
    label_of = np.zeros(256, np.int64)
    label_of[1:3] = [4, 6]
    target = train_demo.to_target(objects, label_of)
    assert target["boxes"].tolist() == [[5, 10, 25, 20]]
    assert target["labels"].tolist() == [6]
    assert int(target["masks"].sum()) == 200


def test_picture_without_objects_has_empty_targets():
    target = train_demo.to_target(np.zeros((8, 8), np.uint8), np.zeros(256, np.int64))
    assert target["boxes"].shape == (0, 4)
    assert target["masks"].shape == (0, 8, 8)


def test_splits_share_no_scene():
    splits = train_demo.splits(train_demo.parse_args([]))
    seeds = [set(range(split.first_seed, split.first_seed + split.n_scenes)) for split in splits]
    assert seeds[0].isdisjoint(seeds[1] | seeds[2])
    assert seeds[1].isdisjoint(seeds[2])


def test_learning_rate_warms_up_and_ends_low():
    assert train_demo.rate(0.0, 0) < 0.01
    assert train_demo.rate(0.1, 10_000) > 0.9
    assert train_demo.rate(1.0, 10_000) == pytest.approx(0.02)
