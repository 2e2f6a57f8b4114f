"""How the classes of a filter's result share out the picture.

Where anything is, all classes together decide, filtered as one; whose it is, each class for itself. A pixel
that two of five frames give to one class, two to another and one to a third belongs to none of them by a
majority, but it is no hole.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from vidlab.temporal.protocol import ClassState, Evidence, StableFrame
from vidlab.temporal.record import TOTAL
from vidlab.temporal.window import ClassMap, Layers
from vidlab.types import BoolMask, Float32Array

EVERYTHING = -1  # stands beside the COCO ids for all classes together
GONE = 1e-6  # probability: what stays below it everywhere, less than float32 tells of 1, decides nothing
OWN_VOTE = 0.5  # what a frame counts beyond its part in the window, where classes are equal

# What speaks for each of K classes at some pixels, given by their places in the flat picture: (K, n).
Votes: TypeAlias = Callable[[NDArray[np.intp]], NDArray[Any]]


def everything(maps: Iterable[ClassMap]) -> ClassMap:
    """Return how probable it is that a pixel belongs to any class: the sum of at least one map, at most 1.

    >>> everything([np.array([[1, 0]], np.uint8), np.array([[0.25, 0.5]], np.float32)]).tolist()
    [[1.0, 0.5]]
    """
    first, *others = maps
    if all(values.dtype == np.uint8 for values in (first, *others)):
        return np.asarray(np.maximum.reduce([first, *others]), np.uint8) if others else first
    total = np.asarray(first, np.float32)
    for values in others:
        total = total + values
    return np.minimum(total, np.float32(1)) if others else total


def with_everything(layers: Layers) -> Layers:
    """Return a frame's maps and, under EVERYTHING, what they are together; a single one is taken as it is."""
    if not layers.maps:
        return layers
    return replace(layers, maps={**layers.maps, EVERYTHING: everything(layers.maps.values())})


def is_covered(frames: Sequence[Layers]) -> bool:
    """Say whether every pixel of some frames, as `with_everything` returns them, belongs to a class."""
    return all(EVERYTHING in frame.maps and bool(frame.maps[EVERYTHING].min() > TOTAL) for frame in frames)


def jointly(
    here: Mapping[int, Float32Array], means: Mapping[int, Float32Array]
) -> tuple[dict[int, Float32Array], dict[int, Float32Array]]:
    """Add EVERYTHING to a frame's maps and to the running means, by COCO id, once there are several classes.

    Until then it was the only one; its mean is copied.
    """
    here, means = dict(here), dict(means)
    if len({*here, *means} - {EVERYTHING}) > 1:
        if here:
            here[EVERYTHING] = np.asarray(everything(here.values()), np.float32)
        if means and EVERYTHING not in means:
            (only,) = means.values()
            means[EVERYTHING] = only.copy()
    return here, means


def without_gone(
    means: Mapping[int, Float32Array], *, here: Mapping[int, Float32Array]
) -> dict[int, Float32Array]:
    """Return running means without those of classes, or objects, of which nothing is left.

    Objects come and go: what is kept must not grow with how many there were. With one of them left,
    EVERYTHING goes too, as `jointly` expects.

    Args:
        means: By id, float32 (H, W), [0, 1].
        here: The maps of the frame that was taken in last; what it speaks of stays.
    """
    kept = {c: mean for c, mean in means.items() if c in here or float(mean.max()) >= GONE}
    if len(kept.keys() - {EVERYTHING}) < 2:
        kept.pop(EVERYTHING, None)
    return kept


def mean_result(
    evidence: Evidence,
    means: Mapping[int, Float32Array],
    *,
    covered: bool = False,
    flow_to_prev: Float32Array | None = None,
    is_cut: bool = False,
) -> StableFrame:
    """Make a frame's result of running means, which are copied, by COCO id and EVERYTHING.

    `covered` says that every pixel belongs to a class, whatever the mean of EVERYTHING has lost on its way.
    """
    classes = tuple(class_id for class_id in means if class_id != EVERYTHING)
    probs = np.empty((len(classes), *evidence.probs.shape[1:]), np.float32)
    for out, class_id in zip(probs, classes, strict=True):
        np.copyto(out, means[class_id])
    return shared_out(
        classes,
        probs,
        strength=strengths(evidence),
        foreground=(means[EVERYTHING] > 0.5) | covered if EVERYTHING in means else None,
        flow_to_prev=flow_to_prev,
        is_cut=is_cut,
    )


def plain_result(evidence: Evidence, classes: tuple[int, ...], maps: Sequence[Float32Array]) -> StableFrame:
    """Threshold maps at 0.5; classes do not overlap: a pixel goes to the most probable one.

    Args:
        evidence: The frame's own evidence, for the curves.
        classes: One id per map.
        maps: float32 (H, W) each, [0, 1]; copied.
    """
    probs = np.stack(maps) if classes else np.zeros((0, *evidence.probs.shape[1:]), np.float32)
    return shared_out(classes, probs, strength=strengths(evidence))


def strengths(evidence: Evidence) -> dict[int, float]:
    """Return how sure the network is of each class, by COCO id."""
    return dict(zip(evidence.class_ids, evidence.strength.tolist(), strict=True))


def shared_out(
    classes: tuple[int, ...],
    probs: Float32Array,
    *,
    strength: Mapping[int, float],
    masks: BoolMask | None = None,
    foreground: BoolMask | None = None,
    votes: Votes | None = None,
    flow_to_prev: Float32Array | None = None,
    is_cut: bool = False,
) -> StableFrame:
    """Make a frame's result of maps; a pixel that several claim goes to the most probable class.

    Args:
        classes: One id per map.
        probs: float32 (K, H, W), [0, 1]; becomes part of the result.
        strength: How sure the network is of each class that it speaks of, [0, 1], for the curves.
        masks: bool (K, H, W), where the maps are above 0.5, if that is known; becomes part of the result,
            changed.
        foreground: bool (H, W), what belongs to some class even where none claims it: then to the most
            probable one. None where a claim decides.
        votes: What decides between classes that are equally probable there; without, the first of them.
        flow_to_prev: float32 (H, W, 2), pixels; None for a filter that knows of none.
        is_cut: The frame starts a new shot.
    """
    masks = probs > 0.5 if masks is None else masks
    if len(masks) > 1:
        if foreground is not None:
            give_unclaimed(masks, probs, foreground=foreground, votes=votes)
        _settle_claims(masks, probs)
    states = tuple(
        ClassState(
            area_px=int(np.count_nonzero(mask)),
            weight=1.0,
            threshold=0.5,
            confidence=strength.get(class_id, 0.0),
            miss_streak=0 if strength.get(class_id, 0.0) > 0 else 1,
        )
        for class_id, mask in zip(classes, masks, strict=True)
    )
    return StableFrame(classes, probs, masks, states, flow_to_prev, is_cut)


def _settle_claims(masks: BoolMask, probs: Float32Array) -> None:
    """Leave pixels that several masks claim to the most probable class, the first of equals."""
    claims = masks.view(np.uint8).sum(axis=0, dtype=np.uint8)
    contested = np.flatnonzero(claims > 1)
    winner = probs.reshape(len(probs), -1)[:, contested].argmax(axis=0)
    masks.reshape(len(masks), -1)[:, contested] = winner == np.arange(len(masks))[:, None]


def give_unclaimed(
    masks: BoolMask, probs: Float32Array, *, foreground: BoolMask, votes: Votes | None = None
) -> None:
    """Give foreground, bool (H, W), that no mask claims to the most probable class; changes `masks`."""
    pixels = np.flatnonzero(foreground & ~masks.any(axis=0))
    if not pixels.size:
        return
    held = probs.reshape(len(probs), -1)[:, pixels]
    if votes is not None:
        held = np.where(held == held.max(axis=0), votes(pixels), -1)
    masks.reshape(len(masks), -1)[:, pixels] = held.argmax(axis=0) == np.arange(len(masks))[:, None]
