"""Step 1: what the network said about a frame, brought to one form for instances and for soft masks."""

import numpy as np

from vidlab.params import EvidenceParams
from vidlab.temporal.protocol import Evidence, HardEvidence
from vidlab.temporal.sharing import give_unclaimed
from vidlab.tracking import as_groups
from vidlab.types import BoolMask, ClassProbs, Float32Array, Instances, Observation

STRENGTH_PERCENTILE = 80  # inside a mask most pixels, not the fading rim, say how sure the network is


def to_evidence(
    observation: Observation,
    *,
    class_ids: tuple[int, ...] | None,
    min_score: float,
    drop_below: float,
    prob_threshold: float,
) -> Evidence:
    """Turn instances or class probabilities into one evidence map per class.

    Args:
        observation: What the network, or the user's file, holds for one frame.
        class_ids: Wanted classes, None for all.
        min_score: Score at which an instance counts as raw, [0, 1].
        drop_below: Instances below this score are ignored altogether, [0, 1]; those between the two are
            kept as doubtful: they speak where something is expected.
        prob_threshold: Probability above which a pixel of a soft mask counts as raw, (0, 1).

    Returns:
        Evidence whose classes are the wanted ones; without a wish, those that the frame speaks of.
    """
    if isinstance(observation, Instances):
        return _from_instances(observation, class_ids, min_score=min_score, drop_below=drop_below)
    return _from_probs(observation, class_ids, prob_threshold)


def track_evidence(objects: Instances, *, rules: EvidenceParams) -> Evidence:
    """Return the evidence of a frame's tracks, one map for each.

    Args:
        objects: Detections that belong to an object, as `vidlab.tracking.identified` returns them.
        rules: Which detections count.
    """
    return to_evidence(as_groups(objects), class_ids=None, **rules.model_dump())


def _from_instances(
    found: Instances, class_ids: tuple[int, ...] | None, *, min_score: float, drop_below: float
) -> Evidence:
    found = found.where(found.scores >= drop_below)
    wanted = class_ids if class_ids is not None else tuple(int(c) for c in np.unique(found.class_ids))
    raw = np.zeros((len(wanted), *found.size_hw), bool)
    doubtful = np.zeros(raw.shape, np.float32)
    strength = np.zeros(len(wanted), np.float32)
    for k, class_id in enumerate(wanted):
        of_class = found.where(found.class_ids == class_id)
        sure = of_class.where(of_class.scores >= min_score)
        if len(sure):
            raw[k] = sure.masks.any(axis=0)
            strength[k] = _area_weighted_score(sure)
        for mask, score in zip(of_class.masks, of_class.scores, strict=True):
            if score < min_score:
                np.maximum(doubtful[k], score, out=doubtful[k], where=mask)
    return HardEvidence(wanted, raw, strength, doubtful)


def _area_weighted_score(instances: Instances) -> float:
    areas = instances.masks.sum(axis=(1, 2)).astype(np.float64)
    return float(np.average(instances.scores, weights=areas)) if areas.sum() else 0.0


def _from_probs(soft: ClassProbs, class_ids: tuple[int, ...] | None, prob_threshold: float) -> Evidence:
    wanted = soft.class_ids if class_ids is None else class_ids
    probs = np.zeros((len(wanted), *soft.size_hw), np.float32)
    for k, class_id in enumerate(wanted):
        if class_id in soft.class_ids:
            probs[k] = soft.probs[soft.class_ids.index(class_id)]
    probs = _recenter(probs, prob_threshold)
    raw = probs > 0.5
    if len(probs) > 1:  # what is surely something is the likeliest of all, even with less than one half
        give_unclaimed(raw, probs, foreground=probs.sum(axis=0) > 0.5)
    strength = np.array([_soft_strength(p, m) for p, m in zip(probs, raw, strict=True)], np.float32)
    return Evidence(wanted, probs, raw, strength)


def _recenter(probs: Float32Array, prob_threshold: float) -> Float32Array:
    """Bend [0, 1] so that the operating point lies at 0.5."""
    if prob_threshold == 0.5:
        return probs
    low = 0.5 * probs / prob_threshold
    high = 0.5 + 0.5 * (probs - prob_threshold) / (1 - prob_threshold)
    return np.where(probs <= prob_threshold, low, high).astype(np.float32)


def _soft_strength(probs: Float32Array, raw: BoolMask) -> float:
    inside = probs[raw]
    if inside.size == 0:
        return 0.0
    rank = inside.size * STRENGTH_PERCENTILE // 100
    return float(np.partition(inside, rank)[rank])
