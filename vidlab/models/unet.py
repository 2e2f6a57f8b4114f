"""The reference U-Net-like network, and every network that `vidlab train` makes, under the name `unet`."""

from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor, nn

from vidlab.errors import WeightsError
from vidlab.models.building import same_chance, semantic_outputs, to_segmenter
from vidlab.models.outputs import numbered_names, to_outputs
from vidlab.models.request import NetworkRequest
from vidlab.models.semantic import SemanticSegmenter
from vidlab.models.smp import PREFIX, AnySize
from vidlab.models.smp import build as build_smp
from vidlab.models.weights import Found, find_weights

NAME = "unet"
DEFAULT_WIDTH = 64  # channels of the first block
DOWN = (1, 2, 4, 8, 8, 8, 8)  # channels of each block, in widths of the first: 256 pixels become 2
UP = (8, 8, 8, 4, 2, 1)
DROPOUT = 0.25  # in the first blocks up, where maps are smallest
N_DROPOUT = 3
LEAK = 0.3  # slope of LeakyReLU below 0, which Keras takes unless told otherwise
STRIDE = 2 ** len(DOWN)
N_OUTPUTS = 8  # of random weights without names
FIRST, LAST = "down.0.0.weight", "out.weight"  # what tells width and number of outputs
KERNEL, STEP, RIM = 4, 2, 1  # a convolution of these halves sides, a transposed one doubles them


class ReferenceUNet(nn.Module):
    """Seven blocks down, six up with skips, a transposed convolution to one map of scores per class.

    The generator of pix2pix (Isola et al., CVPR 2017) with other channels and fewer blocks: kernels of 4×4,
    stride 2, no pooling; weights by Glorot and Bengio (AISTATS 2010); no bias but in the last layer. Its
    sigmoid is left to the loss and to the segmenter, which are surer of scores.
    """

    def __init__(self, n_outputs: int, *, width: int = DEFAULT_WIDTH) -> None:
        """Draw the weights.

        Args:
            n_outputs: Maps of scores.
            width: Channels of the first block; the others have up to eight times as many.
        """
        super().__init__()
        down, up = [width * factor for factor in DOWN], [width * factor for factor in UP]
        self.down = nn.ModuleList(
            _down(before, after, normalized=place > 0)
            for place, (before, after) in enumerate(zip([3, *down], down, strict=False))
        )
        skips = down[-2::-1]
        taken = [down[-1], *(above + skip for above, skip in zip(up, skips, strict=True))]
        self.up = nn.ModuleList(
            _up(before, after, dropout=DROPOUT if place < N_DROPOUT else 0.0)
            for place, (before, after) in enumerate(zip(taken, up, strict=False))
        )
        self.out = nn.ConvTranspose2d(taken[-1], n_outputs, KERNEL, STEP, RIM)
        self.apply(_glorot)

    def forward(self, batch: Tensor) -> Tensor:
        """Return scores, float32 (N, K, H, W), of pictures whose sides 128 divides, float32 (N, 3, H, W)."""
        skips: list[Tensor] = []
        for block in self.down:
            batch = block(batch)
            skips.append(batch)
        skips.pop()
        for block in self.up:
            batch = torch.cat([block(batch), skips.pop()], dim=1)
        scores: Tensor = self.out(batch)
        return scores


def build_network(n_outputs: int, *, width: int = DEFAULT_WIDTH) -> AnySize:
    """Build the reference network, which takes pictures of any size; its weights are random."""
    return AnySize(ReferenceUNet(n_outputs, width=width), stride=STRIDE)


def build(request: NetworkRequest) -> SemanticSegmenter:
    """Build what `vidlab train` made, whichever network that was; see `registry.create`.

    Raises:
        WeightsError: The weights cannot be had, or are of a network that is no U-Net of ours.
    """
    found = find_weights(request.weights, own=None, model=request.name)
    said = found.recipe.architecture or NAME
    if said.startswith(PREFIX):
        return build_smp(replace(request, name=said))
    n_outputs, width = _shape_of(request, found)
    default = None
    if not (request.class_names or found.recipe.classes):
        names = numbered_names(n_outputs)
        default = to_outputs(names, n_outputs=n_outputs, activation="sigmoid", source=request.name)
    with same_chance():
        network = build_network(n_outputs, width=width)
    found.fill(network.network)
    outputs = semantic_outputs(found, request=request, n_outputs=n_outputs, default=default)
    return to_segmenter(network, found, request=request, outputs=outputs, input_short_px=None)


def _down(before: int, after: int, *, normalized: bool) -> nn.Sequential:
    layers: list[nn.Module] = [nn.Conv2d(before, after, KERNEL, STEP, RIM, bias=False)]
    if normalized:
        layers.append(nn.BatchNorm2d(after))
    return nn.Sequential(*layers, nn.LeakyReLU(LEAK))


def _up(before: int, after: int, *, dropout: float) -> nn.Sequential:
    layers: list[nn.Module] = [
        nn.ConvTranspose2d(before, after, KERNEL, STEP, RIM, bias=False),
        nn.BatchNorm2d(after),
    ]
    if dropout:
        layers.append(nn.Dropout(dropout))
    return nn.Sequential(*layers, nn.ReLU())


def _glorot(layer: nn.Module) -> None:
    if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
        nn.init.xavier_normal_(layer.weight)
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)


def _shape_of(request: NetworkRequest, found: Found) -> tuple[int, int]:
    """Return number of outputs and width, as the weights have them."""
    if found.file is None:
        return len(request.class_names) or N_OUTPUTS, DEFAULT_WIDTH
    state: Mapping[str, Tensor] = found.state
    for name in (FIRST, LAST):
        if name not in state or state[name].ndim != 4:
            raise WeightsError(
                f"weights of {NAME} must be made by vidlab train and have {name!r}, got {found.file} without "
                f"it{f', which is of {found.recipe.architecture}' if found.recipe.architecture else ''}"
            )
    return state[LAST].shape[1], state[FIRST].shape[0]
