"""What an object looks like, in the numbers of a network trained for something else: a backbone's last layer.

Made for `tracking.create_tracker(…, embed=…)`. ImageNet's classes are no identities: a network trained to
tell people apart does better, and its weights go in by file if it has the same layers.
"""

import logging

import cv2
import numpy as np
import torch
from torch import nn
from torchvision import models as torchvision_models
from torchvision.models import MobileNet_V3_Small_Weights, ResNet18_Weights, WeightsEnum

from vidlab.errors import ParameterError
from vidlab.models.device import require_device
from vidlab.models.weights import RANDOM, Published, load_weights
from vidlab.types import Float32Array, Instances, UInt8Image

logger = logging.getLogger(__name__)

CROP_HW = (128, 64)  # as people stand; DeepSORT's own network takes this size
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
RANDOM_SEED = 0  # the same random weights every time
RANDOM_LABEL = "random (not trained: tells textures apart, no more)"
CHUNK = 32  # crops that go through the network at once: memory does not grow with a crowd

OWN_WEIGHTS: dict[str, WeightsEnum] = {
    "resnet18": ResNet18_Weights.IMAGENET1K_V1,
    "mobilenet_v3_small": MobileNet_V3_Small_Weights.IMAGENET1K_V1,
}


class Embedding:
    """Describes the looks of instances by a network; an `Embed` of `vidlab.tracking`.

    Attributes:
        name: Name of the network.
        weights: Label of its weights.
        n_numbers: Length of a description.
    """

    def __init__(self, network: nn.Module, *, name: str, weights: str, device: str) -> None:
        """Take a network, ready and without its classifier: float32 (N, 3, 128, 64) in, (N, D) out."""
        self.name, self.weights = name, weights
        self._device = torch.device(device)
        self._network = network.eval().to(self._device)
        self.n_numbers = int(self._forward(torch.zeros(1, 3, *CROP_HW)).shape[1])

    def __call__(self, image: UInt8Image, instances: Instances) -> Float32Array:
        """Describe what each mask shows; what lies around it is gray.

        Args:
            image: uint8 (H, W, 3), RGB.
            instances: What is in it.

        Returns:
            float32 (N, D), of length 1; zeros of empty masks.
        """
        looks = np.zeros((len(instances), self.n_numbers), np.float32)
        rows = np.flatnonzero(instances.masks.any(axis=(1, 2)))
        for start in range(0, len(rows), CHUNK):
            chunk = rows[start : start + CHUNK]
            crops = torch.stack([_crop(image, instances.masks[row]) for row in chunk])
            looks[chunk] = nn.functional.normalize(self._forward(crops)).cpu().numpy()
        return looks

    @torch.inference_mode()
    def _forward(self, crops: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self._network(crops.to(self._device))
        return out


def create_embedding(name: str, *, weights: str | None, device: str) -> Embedding:
    """Build a backbone and fill it with weights.

    Args:
        name: One of `OWN_WEIGHTS`.
        weights: A file with a state dict of torchvision's network, `random`, or None for ImageNet's, from the
            cache or by download.
        device: `cpu`, `cuda`, `cuda:N` or `mps`.

    Raises:
        ParameterError: The name is unknown.
        DeviceError: The device is not here.
        WeightsError: The weights cannot be had, or do not fit.
    """
    if name not in OWN_WEIGHTS:
        raise ParameterError(f"unknown appearance {name!r}; choose from: {', '.join(OWN_WEIGHTS)}")
    device = require_device(device)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(RANDOM_SEED)
        network: nn.Module = getattr(torchvision_models, name)(weights=None)
    if weights == RANDOM:
        logger.warning("%s: random weights; looks are told apart by texture, not by what was learned", name)
        label = RANDOM_LABEL
    else:
        own = OWN_WEIGHTS[name]
        label = load_weights(network, weights, own=Published(str(own), own.url))
    setattr(network, "fc" if hasattr(network, "fc") else "classifier", nn.Identity())
    return Embedding(network, name=name, weights=label, device=device)


def _crop(image: UInt8Image, mask: np.ndarray) -> torch.Tensor:
    """Return what a mask shows as the network takes it, float32 (3, 128, 64)."""
    x, y, width, height = cv2.boundingRect(np.ascontiguousarray(mask).view(np.uint8))
    window = (slice(y, y + height), slice(x, x + width))
    inside = (image[window].astype(np.float32) / 255 - IMAGENET_MEAN) / IMAGENET_STD
    inside[~mask[window]] = 0
    small = cv2.resize(inside.astype(np.float32), CROP_HW[::-1], interpolation=cv2.INTER_AREA)
    return torch.from_numpy(np.ascontiguousarray(small.transpose(2, 0, 1)))
