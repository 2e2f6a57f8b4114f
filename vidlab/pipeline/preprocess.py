"""Frames to what a network takes: resize, float, normalize, channels first; on the CPU or on the device.

Three ways give the same tensor, float32 (N, 3, h, w) on the network's device:

    opencv       CPU: resize each frame, then write normalized floats straight to their place; copy floats
    torchvision  CPU: transforms v2 on the whole batch of uint8; copy floats
    device       copy uint8, a quarter of the bytes; resize, normalize and layout there

All put pixel centers at half integers (`align_corners=False`). `bilinear` takes the four nearest pixels
whatever the scale, as OpenCV's INTER_LINEAR does; `antialias` weighs all pixels under a triangle as wide as
the scale, as PIL and torch do. OpenCV has no such filter: its INTER_AREA, a box, stands in, and differs by a
level or two on pictures, by more on noise. Each way is a list of named operations, so that `trace` can see
what every one of them copies.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from vidlab.errors import ParameterError, ShapeError
from vidlab.params import Resampling
from vidlab.pipeline.networks import Channels
from vidlab.types import UInt8Image

if TYPE_CHECKING:
    from torch import Tensor

Watch = Callable[[str, Any, Any], None]
Way = Literal["opencv", "torchvision", "device"]
WAYS: tuple[Way, ...] = ("opencv", "torchvision", "device")

# Levels of 0..255 by which a value may differ from that of `device`, which does not round in between. OpenCV
# and torch round to uint8 after resizing, from weights of 11 and 15 bits: at most half a level, and another
# half where both directions are rounded. For `antialias`, OpenCV's is another filter: no bound holds.
TOLERANCE_LEVELS = 1.05
COPY = "copy to device"


@dataclass(frozen=True, slots=True)
class Operation:
    """One step of the preparation.

    Attributes:
        name: What it does.
        run: Takes what the operation before it returned.
    """

    name: str
    run: Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class Preprocessor:
    """A way of preparing a batch.

    Attributes:
        name: One of `WAYS`.
        device: Where the tensor ends up.
        operations: What is done, in order.
    """

    name: Way
    device: str
    operations: tuple[Operation, ...]

    def __call__(self, images: Sequence[UInt8Image]) -> "Tensor":
        """Prepare a batch.

        Args:
            images: uint8 (H, W, 3), RGB, all of one size, at least one.

        Returns:
            float32 (N, 3, h, w) on the device.

        Raises:
            ShapeError: There is no image, or they differ in size.
        """
        return self.run(images, watch=None)

    def run(self, images: Sequence[UInt8Image], *, watch: Watch | None) -> "Tensor":
        """Prepare a batch, telling `watch` the name, input and output of each operation."""
        sizes = {image.shape for image in images}
        if len(sizes) != 1:
            raise ShapeError(f"images of a batch must have one size, got {sorted(sizes) or 'no image'}")
        value: Any = images
        for operation in self.operations:
            result = operation.run(value)
            if watch is not None:
                watch(operation.name, value, result)
            value = result
        prepared: Tensor = value
        return prepared


def preprocessor(
    way: Way,
    *,
    size_hw: tuple[int, int],
    resampling: Resampling,
    mean: Channels,
    std: Channels,
    device: str,
) -> Preprocessor:
    """Set up a way of preparing frames.

    Args:
        way: One of `WAYS`.
        size_hw: Height and width of the result, in pixels.
        resampling: `bilinear` or `antialias`, see above.
        mean: Subtracted per channel, for values in [0, 1].
        std: Divided by per channel.
        device: Where the result goes: `cpu`, `cuda`, `cuda:N` or `mps`, resolved.

    Raises:
        ParameterError: There is no such way.
        MissingExtraError: torch is not installed.
    """
    if way not in WAYS:
        raise ParameterError(f"unknown way {way!r} to preprocess; choose from: {', '.join(WAYS)}")
    from vidlab.models.device import require_torch
    from vidlab.pipeline import operations

    require_torch()
    antialias = resampling == "antialias"
    makers = {
        "opencv": operations.opencv,
        "torchvision": operations.torchvision,
        "device": operations.on_device,
    }
    chosen = makers[way](size_hw, antialias=antialias, mean=mean, std=std, device=device)
    return Preprocessor(way, device, tuple(Operation(name, run) for name, run in chosen))


def after_copy(prepare: Preprocessor) -> Callable[["Tensor"], "Tensor"]:
    """Return what `device` does after the copy: uint8 (N, H, W, 3) to float32 (N, 3, h, w), both there.

    Raises:
        ParameterError: It is another way, which copies last.
    """
    names = [operation.name for operation in prepare.operations]
    rest = prepare.operations[names.index(COPY) + 1 :]
    if not rest:
        raise ParameterError(f"only the way 'device' works on after the copy, got {prepare.name!r}")

    def run(batch: "Tensor") -> "Tensor":
        for operation in rest:
            batch = operation.run(batch)
        return batch

    return run


def difference(one: "Tensor", other: "Tensor", *, std: Channels) -> tuple[float, float]:
    """Return mean and largest difference of two prepared batches, in units of a pixel's 0..255."""
    import torch

    scale = torch.tensor(std).view(3, 1, 1) * 255
    apart = (one.float().cpu() - other.float().cpu()).abs() * scale
    return float(apart.mean()), float(apart.max())


def resize_opencv(image: UInt8Image, *, size_hw: tuple[int, int], antialias: bool) -> NDArray[np.uint8]:
    """Resize one picture, uint8 (H, W, 3), with OpenCV; see above for what `antialias` means there."""
    if image.shape[:2] == size_hw:
        return image
    shrinks = image.shape[0] >= size_hw[0] and image.shape[1] >= size_hw[1]
    filter_ = cv2.INTER_AREA if antialias and shrinks else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(image, (size_hw[1], size_hw[0]), interpolation=filter_), np.uint8)
