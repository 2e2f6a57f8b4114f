"""Label maps in, label maps out: calmer, nearer to the truth, and no pixel without a class."""

import numpy as np
import pytest

import vidlab
from vidlab.metrics.label_clip import LabelMetrics
from vidlab.synthetic import PROFILES, Role, corrupt_instances, iter_scene, random_scene
from vidlab.types import Instances

SIZE_HW, N_FRAMES, GROUND = (180, 320), 16, 62  # the ground is a class of its own
CAST = (Role(1, 0.7, 0.2, 0.95, 1.0), Role(3, 0.4, 0.5, 0.8, -1.0), Role(18, 0.5, 0.8, 0.95, 0.5))


def labels_of(found: Instances, ground: int) -> np.ndarray:
    labels = np.full(SIZE_HW, ground, np.uint8)
    for row in np.argsort(found.scores, kind="stable"):  # the surest on top
        if found.scores[row] >= 0.25:
            labels[found.masks[row]] = found.class_ids[row]
    return labels


@pytest.fixture(scope="module", params=[1, 2, 3])
def clip(request):
    """Images, true instances, and those of a network that flickers."""
    spec = random_scene(request.param, size_hw=SIZE_HW, n_frames=N_FRAMES, cast=CAST, occlusion=0)
    scene = list(iter_scene(spec))
    truth = [frame.instances for frame in scene]
    rng = np.random.default_rng(request.param)
    found = list(corrupt_instances(truth, profile=PROFILES["yolo_like"], rng=rng))
    return [frame.image for frame in scene], truth, found


def miou(labels, truth) -> float:
    metric = LabelMetrics()
    for one, target in zip(labels, truth, strict=True):
        metric.update(one, target=target, motion=None)
    return metric.compute().miou


@pytest.mark.parametrize(("ground", "background"), [(GROUND, None), (0, 0)])
def test_labels_come_nearer_to_the_truth_and_keep_no_hole(clip, ground, background):
    images, truth, found = clip
    raw = [labels_of(one, ground) for one in found]
    target = [labels_of(one, ground) for one in truth]
    smoother = vidlab.MaskSmoother(background=background)
    stable = [smoother(image, labels) for image, labels in zip(images, raw, strict=True)]
    assert {one.dtype for one in stable} == {np.dtype(np.uint8)}
    assert set(np.unique(stable)) <= set(np.unique(raw))
    assert miou(stable, target) > miou(raw, target)
