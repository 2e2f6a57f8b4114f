"""The network that is trained: the reference, or one of segmentation-models-pytorch; and what to call it."""

import logging

import torch

from vidlab.errors import ParameterError, VidlabError, WeightsError
from vidlab.models import MODELS
from vidlab.models.checkpoint import Recipe
from vidlab.models.hub import impatient_hub
from vidlab.models.smp import PREFIX, AnySize
from vidlab.models.smp import build_network as build_smp
from vidlab.models.unet import DEFAULT_WIDTH
from vidlab.models.unet import NAME as REFERENCE
from vidlab.models.unet import build_network as build_reference
from vidlab.params import TrainNetworkParams
from vidlab.training.losses import Activation

RANDOM = "random"
REASON_LENGTH = 120  # characters of another library's words
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
            return build_reference(n_outputs, width=params.width or DEFAULT_WIDTH)
        network = build_smp(params.network, encoder=params.encoder, n_outputs=n_outputs, width=params.width)
        # only now: what is wrong with the encoder itself is said before anything is asked of the hub
        return network if params.encoder_weights == RANDOM else _pretrained(params, n_outputs=n_outputs)


def recipe_of(
    params: TrainNetworkParams, *, names: tuple[str, ...], activation: Activation, input_px: int
) -> Recipe:
    """Return what weights say of the network: all that `vidlab segment --weights FILE` needs."""
    encoder = None if params.network == REFERENCE else params.encoder
    return Recipe(params.network, encoder, names, activation, (input_px, input_px))


def _pretrained(params: TrainNetworkParams, *, n_outputs: int) -> AnySize:
    encoder, weights = params.encoder, params.encoder_weights
    with impatient_hub() as silent:
        try:
            return build_smp(
                params.network, encoder=encoder, n_outputs=n_outputs, width=params.width,
                encoder_weights=weights,
            )  # fmt: skip
        except (VidlabError, OSError, RuntimeError, ValueError) as error:
            logger.debug("the encoder's weights cannot be had", exc_info=error)
            cause = error.__cause__ or error
            reason = " ".join(str(cause).split())[:REASON_LENGTH]
            got = f"no answer from {silent}" if silent else f"{type(cause).__name__}: {reason}"
    raise WeightsError(
        f"weights {weights!r} of the encoder {encoder} must be in the cache or within reach, got {got}; "
        f"--encoder-weights {RANDOM} needs none"
    )
