"""A semantic network behind the Segmenter protocol: frames in, ClassProbs out."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vidlab.models.detector import to_model_input
from vidlab.models.outputs import VOC_OUTPUTS, Outputs
from vidlab.models.protocol import Kind
from vidlab.models.sizes import INPUT_SHORT_PX, MEAN, STD, InputSize, input_hw
from vidlab.types import ClassProbs, UInt8Image

Prepared = tuple[Tensor, tuple[int, int]]  # a batch, and the height and width of its pictures


class SemanticSegmenter:
    """DeepLab, U-Net and their kind: `segment`, or its three stages one by one; `network` is what runs."""

    kind: Kind = "probs"

    def __init__(
        self,
        network: nn.Module,
        *,
        name: str,
        weights: str,
        device: str,
        outputs: Outputs = VOC_OUTPUTS,
        input_size: InputSize = INPUT_SHORT_PX,
    ) -> None:
        """Take a network that is ready to run.

        Args:
            network: Returns `{"out": logits}`, (N, K, h, w), for pictures normalized as ImageNet's.
            name: Name in the registry.
            weights: Label of the weights, for outputs.
            device: `cpu`, `cuda`, `cuda:N` or `mps`, resolved.
            outputs: What each of the K means.
            input_size: Shorter side to which pictures are scaled, or the height and width that all get, in
                pixels; None leaves them as they are.
        """
        self.name = name
        self.weights = weights
        self.class_ids = outputs.shown_ids
        self.class_names = dict(outputs.names)
        self.outputs = outputs
        self.input_size = input_size
        self.network = network.eval().to(device)
        self.device = device
        self._mean = torch.tensor(MEAN, device=device).view(3, 1, 1)
        self._std = torch.tensor(STD, device=device).view(3, 1, 1)

    def segment(self, images: Sequence[UInt8Image]) -> list[ClassProbs]:
        """Say how probable each class is at each pixel.

        Args:
            images: uint8 (H, W, 3), RGB, any size; pictures of one size share a pass of the network.

        Returns:
            One for each picture, at its size, the classes in the order of the outputs, background left out.
        """
        if len({image.shape for image in images}) > 1:
            return [found for image in images for found in self.segment((image,))]
        return self.finish(self.infer(self.prepare(images))) if images else []

    def prepare(self, images: Sequence[UInt8Image]) -> Prepared:
        """Resize and normalize pictures of one size; see `StagedSegmenter`."""
        height, width = images[0].shape[:2]
        return torch.stack([self._prepare(image) for image in images]), (height, width)

    def infer(self, prepared: Prepared) -> Prepared:
        """Run the network; see `StagedSegmenter`."""
        batch, size_hw = prepared
        with torch.inference_mode():
            return self.network(batch)["out"], size_hw

    def finish(self, found: Prepared) -> list[ClassProbs]:
        """Turn scores into probabilities at the pictures' size; see `StagedSegmenter`."""
        logits, size_hw = found
        with torch.inference_mode():
            softly = self.outputs.activation == "softmax"
            probs = logits.softmax(dim=1) if softly else logits.sigmoid()
            probs = probs[:, self.outputs.shown]
            return [self._to_source_size(here, size_hw) for here in probs]

    def _to_source_size(self, probs: Tensor, size_hw: tuple[int, int]) -> ClassProbs:
        full = F.interpolate(probs[None], size=size_hw, mode="bilinear", align_corners=False)[0]
        return ClassProbs(full.clamp_(0, 1).cpu().numpy().astype(np.float32, copy=False), self.class_ids)

    def _prepare(self, image: UInt8Image) -> Tensor:
        pixels = to_model_input(image, device=self.device)
        size = list(input_hw(image.shape[:2], wanted=self.input_size))
        if size != list(image.shape[:2]):
            batch = pixels[None]
            pixels = F.interpolate(batch, size=size, mode="bilinear", antialias=True, align_corners=False)[0]
        return (pixels - self._mean) / self._std
