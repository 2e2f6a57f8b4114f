"""What an object looks like, in numbers that need no training: its colors and its texture, part by part.

The parts are stripes from top to bottom, as in SDALF (Farenzena et al., CVPR 2010): a red shirt over blue
trousers is not a blue shirt over red ones. Square roots of shares make the cosine of two descriptors the
coefficient of Bhattacharyya (1943): 1 for equal histograms, 0 for disjoint ones.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from vidlab.tracking.boxes import box_of
from vidlab.types import BoolMask, Float32Array, Instances, UInt8Image

N_STRIPES = 3
N_LIGHT, N_COLOR, N_EDGE = 8, 8, 8  # bins of lightness, of each of two color axes, of edge directions
COLOR_SPAN = 64  # CIELAB units around gray that the color bins span; few things are more colorful
EDGE_SHARE = 0.25  # what edges count beside colors
N_NUMBERS = N_STRIPES * (N_LIGHT + N_COLOR**2 + N_EDGE)


def color_texture(image: UInt8Image, instances: Instances) -> Float32Array:
    """Describe the looks of instances by histograms inside their masks; an `Embed` that needs no weights.

    Args:
        image: uint8 (H, W, 3), RGB.
        instances: What is in it.

    Returns:
        float32 (N, 240), of length 1: the cosine of two is their similarity, [0, 1]; zeros of empty masks.

    >>> red = np.zeros((4, 4, 3), np.uint8); red[..., 0] = 200
    >>> two = Instances(np.ones((2, 4, 4), bool), np.ones(2, np.float32), np.ones(2, np.int64))
    >>> looks = color_texture(red, two)
    >>> looks.shape, round(float(looks[0] @ looks[1]), 5)
    ((2, 240), 1.0)
    """
    looks = np.zeros((len(instances), N_NUMBERS), np.float32)
    for row, mask in zip(looks, instances.masks, strict=True):
        x0, y0, x1, y1 = box_of(mask)
        if x1 > x0:
            row[:] = _described(image[y0:y1, x0:x1], mask[y0:y1, x0:x1])
    return looks


def _described(image: UInt8Image, mask: BoolMask) -> Float32Array:
    """Describe what a mask shows of a cutting, float32 (240,)."""
    lab = np.asarray(cv2.cvtColor(np.ascontiguousarray(image), cv2.COLOR_RGB2LAB), np.uint8)
    light = lab[..., 0].astype(np.intp) * N_LIGHT // 256
    span = np.clip(
        (lab[..., 1:].astype(np.intp) - 128 + COLOR_SPAN) * N_COLOR // (2 * COLOR_SPAN), 0, N_COLOR - 1
    )
    color = span[..., 0] * N_COLOR + span[..., 1]
    direction, strength = _edges(lab[..., 0])
    stripes = np.minimum(np.arange(len(mask)) * N_STRIPES // len(mask), N_STRIPES - 1)
    parts = []
    for stripe in range(N_STRIPES):
        inside = mask & (stripes == stripe)[:, np.newaxis]
        edges = _shares(direction[inside], N_EDGE, weights=strength[inside])
        colors = [_shares(light[inside], N_LIGHT), _shares(color[inside], N_COLOR**2)]
        parts += [colors[0] * (1 - EDGE_SHARE) / 2, colors[1] * (1 - EDGE_SHARE) / 2, edges * EDGE_SHARE]
    roots = np.sqrt(np.concatenate(parts))
    return np.asarray(roots / max(float(np.linalg.norm(roots)), 1e-12), np.float32)


def _edges(gray: NDArray[np.uint8]) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Return the direction of the edge at each pixel, a bin of half a turn, and its strength."""
    dx = cv2.Sobel(gray, cv2.CV_32F, 1, 0)
    dy = cv2.Sobel(gray, cv2.CV_32F, 0, 1)
    turn = np.arctan2(dy, dx) / np.pi % 1.0  # an edge seen from its other side is the same edge
    return np.minimum((turn * N_EDGE).astype(np.intp), N_EDGE - 1), np.hypot(dx, dy).astype(np.float64)


def _shares(
    bins: NDArray[np.intp], n_bins: int, *, weights: NDArray[np.float64] | None = None
) -> NDArray[np.float64]:
    """Return which share of the weight lies in each bin, float64 (n_bins,); zeros of nothing."""
    counts = np.bincount(bins, weights=weights, minlength=n_bins).astype(np.float64)
    return counts / counts.sum() if counts.sum() > 0 else counts
