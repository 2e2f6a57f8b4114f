"""Outlines pulled to the edges of the picture, after masks were carried, averaged or upsampled."""

import math
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from vidlab.flow.warp import resize_map
from vidlab.metrics.overlap import window_of
from vidlab.metrics.proxy import outline_contrast
from vidlab.refinement.guided import Guide, dot
from vidlab.types import Float32Array, UInt8Image

# The filter is solved at a smaller size ("Fast Guided Filter", He and Sun, 2015): at most so much smaller,
# and so that a neighborhood still reaches a few pixels. It is applied to at most so many pixels.
MOST_SHRINK, LEAST_REACH = 8, 2
MOST_PX = 200_000  # half a picture at 480p
TOO_NEAR_PX = 2.0  # a reach below this finds no edge that the outline is not on already
UNLIKELY = 0.3  # probabilities below this everywhere within reach make no outline
GATE_EVERY = 4  # frames: what a clip's outlines are like changes slowly
GATE_MEMORY = 0.6  # of the running gain in contrast: about ten frames
# Gain in contrast below which edges are not followed, for noise gives some, and above which they are in full.
GATE = (0.02, 0.05)
GATE_REACH = 1 / 120  # of the height: how far from the outline the gate looks, 4 px at 480p
FLATNESS = 6.5  # variance of color, in gray levels squared, below which a neighborhood has no edge


@dataclass(frozen=True, slots=True)
class _Window:
    """The part of a map that is filtered, at the size at which the filter is applied.

    Attributes:
        place: Rows and columns of the map.
        probs: float32 (h, w), [0, 1].
        colors: uint8 (h, w, 3), RGB, the same part of the picture.
        solved_hw: Height and width at which the filter is solved.
        reach: Of a neighborhood, in pixels of that size.
        gate_reach: How far from the outline the gate looks, in pixels of half that size.
    """

    place: tuple[slice, slice]
    probs: Float32Array
    colors: UInt8Image
    solved_hw: tuple[int, int]
    reach: int
    gate_reach: int


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
        self._waits: dict[int, int] = {}  # frames until the gate looks again

    def step(self, class_id: int, probs: Float32Array, image: UInt8Image) -> Float32Array:
        """Take the next frame of a class: float32 (H, W), [0, 1], and its picture; return the result."""
        wait = self._waits.get(class_id, 0)
        self._waits[class_id] = max(0, wait - 1)
        if self._weight == 0 or (wait and not self._share(class_id)):
            return probs
        window = _look(probs, image, radius=self._radius)
        if window is None:
            return probs
        pulled = _pulled(window)
        gain = None if wait else _gain(window, pulled)
        if gain is not None:
            before = self._gains.get(class_id, gain)
            self._gains[class_id] = GATE_MEMORY * before + (1 - GATE_MEMORY) * gain
            self._waits[class_id] = GATE_EVERY - 1
        return _blended(probs, window, pulled, share=self._share(class_id))

    def forget(self, class_id: int) -> None:
        """Drop what is known of a class: what is kept must not grow with how many objects there were."""
        self._gains.pop(class_id, None)
        self._waits.pop(class_id, None)

    def _share(self, class_id: int) -> float:
        """Say how much of the result is the filter's, [0, 1]."""
        closed, wide = GATE
        opened = (self._gains.get(class_id, 0.0) - closed) / (wide - closed)
        return self._weight * min(1.0, max(0.0, opened))


def snap(probs: Float32Array, image: UInt8Image, *, radius: float) -> Float32Array:
    """Pull the outline of a probability map to the edges of the picture.

    Guided filter with a color guide (He, Sun and Tang, "Guided Image Filtering", PAMI 2013): in every
    neighborhood the probability is explained as a linear function of the color, and the explanation takes its
    place.

    Args:
        probs: float32 (H, W), [0, 1].
        image: uint8 (H, W, 3), RGB, the frame it belongs to.
        radius: Reach of a neighborhood as a share of the height, if the object is that thick; larger pulls
            from farther away, and loses parts that are thinner.

    Returns:
        float32 (H, W), [0, 1]; the map itself where there is no object, or the picture is too small.
    """
    window = _look(probs, image, radius=radius)
    return probs if window is None else _blended(probs, window, _pulled(window), share=1.0)


def _look(probs: Float32Array, image: UInt8Image, *, radius: float) -> _Window | None:
    """Cut out what may change; None where there is no object, or it or the picture is too small."""
    reach_px = min(radius * len(probs), _half_width(probs))
    solved = int(np.clip(reach_px / LEAST_REACH, 1, MOST_SHRINK))
    place = window_of(np.asarray(probs > UNLIKELY), margin_px=round(2 * reach_px))
    if place is None or reach_px < TOO_NEAR_PX:
        return None
    # sides that are multiples of the smaller size are shrunk several times faster
    rows, columns = (slice(side.start // solved * solved, -(-side.stop // solved) * solved) for side in place)
    inside, colors = probs[rows, columns], image[rows, columns]
    height, width = inside.shape
    applied = min(solved, math.ceil(math.sqrt(inside.size / MOST_PX)))
    size_hw = max(1, height // applied), max(1, width // applied)
    return _Window(
        (rows, columns),
        np.asarray(_shrunk(inside, size_hw), np.float32),
        np.asarray(_shrunk(colors, size_hw), np.uint8),
        solved_hw=(max(1, height // solved), max(1, width // solved)),
        reach=round(reach_px / solved),
        gate_reach=max(1, round(GATE_REACH * len(probs) / applied / 2)),
    )


def _half_width(probs: Float32Array) -> float:
    """How thick an object is on the mean, in pixels: its area over the length of its outline.

    A reach beyond it sees the background on both sides of a part, and loses the part.
    """
    inside = np.asarray(probs > 0.5, np.uint8)
    area = cv2.countNonZero(inside)
    n_outline = area - cv2.countNonZero(cv2.erode(inside, np.ones((3, 3), np.uint8)))
    return area / max(n_outline, 1)


def _shrunk(values: Float32Array | UInt8Image, size_hw: tuple[int, int]) -> Any:
    return cv2.resize(values, size_hw[::-1], interpolation=cv2.INTER_AREA)


def _pulled(window: _Window) -> Float32Array:
    """Filter, float32 (h, w), [0, 1], by OpenCV's arithmetic: a fifth of the time of NumPy's."""
    probs, colors = (
        np.asarray(_shrunk(a, window.solved_hw), np.float32) for a in (window.probs, window.colors)
    )
    guide = Guide(colors, reach=window.reach, eps=FLATNESS)
    slopes, offset = (resize_map(a, window.probs.shape) for a in guide.explain(probs))
    pulled = dot(window.colors, slopes)
    pulled += offset
    return np.clip(pulled, 0, 1, out=pulled)


def _gain(window: _Window, pulled: Float32Array) -> float | None:
    """How much more the colors on the two sides differ after the pull; None without an outline."""
    half_hw = max(1, pulled.shape[0] // 2), max(1, pulled.shape[1] // 2)  # more tells nothing new
    colors = np.asarray(_shrunk(window.colors, half_hw), np.uint8)
    before, after = (
        outline_contrast(np.asarray(_shrunk(m, half_hw) > 0.5), colors, reach_px=window.gate_reach)
        for m in (window.probs, pulled)
    )
    return after - before if before and after else None


def _blended(probs: Float32Array, window: _Window, pulled: Float32Array, *, share: float) -> Float32Array:
    if not share:
        return probs
    blended, inside = probs.copy(), probs[window.place]
    blended[window.place] = cv2.addWeighted(inside, 1 - share, resize_map(pulled, inside.shape), share, 0)
    return blended
