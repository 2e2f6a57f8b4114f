"""Pictures varied with their masks, by torchvision's transforms, which know an image from a mask."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torchvision import tv_tensors
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional as F

from vidlab.models.sizes import MEAN, STD
from vidlab.params import AugmentParams
from vidlab.types import UInt8Image

Labels = NDArray[np.uint8]
Sample = tuple[Tensor, Tensor]


class Augment:
    """Crops, resizes, mirrors and recolors; what varies is drawn from torch's generator of the process."""

    def __init__(self, params: AugmentParams) -> None:
        """Say how."""
        self._params = params
        strength = params.color
        self._vary = v2.Compose(
            [
                v2.RandomHorizontalFlip(params.flip),
                v2.ColorJitter(brightness=strength, contrast=strength, saturation=strength),
            ]
        )

    def __call__(self, image: UInt8Image, labels: Labels) -> Sample:
        """Return a picture at the network's size and its classes, varied alike.

        Args:
            image: uint8 (H, W, 3), RGB.
            labels: uint8 (H, W), class indices; 255 = ignore.

        Returns:
            uint8 (3, S, S); uint8 (S, S), no class that `labels` does not hold.
        """
        picture, mask = _to_tensors(image, labels)
        top, left, height, width = self.window((image.shape[0], image.shape[1]))
        size = [self._params.input_px] * 2
        # bilinear for the image, the nearest pixel for the mask: each knows what it is
        picture = F.resized_crop(picture, top, left, height, width, size, antialias=True)
        mask = F.resized_crop(mask, top, left, height, width, size)
        return _plain(*self._vary(picture, mask))

    def window(self, size_hw: tuple[int, int]) -> tuple[int, int, int, int]:
        """Draw a crop of a picture: top, left, height, width, in pixels; it keeps the picture's shape."""
        if self._params.crop == "none":
            return (0, 0, *size_hw)
        least = self._params.least_share
        share, down, across = torch.rand(3).tolist()
        share = least + (1 - least) * share
        height, width = (max(1, round(share * side)) for side in size_hw)
        if self._params.crop == "central":
            down = across = 0.5
        return round(down * (size_hw[0] - height)), round(across * (size_hw[1] - width)), height, width


def without_variation(image: UInt8Image, labels: Labels, *, input_px: int) -> Sample:
    """Return the whole picture and its classes at the network's size, as for validation; see `Augment`."""
    picture, mask = _to_tensors(image, labels)
    size = [input_px, input_px]
    return _plain(F.resize(picture, size, antialias=True), F.resize(mask, size))


def normalized(images: Tensor) -> Tensor:
    """Return pictures as networks take them, float32, ImageNet's mean 0 and deviation 1, from uint8.

    A whole batch at once, where the network is: until then a picture is a quarter as large.
    """
    pixels: Tensor = F.to_dtype(images, torch.float32, scale=True)
    return pixels.sub_(pixels.new_tensor(MEAN).view(3, 1, 1)).div_(pixels.new_tensor(STD).view(3, 1, 1))


def _to_tensors(image: UInt8Image, labels: Labels) -> tuple[tv_tensors.Image, tv_tensors.Mask]:
    return tv_tensors.Image(torch.tensor(image).permute(2, 0, 1)), tv_tensors.Mask(torch.tensor(labels))


def _plain(picture: Tensor, mask: Tensor) -> Sample:
    return picture.as_subclass(Tensor), mask.as_subclass(Tensor)
