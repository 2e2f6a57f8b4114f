"""Tracks, as a stabilizer keeps them apart, and back to classes, as masks, labels and metrics show them.

detections ─ Associator ─▶ tracks ─ track_evidence ─▶ one map per track ─ stabilizer ─▶ named ─▶ classes
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

import numpy as np

from vidlab.jobs.drive import drive
from vidlab.temporal.protocol import ClassState, Evidence, Stabilizer, StableFrame
from vidlab.tracking import TrackBook
from vidlab.types import Float32Array, Frame, Instances

KeptT = TypeVar("KeptT")


def drive_tracks(
    stabilizer: Stabilizer,
    items: Iterable[tuple[Frame, Evidence, KeptT]],
    *,
    tracked_of: Callable[[KeptT], Instances | None],
) -> Iterator[tuple[Frame, KeptT, StableFrame]]:
    """Drive a stabilizer like `drive`, and name its results as the main job does: tracks in, classes out.

    Args:
        stabilizer: As for `drive`.
        items: As for `drive`, with evidence of tracks, or of classes where there are no instances.
        tracked_of: Finds a frame's objects, with or without their masks, in what the caller gave; None says
            that its evidence is of classes already.

    Raises:
        UsageError: As `drive`.
    """
    book = TrackBook()
    for frame, kept, stable in drive(stabilizer, announced(items, book=book, tracked_of=tracked_of)):
        tracked = tracked_of(kept)
        if tracked is not None:
            stable, _ = named(stable, tracked, book=book, select=None)
        yield frame, kept, stable


def announced(
    items: Iterable[tuple[Frame, Evidence, KeptT]],
    *,
    book: TrackBook,
    tracked_of: Callable[[KeptT], Instances | None],
) -> Iterator[tuple[Frame, Evidence, KeptT]]:
    """Pass items on, each as soon as the book was told of its objects; the rest as for `drive_tracks`."""
    for frame, evidence, kept in items:
        tracked = tracked_of(kept)
        if tracked is not None:
            book.announce(tracked)
        yield frame, evidence, kept


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
