"""Networks of segmentation-models-pytorch: any size in, classes of the weights out."""

import json
import sys

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("segmentation_models_pytorch")

from vidlab.errors import MissingExtraError, ParameterError, WeightsError  # noqa: E402
from vidlab.models import MODELS, create, create_for_timing, has_weights  # noqa: E402
from vidlab.models.checkpoint import Recipe, save_checkpoint  # noqa: E402
from vidlab.models.smp import build_network  # noqa: E402
from vidlab.params import NetworkParams  # noqa: E402

NAMES = [name for name in MODELS if name.startswith("smp_")]
SIZE_HW = (61, 94)  # no stride divides it
ENCODER = "mobilenet_v2"  # light
PERSON, DOG, ROAD = 1, 18, 149


@pytest.fixture(scope="module")
def picture():
    return np.random.default_rng(3).integers(0, 256, (*SIZE_HW, 3), dtype=np.uint8)


def network(name="smp_unet", *, weights="random", **options):
    chosen = NetworkParams(**{"encoder": ENCODER, **options})
    weights = weights if weights is None else str(weights)
    return create(name, weights=weights, device="cpu", score_floor=0.05, options=chosen)


@pytest.fixture(scope="module")
def state():
    """A state dict trained elsewhere, as it were: three outputs."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(9)
        return build_network("smp_unet", encoder=ENCODER, n_outputs=3).network.state_dict()


@pytest.mark.parametrize("name", NAMES)
def test_every_architecture_gives_probabilities_of_the_picture_size(name, picture):
    built = network(name, class_names="dog,road")
    (found,) = built.segment([picture])
    assert built.weights == "random (timing only)"
    assert found.probs.shape == (2, *SIZE_HW)
    assert found.class_ids == built.class_ids == (DOG, ROAD)
    assert ((found.probs >= 0) & (found.probs.sum(axis=0) <= 1 + 1e-5)).all()
    assert np.array_equal(found.probs, built.segment([picture])[0].probs)
    staged = built.finish(built.infer(built.prepare([picture])))
    assert np.array_equal(found.probs, staged[0].probs)


def test_scores_of_a_size_that_the_stride_divides_are_the_network_own(picture):
    built = network(class_names="dog")
    batch = torch.rand(1, 3, 64, 96)
    with torch.inference_mode():
        assert torch.equal(built.network(batch)["out"], built.network.network(batch))


def test_encoders_of_timm_are_taken_too(picture):
    built = network(encoder="tu-mobilenetv3_small_050", class_names="dog")
    assert built.segment([picture])[0].size_hw == SIZE_HW


@pytest.mark.parametrize("encoder", ["resnet35", "tu-nothing_at_all"])
def test_unknown_encoder_is_one_sentence_with_examples(encoder):
    with pytest.raises(
        ParameterError, match=rf"smp_unet can use, got '{encoder}'; .*resnet18.*tu-NAME"
    ) as got:
        network(encoder=encoder)
    assert "\n" not in str(got.value)


def test_encoder_that_the_decoder_cannot_use_is_refused():
    with pytest.raises(ParameterError, match="one that smp_linknet can use, got 'mit_b0'"):
        network("smp_linknet", encoder="mit_b0")


def test_random_weights_are_the_same_ones_every_time(picture):
    first, second = network(class_names="dog"), network(class_names="dog")
    assert np.array_equal(first.segment([picture])[0].probs, second.segment([picture])[0].probs)


def test_there_are_no_weights_to_download():
    assert not has_weights("smp_unet")
    with pytest.raises(WeightsError, match="smp_unet has no weights of its own; give --weights FILE"):
        network(weights=None)
    timed = create_for_timing("smp_unet", weights=None, device="cpu", options=NetworkParams(encoder=ENCODER))
    assert timed.weights == "random (timing only)"


def test_plain_state_dict_needs_names_and_encoder(tmp_path, state, picture):
    torch.save(state, tmp_path / "best.pt")
    with pytest.raises(
        ParameterError, match=r"the 3 outputs of best\.pt must have names; give --class-names"
    ):
        network(weights=tmp_path / "best.pt")
    with pytest.raises(WeightsError, match=r"weights must fit Unet.*best\.pt .*; resnet18 was taken for"):
        network(weights=tmp_path / "best.pt", encoder="resnet18", class_names="dog,road")
    built = network(weights=tmp_path / "best.pt", class_names="dog, road")
    reference = build_network("smp_unet", encoder=ENCODER, n_outputs=3)
    reference.network.load_state_dict(state)
    prepared, _ = built.prepare([picture])
    with torch.inference_mode():
        expected = reference.eval()(prepared)["out"].softmax(dim=1)[0, 1:].numpy()
    assert built.weights.startswith("best.pt (")
    assert np.allclose(built.segment([picture])[0].probs, expected, atol=1e-6)


def test_sidecar_names_encoder_classes_and_size(tmp_path, state, picture):
    torch.save(
        {"state_dict": {f"model.{name}": tensor for name, tensor in state.items()}}, tmp_path / "best.ckpt"
    )
    said = {
        "encoder": ENCODER,
        "classes": ["dog", "road", "person"],
        "activation": "sigmoid",
        "input_hw": [32, 64],
    }
    (tmp_path / "best.json").write_text(json.dumps(said))
    built = create("smp_unet", weights=str(tmp_path / "best.ckpt"), device="cpu", score_floor=0.05)
    assert built.class_ids == (DOG, ROAD, PERSON)
    assert built.prepare([picture])[0].shape[-2:] == (32, 64)
    logits, _ = built.infer(built.prepare([picture]))
    alone = built.finish((logits, (32, 64)))[0].probs
    assert np.allclose(alone, logits.sigmoid()[0].numpy(), atol=1e-6)


def test_checkpoint_needs_nothing_but_its_name(tmp_path, state, picture):
    recipe = Recipe("smp_unet", ENCODER, ("background", "dog", "hair"), "softmax", (32, 64))
    save_checkpoint(tmp_path / "best.pt", state, recipe=recipe)
    built = create("smp_unet", weights=str(tmp_path / "best.pt"), device="cpu", score_floor=0.05)
    assert built.class_ids == (DOG, 201)
    assert built.class_names == {201: "hair"}
    assert built.segment([picture])[0].size_hw == SIZE_HW


def test_checkpoint_of_another_architecture_says_which_model_it_wants(tmp_path, state):
    save_checkpoint(tmp_path / "best.pt", state, recipe=Recipe("smp_unet", ENCODER, ("dog", "road")))
    with pytest.raises(
        WeightsError, match=r"those of smp_fpn, got .*best\.pt with those of smp_unet; take --model"
    ):
        network("smp_fpn", weights=tmp_path / "best.pt")


def test_state_dict_of_something_else_is_refused(tmp_path):
    torch.save(torch.nn.Linear(2, 3).state_dict(), tmp_path / "w.pt")
    with pytest.raises(
        WeightsError, match=r"weights of smp_unet must have 'segmentation_head.0.weight', got .*w\.pt"
    ):
        network(weights=tmp_path / "w.pt")


def test_options_win_over_what_the_file_says(tmp_path, state):
    save_checkpoint(
        tmp_path / "best.pt", state, recipe=Recipe(None, "resnet18", ("dog", "road"), None, (32, 32))
    )
    built = network(weights=tmp_path / "best.pt", class_names="person,road", input_short_px=64)
    assert built.class_ids == (PERSON, ROAD)
    assert built.prepare([np.zeros((64, 128, 3), np.uint8)])[0].shape[-2:] == (64, 128)


def test_missing_package_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "segmentation_models_pytorch", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'vidlab\[smp\]'"):
        network()


@pytest.mark.parametrize(
    ("names", "n_outputs"), [("", 21), ("dog", 1), ("dog,road", 3), ("background,dog,road", 3)]
)
def test_random_network_has_as_many_outputs_as_names_ask_for(names, n_outputs):
    built = network(class_names=names)
    assert built.network.network.segmentation_head[0].out_channels == n_outputs
