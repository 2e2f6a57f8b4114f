"""Outlines pulled to the edges of the picture, after masks were carried, averaged or upsampled."""

from typing import Any

import cv2
import numpy as np

from vidlab.flow.warp import resize_map
from vidlab.metrics.overlap import window_of
from vidlab.metrics.proxy import outline_contrast
from vidlab.types import Float32Array, UInt8Image

# The filter is solved at a smaller size ("Fast Guided Filter", He and Sun, 2015): at most so much smaller,
# and so that a neighborhood still reaches a few pixels.
MOST_SHRINK, LEAST_REACH = 8, 3
TOO_NEAR_PX = 2.0  # a reach below this finds no edge that the outline is not on already
SURE = 0.02  # probabilities below this are background; nothing there is worth filtering
GATE_EVERY = 4  # frames: what a clip's outlines are like changes slowly
GATE_MEMORY = 0.6  # of the running gain in contrast: about ten frames
GATE_HEIGHT_PX = 240  # of the picture the gate looks at: more tells nothing new
# Gain in contrast below which edges are not followed, for noise gives some, and above which they are in full.
GATE = (0.02, 0.05)
GATE_REACH = 1 / 120  # of the height: how far from the outline the gate looks, 4 px at 480p
FLATNESS = 1e-4  # variance of color, of [0, 1]², below which a neighborhood has no edge


class EdgeSnapper:
    """Pulls the outlines of all classes to the edges of the picture, as far as that does no harm.

    Where the outline lies on an edge already, or the picture shows none, the filter blurs it. Both are seen
    in the picture: the colors on the two sides of the outline must differ more after the pull than before.
    The running mean of that gain opens and closes the gate, for each class.
    """

    def __init__(self, *, radius: float, weight: float) -> None:
        """Set up with no frame seen; see `snap`."""
        self._radius, self._weight = radius, weight
        self.reset()

    def reset(self) -> None:
        """Forget everything, as at a shot cut."""
        self._gains: dict[int, float] = {}
        self._n_seen: dict[int, int] = {}

    def step(self, class_id: int, probs: Float32Array, image: UInt8Image) -> Float32Array:
        """Take the next frame of a class: float32 (H, W), [0, 1], and its picture; return the result."""
        if self._weight == 0:
            return probs
        snapped = snap(probs, image, radius=self._radius)
        if snapped is probs:
            return probs
        n_seen = self._n_seen.get(class_id, 0)
        gain = None if n_seen % GATE_EVERY else _gain(probs, snapped, image)
        if gain is not None:
            before = self._gains.get(class_id, gain)
            self._gains[class_id] = GATE_MEMORY * before + (1 - GATE_MEMORY) * gain
        if gain is not None or class_id in self._gains:
            self._n_seen[class_id] = n_seen + 1
        closed, wide = GATE
        opened = min(1.0, max(0.0, (self._gains.get(class_id, 0.0) - closed) / (wide - closed)))
        weight = np.float32(self._weight * opened)
        return np.asarray(probs + weight * (snapped - probs), np.float32) if weight else probs


def _gain(probs: Float32Array, snapped: Float32Array, image: UInt8Image) -> float | None:
    """How much more the colors on the two sides differ after the pull; None without an outline."""
    shrink = max(2, len(probs) // GATE_HEIGHT_PX)
    size = (max(1, probs.shape[1] // shrink), max(1, probs.shape[0] // shrink))
    small = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
    reach_px = max(1, round(GATE_REACH * size[1]))
    before, after = (
        outline_contrast(np.asarray(cv2.resize(m, size) > 0.5), small, reach_px=reach_px)
        for m in (probs, snapped)
    )
    return after - before if before and after else None


def snap(probs: Float32Array, image: UInt8Image, *, radius: float) -> Float32Array:
    """Pull the outline of a probability map to the edges of the picture.

    Guided filter with a color guide (He, Sun and Tang, "Guided Image Filtering", PAMI 2013): in every
    neighborhood the probability is explained as a linear function of the color, and the explanation takes its
    place.

    Args:
        probs: float32 (H, W), [0, 1].
        image: uint8 (H, W, 3), RGB, the frame it belongs to.
        radius: Reach of a neighborhood as a share of the height; larger pulls from farther away, and loses
            parts that are thinner.

    Returns:
        float32 (H, W), [0, 1]; the map itself where there is no object, or the picture is too small.
    """
    reach_px = radius * len(probs)
    window = window_of(probs > SURE, margin_px=round(2 * reach_px) + MOST_SHRINK)
    if window is None or reach_px < TOO_NEAR_PX:
        return probs
    inside, colors = probs[window], image[window]
    shrink = int(np.clip(reach_px / LEAST_REACH, 1, MOST_SHRINK))
    size_hw = (max(1, inside.shape[0] // shrink), max(1, inside.shape[1] // shrink))
    small, guide = (cv2.resize(a, size_hw[::-1], interpolation=cv2.INTER_AREA) for a in (inside, colors))
    line = _explain(np.asarray(small, np.float32), _scaled(guide), reach=round(reach_px / shrink))
    snapped = probs.copy()
    snapped[window] = np.clip(_applied(line, colors), 0, 1)
    return snapped


def _applied(line: Float32Array, colors: UInt8Image) -> Float32Array:
    """Probability by color, float32 (H, W); OpenCV's own arithmetic, a third of the time of NumPy's."""
    known = cv2.cvtColor(colors, cv2.COLOR_RGB2RGBA)  # opaque, 255: slope and offset apply in one product
    terms = cv2.multiply(known, resize_map(line, colors.shape[:2]), scale=1 / 255, dtype=cv2.CV_32F)
    return np.asarray(cv2.transform(terms, np.ones((1, 4), np.float32)), np.float32)


def _scaled(image: Any) -> Float32Array:
    return np.asarray(image, np.float32) * np.float32(1 / 255)


def _explain(probs: Float32Array, guide: Float32Array, *, reach: int) -> Float32Array:
    """Slope of probability over color and offset around each pixel, float32 (h, w, 4)."""
    mean, mean_probs = _mean(guide, reach), _mean(probs, reach)
    covariance = _mean(guide * probs[..., None], reach) - mean * mean_probs[..., None]
    rr, rg, rb, gg, gb, bb = (
        _mean(guide[..., i] * guide[..., j], reach)
        - mean[..., i] * mean[..., j]
        + (FLATNESS if i == j else 0)
        for i, j in ((0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2))
    )
    # the inverse of a symmetric 3 × 3 matrix, written out: a thousandfold faster than one call per pixel
    xx, xy, xz = gg * bb - gb * gb, gb * rb - rg * bb, rg * gb - gg * rb
    yy, yz, zz = rr * bb - rb * rb, rb * rg - rr * gb, rr * gg - rg * rg
    red, green, blue = np.moveaxis(covariance / (rr * xx + rg * xy + rb * xz)[..., None], -1, 0)
    line = np.empty((*probs.shape, 4), np.float32)
    line[..., 0] = xx * red + xy * green + xz * blue
    line[..., 1] = xy * red + yy * green + yz * blue
    line[..., 2] = xz * red + yz * green + zz * blue
    line[..., 3] = mean_probs - np.einsum("hwc,hwc->hw", line[..., :3], mean)
    return _mean(line, reach)


def _mean(values: Float32Array, reach: int) -> Float32Array:
    return np.asarray(cv2.blur(values, (2 * reach + 1, 2 * reach + 1)), np.float32)
