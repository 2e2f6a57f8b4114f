"""Networks whose parts can be timed one by one: a prepared batch in, tensors out, arrays at the very end.

What they cost depends on their weights hardly at all (of a detector: on how much it finds), so that chance
will do where the published weights are not in torch's cache; the label says so in every output.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vidlab.errors import ParameterError
from vidlab.models.device import require_device, require_torch

if TYPE_CHECKING:
    from torch import Tensor, nn

DEFAULT_NETWORK = "lraspp_mobilenet_v3_large"
MASK_THRESHOLD = 0.5  # of the mask head's probability, as in the Mask R-CNN paper
SEED = 0  # random weights are the same ones every time
Channels = tuple[float, float, float]
IMAGENET_MEAN: Channels = (0.485, 0.456, 0.406)  # per channel, of images in [0, 1]
IMAGENET_STD: Channels = (0.229, 0.224, 0.225)


@dataclass(frozen=True, slots=True)
class Recipe:
    """How to build a network with torchvision.

    Attributes:
        builder: Name of the function in `torchvision.models.segmentation` or `.detection`.
        weights: Name of its enumeration of published weights, and of the entry taken.
        mean: Subtracted per channel before the network; 0 where the network does it itself.
        std: Divided by per channel; 1 where the network does it itself.
        options: What else the builder takes.
    """

    builder: str
    weights: tuple[str, str]
    mean: Channels = IMAGENET_MEAN
    std: Channels = IMAGENET_STD
    options: tuple[tuple[str, Any], ...] = (("num_classes", 21),)


VOC = "COCO_WITH_VOC_LABELS_V1"
NETWORKS: dict[str, Recipe] = {
    "lraspp_mobilenet_v3_large": Recipe(
        "segmentation.lraspp_mobilenet_v3_large", ("LRASPP_MobileNet_V3_Large_Weights", VOC)
    ),
    "deeplabv3_mobilenet_v3_large": Recipe(
        "segmentation.deeplabv3_mobilenet_v3_large",
        ("DeepLabV3_MobileNet_V3_Large_Weights", VOC),
        options=(("num_classes", 21), ("aux_loss", True)),
    ),
    "deeplabv3_resnet50": Recipe(
        "segmentation.deeplabv3_resnet50",
        ("DeepLabV3_ResNet50_Weights", VOC),
        options=(("num_classes", 21), ("aux_loss", True)),
    ),
    "maskrcnn_resnet50_fpn": Recipe(
        "detection.maskrcnn_resnet50_fpn",
        ("MaskRCNN_ResNet50_FPN_Weights", "COCO_V1"),
        mean=(0.0, 0.0, 0.0),
        std=(1.0, 1.0, 1.0),
        options=(("num_classes", 91),),
    ),
}


@dataclass(frozen=True, slots=True)
class TimedNetwork:
    """A network on a device.

    Attributes:
        name: One of `NETWORKS`.
        weights: Label for outputs: the name of the published weights, or `random (timing only)`.
        device: Where it runs.
        module: The network itself, in evaluation mode.
        mean: What its input has subtracted from it, per channel.
        std: What its input is divided by, per channel.
    """

    name: str
    weights: str
    device: str
    module: "nn.Module"
    mean: Channels
    std: Channels

    def __call__(self, batch: "Tensor") -> Any:
        """Run the network; returns as soon as the device has its orders.

        Args:
            batch: float (N, 3, H, W), on the device, prepared with `mean` and `std`.

        Returns:
            Logits, (N, K, H, W), or a detector's dictionaries, on the device.
        """
        import torch

        with torch.inference_mode():
            if self.name.startswith("maskrcnn"):
                return self.module(list(batch))
            return self.module(batch)["out"]

    def labels(self, output: Any) -> "Tensor":
        """Reduce what the network returned to a class per pixel, where it is.

        Returns:
            uint8 (N, H, W), on the device; of a detector, 1 where it sees any object.
        """
        import torch

        with torch.inference_mode():
            if self.name.startswith("maskrcnn"):
                seen = [(found["masks"] > MASK_THRESHOLD).any(dim=0)[0] for found in output]
                return torch.stack(seen).to(torch.uint8)
            labels: Tensor = output.argmax(dim=1).to(torch.uint8)
            return labels

    def to_labels(self, output: Any) -> NDArray[np.uint8]:
        """Reduce likewise and bring it to the CPU: this is where a GPU is waited for."""
        return np.asarray(self.labels(output).cpu().numpy())


def timed_network(name: str, *, device: str) -> TimedNetwork:
    """Build a network, with its published weights where torch's cache holds them and random ones elsewhere.

    Args:
        name: One of `NETWORKS`.
        device: `cpu`, `cuda`, `cuda:N` or `mps`, resolved.

    Raises:
        ParameterError: The name is unknown.
        DeviceError: The device is not here.
        MissingExtraError: torch is not installed.
    """
    if name not in NETWORKS:
        raise ParameterError(f"unknown network {name!r}; choose from: {', '.join(NETWORKS)}")
    torch = require_torch()
    require_device(device)
    recipe = NETWORKS[name]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(SEED)
        module = _builder(recipe)(weights=None, weights_backbone=None, **dict(recipe.options))
    label = _fill(module, recipe)
    return TimedNetwork(name, label, device, module.eval().to(device), recipe.mean, recipe.std)


def _builder(recipe: Recipe) -> Callable[..., "nn.Module"]:
    import torchvision

    room, _, name = recipe.builder.partition(".")
    builder: Callable[..., nn.Module] = getattr(getattr(torchvision.models, room), name)
    return builder


def _fill(module: "nn.Module", recipe: Recipe) -> str:
    """Fill with the published weights if they are in the cache, and return the label."""
    import torchvision

    from vidlab.models.weights import RANDOM_LABEL, Published, cache_dir, load_weights

    room = getattr(torchvision.models, recipe.builder.partition(".")[0])
    entry = getattr(getattr(room, recipe.weights[0]), recipe.weights[1])
    published = Published(str(entry), entry.url)
    if not (cache_dir() / published.file_name).is_file():
        return RANDOM_LABEL
    return load_weights(module, None, own=published)
