"""Networks that jobs did not build: a user's function, a network that is ready, panoptic files."""

import json

import numpy as np
import pytest
from PIL import Image
from tiny_clip import DOG, N_FRAMES, SIZE_HW, make_clip, true_mask

from vidlab import models
from vidlab.errors import ParameterError
from vidlab.jobs import MaskFile, Network, segment, stabilize
from vidlab.jobs.rehearsal import Rehearsal
from vidlab.jobs.wanted import names_beside
from vidlab.masks.panoptic import PanopticWriter
from vidlab.params import NetworkParams, method_params
from vidlab.types import ClassProbs, Panoptic, Segment

ROAD = 149
MISSED = (4, 8)


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    return make_clip(tmp_path_factory.mktemp("clip"))


def by_colour(pictures):
    """Find the bright square, as a network would: the mean of the three colors, softly."""
    return [np.clip(picture.mean(axis=2) / 255, 0, 1)[None] for picture in pictures]


@pytest.fixture
def bright():
    return models.from_callable(by_colour, kind="probs", class_ids=["dog"], name="bright", takes="batch")


def pictures(folder):
    return np.stack([np.asarray(Image.open(file)) for file in sorted(folder.iterdir())])


def test_own_function_segments_and_is_named_in_the_record(clip, tmp_path, bright):
    result = segment(clip.video, network=bright, out=tmp_path / "out")
    assert result.n_frames == N_FRAMES
    found = pictures(tmp_path / "out" / "masks") > 0
    truth = np.stack([true_mask(index) for index in range(N_FRAMES)])
    assert (found & truth).sum() / (found | truth).sum() > 0.9
    said = json.loads((tmp_path / "out" / "params.json").read_text())["network"]
    assert said["model"] == "bright"
    assert said["weights"].startswith("function test_own_networks.by_colour (")


def test_own_function_stabilizes_like_the_masks_it_wrote(clip, tmp_path, bright):
    segment(clip.video, network=bright, out=tmp_path / "seg")
    shown = []
    for name, masks_from in (("file", MaskFile(tmp_path / "seg")), ("function", bright)):
        method = method_params("exponential")
        stabilize(clip.video, masks_from=masks_from, out=tmp_path / name, method=method)
        shown.append(pictures(tmp_path / name / "masks"))
    assert np.mean(shown[0] != shown[1]) < 0.01  # the files hold probabilities with 8 bits
    assert shown[1].any()


def test_rehearsal_takes_an_own_function(clip, bright):
    rehearsal = Rehearsal.open(clip.video, masks_from=bright, memory_mb=50)
    assert rehearsal.n_frames == N_FRAMES
    segmented = rehearsal.raw[3]
    assert (segmented & true_mask(3)).sum() / (segmented | true_mask(3)).sum() > 0.9


def test_class_that_an_own_function_cannot_see_is_refused(clip, tmp_path, bright):
    with pytest.raises(ParameterError, match=r"known to bright \(dog\), got 'person'"):
        segment(clip.video, network=bright, out=tmp_path / "out", class_ids=(1,))


def test_trained_network_is_used_as_its_checkpoint_says(clip, tmp_path):
    torch = pytest.importorskip("torch")
    pytest.importorskip("segmentation_models_pytorch")
    from vidlab.models.checkpoint import Recipe, save_checkpoint
    from vidlab.models.smp import build_network

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(4)
        state = build_network("smp_unet", encoder="mobilenet_v2", n_outputs=3).network.state_dict()
    file = tmp_path / "best.pt"
    save_checkpoint(file, state, recipe=Recipe("smp_unet", "mobilenet_v2", ("dog", "hair"), None, (32, 64)))
    segment(clip.video, network=Network("smp_unet", str(file)), out=tmp_path / "out")
    assert sorted(path.name for path in (tmp_path / "out" / "probs").iterdir()) == [
        "018_dog",
        "201_hair",
    ]
    said = json.loads((tmp_path / "out" / "params.json").read_text())
    assert said["class_names"] == {"201": "hair"}
    assert said["network"]["weights_file"]["path"] == str(file)
    with pytest.raises(ParameterError, match=r"known to smp_unet \(dog, 201 hair\), got 'person'"):
        segment(clip.video, network=Network("smp_unet", str(file)), out=tmp_path / "no", class_ids=(1,))


@pytest.fixture
def hairy():
    """The bright square as hair, a class that COCO lacks, and nothing as dog."""

    class Hairy:
        name, kind, weights, class_ids = "hairy", "probs", "by heart", (DOG, 201)
        class_names = {201: "hair"}  # noqa: RUF012

        def segment(self, images):
            maps = [np.stack([np.zeros(SIZE_HW), one[0]]).astype(np.float32) for one in by_colour(images)]
            return [ClassProbs(one, self.class_ids) for one in maps]

    return Hairy()


def test_names_of_own_classes_go_with_the_results(clip, tmp_path, hairy):
    segment(clip.video, network=hairy, out=tmp_path / "seg")
    for name, masks_from in (("network", hairy), ("file", MaskFile(tmp_path / "seg"))):
        out = tmp_path / name
        stabilize(clip.video, masks_from=masks_from, out=out, method=method_params("median"))
        assert json.loads((out / "metrics.json").read_text())["classes"] == {"201": "hair"}
        assert json.loads((out / "params.json").read_text())["class_names"] == {"201": "hair"}
        assert "hair_area_px" in (out / "curves.csv").read_text().splitlines()[0].split(",")


def test_damaged_record_beside_masks_tells_no_names(clip, tmp_path, hairy):
    segment(clip.video, network=hairy, out=tmp_path / "seg")
    for content in (
        "{",
        "[]",
        '{"class_names": {"dog": 3}}',
        '{"class_names": 3}',
        '{"class_names": {"18": "x"}}',
    ):
        (tmp_path / "seg" / "params.json").write_text(content)
        assert names_beside(tmp_path / "seg") == {}


def test_options_are_recorded(clip, tmp_path):
    pytest.importorskip("torchvision")
    network = Network("lraspp_mobilenet_v3_large", "random", NetworkParams(input_short_px=32))
    segment(clip.video, network=network, out=tmp_path / "out")
    said = json.loads((tmp_path / "out" / "params.json").read_text())["network"]
    assert said["options"]["input_short_px"] == 32


@pytest.fixture
def panoptic(tmp_path):
    """A dog, missing twice, over a road that is cut where the dog is."""
    with PanopticWriter(tmp_path / "panoptic.json") as writer:
        for index in range(N_FRAMES):
            dog = true_mask(index) & (index not in MISSED)
            ids = np.where(dog, 2, 1).astype(np.int32)
            ids[:6] = 0
            segments = (Segment(1, ROAD, 1.0, False), Segment(2, DOG, 1.0, True))
            writer.append(Panoptic(ids, segments))
    return tmp_path / "panoptic.json"


def test_panoptic_masks_become_tracks_and_labels(clip, tmp_path, panoptic):
    stabilize(
        clip.video,
        masks_from=MaskFile(panoptic),
        out=tmp_path / "out",
        method=method_params("flow_fusion"),
    )
    entries = json.loads((tmp_path / "out" / "instances.json").read_text())
    tracks = {(entry["category_id"], entry["track_id"]) for entry in entries}
    assert {category for category, _ in tracks} == {DOG, ROAD}
    assert len(tracks) == 2  # the road is one track, as the dog is
    labels = pictures(tmp_path / "out" / "labels")
    assert labels.shape == (N_FRAMES, *SIZE_HW)
    truth = true_mask(MISSED[0])
    assert (labels[MISSED[0]][truth] == DOG).mean() > 0.8  # lost in the input
    assert (labels[0][true_mask(0)] == DOG).mean() > 0.8
    assert (labels[0][40:] == ROAD).all()
