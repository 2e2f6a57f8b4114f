"""Networks whose input is prepared elsewhere: a batch of any size in, tensors out, arrays at the very end.

What they cost depends on their weights hardly at all (of a detector: on how much it finds), so that chance
will do where their own weights are not on this machine; the label says so in every output.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vidlab.models import create_for_timing
from vidlab.models.protocol import Kind

if TYPE_CHECKING:
    from torch import Tensor, nn

Channels = tuple[float, float, float]
IMAGENET_MEAN: Channels = (0.485, 0.456, 0.406)  # per channel, of images in [0, 1]
IMAGENET_STD: Channels = (0.229, 0.224, 0.225)
MASK_THRESHOLD = 0.5  # of the mask head's probability, as in the Mask R-CNN paper


@dataclass(frozen=True, slots=True)
class TimedNetwork:
    """A network on a device.

    Attributes:
        name: Name in the registry.
        kind: `probs`, or `instances` for a detector, which scales and normalizes its input itself.
        weights: Label for outputs, such as `random (timing only)`.
        device: Where it runs.
        module: The network itself, in evaluation mode.
    """

    name: str
    kind: Kind
    weights: str
    device: str
    module: "nn.Module"

    @property
    def mean(self) -> Channels:
        """What its input, in [0, 1], has subtracted from it, per channel."""
        return IMAGENET_MEAN if self.kind == "probs" else (0.0, 0.0, 0.0)

    @property
    def std(self) -> Channels:
        """What its input is divided by after that, per channel."""
        return IMAGENET_STD if self.kind == "probs" else (1.0, 1.0, 1.0)

    def __call__(self, batch: "Tensor") -> Any:
        """Run the network; on a GPU this returns before the work is done.

        Args:
            batch: float (N, 3, H, W), on the device, prepared with `mean` and `std`.

        Returns:
            Logits, (N, K, H, W), or a detector's dictionaries, on the device.
        """
        import torch

        with torch.inference_mode():
            if self.kind == "instances":
                return self.module(list(batch))
            return self.module(batch)["out"]

    def labels(self, output: Any) -> "Tensor":
        """Reduce what the network returned to a class per pixel, where it is.

        Returns:
            uint8 (N, H, W), on the device; of a detector, 1 where it sees any object.
        """
        import torch

        with torch.inference_mode():
            if self.kind == "instances":
                seen = [(found["masks"] > MASK_THRESHOLD).any(dim=0)[0] for found in output]
                return torch.stack(seen).to(torch.uint8)
            # On the CPU `argmax` over planes takes four times as long as `max`, which walks along memory.
            labels: Tensor = output.max(dim=1).indices.to(torch.uint8)
            return labels

    def to_labels(self, output: Any) -> NDArray[np.uint8]:
        """Reduce likewise and bring it to the CPU: this is where a GPU is waited for."""
        return np.asarray(self.labels(output).cpu().numpy())


def timed_network(name: str, *, device: str) -> TimedNetwork:
    """Build a network, with its own weights if they are on this machine and random ones elsewhere.

    Args:
        name: One of `vidlab.models.MODELS`.
        device: `cpu`, `cuda`, `cuda:N` or `mps`, resolved.

    Raises:
        ParameterError: The name is unknown.
        DeviceError: The device is not here.
        MissingExtraError: torch is not installed.
    """
    segmenter: Any = create_for_timing(name, weights=None, device=device)
    return TimedNetwork(name, segmenter.kind, segmenter.weights, device, segmenter.network)
