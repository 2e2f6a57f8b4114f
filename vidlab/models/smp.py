"""Networks of segmentation-models-pytorch: a decoder on any of its encoders, or of timm's.

Its networks take sizes that their stride divides, and return scores; here they take any size and return what
torchvision's do, so that everything downstream knows one kind. They are trained on pictures normalized as
ImageNet's, which is what most of the encoders want.
"""

import importlib
import logging
from types import ModuleType
from typing import Any

from torch import Tensor, nn
from torch.nn import functional as F

from vidlab.errors import MissingExtraError, ParameterError, WeightsError
from vidlab.models.building import same_chance, semantic_outputs, to_segmenter
from vidlab.models.outputs import BACKGROUND_NAME, N_VOC_OUTPUTS
from vidlab.models.request import NetworkRequest
from vidlab.models.semantic import SemanticSegmenter
from vidlab.models.weights import Found, find_weights

PREFIX = "smp_"
DEFAULT_ENCODER = "resnet34"
LEAST_PX = {"smp_pan": 128}  # it halves its smallest map, a sixteenth of the picture, three times
WITH_WIDTH = ("smp_unet", "smp_unetplusplus", "smp_manet")  # their decoder's channels can be chosen
DECODER = (
    16,
    8,
    4,
    2,
    1,
)  # channels of its blocks, in widths of the last; a width of 16 is the library's
HEAD = "segmentation_head.0.weight"  # one row for each output
logger = logging.getLogger(__name__)


class AnySize(nn.Module):
    """A network as torchvision's are: pictures of any size in, `{"out": scores}` of that size out."""

    def __init__(self, network: nn.Module, *, stride: int, least_px: int = 1) -> None:
        """Take a network whose input's sides must be multiples of `stride`, and `least_px` at least."""
        super().__init__()
        self.network = network
        self.stride = stride
        self.least_px = least_px

    def forward(self, batch: Tensor) -> dict[str, Tensor]:
        """Repeat the last row and column as far as the stride wants, and cut the scores back."""
        height, width = batch.shape[-2:]
        right, below = self._missing(width), self._missing(height)
        if right or below:
            batch = F.pad(batch, (0, right, 0, below), mode="replicate")
        return {"out": self.network(batch)[..., :height, :width]}

    def _missing(self, side_px: int) -> int:
        return max(side_px + -side_px % self.stride, self.least_px) - side_px


def require_smp() -> ModuleType:
    """Import segmentation-models-pytorch.

    Raises:
        MissingExtraError: It is not installed.
    """
    try:
        return importlib.import_module("segmentation_models_pytorch")
    except ImportError:
        raise MissingExtraError.for_feature("a network named smp_…", extra="smp") from None


def build(request: NetworkRequest) -> SemanticSegmenter:
    """Build a network of segmentation-models-pytorch (see each one's paper there); see `registry.create`.

    The number of its outputs is read from the weights; encoder and names of classes from the weights or the
    .json beside them, where the options do not tell.
    """
    require_smp()
    found = find_weights(request.weights, own=None, model=request.name)
    said = found.recipe.architecture
    if said not in (None, request.name):
        raise WeightsError(
            f"weights must be those of {request.name}, got {found.file} with those of {said}; "
            f"take --model {said}"
        )
    n_outputs = _n_outputs(found, request)
    outputs = semantic_outputs(found, request=request, n_outputs=n_outputs, default=None)
    encoder = request.options.encoder or found.recipe.encoder or DEFAULT_ENCODER
    width = found.state[HEAD].shape[1] if found.file is not None and request.name in WITH_WIDTH else 0
    with same_chance():
        network = build_network(request.name, encoder=encoder, n_outputs=n_outputs, width=width)
    try:
        found.fill(network.network)
    except WeightsError as error:
        raise WeightsError(f"{error}; {encoder} was taken for its --encoder") from None
    return to_segmenter(network, found, request=request, outputs=outputs, input_short_px=None)


def build_network(
    name: str, *, encoder: str, n_outputs: int, width: int = 0, encoder_weights: str | None = None
) -> AnySize:
    """Build a network, its decoder with random weights.

    Args:
        name: Name in the registry, such as `smp_unet`.
        encoder: A name of segmentation-models-pytorch's, or `tu-NAME` for one of timm's.
        n_outputs: Number of maps of scores, background among them.
        width: Channels of the decoder's last block, its others have up to sixteen times as many; 0 takes the
            library's.
        encoder_weights: What `encoder_weights` of the library takes, such as `imagenet`, which it downloads;
            None for random ones.

    Raises:
        ParameterError: There is no such encoder, or the network cannot use it, or has no width to choose.
        MissingExtraError: segmentation-models-pytorch is not installed.
    """
    smp: Any = require_smp()
    if width and name not in WITH_WIDTH:
        raise ParameterError(f"a width can be chosen of {', '.join(WITH_WIDTH)}, got {width} for {name}")
    # of timm's encoders the name says which weights
    weights = True if encoder_weights and encoder.startswith("tu-") else encoder_weights
    channels = {"decoder_channels": [width * factor for factor in DECODER]} if width else {}
    try:
        network = smp.create_model(
            name.removeprefix(PREFIX),
            encoder_name=encoder,
            encoder_weights=weights,
            classes=n_outputs,
            **channels,
        )
    except (KeyError, ValueError, RuntimeError, AttributeError, TypeError, NotImplementedError) as error:
        logger.debug("segmentation-models-pytorch refused %s", encoder, exc_info=error)
        some = ", ".join(smp.encoders.get_encoder_names()[:6])
        raise ParameterError(
            f"the encoder must be one that {name} can use, got {encoder!r}; choose one of "
            f"segmentation-models-pytorch's, such as {some}, or tu-NAME for one of timm's"
        ) from error
    return AnySize(network, stride=int(network.encoder.output_stride), least_px=LEAST_PX.get(name, 1))


def _n_outputs(found: Found, request: NetworkRequest) -> int:
    """Return how many outputs the weights have; with random ones, as many as there are names."""
    if found.file is not None:
        if HEAD not in found.state or found.state[HEAD].ndim != 4:
            raise WeightsError(f"weights of {request.name} must have {HEAD!r}, got {found.file} without it")
        return len(found.state[HEAD])
    names = [name.lower() for name in request.class_names]
    alone = BACKGROUND_NAME in names or request.options.activation == "sigmoid" or len(names) == 1
    return (len(names) if alone else len(names) + 1) if names else N_VOC_OUTPUTS
