"""`vidlab stabilize` over label maps in which every pixel has a class."""

import numpy as np
import pytest
from PIL import Image

from vidlab.jobs import MaskFile, stabilize
from vidlab.masks.labels import LabelFolder
from vidlab.masks.png import write_labels_png
from vidlab.params import method_params
from vidlab.synthetic import PROFILES, Role, corrupt_instances, iter_scene, random_scene
from vidlab.types import Instances

SIZE_HW, N_FRAMES, GROUND = (96, 160), 14, 62  # the ground is a class of its own


def labels_of(found: Instances) -> np.ndarray:
    labels = np.full(SIZE_HW, GROUND, np.uint8)
    for row in np.argsort(found.scores, kind="stable"):  # the surest on top
        if found.scores[row] >= 0.25:
            labels[found.masks[row]] = found.class_ids[row]
    return labels


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    """Frames and the labels of a network that flickers."""
    root = tmp_path_factory.mktemp("clip")
    cast = (Role(1, 0.6, 0.2, 0.95, 1.0), Role(3, 0.4, 0.55, 0.8, -1.0), Role(18, 0.4, 0.75, 0.95, 0.5))
    spec = random_scene(5, size_hw=SIZE_HW, n_frames=N_FRAMES, cast=cast, occlusion=0, camera_shake_px=0.0)
    scene = list(iter_scene(spec))
    found = corrupt_instances(
        (frame.instances for frame in scene), profile=PROFILES["partial"], rng=np.random.default_rng(5)
    )
    for name in ("frames", "labels"):
        (root / name).mkdir()
    for index, (frame, seen) in enumerate(zip(scene, found, strict=True)):
        Image.fromarray(frame.image).save(root / "frames" / f"{index:05d}.png")
        write_labels_png(root / "labels" / f"{index:05d}.png", labels_of(seen))
    return root


@pytest.mark.parametrize("method", ["flow_fusion_two_pass", "median"])
def test_a_total_labelling_stays_total(clip, tmp_path, method):
    stabilize(
        clip / "frames",
        masks_from=MaskFile(clip / "labels", False),
        out=tmp_path / "out",
        method=method_params(method),
    )
    stable = LabelFolder(tmp_path / "out")
    assert stable.n_frames == N_FRAMES
    shown = {
        int(label) for index in range(N_FRAMES) for label in np.unique(stable.read(index, size_hw=SIZE_HW))
    }
    assert shown == {1, 3, 18, GROUND}
