"""Where in the picture an object is: an object fills a small part of it, and all work is done there."""

from typing import TypeAlias

import numpy as np

from vidlab.flow.warp import source_planes
from vidlab.metrics.overlap import window_of
from vidlab.types import Float32Array

Window: TypeAlias = tuple[slice, slice]  # rows and columns
EMPTY: Window = (slice(0, 0), slice(0, 0))
NOTHING = 0.02  # probabilities below this are background
SLACK = 2  # small pixels: how far beside a window what is carried out of it is still looked for


def is_something(window: Window) -> bool:
    """Say whether a window holds any pixel."""
    return all(side.stop > side.start for side in window)


def extent(probs: Float32Array, window: Window | None = None) -> Window:
    """Return where, within a window, a map, float32 (H, W), is more than nothing."""
    rows, columns = window or (slice(0, probs.shape[0]), slice(0, probs.shape[1]))
    found = window_of(np.asarray(probs[rows, columns] > NOTHING), margin_px=0)
    if found is None:
        return EMPTY
    top, left = rows.start, columns.start
    rows, columns = found
    return slice(rows.start + top, rows.stop + top), slice(columns.start + left, columns.stop + left)


def union(*windows: Window) -> Window:
    """Return the smallest window around some.

    >>> union((slice(0, 2), slice(3, 4)), EMPTY, (slice(1, 5), slice(0, 1)))
    (slice(0, 5, None), slice(0, 4, None))
    """
    sides = list(zip(*filter(is_something, windows), strict=True))
    if not sides:
        return EMPTY
    rows, columns = (slice(min(s.start for s in side), max(s.stop for s in side)) for side in sides)
    return rows, columns


def reached(window: Window, small_flow: Float32Array, *, size_hw: tuple[int, int]) -> Window:
    """Return where a window is carried to, found at the size of the flow and a pixel wider.

    Args:
        window: In a picture of `size_hw`.
        small_flow: float32 (h, w, 2), in pixels of its own size: where pixels were.
        size_hw: Height and width, pixels.
    """
    if not is_something(window):
        return EMPTY
    sizes = list(zip(size_hw, small_flow.shape[:2], strict=True))
    from_y, from_x = (
        (side.start * small / full - SLACK, side.stop * small / full + SLACK)
        for side, (full, small) in zip(window, sizes, strict=True)
    )
    x, y = source_planes(small_flow, top=0)
    comes = (x > from_x[0]) & (x < from_x[1]) & (y > from_y[0]) & (y < from_y[1])
    found = window_of(comes, margin_px=1)
    if found is None:
        return EMPTY
    rows, columns = (
        slice(side.start * full // small, min(-(-side.stop * full // small), full))
        for side, (full, small) in zip(found, sizes, strict=True)
    )
    return rows, columns
