"""Step 5: the area of an object changes slowly; frames and thresholds that say otherwise are corrected."""

from collections.abc import Sequence

import numpy as np

from vidlab.metrics.overlap import iou
from vidlab.types import BoolMask, Float32Array

LEAST_AGREEMENT = 0.2  # a mask that has nothing to do with what was expected may still be right
LEAVING_SHARE = 0.25  # of its usual area: an object of which less is left is leaving, not missed


def vote_weight(
    areas_px: Sequence[int],
    index: int,
    *,
    expected: BoolMask | None,
    strength: float,
    min_recall: float,
    weak_vote: float,
) -> float:
    """Say how much a frame counts, given the raw areas of its neighbors (area-jump control).

    A frame in which the object is as large as expected counts by the strength of its evidence. One in which
    it suddenly shrank counts in proportion; one in which it vanished hardly at all, unless
    the object is so rarely found (less often than `min_recall`) that the findings, not the misses, are the
    mistakes; or it was leaving the picture, and little of it was left to be found.

    Args:
        areas_px: Raw areas of the frames around, this one included; all of one shot.
        index: Which of them is this frame.
        expected: bool (H, W), the mask carried to this frame, which follows a zoom and an exit; None if
            nothing is carried.
        strength: How sure the network is of this frame's mask, [0, 1].
        min_recall: Share of frames with findings from which misses are mistakes, (0, 1].
        weak_vote: Smallest weight, (0, 1].

    Returns:
        Weight in [weak_vote, 1]; 1 where nothing was found in any of the frames.

    >>> settings = {"strength": 1.0, "min_recall": 0.25, "weak_vote": 0.02}
    >>> vote_weight([8, 8, 4, 8], 2, expected=None, **settings)
    0.5
    >>> zoomed_out = np.eye(5, dtype=bool)
    >>> vote_weight([8, 8, 4, 8], 2, expected=zoomed_out, **settings)
    0.8
    """
    found = [area for area in areas_px if area > 0]
    if not found:
        return 1.0
    usual = float(np.median(found))
    absent = 1.0 - len(found) / len(areas_px) / min_recall
    left, here_px = 0.0, usual
    if expected is not None:
        here_px = min(usual, int(np.count_nonzero(expected)))
        left = 1.0 - here_px / (LEAVING_SHARE * usual) if at_border(expected) else 0.0
    shrunk = min(1.0, areas_px[index] / max(here_px, 1))
    return float(np.clip(max(strength * shrunk, absent, left), weak_vote, 1.0))


def agreement(mask: BoolMask, expected: BoolMask) -> float:
    """Say how far a frame's mask may be believed, given where the frames before put the object.

    A mask elsewhere than expected is more often a mistake than a leap.

    Args:
        mask: bool (H, W), what this frame shows.
        expected: bool (H, W), the mask carried to this frame.

    Returns:
        Intersection over union, at least LEAST_AGREEMENT; 1 where either is empty.

    >>> agreement(np.array([[True, True, False]]), np.array([[False, True, True]]))
    0.3333333333333333
    """
    return max(LEAST_AGREEMENT, iou(mask, expected)) if mask.any() and expected.any() else 1.0


def at_border(mask: BoolMask) -> bool:
    """Say whether a mask, bool (H, W), touches the border of the picture."""
    return bool(mask[[0, -1]].any() or mask[:, [0, -1]].any())


def adaptive_threshold(
    probs: Float32Array, recent_areas_px: Sequence[int], *, tolerance: float, band: float
) -> float:
    """Choose the threshold, near 0.5, that keeps the area close to its running estimate.

    The estimate is the median of the recent areas. Nothing happens while the area at 0.5 is within the
    tolerance, so that a zoom is followed; a sudden jump is held back to the edge of the tolerance.

    Args:
        probs: float32 (H, W), [0, 1], fused probability.
        recent_areas_px: Areas at threshold 0.5 of the frames before; empty keeps the threshold at 0.5.
        tolerance: Relative change of area that is let through.
        band: How far the threshold may move from 0.5.

    Returns:
        Threshold in [0.5 - band, 0.5 + band]; the mask is `probs > threshold`.
    """
    if not recent_areas_px or band <= 0:
        return 0.5
    expected = float(np.median(recent_areas_px))
    area = int(np.count_nonzero(probs > 0.5))
    if area > expected * (1 + tolerance):
        return _threshold_for(probs, expected * (1 + tolerance), low=0.5, high=0.5 + band)
    if area < expected * (1 - tolerance):
        return _threshold_for(probs, expected * (1 - tolerance), low=0.5 - band, high=0.5)
    return 0.5


def _threshold_for(probs: Float32Array, area_px: float, *, low: float, high: float) -> float:
    """Find the threshold between two at which the mask has an area, as nearly as they allow."""
    undecided = probs[(probs > low) & (probs <= high)]
    wanted = round(area_px) - int(np.count_nonzero(probs > high))
    if wanted <= 0:
        return high
    if wanted >= undecided.size:
        return low
    return float(np.partition(undecided, -wanted - 1)[-wanted - 1])
