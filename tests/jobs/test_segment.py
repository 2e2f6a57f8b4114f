import json
from collections.abc import Sequence

import numpy as np
import pytest
from PIL import Image
from tiny_clip import DOG, MISSED, N_FRAMES, PERSON, detected, make_clip, true_mask

from vidlab import models
from vidlab.errors import ParameterError
from vidlab.jobs import MaskFile, Network, segment, stabilize
from vidlab.params import EvidenceParams, NetworkParams, SegmentParams, SourceParams, method_params
from vidlab.types import ClassProbs, Observation, UInt8Image


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    return make_clip(tmp_path_factory.mktemp("clip"))


class Oracle:
    """A network that knows the clip by heart; counts how it is called."""

    name = "maskrcnn_demo"
    class_ids = (PERSON, DOG)
    weights = "by heart"

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.batches: list[int] = []

    def segment(self, images: Sequence[UInt8Image]) -> list[Observation]:
        first = sum(self.batches)
        self.batches.append(len(images))
        return [self._of(first + place) for place in range(len(images))]

    def _of(self, index: int) -> Observation:
        if self.kind == "instances":
            return detected(index, true_mask(index))
        found = true_mask(index) & (index not in MISSED)
        probs = np.stack([np.zeros(found.shape), np.where(found, 0.8, 0.2)]).astype(np.float32)
        return ClassProbs(probs, self.class_ids)


@pytest.fixture
def oracle(monkeypatch, request):
    network = Oracle(getattr(request, "param", "instances"))
    monkeypatch.setattr(models, "create", lambda name, **_: network)
    monkeypatch.setattr(models, "resolve_device", lambda device: "cpu")
    return network


def test_instances_are_written_above_the_floor_and_masks_at_the_operating_point(clip, tmp_path, oracle):
    result = segment(clip.video, network=Network("maskrcnn_demo"), out=tmp_path / "out")
    entries = json.loads((tmp_path / "out" / "instances.json").read_text())
    assert result.n_frames == N_FRAMES
    assert result.n_instances == len(entries) == 2 * N_FRAMES
    mask = np.asarray(Image.open(tmp_path / "out" / "masks" / f"{MISSED[0]:05d}.png")) > 0
    assert not (mask & true_mask(MISSED[0])).any()  # found with 0.1 only: evidence, but not raw
    said = json.loads((tmp_path / "out" / "params.json").read_text())
    assert said["network"] == {
        "model": "maskrcnn_demo",
        "weights": "by heart",
        "weights_file": None,
        "options": NetworkParams().model_dump(),
        "device": "cpu",
    }
    assert said["class_names"] == {}


def test_frames_go_to_the_network_in_batches(clip, tmp_path, oracle):
    segment(
        clip.video,
        network=Network("maskrcnn_demo"),
        out=tmp_path / "out",
        segment=SegmentParams(batch_size=5),
        source=SourceParams(max_frames=11),
    )
    assert oracle.batches == [5, 5, 1]


def test_wanted_classes_and_floor_are_kept(clip, tmp_path, oracle):
    segment(
        clip.video,
        network=Network("maskrcnn_demo"),
        out=tmp_path / "out",
        class_ids=(DOG,),
        evidence=EvidenceParams(drop_below=0.2),
    )
    entries = json.loads((tmp_path / "out" / "instances.json").read_text())
    assert {entry["category_id"] for entry in entries} == {DOG}
    assert len(entries) == N_FRAMES - len(MISSED)


@pytest.mark.parametrize("oracle", ["instances", "probs"], indirect=True)
def test_result_folder_stabilizes_like_the_network_itself(clip, tmp_path, oracle):
    segment(clip.video, network=Network("maskrcnn_demo"), out=tmp_path / "seg", class_ids=(DOG,))
    oracle.batches.clear()
    pictures = []
    for name, masks_from in (("file", MaskFile(tmp_path / "seg")), ("net", Network("maskrcnn_demo"))):
        stabilize(
            clip.video,
            masks_from=masks_from,
            out=tmp_path / name,
            method=method_params("median"),
            class_ids=(DOG,),
        )
        files = sorted((tmp_path / name / "masks").iterdir())
        pictures.append(np.stack([np.asarray(Image.open(file)) for file in files]))
    assert len(pictures[0]) == N_FRAMES
    assert np.array_equal(pictures[0], pictures[1])
    assert pictures[0].any()


@pytest.mark.parametrize("oracle", ["probs"], indirect=True)
def test_soft_masks_are_written_as_one_folder_per_class(clip, tmp_path, oracle):
    result = segment(clip.video, network=Network("maskrcnn_demo"), out=tmp_path / "out")
    assert result.n_instances is None
    assert sorted(path.name for path in (tmp_path / "out" / "probs").iterdir()) == ["001_person", "018_dog"]
    assert not (tmp_path / "out" / "instances.json").exists()


def test_class_that_the_network_does_not_know_is_refused(clip, tmp_path, oracle):
    with pytest.raises(ParameterError, match=r"known to maskrcnn_demo \(person, dog\), got 'zebra'"):
        segment(clip.video, network=Network("maskrcnn_demo"), out=tmp_path / "out", class_ids=(24,))
    assert list(tmp_path.iterdir()) == []


def test_unknown_model_is_refused():
    with pytest.raises(ParameterError, match="unknown model 'oracle'; choose from: maskrcnn_resnet50_fpn"):
        Network("oracle")


@pytest.mark.parametrize("given", ["masks", "detections", "probs"])
def test_masks_of_the_users_own_are_brought_into_the_same_form(clip, tmp_path, given):
    masks = MaskFile(getattr(clip, given), probs=given == "probs")
    result = segment(clip.video, network=masks, out=tmp_path / "out")
    assert (result.n_frames, result.device) == (N_FRAMES, "cpu")
    again = segment(clip.video, network=MaskFile(tmp_path / "out"), out=tmp_path / "again")
    for index in range(N_FRAMES):
        written, read = (
            np.asarray(Image.open(folder / "masks" / f"{index:05d}.png"))
            for folder in (tmp_path / "out", again.folder)
        )
        assert np.array_equal(written, read)
        if given != "detections":  # among which a person comes and goes as well
            assert np.array_equal(written > 0, true_mask(index) & (index not in MISSED))
    assert json.loads((tmp_path / "out" / "params.json").read_text())["masks"]["path"] == str(masks.path)
