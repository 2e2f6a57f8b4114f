"""The reference network: its layers as they are described, and what opens its weights."""

import numpy as np
import pytest
import torch
from torch import nn

from vidlab import models
from vidlab.errors import WeightsError
from vidlab.models.checkpoint import Recipe, save_checkpoint
from vidlab.models.unet import ReferenceUNet, build_network

DOWN_CHANNELS = [64, 128, 256, 512, 512, 512, 512]
UP_CHANNELS = [512, 512, 512, 256, 128, 64]


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return ReferenceUNet(8)


def layers(module, kind):
    return [layer for layer in module.modules() if isinstance(layer, kind)]


def shapes(network, blocks, batch):
    """What every one of some blocks returns, without the axis of the batch."""
    seen = []
    hooks = [
        block.register_forward_hook(lambda _m, _i, out: seen.append(tuple(out.shape[1:]))) for block in blocks
    ]
    with torch.inference_mode():
        network.eval()(batch)
    for hook in hooks:
        hook.remove()
    return seen


def test_256_pixels_become_2_and_256_again(network):
    picture = torch.zeros(1, 3, 256, 256)
    down = shapes(network, network.down, picture)
    assert down == [
        (c, side, side) for c, side in zip(DOWN_CHANNELS, (128, 64, 32, 16, 8, 4, 2), strict=True)
    ]
    up = shapes(network, network.up, picture)
    assert up == [(c, side, side) for c, side in zip(UP_CHANNELS, (4, 8, 16, 32, 64, 128), strict=True)]
    assert shapes(network, [network.out], picture) == [(8, 256, 256)]


def test_skips_join_maps_of_one_size(network):
    taken = [block[0].in_channels for block in network.up] + [network.out.in_channels]
    assert taken == [512, 512 + 512, 512 + 512, 512 + 512, 256 + 256, 128 + 128, 64 + 64]


def test_no_bias_but_in_the_output(network):
    convolutions = layers(network, nn.Conv2d | nn.ConvTranspose2d)
    assert len(convolutions) == 7 + 6 + 1
    assert [layer.bias is not None for layer in convolutions] == [False] * 13 + [True]
    assert all((layer.kernel_size, layer.stride) == ((4, 4), (2, 2)) for layer in convolutions)


def test_all_blocks_but_the_first_are_normalized_and_three_drop(network):
    normalized = [bool(layers(block, nn.BatchNorm2d)) for block in (*network.down, *network.up)]
    assert normalized == [False] + [True] * 12
    drops = [[layer.p for layer in layers(block, nn.Dropout)] for block in network.up]
    assert drops == [[0.25], [0.25], [0.25], [], [], []]
    assert not layers(network.down, nn.Dropout)
    assert all(layers(block, nn.LeakyReLU) for block in network.down)
    assert all(layers(block, nn.ReLU) for block in network.up)


def test_number_of_weights_is_what_the_description_comes_to(network):
    edges = list(zip([3, *DOWN_CHANNELS], DOWN_CHANNELS, strict=False))
    edges += list(zip([512, 1024, 1024, 1024, 512, 256], UP_CHANNELS, strict=True))
    kernels = sum(16 * before * after for before, after in edges)
    norms = 2 * (sum(DOWN_CHANNELS[1:]) + sum(UP_CHANNELS))
    output = 16 * 128 * 8 + 8
    assert sum(weights.numel() for weights in network.parameters()) == kernels + norms + output == 41_840_264


def test_weights_are_glorot_normal(network):
    weights = network.down[3][0].weight  # 256 → 512, kernels of 16
    deviation = (2 / (16 * (256 + 512))) ** 0.5
    assert weights.std().item() == pytest.approx(deviation, rel=0.01)
    assert weights.mean().item() == pytest.approx(0, abs=deviation / 100)
    beyond = (weights.abs() > 2 * deviation).float().mean().item()  # a uniform one would have none
    assert beyond == pytest.approx(0.0455, abs=0.003)
    assert network.out.bias.abs().max().item() == 0


def test_a_skip_carries_what_the_bottom_cannot():
    torch.manual_seed(0)
    network = ReferenceUNet(2, width=4).eval()
    dots = torch.zeros(1, 3, 128, 128)
    dots[..., ::4, ::4] = 1
    with torch.inference_mode():
        scores = network(dots)
    assert scores[0, 0].std() > 0.01


@pytest.mark.parametrize("size_hw", [(96, 130), (1, 1), (256, 128)])
def test_pictures_of_any_size_are_taken(size_hw):
    network = build_network(3, width=4).eval()
    with torch.inference_mode():
        assert network(torch.zeros(1, 3, *size_hw))["out"].shape == (1, 3, *size_hw)


def create(weights):
    return models.create("unet", weights=str(weights), device="cpu", score_floor=0.05)


def test_weights_say_what_network_they_are_of(tmp_path):
    torch.manual_seed(0)
    built = build_network(3, width=4)
    recipe = Recipe("unet", None, ("background", "dog", "lane marking"), "sigmoid", (64, 64))
    save_checkpoint(tmp_path / "best.pt", built.network.state_dict(), recipe=recipe)
    network = create(tmp_path / "best.pt")
    assert network.class_ids == (18, 201)
    picture = np.random.default_rng(0).integers(0, 255, (40, 60, 3), np.uint8)
    (found,) = network.segment([picture])
    assert found.probs.shape == (2, 40, 60)
    prepared, _ = network.prepare([picture])
    with torch.inference_mode():
        expected = built.eval()(prepared)["out"].sigmoid()[:, 1:]
        expected = nn.functional.interpolate(expected, size=(40, 60), mode="bilinear")[0]
    np.testing.assert_allclose(found.probs, expected.numpy(), atol=1e-6)


def test_the_name_opens_every_network_that_training_makes(tmp_path):
    smp = pytest.importorskip("segmentation_models_pytorch")
    network = smp.Unet("tu-test_resnet", encoder_weights=None, classes=2)
    recipe = Recipe("smp_unet", "tu-test_resnet", ("background", "dog"), "softmax", (64, 64))
    save_checkpoint(tmp_path / "best.pt", network.state_dict(), recipe=recipe)
    assert create(tmp_path / "best.pt").name == "smp_unet"


def test_weights_of_another_kind_are_refused(tmp_path):
    torch.save({"fc.weight": torch.zeros(2, 2)}, tmp_path / "other.pt")
    with pytest.raises(WeightsError, match=r"made by vidlab train and have 'down\.0\.0\.weight'"):
        create(tmp_path / "other.pt")


def test_random_weights_are_for_timing():
    network = create("random")
    assert network.weights == "random (timing only)"
    assert len(network.class_ids) == 7
