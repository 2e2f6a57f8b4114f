"""The three ways of `preprocess`, operation by operation; torch loads with this module."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from vidlab.pipeline.networks import Channels
from vidlab.pipeline.preprocess import COPY, resize_opencv
from vidlab.types import UInt8Image

Operations = list[tuple[str, Callable[[Any], Any]]]
Size = tuple[int, int]


def opencv(size_hw: Size, *, antialias: bool, mean: Channels, std: Channels, device: str) -> Operations:
    """Resize frame by frame on the CPU, then normalize while writing channels first."""

    def resize(images: Sequence[UInt8Image]) -> list[NDArray[np.uint8]]:
        return [resize_opencv(image, size_hw=size_hw, antialias=antialias) for image in images]

    def normalize(images: list[NDArray[np.uint8]]) -> NDArray[np.float32]:
        out = np.empty((len(images), 3, *size_hw), np.float32)
        for place, image in enumerate(images):
            for channel in range(3):
                plane = out[place, channel]
                np.multiply(image[..., channel], np.float32(1 / (255 * std[channel])), out=plane)
                plane -= np.float32(mean[channel] / std[channel])
        return out

    return [
        ("resize", resize),
        ("normalize, channels first", normalize),
        (COPY, partial(_to_device, device=device)),
    ]


def torchvision(size_hw: Size, *, antialias: bool, mean: Channels, std: Channels, device: str) -> Operations:
    """Resize and normalize the batch on the CPU with torchvision's transforms v2."""
    from torchvision.transforms.v2 import functional as v2

    def resize(batch: Tensor) -> Tensor:
        resized: Tensor = v2.resize(batch, list(size_hw), antialias=antialias)
        return resized

    return [
        ("stack", np.stack),
        ("channels first (view)", _channels_first),
        ("resize", resize),
        ("to float", partial(v2.to_dtype, dtype=torch.float32, scale=True)),
        ("normalize", partial(v2.normalize, mean=list(mean), std=list(std))),
        ("contiguous", Tensor.contiguous),
        (COPY, partial(_to_device, device=device)),
    ]


def on_device(size_hw: Size, *, antialias: bool, mean: Channels, std: Channels, device: str) -> Operations:
    """Copy bytes, and do everything else where the network is."""
    scale = 1 / (255 * torch.tensor(std, device=device).view(3, 1, 1))
    shift = torch.tensor(mean, device=device).view(3, 1, 1) / torch.tensor(std, device=device).view(3, 1, 1)

    def resize(batch: Tensor) -> Tensor:
        if tuple(batch.shape[-2:]) == size_hw:
            return batch
        return F.interpolate(batch, size_hw, mode="bilinear", antialias=antialias, align_corners=False)

    return [
        ("stack", np.stack),
        (COPY, partial(_to_device, device=device)),
        ("channels first (view)", _channels_first),
        ("to float", partial(Tensor.to, dtype=torch.float32)),
        ("resize", resize),
        ("normalize", lambda batch: torch.addcmul(-shift, batch, scale)),
        ("contiguous", Tensor.contiguous),
    ]


def _to_device(batch: NDArray[Any] | Tensor, *, device: str) -> Tensor:
    """Copy to a device and wait for it, as copies from ordinary memory do; on the CPU nothing is copied."""
    return torch.as_tensor(batch).to(device)


def _channels_first(batch: NDArray[Any] | Tensor) -> Tensor:
    """See (N, H, W, 3) as (N, 3, H, W)."""
    return torch.as_tensor(batch).permute(0, 3, 1, 2)
