"""A torchvision semantic network behind the Segmenter protocol: frames in, ClassProbs out."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vidlab.classes import VOC_NAMES, class_id
from vidlab.models.detector import to_model_input
from vidlab.models.protocol import Kind
from vidlab.types import ClassProbs, UInt8Image

VOC_TO_COCO_IDS = tuple(class_id(name) for name in VOC_NAMES)  # of VOC's labels 1..20
INPUT_SHORT_PX = 520  # the size at which torchvision trained and measured these weights
Prepared = tuple[Tensor, tuple[int, int]]  # a batch, and the height and width of its pictures
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet, per channel, for images in [0, 1]


class SemanticSegmenter:
    """DeepLab or LRASPP of any kind: `segment`, or its three stages one by one; `network` is what runs."""

    kind: Kind = "probs"

    def __init__(self, network: nn.Module, *, name: str, weights: str, device: str) -> None:
        """Take a network that is ready to run.

        Args:
            network: Returns `{"out": logits}`, (N, 21, h, w), VOC's labels.
            name: Name in the registry.
            weights: Label of the weights, for outputs.
            device: `cpu`, `cuda`, `cuda:N` or `mps`, resolved.
        """
        self.name = name
        self.weights = weights
        self.class_ids = VOC_TO_COCO_IDS
        self.network = network.eval().to(device)
        self._device = device
        self._mean = torch.tensor(MEAN, device=device).view(3, 1, 1)
        self._std = torch.tensor(STD, device=device).view(3, 1, 1)

    def segment(self, images: Sequence[UInt8Image]) -> list[ClassProbs]:
        """Say how probable each class is at each pixel.

        Args:
            images: uint8 (H, W, 3), RGB, any size; pictures of one size share a pass of the network.

        Returns:
            One for each picture, at its size, the 20 VOC classes under their COCO ids.
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
            probs = logits.softmax(dim=1)[:, 1:]
            return [self._to_source_size(here, size_hw) for here in probs]

    def _to_source_size(self, probs: Tensor, size_hw: tuple[int, int]) -> ClassProbs:
        full = F.interpolate(probs[None], size=size_hw, mode="bilinear", align_corners=False)[0]
        return ClassProbs(full.clamp_(0, 1).cpu().numpy().astype(np.float32, copy=False), self.class_ids)

    def _prepare(self, image: UInt8Image) -> Tensor:
        pixels = to_model_input(image, device=self._device)
        scale = INPUT_SHORT_PX / min(image.shape[:2])
        size = [max(1, round(side * scale)) for side in image.shape[:2]]
        pixels = F.interpolate(pixels[None], size=size, mode="bilinear", antialias=True, align_corners=False)[
            0
        ]
        return (pixels - self._mean) / self._std
