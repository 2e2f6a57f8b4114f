"""What goes wrong in per-frame masks, counted: missed frames, jumps of area, patches of nothing."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from vidlab.errors import ShapeError
from vidlab.types import BoolMask

AREA_JUMP = 0.3  # relative to the larger of the two areas; an object walking by changes a tenth of it
MIN_PATCH_SHARE = 2e-4  # of the picture: smaller patches are not seen (26 pixels of 480 × 270)


@dataclass(frozen=True, slots=True)
class Failures:
    """Where masks fail; frames count from 0.

    Attributes:
        n_frames: Frames seen.
        missed: Frames without any mask, between the first and the last frame that have one.
        jumps: Frames whose area differs from the frame before by more than `AREA_JUMP`, both having a mask.
        false_patches: Frames with a patch that is not there: one that touches no true mask, or, without
            truth, no mask of the neighboring frames.
        against_truth: Whether the patches were compared with truth.
    """

    n_frames: int
    missed: tuple[int, ...]
    jumps: tuple[int, ...]
    false_patches: tuple[int, ...]
    against_truth: bool


def count_failures(masks: Iterable[BoolMask], *, truth: Iterable[BoolMask] | None) -> Failures:
    """Count what goes wrong in the masks of a clip, in one pass; three masks are held.

    Args:
        masks: bool (H, W) for each frame.
        truth: bool (H, W) for each frame, or None.

    Raises:
        ShapeError: There are fewer true masks than masks.
    """
    true_masks = None if truth is None else iter(truth)
    areas: list[int] = []
    false_patches: list[int] = []
    for index, (before, mask, after) in enumerate(_with_neighbors(masks)):
        areas.append(int(np.count_nonzero(mask)))
        if true_masks is None:
            support = before | after
        else:
            true_mask = next(true_masks, None)
            if true_mask is None:
                raise ShapeError(f"every mask must have a true mask, got {index} true masks and more masks")
            support = true_mask
        if _has_lone_patch(mask, support):
            false_patches.append(index)
    return Failures(len(areas), _gaps(areas), _jumps(areas), tuple(false_patches), truth is not None)


def worst_stretch(values: Iterable[float | None], *, n_frames: int) -> range:
    """Return the neighboring frames with the smallest mean value, such as the least consistent ones.

    Args:
        values: One per frame; None where undefined, which counts as the mean of the others.
        n_frames: Length of the stretch; a shorter clip is returned whole.

    >>> worst_stretch([None, 1.0, 0.2, 0.1, 0.9, 1.0], n_frames=3)
    range(2, 5)
    """
    curve = np.array([np.nan if value is None else value for value in values], np.float64)
    if len(curve) <= n_frames:
        return range(len(curve))
    known = curve[~np.isnan(curve)]
    curve[np.isnan(curve)] = known.mean() if known.size else 0.0
    sums = np.convolve(curve, np.ones(n_frames), mode="valid")
    start = int(np.argmin(np.round(sums, 9)))  # rounded: the first of equals, whatever the order of the sum
    return range(start, start + n_frames)


def _with_neighbors(masks: Iterable[BoolMask]) -> Iterable[tuple[BoolMask, BoolMask, BoolMask]]:
    """Yield (before, mask, after); at either end the mask is its own neighbor's stand-in, empty."""
    before: BoolMask | None = None
    current: BoolMask | None = None
    for mask in masks:
        if current is not None:
            yield np.zeros_like(mask) if before is None else before, current, mask
        before, current = current, mask
    if current is not None:
        nothing = np.zeros_like(current)
        yield nothing if before is None else before, current, nothing


def _has_lone_patch(mask: BoolMask, support: BoolMask) -> bool:
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask.view(np.uint8), connectivity=8)
    supported: NDArray[np.bool_] = np.zeros(count, bool)
    supported[np.unique(labels[support])] = True
    large = stats[:, cv2.CC_STAT_AREA] >= max(1.0, MIN_PATCH_SHARE * mask.size)
    return bool((large & ~supported)[1:].any())  # patch 0 is the background


def _gaps(areas: list[int]) -> tuple[int, ...]:
    found = [index for index, area in enumerate(areas) if area]
    inside = range(found[0], found[-1]) if found else range(0)
    return tuple(index for index in inside if not areas[index])


def _jumps(areas: list[int]) -> tuple[int, ...]:
    pairs = enumerate(pairwise(areas), start=1)
    return tuple(i for i, (a, b) in pairs if a and b and abs(b - a) > AREA_JUMP * max(a, b))
