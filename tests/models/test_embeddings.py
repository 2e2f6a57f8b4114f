"""Looks told apart by a network: form, weights by file, labels, and what random weights are worth."""

import logging

import numpy as np
import pytest

torch = pytest.importorskip("torch")
torchvision = pytest.importorskip("torchvision")

from vidlab.errors import ParameterError, WeightsError  # noqa: E402
from vidlab.models import embeddings  # noqa: E402
from vidlab.models.embeddings import OWN_WEIGHTS, RANDOM_LABEL, Embedding, create_embedding  # noqa: E402
from vidlab.params.tracking import DeepSortParams  # noqa: E402
from vidlab.schema import tunables  # noqa: E402
from vidlab.tracking import create_tracker  # noqa: E402
from vidlab.types import Instances  # noqa: E402

SIZE = (48, 64)


@pytest.fixture(scope="module")
def embed() -> Embedding:
    return create_embedding("resnet18", weights="random", device="cpu")


def pictured(*patterns: np.ndarray) -> tuple[np.ndarray, Instances]:
    """A picture with patterns beside one another, and their masks."""
    image = np.full((*SIZE, 3), 90, np.uint8)
    masks = np.zeros((len(patterns), *SIZE), bool)
    for row, pattern in enumerate(patterns):
        image[8:40, 4 + 20 * row : 20 + 20 * row] = pattern
        masks[row, 8:40, 4 + 20 * row : 20 + 20 * row] = True
    n = len(patterns)
    return image, Instances(masks, np.ones(n, np.float32), np.ones(n, np.int64))


RED, BLUE = np.array([200, 30, 30], np.uint8), np.array([20, 30, 220], np.uint8)


def test_every_appearance_of_the_tracker_can_be_made() -> None:
    (appearance,) = (one for one in tunables(DeepSortParams) if one.name == "appearance")
    assert set(appearance.choices) == {"color_texture", *OWN_WEIGHTS}


@pytest.mark.parametrize("name", OWN_WEIGHTS)
def test_descriptions_have_length_one(name: str) -> None:
    embed = create_embedding(name, weights="random", device="cpu")
    looks = embed(*pictured(RED, BLUE))
    assert looks.shape == (2, embed.n_numbers)
    assert looks.dtype == np.float32
    assert np.linalg.norm(looks, axis=1) == pytest.approx(1, abs=1e-5)
    assert embed.weights == RANDOM_LABEL


def test_the_same_looks_are_the_same_wherever_they_are(embed: Embedding) -> None:
    looks = embed(*pictured(RED, BLUE, RED))
    assert float(looks[0] @ looks[2]) == pytest.approx(1, abs=1e-4)
    assert float(looks[0] @ looks[1]) < float(looks[0] @ looks[2])


def test_what_lies_around_the_mask_does_not_matter(embed: Embedding) -> None:
    image, found = pictured(RED)
    found.masks[0, 8:40, 4:12] = False  # the box is smaller now, and half red lies outside
    other = image.copy()
    other[~found.masks[0]] = 255
    assert embed(image, found) == pytest.approx(embed(other, found), abs=1e-5)


def test_nothing_and_empty_masks_are_described_by_nothing(embed: Embedding) -> None:
    image, found = pictured(RED)
    assert embed(image, Instances.empty(SIZE)).shape == (0, embed.n_numbers)
    found.masks[:] = False
    assert not embed(image, found).any()


def test_a_crowd_goes_through_in_parts(embed: Embedding, monkeypatch) -> None:
    image, found = pictured(RED, BLUE, RED)
    whole = embed(image, found)
    monkeypatch.setattr(embeddings, "CHUNK", 2)
    assert embed(image, found) == pytest.approx(whole, abs=1e-5)


def test_weights_come_from_a_file(tmp_path) -> None:
    torch.manual_seed(7)
    network = torchvision.models.resnet18(weights=None)
    torch.save(network.state_dict(), tmp_path / "mine.pth")
    mine = create_embedding("resnet18", weights=str(tmp_path / "mine.pth"), device="cpu")
    assert mine.weights.startswith("mine.pth (")
    network.fc = torch.nn.Identity()
    image, found = pictured(RED)
    again = Embedding(network, name="resnet18", weights="", device="cpu")
    assert mine(image, found) == pytest.approx(again(image, found), abs=1e-5)


def test_random_weights_are_said_to_be_random(caplog) -> None:
    with caplog.at_level(logging.WARNING, logger="vidlab"):
        create_embedding("mobilenet_v3_small", weights="random", device="cpu")
    assert "random weights" in caplog.text


def test_weights_that_are_not_there_are_missed_in_one_sentence(tmp_path) -> None:
    with pytest.raises(WeightsError, match="is not there"):
        create_embedding("resnet18", weights=str(tmp_path / "none.pth"), device="cpu")


def test_unknown_names_are_refused() -> None:
    with pytest.raises(ParameterError, match="unknown appearance 'vgg'; choose from: resnet18"):
        create_embedding("vgg", weights="random", device="cpu")


def test_deepsort_takes_a_network(embed: Embedding) -> None:
    tracker = create_tracker("deepsort", embed=embed)
    image, found = pictured(RED, BLUE)
    for _ in range(4):
        had = tracker.step(image, found).track_ids.tolist()
    assert sorted(had) == [1, 2]
