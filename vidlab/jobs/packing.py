"""What is known about a frame, held small while its stable result is owed."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vidlab.temporal.protocol import Evidence
from vidlab.tracking import without_masks
from vidlab.types import BoolMask, Float32Array, Instances


@dataclass(frozen=True, slots=True)
class ClassMasks:
    """One mask per class.

    Attributes:
        class_ids: COCO id of each of the K classes.
        masks: bool (K, H, W).
    """

    class_ids: tuple[int, ...]
    masks: BoolMask

    @property
    def union(self) -> BoolMask:
        """Where any class is, bool (H, W)."""
        anywhere: BoolMask = np.logical_or.reduce(self.masks, axis=0)
        return anywhere


@dataclass(frozen=True, slots=True)
class PackedMasks:
    """bool (K, H, W) kept as bits, an eighth of its size.

    Attributes:
        shape: (K, H, W).
        bits: uint8, one bit per pixel.
    """

    shape: tuple[int, ...]
    bits: NDArray[np.uint8]

    @classmethod
    def of(cls, masks: BoolMask) -> "PackedMasks":
        """Pack masks.

        >>> masks = np.arange(30).reshape(2, 3, 5) % 4 == 0
        >>> np.array_equal(PackedMasks.of(masks).unpack(), masks)
        True
        """
        return cls(masks.shape, np.packbits(masks))

    def unpack(self) -> BoolMask:
        """Return the masks, bool (K, H, W)."""
        count = int(np.prod(self.shape))
        flat: NDArray[np.uint8] = np.unpackbits(self.bits, count=count)
        return flat.reshape(self.shape).view(np.bool_)


class PackedRaw:
    """The raw side of one frame: 2 bytes per pixel and a bit per mask and pixel.

    Attributes:
        tracked: What is known of the frame's objects but their masks; None where there are no instances.
    """

    def __init__(self, evidence: Evidence, tracked: Instances | None) -> None:
        self._class_ids = evidence.class_ids
        self._masks = PackedMasks.of(evidence.raw)
        # half precision resolves 1/2000 of a probability: ten times finer than the mean L1 is printed
        self._probs = strongest(evidence.probs).astype(np.float16)
        self.tracked = None if tracked is None else without_masks(tracked)

    def masks(self) -> ClassMasks:
        """Return the raw masks."""
        return ClassMasks(self._class_ids, self._masks.unpack())

    def probs(self) -> Float32Array:
        """Return the largest raw probability at each pixel, float32 (H, W)."""
        return self._probs.astype(np.float32)


def strongest(probs: Float32Array) -> Float32Array:
    """Return the largest of the maps, float32 (K, H, W), at each pixel; K = 0: zeros."""
    return probs.max(axis=0) if len(probs) else np.zeros(probs.shape[1:], np.float32)
