"""Step 5: the area of an object changes slowly; frames and thresholds that say otherwise are corrected."""

from collections.abc import Sequence

import numpy as np

from vidlab.types import Float32Array


def vote_weight(
    areas_px: Sequence[int], index: int, *, strength: float, min_recall: float, weak_vote: float
) -> float:
    """Say how much a frame counts, given the raw areas of its neighbors (area-jump control).

    A frame in which the object is as large as around it counts by the strength of its evidence. One in which
    it suddenly shrank counts in proportion; one in which it vanished hardly at all, unless the object is so
    rarely found (less often than `min_recall`) that the findings, not the misses, are the mistakes.

    Args:
        areas_px: Raw areas of the frames around, this one included; all of one shot.
        index: Which of them is this frame.
        strength: How sure the network is of this frame's mask, [0, 1].
        min_recall: Share of frames with findings from which misses are mistakes, (0, 1].
        weak_vote: Smallest weight, (0, 1].

    Returns:
        Weight in [weak_vote, 1]; 1 where nothing was found in any of the frames.

    >>> vote_weight([100, 100, 50, 100], 2, strength=1.0, min_recall=0.25, weak_vote=0.02)
    0.5
    """
    found = [area for area in areas_px if area > 0]
    if not found:
        return 1.0
    shrunk = min(1.0, areas_px[index] / float(np.median(found)))
    recall = len(found) / len(areas_px)
    absent = 1.0 - recall / min_recall
    return float(np.clip(max(strength * shrunk, absent), weak_vote, 1.0))


def expected_area(areas_px: Sequence[int]) -> float:
    """Return the running estimate of an object's area: the median of the frames that show it, 0 for none."""
    found = [area for area in areas_px if area > 0]
    return float(np.median(found)) if found else 0.0


def adaptive_threshold(probs: Float32Array, *, area_px: float, band: float) -> float:
    """Choose the threshold, near 0.5, whose mask has the expected area.

    Args:
        probs: float32 (H, W), [0, 1], fused probability.
        area_px: Expected area, in pixels; 0 keeps the threshold at 0.5.
        band: How far the threshold may move from 0.5.

    Returns:
        Threshold in [0.5 - band, 0.5 + band]; the mask is `probs > threshold`.
    """
    low, high = 0.5 - band, 0.5 + band
    if area_px <= 0 or band <= 0:
        return 0.5
    surely, at_most = int(np.count_nonzero(probs > high)), int(np.count_nonzero(probs > low))
    if surely >= area_px:
        return high
    if at_most <= area_px:
        return low
    # between the two lies the threshold at which exactly the wanted number of pixels is kept
    undecided = probs[(probs > low) & (probs <= high)]
    wanted = round(area_px) - surely
    return (
        float(np.clip(np.partition(undecided, -wanted - 1)[-wanted - 1], low, high))
        if wanted < undecided.size
        else low
    )
