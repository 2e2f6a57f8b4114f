"""Several classes share out a picture: no pixel belongs to two, and no cleaning opens a hole between them.

thresholds: whose is each pixel?     specks: to a neighbor        holes: to a neighbor

    A A A B B B                         A A A B B B                  A A A B B B
    A B A · B B                         A A A · B B                  A A A A B B
    A A A B · ·                         A A A B · ·                  A A A B · ·
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from vidlab.temporal.cleaning import Outline, clean, enclosed_px, least_px, small_outlines
from vidlab.types import BoolMask, Float32Array

Owners = NDArray[np.int16]  # (H, W): place of each pixel's class, or NOBODY

NOBODY = -1  # the pixel is background
OPEN = -2  # the pixel is part of a speck that has not been given away yet
BESIDE = np.array([[0, 1, 0], [1, 1, 1], [0, 1, 0]], np.uint8)


def partition(
    probs: Float32Array,
    thresholds: NDArray[np.float64],
    *,
    least_piece: float | NDArray[np.float64],
    background: bool,
) -> BoolMask:
    """Share out a picture among classes, and clean what each of them gets.

    A pixel's class is the one farthest above its threshold, the first of equals. It is foreground if all
    classes together reach that class's threshold: an object that the network calls now dog, now cat, is still
    an object. Then small pieces go to the best class beside them, or to the background where that is there
    and more probable than the class, and holes that are small for the foreground to the best class around.

    Args:
        probs: float32 (K, H, W), [0, 1].
        thresholds: float64 (K,), probability above which a pixel belongs to a class.
        least_piece: Area, as a share of the picture, below which a piece or a hole is a speck (see `clean`):
            one for all classes, or float64 (K,).
        background: Whether there is any; without, every pixel belongs to a class.

    Returns:
        bool (K, H, W), disjoint; one class alone is thresholded and cleaned.

    >>> halves = np.zeros((2, 40, 40), np.float32)
    >>> halves[0, :, :20] = halves[1, :, 20:] = 1
    >>> halves[:, 5, 5] = 0, 1  # one pixel of the second class within the first
    >>> masks = partition(halves, np.array([0.5, 0.5]), least_piece=0.01, background=False)
    >>> masks.sum(axis=(1, 2)).tolist()
    [800, 800]
    """
    shares = np.broadcast_to(least_piece, len(probs)).tolist()
    limits = thresholds.astype(np.float32)[:, np.newaxis, np.newaxis]
    if len(probs) < 2:
        masks = np.asarray(probs > limits)
        for k in range(len(masks)):
            masks[k] = clean(masks[k], least_share=shares[k])
        return masks
    owners = (probs - limits).argmax(axis=0).astype(np.int16)
    if background:
        owners[probs.sum(axis=0) <= limits.ravel()[owners]] = NOBODY
    if any(shares):
        least = [least_px(owners == k, least_share=share) for k, share in enumerate(shares)]
        votes = _Votes(probs, limits[:, :, 0])
        _give_away(owners, list(_specks(owners, least)), votes)
        if background:
            everything = owners != NOBODY  # objects side by side enclose holes together
            _fill(owners, [least_px(everything, least_share=share) for share in shares], votes)
    return np.asarray(owners == np.arange(len(probs), dtype=np.int16)[:, np.newaxis, np.newaxis])


@dataclass(frozen=True, slots=True)
class _Patch:
    """Some pixels, bool (h, w), and the window of the picture that they lie in, a pixel wider all around."""

    window: tuple[slice, slice]
    pixels: BoolMask

    def around(self, owners: Owners) -> list[int]:
        """Return the owners of the pixels beside it, ascending; those that are open do not count."""
        grown = cv2.dilate(self.pixels.view(np.uint8), BESIDE) > 0
        return [int(owner) for owner in np.unique(owners[self.window][grown & ~self.pixels]) if owner != OPEN]


@dataclass(frozen=True, slots=True)
class _Votes:
    """What speaks for each class: probabilities, float32 (K, H, W), and their thresholds, float32 (K, 1)."""

    probs: Float32Array
    limits: Float32Array

    def best(self, owners: list[int], patch: _Patch) -> int:
        """Return which of some owners, NOBODY perhaps among them, has most to say about a patch.

        The background has what all classes together leave.
        """
        probs = self.probs[:, patch.window[0], patch.window[1]][:, patch.pixels]
        classes = [owner for owner in owners if owner != NOBODY]
        if not classes:
            return NOBODY
        excess = (probs - self.limits)[classes].sum(axis=1)
        best = classes[int(excess.argmax())]
        rest = float((1 - probs.sum(axis=0)).sum())
        return NOBODY if NOBODY in owners and rest > float(probs[best].sum()) else best


def _specks(owners: Owners, least: Iterable[float]) -> Iterator[tuple[int, _Patch]]:
    """Yield the pieces of each class that are too small, and whose they are."""
    for k, least_k in enumerate(least):
        if least_k <= 1:
            continue
        for outline, is_hole in small_outlines(owners == k, least=least_k):
            if not is_hole:
                yield k, _inside(outline, owners, owner=k)


def _give_away(owners: Owners, specks: list[tuple[int, _Patch]], votes: _Votes) -> None:
    """Give each speck to one of its neighbors; specks among specks wait until one of these is given away."""
    for _, patch in specks:
        owners[patch.window][patch.pixels] = OPEN
    waiting = specks
    while waiting:
        beside = [patch.around(owners) for _, patch in waiting]
        if not any(beside):
            break
        for (_, patch), around in zip(waiting, beside, strict=True):
            if around:
                owners[patch.window][patch.pixels] = votes.best(around, patch)
        waiting = [one for one, around in zip(waiting, beside, strict=True) if not around]
    for k, patch in waiting:  # nothing but specks: they are what there is
        owners[patch.window][patch.pixels] = k


def _fill(owners: Owners, least: list[float], votes: _Votes) -> None:
    """Give holes, which belong to nobody, to the best class around if they are small for it."""
    for outline, is_hole in small_outlines(owners != NOBODY, least=max(least)):
        if not is_hole:
            continue
        patch = _inside(outline, owners, owner=NOBODY)
        taker = votes.best(patch.around(owners), patch)
        if enclosed_px(outline, is_hole=True) < least[taker]:
            owners[patch.window][patch.pixels] = taker


def _inside(outline: Outline, owners: Owners, *, owner: int) -> _Patch:
    """Return the pixels of one owner inside an outline."""
    x, y, width, height = cv2.boundingRect(outline)
    top, left = max(0, y - 1), max(0, x - 1)
    window = np.s_[top : y + height + 1, left : x + width + 1]
    inside = np.zeros(owners[window].shape, np.uint8)
    cv2.drawContours(inside, [outline], -1, 1, cv2.FILLED, offset=(-left, -top))
    return _Patch(window, (inside > 0) & (owners[window] == owner))
