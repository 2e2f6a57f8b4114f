"""Whose each pixel is: exact instances and occlusions from the numbers of the visible surfaces."""

import numpy as np
from numpy.typing import NDArray

from vidlab.synthetic.stage import NO_CLASS, Actor
from vidlab.types import BoolMask, Float32Array, Instances

PARTS_PER_OBJECT = 64  # room for part numbers within one object's surface numbers
HALF_VISIBLE = 0.5 - 1e-4  # a pixel midway between two surfaces counts as seen
OUTSIDE, MIXED = -1, -2  # surface numbers of what lies outside the picture, and of an edge

Surfaces = NDArray[np.int32]  # (H, W): 0 background, else track_id * PARTS_PER_OBJECT + part


def occluded(surface: Surfaces, before: Surfaces | None, flow_to_prev: Float32Array) -> BoolMask:
    """Mark pixels that were less than half this surface, by bilinear weight, where they come from.

    Args:
        surface: int32 (H, W), surface numbers of this frame.
        before: The same of the previous frame; None in the first.
        flow_to_prev: float32 (H, W, 2), pixels, (dx, dy), exact.

    Returns:
        bool (H, W); all true in the first frame.
    """
    height, width = surface.shape
    if before is None:
        return np.ones((height, width), bool)
    x = flow_to_prev[..., 0] + np.arange(1, width + 1, dtype=np.float32)
    y = flow_to_prev[..., 1] + np.arange(1, height + 1, dtype=np.float32)[:, None]
    np.clip(x, 0, width + 0.999, out=x)
    np.clip(y, 0, height + 0.999, out=y)
    framed = np.full((height + 2, width + 2), OUTSIDE, np.int32)
    framed[1:-1, 1:-1] = before
    corner = y.astype(np.int32) * (width + 2) + x.astype(np.int32)
    cell = framed.copy()  # the surface of the 2×2 pixels that begin here, or MIXED
    same = (framed[:-1, :-1] == framed[1:, 1:]) & (framed[:-1, 1:] == framed[1:, :-1])
    same &= framed[:-1, :-1] == framed[:-1, 1:]
    cell[:-1, :-1][~same] = MIXED
    was = cell.take(corner)
    hidden = np.asarray(was != surface)
    rows, columns = np.nonzero(was == MIXED)
    visible = _share_of_surface(
        framed, surface[rows, columns], corner[rows, columns], x[rows, columns] % 1, y[rows, columns] % 1
    )
    hidden[rows, columns] = visible < HALF_VISIBLE
    return hidden


def _share_of_surface(
    framed: Surfaces, wanted: Surfaces, corner: Surfaces, right_share: Float32Array, low_share: Float32Array
) -> Float32Array:
    """Bilinear weight, [0, 1], of those of the four pixels at `corner` that show the wanted surface."""
    share = np.zeros(len(wanted), np.float32)
    for low in (0, 1):
        for right in (0, 1):
            found = framed.take(corner + (low * framed.shape[1] + right)) == wanted
            weight = right_share if right else 1 - right_share
            share += found * weight * (low_share if low else 1 - low_share)
    return share


def instances_of(surface: Surfaces, actors: list[Actor]) -> Instances:
    """Collect the visible mask, class and identity of every actor of which a pixel can be seen."""
    owner = surface // PARTS_PER_OBJECT
    seen = np.flatnonzero(np.bincount(owner.ravel()))
    cast = sorted(
        (a for a in actors if a.look.class_id != NO_CLASS and a.track_id in seen), key=lambda a: a.track_id
    )
    if not cast:
        empty = Instances.empty((surface.shape[0], surface.shape[1]))
        return Instances(empty.masks, empty.scores, empty.class_ids, np.zeros(0, np.int64))
    return Instances(
        np.stack([owner == actor.track_id for actor in cast]),
        np.ones(len(cast), np.float32),
        np.array([actor.look.class_id for actor in cast], np.int64),
        np.array([actor.track_id for actor in cast], np.int64),
    )
