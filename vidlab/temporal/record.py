"""What is remembered of a frame that waits for its result, and of its neighbors."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vidlab.flow import Motion
from vidlab.temporal.protocol import Evidence
from vidlab.types import BoolMask, Float32Array

RENAMED_SHARE = 0.5  # of an expected mask, covered by another class: the object was found under that name
RENAMED_STEP_PX = 4  # a coarse look is enough to tell


@dataclass(frozen=True, slots=True)
class Seen:
    """One class in one frame, as compact as it can be kept.

    Attributes:
        probs: uint8 (H, W), probability in 255 steps; (0, 0) once only the area is still needed.
        area_px: Area of the raw mask, in pixels.
        strength: How sure the network is of it, [0, 1].
    """

    probs: NDArray[np.uint8]
    area_px: int
    strength: float

    def without_pixels(self) -> "Seen":
        """Return what the neighbors' weights still need when the frame is done."""
        return Seen(np.empty((0, 0), np.uint8), self.area_px, self.strength)


@dataclass(frozen=True, slots=True)
class Record:
    """One frame: how it moved, and what the network saw in it.

    Attributes:
        size_hw: Height and width, in pixels.
        motion: From the previous frame; None where a shot starts: nothing is carried across.
        is_cut: The shot starts with a cut, not with the clip.
        seen: By COCO id.
    """

    size_hw: tuple[int, int]
    motion: Motion | None
    is_cut: bool
    seen: dict[int, Seen]

    def area(self, class_id: int) -> int:
        """Return the area of a class's raw mask, in pixels; 0 if it was not seen."""
        return self.seen[class_id].area_px if class_id in self.seen else 0

    def strength(self, class_id: int) -> float:
        """Return how sure the network is of a class, [0, 1]; 0 if it was not seen."""
        return self.seen[class_id].strength if class_id in self.seen else 0.0

    def probs(self, class_id: int) -> Float32Array:
        """Return a class's probabilities, float32 (H, W), [0, 1]; zeros if it was not seen."""
        if class_id in self.seen:
            return self.seen[class_id].probs * np.float32(1 / 255)
        return np.zeros(self.size_hw, np.float32)

    def without_pixels(self) -> "Record":
        """Return what the neighbors' weights still need when the frame is done."""
        seen = {class_id: seen.without_pixels() for class_id, seen in self.seen.items()}
        return Record(self.size_hw, self.motion, self.is_cut, seen)


def same_shot(past: Iterable[Record], here: Record, future: Iterable[Record]) -> tuple[list[Record], int]:
    """Return the frames around one that belong to its shot, and its place among them."""
    around: list[Record] = []
    for record in (*past, here):
        if record.motion is None:
            around.clear()
        around.append(record)
    index = len(around) - 1
    for record in future:
        if record.motion is None:
            break
        around.append(record)
    return around, index


def pack(evidence: Evidence) -> dict[int, Seen]:
    """Pack the evidence of one frame."""
    return {
        class_id: Seen(
            np.rint(evidence.probs[k] * 255).astype(np.uint8),
            int(np.count_nonzero(evidence.raw[k])),
            float(evidence.strength[k]),
        )
        for k, class_id in enumerate(evidence.class_ids)
    }


def renamed(expected: BoolMask, record: Record) -> float:
    """Say how sure the network is that what was expected here belongs to another class; 0 if it is not there.

    Such a frame has not missed the object, it has judged it.
    """
    grid = np.s_[::RENAMED_STEP_PX, ::RENAMED_STEP_PX]
    here = expected[grid]
    area = int(np.count_nonzero(here))
    strengths = [
        seen.strength
        for seen in record.seen.values()
        if area and seen.area_px and np.count_nonzero(here & (seen.probs[grid] > 127)) > RENAMED_SHARE * area
    ]
    return max(strengths, default=0.0)
