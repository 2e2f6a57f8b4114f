"""Cheaper ways to run the same network, to be timed beside it."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F
from torchvision.models.detection.image_list import ImageList

from vidlab.models.protocol import StagedSegmenter
from vidlab.types import UInt8Image

AS_IS, SMALLER_INPUT, BIGGER_BATCH, BFLOAT16 = "as is", "smaller input", "bigger batch", "bfloat16"


def infer_variants(
    segmenter: StagedSegmenter, images: Sequence[UInt8Image], *, device: str
) -> dict[str, tuple[Callable[[], Any], int]]:
    """Return name → (a call that runs the network, frames in that call).

    Args:
        segmenter: The network.
        images: uint8 (H, W, 3), RGB, of one size: a batch as it is run now.
        device: Where the network runs.
    """
    prepared = segmenter.prepare(images)
    halved, doubled = _halved(prepared), segmenter.prepare([*images, *images])

    def in_bfloat16() -> Any:
        with torch.autocast(device.partition(":")[0], dtype=torch.bfloat16):
            return segmenter.infer(prepared)

    n_frames = len(images)
    return {
        AS_IS: (lambda: segmenter.infer(prepared), n_frames),
        SMALLER_INPUT: (lambda: segmenter.infer(halved), n_frames),
        BIGGER_BATCH: (lambda: segmenter.infer(doubled), 2 * n_frames),
        BFLOAT16: (in_bfloat16, n_frames),
    }


def _halved(prepared: tuple[Any, Any]) -> tuple[Any, Any]:
    """Return a prepared batch at half the width and height."""
    batch, rest = prepared
    if isinstance(batch, ImageList):
        sizes = [(max(1, height // 2), max(1, width // 2)) for height, width in batch.image_sizes]
        return ImageList(_half(batch.tensors), sizes), rest
    return _half(batch), rest


def _half(batch: Tensor) -> Tensor:
    return F.interpolate(batch, scale_factor=0.5, mode="bilinear", align_corners=False)
