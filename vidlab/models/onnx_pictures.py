"""Pictures on their way into a network file, and maps on their way out: what torch would do, without it."""

import cv2
import numpy as np
from PIL import Image

from vidlab.models.onnx_card import Card
from vidlab.types import Float32Array, UInt8Image


def to_input(image: UInt8Image, *, size_hw: tuple[int, int], card: Card) -> Float32Array:
    """Return a picture as a network takes it.

    Args:
        image: uint8 (H, W, 3), RGB.
        size_hw: Height and width to which it is scaled, each new pixel being a mean of all that it covers.
        card: What else is done to it.

    Returns:
        float32 (3, h, w), the last row and column repeated as far as the network's stride wants.
    """
    planes = image.transpose(2, 0, 1).astype(np.float32) / np.float32(255)
    if size_hw != image.shape[:2]:
        small = [Image.fromarray(plane).resize(size_hw[::-1], Image.Resampling.BILINEAR) for plane in planes]
        planes = np.stack([np.asarray(plane, np.float32) for plane in small])
    mean, std = (np.array(each, np.float32).reshape(3, 1, 1) for each in (card.mean, card.std))
    below, right = (-side % card.stride for side in size_hw)
    padded = np.pad(planes, ((0, 0), (0, below), (0, right)), mode="edge") if below or right else planes
    return np.ascontiguousarray((padded - mean) / std, np.float32)


def resized(maps: Float32Array, size_hw: tuple[int, int]) -> Float32Array:
    """Scale float32 (K, h, w) bilinearly to (K, H, W), cut to [0, 1]."""
    if maps.shape[1:] == tuple(size_hw):
        return np.clip(maps, 0, 1)
    out = np.empty((len(maps), *size_hw), np.float32)
    for small, full in zip(maps, out, strict=True):
        cv2.resize(np.ascontiguousarray(small), size_hw[::-1], dst=full, interpolation=cv2.INTER_LINEAR)
    return np.clip(out, 0, 1, out=out)
