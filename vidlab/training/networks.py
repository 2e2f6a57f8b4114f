"""The network that is trained: the reference, or one of segmentation-models-pytorch; and what to call it."""

import logging

import torch

from vidlab.errors import ParameterError, VidlabError, WeightsError
from vidlab.models import MODELS
from vidlab.models.checkpoint import Recipe
from vidlab.models.smp import PREFIX, AnySize
from vidlab.models.smp import build_network as build_smp
from vidlab.models.unet import NAME as REFERENCE
from vidlab.models.unet import build_network as build_reference
from vidlab.params import TrainNetworkParams
from vidlab.training.losses import Activation

RANDOM = "random"
logger = logging.getLogger(__name__)


def trainable() -> tuple[str, ...]:
    """Return the names of the networks that can be trained."""
    return tuple(name for name in MODELS if name == REFERENCE or name.startswith(PREFIX))


def require_trainable(network: str) -> None:
    """Check the name of a network that shall be trained.

    Raises:
        ParameterError: No network that can be trained has it.
    """
    if network not in trainable():
        raise ParameterError(
            f"the network must be one that can be trained here, got {network!r}; choose from: "
            f"{', '.join(trainable())}"
        )


def build(params: TrainNetworkParams, *, n_outputs: int, seed: int) -> AnySize:
    """Build a network; what has no weights yet is drawn from the seed.

    Args:
        params: Which.
        n_outputs: Number of classes, background among them.
        seed: Another one draws other weights.

    Raises:
        ParameterError: There is no such network or encoder.
        WeightsError: The encoder's weights cannot be had.
        MissingExtraError: segmentation-models-pytorch is not installed.
    """
    require_trainable(params.network)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        if params.network == REFERENCE:
            return build_reference(n_outputs, width=params.width)
        start = None if params.encoder_weights == RANDOM else params.encoder_weights
        if start is None:
            return build_smp(params.network, encoder=params.encoder, n_outputs=n_outputs)
        return _pretrained(params, n_outputs=n_outputs, weights=start)


def recipe_of(
    params: TrainNetworkParams, *, names: tuple[str, ...], activation: Activation, input_px: int
) -> Recipe:
    """Return what weights say of the network: all that `vidlab segment --weights FILE` needs."""
    encoder = None if params.network == REFERENCE else params.encoder
    return Recipe(params.network, encoder, names, activation, (input_px, input_px))


def _pretrained(params: TrainNetworkParams, *, n_outputs: int, weights: str) -> AnySize:
    # what is wrong with the encoder itself is told apart by building it without weights first
    build_smp(params.network, encoder=params.encoder, n_outputs=n_outputs)
    try:
        return build_smp(params.network, encoder=params.encoder, n_outputs=n_outputs, encoder_weights=weights)
    except (VidlabError, OSError, RuntimeError, ValueError) as error:
        logger.debug("the encoder's weights cannot be had", exc_info=error)
        reason = " ".join(str(error.__cause__ or error).split())[:120]
        raise WeightsError(
            f"weights {weights!r} of the encoder {params.encoder} must be in the cache or within reach "
            f"({type(error.__cause__ or error).__name__}: {reason}); --encoder-weights {RANDOM} needs none"
        ) from None
