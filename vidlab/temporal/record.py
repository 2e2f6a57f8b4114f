"""What is remembered of a frame that waits for its result, and of its neighbors."""

from collections.abc import Iterable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from vidlab.flow import Motion
from vidlab.temporal.protocol import Evidence
from vidlab.types import BoolMask, Float32Array, UInt8Image

NEGLIGIBLE = 0.05  # probability: a class that stays below it everywhere is not in the frame
TOTAL = 0.95  # sum of probabilities, in 255 steps each, that is one
RECOGNIZED_IOU = 0.5  # overlap of doubtful detections with the expected mask that makes them the same object
RENAMED_SHARE = 0.5  # of an expected mask, covered by another class: the object was found under that name
RENAMED_STEP_PX = 4  # a coarse look is enough to tell
AROUND = np.ones((5, 5), np.uint8)  # in such steps: what lies within about 8 px of an object


@dataclass(frozen=True, slots=True)
class Seen:
    """One class in one frame, as compact as it can be kept.

    Attributes:
        probs: uint8 (H, W), probability in 255 steps; (0, 0) once only the area is still needed.
        area_px: Area of the raw mask, in pixels.
        strength: How sure the network is of it, [0, 1].
        doubtful: uint8 (H, W), score in 255 steps of detections below the operating point; None without any.
    """

    probs: NDArray[np.uint8]
    area_px: int
    strength: float
    doubtful: NDArray[np.uint8] | None

    def without_pixels(self) -> "Seen":
        """Return what the neighbors' weights still need when the frame is done."""
        return Seen(np.empty((0, 0), np.uint8), self.area_px, self.strength, None)


@dataclass(frozen=True, slots=True)
class Record:
    """One frame: how it moved, and what the network saw in it.

    Attributes:
        size_hw: Height and width, in pixels.
        image: uint8 (H, W, 3), RGB; (0, 0, 3) once the frame is done.
        motion: From the previous frame; None where a shot starts, and once the frame is done.
        starts_shot: Nothing is carried into this frame.
        is_cut: The shot starts with a cut, not with the clip.
        seen: By COCO id.
        is_total: Every pixel belongs to a class: there is no background.
    """

    size_hw: tuple[int, int]
    image: UInt8Image
    motion: Motion | None
    starts_shot: bool
    is_cut: bool
    seen: dict[int, Seen]
    is_total: bool = False

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

    def mask(self, class_id: int) -> BoolMask:
        """Return where a class is more probable than not, bool (H, W)."""
        if class_id in self.seen:
            return np.asarray(self.seen[class_id].probs > 127)
        return np.zeros(self.size_hw, np.bool_)

    def is_doubtful(self, class_id: int) -> bool:
        """Say whether there are detections of a class below the operating point."""
        return class_id in self.seen and self.seen[class_id].doubtful is not None

    def doubtful(self, class_id: int) -> Float32Array:
        """Return where detections below the operating point lie, float32 (H, W), 0 or 1."""
        scores = self.seen[class_id].doubtful if class_id in self.seen else None
        return np.zeros(self.size_hw, np.float32) if scores is None else (scores > 0).astype(np.float32)

    def without_pixels(self) -> "Record":
        """Return what the neighbors' weights still need when the frame is done."""
        seen = {class_id: seen.without_pixels() for class_id, seen in self.seen.items()}
        nothing = self.image[:0, :0].copy()
        return Record(self.size_hw, nothing, None, self.starts_shot, self.is_cut, seen, self.is_total)


def same_shot(past: Iterable[Record], here: Record, future: Iterable[Record]) -> tuple[list[Record], int]:
    """Return the frames around one that belong to its shot, and its place among them."""
    around: list[Record] = []
    for record in (*past, here):
        if record.starts_shot:
            around.clear()
        around.append(record)
    index = len(around) - 1
    for record in future:
        if record.starts_shot:
            break
        around.append(record)
    return around, index


def pack(evidence: Evidence) -> dict[int, Seen]:
    """Pack the evidence of one frame."""
    seen = {}
    for k, class_id in enumerate(evidence.class_ids):
        probs = evidence.probs[k]
        doubtful = None if evidence.doubtful is None else evidence.doubtful[k]
        if doubtful is not None and doubtful.max(initial=0) <= 0:
            doubtful = None
        if doubtful is None and float(probs.max(initial=0)) < NEGLIGIBLE:
            continue  # networks of many classes say nothing of most of them in most frames
        seen[class_id] = Seen(
            _steps(probs),
            int(np.count_nonzero(evidence.raw[k])),
            float(evidence.strength[k]),
            None if doubtful is None else _steps(doubtful),
        )
    return seen


def is_total(evidence: Evidence) -> bool:
    """Say whether a frame's classes leave no room for a background: at every pixel they add up to one."""
    corner = evidence.probs[:, :1, :1].sum()  # most frames are told by one pixel
    return bool(corner > TOTAL and evidence.probs.sum(axis=0).min() > TOTAL)


def _steps(values: Float32Array) -> NDArray[np.uint8]:
    return np.asarray(cv2.convertScaleAbs(values, alpha=255), np.uint8)  # rounds; in one go, not in three


def recognized(expected: BoolMask, record: Record, class_id: int) -> float:
    """Return the score of a class's doubtful detections if they lie where it is expected, else 0.

    A score too low to begin an object is enough to confirm one (Zhang et al., ByteTrack, ECCV 2022).
    """
    if not record.is_doubtful(class_id):
        return 0.0
    mask = record.doubtful(class_id) > 0
    union = int(np.count_nonzero(mask | expected))
    if np.count_nonzero(mask & expected) < RECOGNIZED_IOU * union:
        return 0.0
    scores = record.seen[class_id].doubtful
    return float(scores[mask].mean()) / 255 if scores is not None else 0.0


def renamed(expected: BoolMask, record: Record) -> float:
    """Say how sure the network is that what was expected here belongs to another class; 0 if it is not there.

    Such a frame has not missed the object, it has judged it. A class that is all around as well has not taken
    its name: it is the ground on which the object was missed.
    """
    grid = np.s_[::RENAMED_STEP_PX, ::RENAMED_STEP_PX]
    here = expected[grid]
    if not here.any():
        return 0.0
    beside = (cv2.dilate(here.astype(np.uint8), AROUND) > 0) & ~here
    shown = [(seen.strength, seen.probs[grid] > 127) for seen in record.seen.values() if seen.area_px]
    strengths = [
        strength
        for strength, other in shown
        if _share(other, of=here) > RENAMED_SHARE >= _share(other, of=beside)
    ]
    return max(strengths, default=0.0)


def _share(mask: BoolMask, *, of: BoolMask) -> float:
    """Return how much of a place a mask covers, [0, 1]; 0 of none."""
    return int(np.count_nonzero(mask & of)) / max(1, int(np.count_nonzero(of)))
