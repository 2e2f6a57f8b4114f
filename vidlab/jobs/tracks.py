"""From tracks, as a stabilizer keeps them apart, back to classes, as masks, labels and metrics show them."""

from collections.abc import Callable, Sequence

import numpy as np

from vidlab.temporal.protocol import ClassState, StableFrame
from vidlab.tracking import TrackBook
from vidlab.types import Float32Array, Instances


def named(
    stable: StableFrame, tracked: Instances, *, book: TrackBook, select: int | None
) -> tuple[StableFrame, Instances]:
    """Return the classes that stable tracks belong to, and the tracks as instances.

    Args:
        stable: A frame's result, with identities in the place of classes.
        tracked: What is known of the frame's detections, which the book was told before; settled here.
        book: What is known of the tracks.
        select: The only track that is wanted; None takes all.
    """
    book.settle(tracked, shown=stable.class_ids)
    if select is not None:
        stable = only_track(stable, select)
    return by_class(stable, book.class_of), book.instances(stable.class_ids, stable.masks)


def only_track(stable: StableFrame, track_id: int) -> StableFrame:
    """Return what a stable frame shows of one track."""
    rows = [row for row, one in enumerate(stable.class_ids) if one == track_id]
    return StableFrame(
        tuple(stable.class_ids[row] for row in rows),
        stable.probs[rows],
        stable.masks[rows],
        tuple(stable.states[row] for row in rows),
        stable.flow_to_prev,
        stable.is_cut,
    )


def by_class(stable: StableFrame, class_of: Callable[[int], int]) -> StableFrame:
    """Join the tracks of each class.

    Args:
        stable: With identities in the place of classes.
        class_of: Returns the COCO id of a track.

    Returns:
        One probability map for each class, the sum over its tracks and at most 1, and one mask, their union.
    """
    classes = [class_of(track_id) for track_id in stable.class_ids]
    shown = tuple(sorted(set(classes)))
    rows = [[row for row, one in enumerate(classes) if one == class_id] for class_id in shown]
    probs: Float32Array = np.zeros((len(shown), *stable.masks.shape[1:]), np.float32)
    masks = np.zeros(probs.shape, np.bool_)
    for out, mask, of_class in zip(probs, masks, rows, strict=True):
        for row in of_class:
            out += stable.probs[row]
            mask |= stable.masks[row]
        if len(of_class) > 1:
            np.minimum(out, 1, out=out)
    states = tuple(_state([stable.states[row] for row in of_class]) for of_class in rows)
    return StableFrame(shown, probs, masks, states, stable.flow_to_prev, stable.is_cut)


def _state(states: Sequence[ClassState]) -> ClassState:
    """Say of a class what holds for its largest track; it is as sure, and as lately found, as any of them."""
    largest = max(states, key=lambda state: state.area_px)
    return ClassState(
        area_px=sum(state.area_px for state in states),  # tracks do not overlap
        weight=largest.weight,
        threshold=largest.threshold,
        confidence=max(state.confidence for state in states),
        miss_streak=min(state.miss_streak for state in states),
    )
