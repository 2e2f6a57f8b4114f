import json

import numpy as np
import pytest
from conftest import ROOT

pytest.importorskip("torchvision")

from vidlab.errors import WeightsError
from vidlab.models import create
from vidlab.models.demo import DEMO_CLASS_IDS, DEMO_WEIGHTS
from vidlab.synthetic import CLASS_IDS, iter_scene, random_scene

SAMPLE = ROOT / "data" / "sample"
STORY = DEMO_WEIGHTS.with_suffix(".json")
FIRST_UNSEEN = 5_000_000  # beyond every seed of scripts/train_demo.py
MIN_SCORE = 0.25  # the operating point of the whole package

needs_sample = pytest.mark.skipif(not SAMPLE.is_dir(), reason="data/sample is not here")


@pytest.fixture(scope="module")
def demo():
    return create("maskrcnn_demo", weights=None, device="cpu", score_floor=0.05)


def iou(a, b):
    return (a & b).sum() / max(1, (a | b).sum())


def test_demo_network_names_exactly_what_scenes_show(demo):
    assert set(DEMO_CLASS_IDS) == set(CLASS_IDS) == set(demo.class_ids)


def test_label_tells_file_and_hash(demo):
    assert demo.weights.startswith("maskrcnn_demo.pt (")


def test_committed_weights_are_small_and_in_half_precision():
    import torch

    assert DEMO_WEIGHTS.stat().st_size < 16e6
    tensors = torch.load(DEMO_WEIGHTS, weights_only=True).values()
    assert {tensor.dtype for tensor in tensors} == {torch.float16, torch.int64}


def test_committed_weights_tell_how_they_were_made():
    story = json.loads(STORY.read_text())
    assert "scripts/train_demo.py" in story["command"]
    assert len(story["commit"].split("-")[0]) == 40
    assert isinstance(story["seed"], int)
    assert 0 < story["test_mask_ap50"] <= 1
    assert story["class_ids"] == list(DEMO_CLASS_IDS)


def test_sample_scene_was_never_trained_on():
    story = json.loads(STORY.read_text())
    assert story["test_scenes"]["first_seed"] >= 1_000_000
    if SAMPLE.is_dir():
        assert json.loads((SAMPLE / "scene.json").read_text())["seed"] < 1_000_000


@needs_sample
def test_demo_network_finds_the_dogs_of_the_sample_scene(demo):
    import av
    import cv2

    with av.open(str(SAMPLE / "video.mp4")) as container:
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    overlaps = []
    for index in range(0, len(frames), 6):
        truth = cv2.imread(str(SAMPLE / "truth" / f"{index:05}.png"), cv2.IMREAD_GRAYSCALE) > 0
        (found,) = demo.segment([frames[index]])
        wanted = found.where((found.scores >= MIN_SCORE) & (found.class_ids == 18))
        overlaps.append(iou(wanted.masks.any(axis=0), truth))
    assert np.mean(overlaps) > 0.5


def test_demo_network_segments_unseen_scenes(demo):
    best = []
    for seed in range(FIRST_UNSEEN, FIRST_UNSEEN + 6):
        (frame,) = iter_scene(random_scene(seed, size_hw=(180, 320), n_frames=1, n_objects=2, occlusion=0))
        (found,) = demo.segment([frame.image])
        for mask, class_id in zip(frame.instances.masks, frame.instances.class_ids, strict=True):
            if mask.sum() < 200:
                continue
            found_here = found.where((found.scores >= MIN_SCORE) & (found.class_ids == class_id))
            best.append(max((iou(mask, other) for other in found_here.masks), default=0.0))
    assert np.mean(best) > 0.4


def test_a_batch_gives_what_single_pictures_give(demo):
    frames = iter_scene(random_scene(FIRST_UNSEEN, size_hw=(96, 160), n_frames=2, n_objects=2))
    images = [frame.image for frame in frames]
    together = demo.segment(images)
    for one, alone in zip(together, [demo.segment([image])[0] for image in images], strict=True):
        assert np.allclose(one.scores, alone.scores, atol=1e-4)
        assert np.array_equal(one.class_ids, alone.class_ids)
        assert all(iou(a, b) > 0.99 for a, b in zip(one.masks, alone.masks, strict=True))


def test_same_picture_gives_the_same_masks_twice(demo):
    (frame,) = iter_scene(random_scene(FIRST_UNSEEN, size_hw=(96, 160), n_frames=1))
    (first,), (second,) = demo.segment([frame.image]), demo.segment([frame.image])
    assert np.array_equal(first.masks, second.masks)
    assert np.array_equal(first.scores, second.scores)


def test_weights_of_another_network_are_refused_by_name():
    with pytest.raises(WeightsError, match=r"must fit DeepLabV3, but .*maskrcnn_demo\.pt lacks"):
        create("deeplabv3_resnet50", weights=str(DEMO_WEIGHTS), device="cpu", score_floor=0.05)
