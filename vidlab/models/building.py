"""What the builders of all semantic networks share: chance, the meaning of outputs, the size of the input."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

from vidlab.models.outputs import Outputs, to_outputs
from vidlab.models.request import NetworkRequest
from vidlab.models.semantic import SemanticSegmenter
from vidlab.models.sizes import InputSize
from vidlab.models.weights import Found

RANDOM_SEED = 0  # random weights are for timing: the same ones every time


@contextmanager
def same_chance() -> Iterator[None]:
    """Let torch draw the same numbers every time while the block runs, and the caller's own after it."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(RANDOM_SEED)
        yield


def semantic_outputs(
    found: Found, *, request: NetworkRequest, n_outputs: int, default: Outputs | None
) -> Outputs:
    """Say what a network's outputs mean: as the user says, else its weights, else as it was published."""
    names = request.class_names or found.recipe.classes
    activation = request.options.activation
    if activation == "auto" and found.recipe.activation is not None:
        activation = found.recipe.activation
    if default is not None and not names and activation == "auto" and n_outputs == len(default.class_ids):
        return default
    source = request.name if found.file is None else found.file.name
    return to_outputs(names, n_outputs=n_outputs, activation=activation, source=source)


def to_segmenter(
    network: nn.Module, found: Found, *, request: NetworkRequest, outputs: Outputs, input_short_px: int | None
) -> SemanticSegmenter:
    """Wrap a semantic network; its input has the size that the user says, else that its weights say."""
    size: InputSize = request.options.input_short_px or found.recipe.input_hw or input_short_px
    return SemanticSegmenter(
        network,
        name=request.name,
        weights=found.label,
        device=request.device,
        outputs=outputs,
        input_size=size,
    )
