"""What a network said about keyframes, carried to a frame between them.

keyframe      A ──●──●──●── B
              └──▶     ◀──┘         both are carried here; the nearer and the surer count more

Hard masks are carried as how deep each pixel lies: the mean of two such maps has an outline between the two,
where the mean of two masks has one of theirs. Where neither way can be trusted, the picture has a say.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from vidlab.flow.warp import resample
from vidlab.metrics.overlap import window_of
from vidlab.refinement import guided_filter
from vidlab.temporal.keyframes_known import DEEPEST, Known, Side
from vidlab.tracking.likeness import overlaps
from vidlab.types import BoolMask, ClassProbs, Float32Array, Instances, Observation, UInt8Image

ScalarT = TypeVar("ScalarT", bound=np.generic)

SAME, PART_OF = 0.2, 0.5  # overlap, and share of one that lies in the other, that make two detections one
PART_WORTH = 0.1  # of such a share beside the overlap: the larger overlap goes first
# What only one keyframe shows may enter, leave, or be missed by the network. It holds so far on the way to
# the other keyframe, if the flow finds its picture so well on average, where the flow finds it at all.
ALONE, VISIBLE, LEAST_ALONE = 0.8, 0.5, 0.1
MATCH_SIDE_PX = 64  # masks are compared at a size whose shorter side has about so many pixels
# Of the guided filter: reach as a share of the height, variance of color that is flat, and shrink.
PULL_REACH, PULL_EPS, PULL_SHRINK = 1 / 80, 1e-4, 2
SURE = 0.9  # trust above which, everywhere around, the picture need not be asked


@dataclass(frozen=True, slots=True)
class _Carried:
    """One instance: its mask, bool (H, W), its score and its class."""

    mask: BoolMask
    score: float
    class_id: int


def one_sided(side: Side, image: UInt8Image) -> Observation:
    """Carry what a keyframe shows to a frame that no other keyframe can speak for.

    Args:
        side: The keyframe.
        image: uint8 (H, W, 3), RGB, the frame.
    """
    found = side.known.found
    if isinstance(found, ClassProbs):
        layers = [_layer(side, found, class_id) for class_id in found.class_ids]
        return ClassProbs(_stacked(layers, found.size_hw, np.float32), found.class_ids)
    return _together([_carried(side, k, image) for k in range(len(found))], size_hw=found.size_hw)


def two_sided(
    before: Side, after: Side, *, pairs: Sequence[tuple[int, int]], image: UInt8Image
) -> Observation:
    """Carry what two keyframes show to a frame between them.

    An object that both show is between the two; its score as well. One that only one shows is there where
    that keyframe's picture is still to be seen, up to near the other one.

    Args:
        before: The keyframe before.
        after: The keyframe after; of the same kind.
        pairs: Which instance of the one is which of the other (see `matched`); not looked at for
            probabilities.
        image: uint8 (H, W, 3), RGB, the frame.
    """
    share = _share_after(before, after)
    first, second = before.known.found, after.known.found
    if isinstance(first, ClassProbs) and isinstance(second, ClassProbs):
        return _mixed_probs(first, second, sides=(before, after), share=share)
    if not isinstance(first, Instances) or not isinstance(second, Instances):
        return one_sided(before, image)
    late = before.distance / (before.distance + after.distance)
    trust = np.maximum(before.way.trust, after.way.trust)
    carried = [
        _Carried(
            _mask(_mixed(_depth(before, i), _depth(after, j), share), image, trust),
            float((1 - late) * first.scores[i] + late * second.scores[j]),
            int(first.class_ids[i]),
        )
        for i, j in pairs
    ]
    if late <= ALONE:
        carried += _alone(before, {i for i, _ in pairs}, image)
    if 1 - late <= ALONE:
        carried += _alone(after, {j for _, j in pairs}, image)
    return _together(carried, size_hw=first.size_hw)


def matched(before: Side, after: Known) -> list[tuple[int, int]]:
    """Tell which instance of a keyframe is which of the next one.

    Args:
        before: The first keyframe as it is seen from the second.
        after: The second one.

    Returns:
        Pairs of places: instances of one class that overlap, or one of which lies in the other as a part, so
        that the sum of overlaps is largest.
    """
    first, second = before.known.found, after.found
    if not isinstance(first, Instances) or not isinstance(second, Instances):
        return []
    if not len(first) or not len(second):
        return []
    step = max(1, min(first.size_hw) // MATCH_SIDE_PX)
    carried = np.stack([_depth(before, k)[::step, ::step] > DEEPEST / 2 for k in range(len(first))])
    others = second.masks[:, ::step, ::step]
    iou, inside = overlaps(carried, others)
    areas, other_areas = (masks.sum(axis=(1, 2)) for masks in (carried, others))
    part = inside * np.maximum(1, areas[:, np.newaxis] / np.maximum(other_areas, 1))  # of the smaller one
    may_be_one = (iou >= SAME) | (part >= PART_OF)
    may_be_one &= first.class_ids[:, np.newaxis] == second.class_ids
    agreement = may_be_one * (iou + PART_WORTH * part)
    rows, columns = linear_sum_assignment(agreement, maximize=True)
    return [(int(i), int(j)) for i, j in zip(rows, columns, strict=True) if agreement[i, j] > 0]


def _share_after(before: Side, after: Side) -> Float32Array:
    """Say how much the keyframe after counts, float32 (H, W), [0, 1]: linear in time where trust is equal."""
    first = before.way.trust * np.float32(after.distance)
    second = after.way.trust * np.float32(before.distance)
    return np.asarray(second / (first + second), np.float32)


def _depth(side: Side, k: int) -> Float32Array:
    """Carry the depth of an instance, float32 (H, W), 0 to DEEPEST; what leaves the picture goes on there."""
    flow, depth = side.way.path.flow, side.known.depths[k]
    carried = resample(depth, flow, repeat_border=True)  # type: ignore[arg-type]  # bytes: a third of the time
    return np.asarray(carried, np.float32)


def _layer(side: Side, found: ClassProbs, class_id: int) -> Float32Array:
    """Carry the probability of a class, float32 (H, W), [0, 1]; zeros for one that was not spoken of."""
    if class_id not in found.class_ids:
        return np.zeros(found.size_hw, np.float32)
    return resample(found.probs[found.class_ids.index(class_id)], side.way.path.flow, repeat_border=True)


def _carried(side: Side, k: int, image: UInt8Image) -> _Carried:
    """Carry an instance, `k` of the keyframe, from there alone."""
    found = side.known.found
    assert isinstance(found, Instances)
    mask = _mask(_depth(side, k), image, side.way.trust)
    return _Carried(mask, float(found.scores[k]), int(found.class_ids[k]))


def _alone(side: Side, taken: set[int], image: UInt8Image) -> Iterator[_Carried]:
    """Carry the instances that the other keyframe does not show, as far as they are still to be seen."""
    trust = side.way.trust
    for k in range(len(side.known.depths)):
        if k in taken:
            continue
        one = _carried(side, k, image)
        if one.mask.any() and trust[one.mask].mean() >= VISIBLE:
            yield replace(one, mask=one.mask & (trust > LEAST_ALONE))


def _mask(depth: Float32Array, image: UInt8Image, trust: Float32Array) -> BoolMask:
    """Return what is inside, bool (H, W): by depth, and where that cannot be trusted, by the picture."""
    inside = depth > DEEPEST / 2
    reach_px = max(1, round(PULL_REACH * len(depth)))
    place = window_of(inside, margin_px=2 * reach_px)
    if place is None or trust[place].min() > SURE:
        return inside
    pulled = guided_filter(
        inside[place][np.newaxis].astype(np.float32),
        np.ascontiguousarray(image[place]),
        radius_px=reach_px,
        eps=PULL_EPS,
        shrink=PULL_SHRINK,
    )[0]
    soft = depth[place] / np.float32(DEEPEST)
    inside[place] = soft + (1 - trust[place]) * (pulled - soft) > 0.5
    return inside


def _mixed(a: Float32Array, b: Float32Array, share: Float32Array) -> Float32Array:
    return a + share * (b - a)


def _mixed_probs(
    first: ClassProbs, second: ClassProbs, *, sides: tuple[Side, Side], share: Float32Array
) -> ClassProbs:
    class_ids = tuple(sorted({*first.class_ids, *second.class_ids}))
    layers = [
        _mixed(_layer(sides[0], first, class_id), _layer(sides[1], second, class_id), share)
        for class_id in class_ids
    ]
    return ClassProbs(_stacked(layers, first.size_hw, np.float32), class_ids)


def _together(carried: Sequence[_Carried], *, size_hw: tuple[int, int]) -> Instances:
    """Put instances together; those of which nothing is left are gone."""
    kept = [one for one in carried if one.mask.any()]
    return Instances(
        _stacked([one.mask for one in kept], size_hw, np.bool_),
        np.array([one.score for one in kept], np.float32),
        np.array([one.class_id for one in kept], np.int64),
    )


def _stacked(
    layers: Sequence[NDArray[ScalarT]], size_hw: tuple[int, int], dtype: type[ScalarT]
) -> NDArray[ScalarT]:
    return np.stack(layers) if layers else np.zeros((0, *size_hw), dtype)
