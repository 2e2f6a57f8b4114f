"""What a network said about keyframes, carried to a frame between them.

keyframe      A ──●──●──●── B
              └──▶     ◀──┘         both carried here, the nearer and the surer counting more

Hard masks are carried as how far each pixel lies from the outline: the mean of two such maps is an outline
between the two, where the mean of two masks would be one of them.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from vidlab.flow.warp import resample
from vidlab.metrics.overlap import window_of
from vidlab.temporal.keyframes_path import Way
from vidlab.tracking.likeness import overlaps
from vidlab.types import BoolMask, ClassProbs, Float32Array, Instances, Observation

Depth = NDArray[np.uint8]

REACH = 1 / 40  # of the height: distance from the outline at which a pixel is surely inside, or outside
LEAST_REACH_PX = 2.0
HALF = 127  # the outline lies between this level of depth and the next
LEAST_ALONE = 0.1
SAME = 0.2  # overlap from which two detections of one class are one object
BESIDE = 1 / 24  # of the height: what is so near an object matters to its mask as well
ELSEWHERE = 0.05  # what a pixel matters that is far from any object: one may enter there
MATCH_SIDE_PX = 120  # masks are compared at a size whose shorter side has about so many pixels


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a keyframe.

    Attributes:
        gray: uint8 (h, w), its picture at the size of the flow.
        found: What the network said.
        depths: Of each instance, uint8 (H, W): 255 deep inside, 0 far outside; none for class probabilities.
        matters: float32 (h, w), [0, 1]: how much a pixel matters to the masks, 1 on sure objects and beside
            them.
    """

    gray: NDArray[np.uint8]
    found: Observation
    depths: tuple[Depth, ...]
    matters: Float32Array

    @classmethod
    def of(cls, gray: NDArray[np.uint8], found: Observation) -> "Known":
        """Keep what carrying needs."""
        masks: Iterable[BoolMask] = found.masks if isinstance(found, Instances) else ()
        matters = _matters(found, size_hw=(gray.shape[0], gray.shape[1]))
        return cls(gray, found, tuple(depth_of(mask) for mask in masks), matters)


@dataclass(frozen=True, slots=True)
class Side:
    """A keyframe as it is seen from another frame, with the way to it at the size of the masks.

    Attributes:
        known: The keyframe.
        way: The way to it.
        distance: Frames to it, at least 1.
    """

    known: Known
    way: Way
    distance: int


def depth_of(mask: BoolMask) -> Depth:
    """Return how far inside its outline each pixel of a mask, bool (H, W), lies, uint8 (H, W).

    >>> depth_of(np.array([[False, True, True]])).tolist()
    [[95, 159, 223]]
    """
    depth = np.zeros(mask.shape, np.uint8)
    reach_px = max(LEAST_REACH_PX, REACH * len(mask))
    place = window_of(mask, margin_px=int(np.ceil(reach_px)) + 1)
    if place is None:
        return depth
    inside = np.ascontiguousarray(mask[place]).view(np.uint8)
    if inside.all():
        depth[place] = 255
        return depth
    away = cv2.distanceTransform(1 - inside, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    into = cv2.distanceTransform(inside, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    # the outline runs between pixels: half a pixel away from the centres on either side
    signed = np.where(inside > 0, into - 0.5, 0.5 - away)
    np.clip(255 * (0.5 + 0.5 * signed / reach_px), 0, 255, out=signed)
    depth[place] = signed.astype(np.uint8)
    return depth


def one_sided(side: Side) -> Observation:
    """Carry what a keyframe shows to a frame that no other keyframe can speak for."""
    found, flow = side.known.found, side.way.path.flow
    if isinstance(found, ClassProbs):
        probs = [resample(layer, flow, repeat_border=True) for layer in found.probs]
        return ClassProbs(_stacked(probs, found.size_hw, np.float32), found.class_ids)
    masks = [_carried(depth, flow) > HALF for depth in side.known.depths]
    return _instances(masks, found.scores.tolist(), found.class_ids.tolist(), size_hw=found.size_hw)


def two_sided(before: Side, after: Side, *, pairs: Sequence[tuple[int, int]]) -> Observation:
    """Carry what two keyframes show to a frame between them.

    Args:
        before: The one before.
        after: The one after.
        pairs: Which instance of the one is which of the other (see `matched`); nothing for probabilities.
    """
    share = _share_after(before, after)
    first, second = before.known.found, after.known.found
    if isinstance(first, ClassProbs) and isinstance(second, ClassProbs):
        return _mixed_probs(first, second, before=before, after=after, share=share)
    if not isinstance(first, Instances) or not isinstance(second, Instances):
        return one_sided(before if before.distance <= after.distance else after)
    late = before.distance / (before.distance + after.distance)
    masks, scores, classes = [], [], []
    for i, j in pairs:
        a = _carried(before.known.depths[i], before.way.path.flow)
        b = _carried(after.known.depths[j], after.way.path.flow)
        masks.append(_mixed(a, b, share) > HALF)
        scores.append(float((1 - late) * first.scores[i] + late * second.scores[j]))
        classes.append(int(first.class_ids[i]))
    side, found = (before, first) if late <= 0.5 else (after, second)
    taken = {pair[late > 0.5] for pair in pairs}
    for k in sorted(set(range(len(found))) - taken):
        depth = _carried(side.known.depths[k], side.way.path.flow)
        masks.append((depth > HALF) & (side.way.trust > LEAST_ALONE))
        scores.append(float(found.scores[k]))
        classes.append(int(found.class_ids[k]))
    return _instances(masks, scores, classes, size_hw=first.size_hw)


def matched(before: Side, after: Known) -> list[tuple[int, int]]:
    """Tell which instance of a keyframe is which of the next one.

    Args:
        before: The first keyframe as it is seen from the second.
        after: The second one.

    Returns:
        Pairs of places; instances of one class whose masks overlap, so that the sum of overlaps is largest.
    """
    first, second = before.known.found, after.found
    if not isinstance(first, Instances) or not isinstance(second, Instances) or not (len(first) and len(second)):
        return []
    step = max(1, min(first.size_hw) // MATCH_SIDE_PX)
    flow = before.way.path.flow
    carried = np.stack([_carried(depth, flow)[::step, ::step] > HALF for depth in before.known.depths])
    iou, _ = overlaps(carried, second.masks[:, ::step, ::step])
    iou *= first.class_ids[:, np.newaxis] == second.class_ids
    rows, columns = linear_sum_assignment(iou, maximize=True)
    return [(int(i), int(j)) for i, j in zip(rows, columns, strict=True) if iou[i, j] >= SAME]


def change(known: Known, way: Way) -> float:
    """Tell how much of what matters to the masks of a keyframe cannot be followed from it to another frame.

    Args:
        known: The keyframe.
        way: The way to it, at the size of the flow.

    Returns:
        Share, [0, 1]: 0 where the keyframe's picture, carried, is the frame's.
    """
    matters = resample(known.matters, way.path.flow, repeat_border=True)
    return float((matters * (1 - way.trust)).sum() / matters.sum())


def _matters(found: Observation, *, size_hw: tuple[int, int]) -> Float32Array:
    """Weigh the pixels of a keyframe: objects by their scores, what is beside them, and all else a little."""
    weight = np.full(size_hw, ELSEWHERE, np.float32)
    if isinstance(found, ClassProbs):
        layers = [(layer, 1.0) for layer in found.probs]
    else:
        layers = [(mask.view(np.uint8), float(score)) for mask, score in zip(found.masks, found.scores)]
    for layer, score in layers:
        small = cv2.resize(layer, size_hw[::-1], interpolation=cv2.INTER_NEAREST)
        np.maximum(weight, small * np.float32(score), out=weight)
    side = 2 * max(1, round(BESIDE * size_hw[0])) + 1
    return np.asarray(cv2.dilate(weight, np.ones((side, side), np.uint8)), np.float32)


def _share_after(before: Side, after: Side) -> Float32Array:
    """Say how much the keyframe after counts, float32 (H, W), [0, 1]."""
    first = before.way.trust * np.float32(after.distance)
    second = after.way.trust * np.float32(before.distance)
    return np.asarray(second / (first + second), np.float32)


def _carried(depth: Depth, flow: Float32Array) -> Depth:
    return np.asarray(resample(depth, flow, repeat_border=True), np.uint8)  # type: ignore[arg-type]


def _mixed(a: Depth, b: Depth, share: Float32Array) -> Float32Array:
    return a + share * (b.astype(np.float32) - a)


def _mixed_probs(
    first: ClassProbs, second: ClassProbs, *, before: Side, after: Side, share: Float32Array
) -> ClassProbs:
    known = tuple(sorted({*first.class_ids, *second.class_ids}))
    nothing = np.zeros(first.size_hw, np.float32)
    layers = []
    for class_id in known:
        a, b = (
            resample(probs.probs[probs.class_ids.index(class_id)], side.way.path.flow, repeat_border=True)
            if class_id in probs.class_ids
            else nothing
            for probs, side in ((first, before), (second, after))
        )
        layers.append(a + share * (b - a))
    return ClassProbs(_stacked(layers, first.size_hw, np.float32), known)


def _instances(
    masks: list[BoolMask], scores: list[float], classes: list[int], *, size_hw: tuple[int, int]
) -> Instances:
    """Put instances together; those of which nothing is left are gone."""
    kept = [k for k, mask in enumerate(masks) if mask.any()]
    return Instances(
        _stacked([masks[k] for k in kept], size_hw, np.bool_),
        np.array([scores[k] for k in kept], np.float32),
        np.array([classes[k] for k in kept], np.int64),
    )


def _stacked(layers, size_hw, dtype):
    return np.stack(layers) if layers else np.zeros((0, *size_hw), dtype)
