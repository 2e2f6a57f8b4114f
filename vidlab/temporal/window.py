"""What the classical filters keep of each frame, and the window that slides over the frames."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from vidlab.flow import Motion
from vidlab.temporal.protocol import Evidence, HardEvidence
from vidlab.types import Float32Array

HardMap = NDArray[np.uint8]  # (H, W), 0 or 1
ClassMap = HardMap | Float32Array

ItemT = TypeVar("ItemT")


@dataclass(frozen=True, slots=True)
class Layers:
    """One frame, as compact as it can be kept without loss.

    Attributes:
        class_ids: COCO ids that the frame speaks of.
        strength: How sure the network is of each, [0, 1].
        size_hw: Height and width, pixels.
        maps: By COCO id: uint8 (H, W), 0 or 1, for hard masks, float32 (H, W), [0, 1], for soft ones, which
            may share memory with the evidence; classes that are nowhere in the frame are left out.
        motion: How the previous frame became this one; None where a shot starts, and where nobody asked.
        is_cut: The shot starts with a cut.
    """

    class_ids: tuple[int, ...]
    strength: dict[int, float]
    size_hw: tuple[int, int]
    maps: dict[int, ClassMap]
    motion: Motion | None = None
    is_cut: bool = False


class SlidingWindow(Generic[ItemT]):
    """The items around each item of a stream; the window is cut off at both ends of the stream."""

    def __init__(self, *, reach: int) -> None:
        """Set up an empty window of `reach` items on either side."""
        self._reach = reach
        self.clear()

    def clear(self) -> None:
        """Forget everything; the next item is the first of a stream."""
        self._items: deque[ItemT] = deque(maxlen=2 * self._reach + 1)
        self.owed = 0  # items taken that have not been the middle yet

    def push(self, item: ItemT) -> bool:
        """Take an item; say whether everything around the oldest item still owed is there."""
        self._items.append(item)
        self.owed += 1
        return self.owed > self._reach

    def advance(self) -> tuple[list[ItemT], int]:
        """Return the items around the oldest item still owed, in order, and its place among them."""
        center = len(self._items) - self.owed
        self.owed -= 1
        first = max(0, center - self._reach)
        last = min(len(self._items), center + self._reach + 1)
        return [self._items[i] for i in range(first, last)], center - first


def to_layers(evidence: Evidence, *, motion: Motion | None = None, is_cut: bool = False) -> Layers:
    """Keep what the filters need of a frame's evidence."""
    if isinstance(evidence, HardEvidence):
        maps = [raw.view(np.uint8) if raw.any() else None for raw in evidence.raw]
    else:
        maps = [_compact(probs) for probs in evidence.probs]
    found = dict(zip(evidence.class_ids, maps, strict=True))
    return Layers(
        evidence.class_ids,
        {c: float(s) for c, s in zip(evidence.class_ids, evidence.strength, strict=True)},
        (int(evidence.probs.shape[1]), int(evidence.probs.shape[2])),
        {c: values for c, values in found.items() if values is not None},
        motion,
        is_cut,
    )


def classes_of(frames: Sequence[Layers]) -> tuple[int, ...]:
    """Return the COCO ids that any of some frames speaks of, in order.

    >>> size, nothing = (1, 1), {}
    >>> classes_of([Layers((18, 1), nothing, size, nothing), Layers((2,), nothing, size, nothing)])
    (1, 2, 18)
    """
    return tuple(sorted({class_id for frame in frames for class_id in frame.class_ids}))


def _compact(probs: Float32Array) -> ClassMap | None:
    """Return a hard mask as uint8, a soft one as it is, None for one that is 0 everywhere."""
    if not probs.size:
        return None
    row = probs[len(probs) // 2]  # most soft maps are told by one pixel, most others by one row
    if 0 < probs[0, 0] < 1 or ((row > 0) & (row < 1)).any():
        return probs
    total = cv2.sumElems(probs)[0]
    if total == 0:
        return None
    if not total.is_integer():
        return probs
    ones = (probs == 1).view(np.uint8)
    return ones if cv2.countNonZero(ones) == total else probs
