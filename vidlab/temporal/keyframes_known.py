"""What is known of a keyframe, in the form in which it is carried; and how much of it is lost on the way."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from vidlab.flow.warp import resample
from vidlab.metrics.overlap import window_of
from vidlab.temporal.keyframes_path import Way
from vidlab.types import BoolMask, ClassProbs, Float32Array, Observation

Depth = NDArray[np.uint8]  # (H, W): DEEPEST far inside an outline, half of it there, 0 far outside

DEEPEST = 255
REACH = 1 / 40  # of the height: distance from the outline at which a pixel is deepest
LEAST_REACH_PX = 2.0
BESIDE = 1 / 24  # of the height: what is so near an object matters to its mask as well
ELSEWHERE = 0.05  # what a pixel matters that is far from any object: one may enter there
ENTERING = 1 / 8  # of the picture: where no object is, so much that is unexplained is a change of 1


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a keyframe.

    Attributes:
        gray: uint8 (h, w), its picture at the size of the flow.
        found: What the network said.
        depths: One for each instance, uint8 (H, W); none for class probabilities.
        matters: float32 (h, w), [0, 1]: how much a pixel matters to the masks, most on sure objects and
            beside them.
        mass: What matters, in all: the sum over objects, and a part of the rest.
    """

    gray: NDArray[np.uint8]
    found: Observation
    depths: tuple[Depth, ...]
    matters: Float32Array
    mass: float

    @classmethod
    def of(cls, gray: NDArray[np.uint8], found: Observation) -> "Known":
        """Bring what a network said into the form in which it is carried."""
        depths: tuple[Depth, ...] = ()
        if isinstance(found, ClassProbs):
            objects = found.probs
        else:
            objects = found.masks.view(np.uint8) * found.scores[:, np.newaxis, np.newaxis]
            depths = tuple(map(depth_of, found.masks))
        beside = _objects(objects, like=gray)
        mass = float(beside.sum()) + ELSEWHERE * ENTERING * beside.size
        return cls(gray, found, depths, np.maximum(beside, np.float32(ELSEWHERE)), mass)


@dataclass(frozen=True, slots=True)
class Side:
    """A keyframe as it is seen from another frame.

    Attributes:
        known: The keyframe.
        way: The way to it, at the size of the masks.
        distance: Frames to it, at least 1.
    """

    known: Known
    way: Way
    distance: int


def depth_of(mask: BoolMask) -> Depth:
    """Tell how deep each pixel lies inside the outline of a mask, bool (H, W).

    >>> depth_of(np.array([[False, True, True]])).tolist()
    [[96, 159, 223]]
    """
    depth = np.zeros(mask.shape, np.uint8)
    reach_px = max(LEAST_REACH_PX, REACH * len(mask))
    place = window_of(mask, margin_px=int(np.ceil(reach_px)) + 1)
    if place is None:
        return depth
    inside = np.ascontiguousarray(mask[place]).view(np.uint8)
    if inside.all():
        depth[place] = DEEPEST
        return depth
    away, into = (
        cv2.distanceTransform(part, cv2.DIST_L2, cv2.DIST_MASK_PRECISE) for part in (1 - inside, inside)
    )
    # the outline runs between pixels: half a pixel away from the centres on either side
    signed = np.where(inside > 0, into - 0.5, 0.5 - away) / reach_px
    depth[place] = np.clip(np.rint(DEEPEST * (0.5 + 0.5 * signed)), 0, DEEPEST).astype(np.uint8)
    return depth


def change(known: Known, way: Way) -> float:
    """Tell how much of what matters to the masks of a keyframe cannot be followed from it to another frame.

    Args:
        known: The keyframe.
        way: The way to it, at the size of the flow.

    Returns:
        Share, [0, 1]: 0 where the keyframe's picture, carried, is the frame's.
    """
    matters = resample(known.matters, way.path.flow, repeat_border=True)
    return min(1.0, float((matters * (1 - way.trust)).sum()) / known.mass)


def _objects(objects: Float32Array, *, like: NDArray[np.uint8]) -> Float32Array:
    """Weigh pixels by the surest of some objects, float32 (N, H, W), there or near: float32 (h, w)."""
    height, width = like.shape
    weight = np.zeros((height, width), np.float32)
    for layer in objects:
        small = cv2.resize(layer, (width, height), interpolation=cv2.INTER_NEAREST)
        np.maximum(weight, small, out=weight)
    side = 2 * max(1, round(BESIDE * height)) + 1
    return np.asarray(cv2.dilate(weight, np.ones((side, side), np.uint8)), np.float32)
