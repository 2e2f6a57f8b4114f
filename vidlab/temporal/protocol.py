"""What goes into a stabilizer, what comes out, and how it is driven."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from vidlab.types import BoolMask, Float32Array, UInt8Image


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the network said about one frame, one map per class.

    Attributes:
        class_ids: COCO id of each of the K classes; a class may be absent from some frames.
        probs: float32 (K, H, W), [0, 1]; how probable the class is at each pixel, 0.5 at the operating point.
        raw: bool (K, H, W), the masks that the network alone would give.
        strength: float32 (K,), [0, 1]; how sure the network is of what it shows, 0 where it shows nothing.
        doubtful: float32 (K, H, W), [0, 1]: score of the best detection below the operating point, 0 where
            there is none; None where the network gives no detections.
    """

    class_ids: tuple[int, ...]
    probs: Float32Array
    raw: BoolMask
    strength: Float32Array
    doubtful: Float32Array | None = None


@dataclass(frozen=True, slots=True)
class HardEvidence(Evidence):
    """Evidence that knows of no doubt: `probs` is `raw`, as float32; what reads it may take either.

    >>> raw = np.array([[[True, False]]])
    >>> HardEvidence((1,), raw, np.ones(1, np.float32)).probs.tolist()
    [[[1.0, 0.0]]]
    """

    probs: Float32Array = field(init=False)

    def __post_init__(self) -> None:
        """Take the probabilities from the masks: they cannot differ."""
        object.__setattr__(self, "probs", self.raw.astype(np.float32))


@dataclass(frozen=True, slots=True)
class ClassState:
    """The curves worth plotting, for one class in one frame.

    Attributes:
        area_px: Area of the stable mask, in pixels.
        weight: How much this frame's evidence counted, [0, 1].
        threshold: Probability above which a pixel was kept.
        confidence: Running confidence that the object is there, [0, 1].
        miss_streak: Frames in a row in which the network did not find it.
    """

    area_px: int
    weight: float
    threshold: float
    confidence: float
    miss_streak: int


@dataclass(frozen=True, slots=True)
class StableFrame:
    """The stabilized result for one frame.

    Attributes:
        class_ids: COCO id of each of the K classes that are present or remembered.
        probs: float32 (K, H, W), [0, 1], the fused probability.
        masks: bool (K, H, W), classes do not overlap.
        states: One for each class.
        flow_to_prev: float32 (H, W, 2), pixels, (dx, dy): where each pixel was in the previous frame; None
            for methods that use no flow, for the first frame and after a shot cut.
        is_cut: The frame starts a new shot; nothing was carried into it.
    """

    class_ids: tuple[int, ...]
    probs: Float32Array
    masks: BoolMask
    states: tuple[ClassState, ...]
    flow_to_prev: Float32Array | None
    is_cut: bool


class Stabilizer(Protocol):
    """One frame in; its result comes out at most `delay` frames later, in the order of the frames.

    A driver calls `reset` once, `step` for every frame, then `flush`; `step` and `flush` together return
    exactly one result per frame. Resident memory does not grow with the number of frames.
    """

    delay: int

    def reset(self) -> None:
        """Forget everything; the next frame is the first of a clip."""

    def step(self, image: UInt8Image, evidence: Evidence) -> Iterable[StableFrame]:
        """Take one frame, uint8 (H, W, 3) RGB, and return the results that are now complete, oldest first."""

    def flush(self) -> Iterable[StableFrame]:
        """Return the results still owed, oldest first."""
