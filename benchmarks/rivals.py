"""What others smooth masks with, written from published definitions, under the protocol of this package.

Each is driven as our own methods are: per class, its probabilities in, a mask of what is above one half out.
Notation: p is this frame's probability at a pixel, m the result for the frame before, m' the result for this.
"""

import sys
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from vidlab.flow import DisFlow, to_gray
from vidlab.flow.consistency import occluded
from vidlab.flow.warp import warp
from vidlab.temporal.protocol import Evidence, StableFrame
from vidlab.temporal.sharing import plain_result
from vidlab.types import BoolMask, Float32Array, UInt8Image

FLOW_PRESET, FLOW_SCALE = "fast", 1.0  # with these, both lines of the data's README come out
KEPT_WHERE_LOST = np.float32(0.2)  # share of the past that is left where the flow there and back disagrees


Step = tuple[Float32Array, BoolMask]  # flow to the neighbour, and where it is not to be trusted


class Causal(ABC):
    """Base of the causal rivals: one map per class goes in, one comes out, at once."""

    delay = 0

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget everything; the next frame is the first of a clip."""
        self._before: dict[int, Float32Array] = {}

    def step(self, image: UInt8Image, evidence: Evidence) -> Iterable[StableFrame]:
        """Take one frame and return its result."""
        self._look(image)
        classes = tuple(sorted({*self._before, *evidence.class_ids}))
        maps = [self._next(class_id, map_of(evidence, class_id)) for class_id in classes]
        self._before = dict(zip(classes, maps, strict=True))
        return [plain_result(evidence, classes, maps)]

    def flush(self) -> Iterable[StableFrame]:
        """Return nothing: a causal filter owes nothing."""
        return []

    def _look(self, image: UInt8Image) -> None:  # noqa: B027  # a hook, no duty
        """Take the picture; most rivals do not look at it."""

    @abstractmethod
    def _next(self, class_id: int, now: Float32Array) -> Float32Array:
        """Return m' of a class, float32 (H, W), given p."""


class MediapipeSmoothing(Causal):
    """MediaPipe's `SegmentationSmoothingCalculator`: the less sure a pixel is, the more it keeps its past.

        m' = p + (m − p) · ratio · u(p),   u(p) = h(p)²,   h(p) = −p·log₂ p − (1 − p)·log₂(1 − p)

    From the calculator's options ("a pixel is 'uncertain' if its value is close to the middle") and the
    comment in its source, which derives u from the binary entropy h and approximates it by
    u(p) ≈ 1 − min(1, 5.68842x − 0.748699x² − 57.8051x³ + 291.309x⁴ − 624.717x⁵), x = (p − ½)². The
    polynomial is what runs there, and here. The pose and selfie graphs set a ratio of 0.7.
    u(0) = u(1) ≈ 0: hard masks pass unchanged, whatever the ratio.
    """

    COEFFICIENTS = (0.0, 5.68842, -0.748699, -57.8051, 291.309, -624.717)

    def __init__(self, *, ratio: float) -> None:
        """Set the weight of the past where a pixel is as unsure as can be, [0, 1]."""
        self._ratio = np.float32(ratio)
        super().__init__()

    @classmethod
    def uncertainty(cls, probs: Float32Array) -> Float32Array:
        """Return u(p), float32 (H, W), [0, 1]."""
        x = np.square(probs - np.float32(0.5))
        sure = np.polynomial.polynomial.polyval(x, np.float32(cls.COEFFICIENTS))
        return np.asarray(1 - np.minimum(sure, 1), np.float32)

    def _next(self, class_id: int, now: Float32Array) -> Float32Array:
        if class_id not in self._before:
            return now
        return now + (self._before[class_id] - now) * (self._ratio * self.uncertainty(now))


class ObsEma(Causal):
    """The "temporal smooth factor" of OBS' background removal plugin: an exponential mean.

        m' = f · p + (1 − f) · m

    From the plugin's settings: f from 0 to 1, 0.85 by default, and, while it thresholds the network's output
    first (its default), never below that threshold, one half. Thresholded before and cut at one half after,
    such a mean is the raw mask for every f above ½; it softens the matte, it does not change what is masked.
    Here, as with its threshold switched off, it takes the probabilities.
    """

    def __init__(self, *, factor: float) -> None:
        """Set the weight of the new frame, (0, 1]."""
        self._factor = np.float32(factor)
        super().__init__()

    def _next(self, class_id: int, now: Float32Array) -> Float32Array:
        return self._factor * now + (1 - self._factor) * self._before.get(class_id, now)


class SupervisionMean(Causal):
    """The rule of `supervision.DetectionsSmoother`, applied to masks: a mean of the last few findings.

        m' = mean of p over those of the last n frames, this one included, in which the object was found

    From its documentation: a history of the last `length` frames (5 by default) per track, whose boxes and
    scores are averaged; an object not found now is shown as long as its history is not empty. The class says
    of itself that it does not take masks; a mean cut at one half is what its rule gives for them.
    """

    def __init__(self, *, length: int) -> None:
        """Set how many frames are looked back on, this one included."""
        self._length = length
        super().__init__()

    def reset(self) -> None:
        """Forget everything; the next frame is the first of a clip."""
        super().reset()
        self._found: dict[int, deque[Float32Array | None]] = {}

    def _next(self, class_id: int, now: Float32Array) -> Float32Array:
        history = self._found.setdefault(class_id, deque(maxlen=self._length))
        history.append(now if (now > 0.5).any() else None)
        found = [probs for probs in history if probs is not None]
        return np.asarray(np.mean(found, axis=0), np.float32) if found else np.zeros_like(now)


class FlowEma(Causal):
    """Exponential mean along the optical flow.

        m' = (1 − w) · p + w · warp(m),   w = 1 − alpha, a fifth of it where flow there and back disagrees

    The line "EMA along the flow, causal, memory 0.7" of the data's README (alpha 0.3), along DIS FAST at full
    size.
    """

    def __init__(self, *, alpha: float) -> None:
        """Set the weight of the new frame, (0, 1]."""
        self._alpha = np.float32(alpha)
        self._flow = DisFlow(preset=FLOW_PRESET, scale=FLOW_SCALE)
        super().__init__()

    def reset(self) -> None:
        """Forget everything; the next frame is the first of a clip."""
        super().reset()
        self._gray: NDArray[np.uint8] | None = None
        self._step: Step | None = None

    def _look(self, image: UInt8Image) -> None:
        gray, previous = to_gray(image), self._gray
        self._gray, self._step = gray, None
        if previous is not None:
            to_prev = self._flow(gray, previous)
            self._step = to_prev, occluded(to_prev, self._flow(previous, gray))

    def _next(self, class_id: int, now: Float32Array) -> Float32Array:
        if self._step is None:
            return now
        before = self._before.get(class_id, np.zeros_like(now))
        return carry_on(before, now, self._step, keep=1 - self._alpha)


class Prototype:
    """The prototype of the data's README: along the flow, both ways, and weak frames do not vote.

        s ← w · warp(s) + (1 − w) · p,   once forwards, once backwards; the result is their mean
        w = 1 − (1 − memory) · e, and a fifth of that where the flow there and back disagrees
        e = min(1, strength · area / median area of ±10 frames), 0 where nothing was found

    Strength is the 80th percentile of the probability inside the mask, or the score of what a detector found.
    It sees the whole clip before its first result, and holds it: a yardstick, not a method for long videos.
    """

    delay = sys.maxsize
    AROUND = 10  # frames on each side

    def __init__(self, *, memory: float) -> None:
        """Set the weight of the carried state, [0, 1)."""
        self._memory = memory
        self._flow = DisFlow(preset=FLOW_PRESET, scale=FLOW_SCALE)
        self.reset()

    def reset(self) -> None:
        """Forget everything; the next frame is the first of a clip."""
        self._grays: list[NDArray[np.uint8]] = []
        self._evidence: list[Evidence] = []

    def step(self, image: UInt8Image, evidence: Evidence) -> Iterable[StableFrame]:
        """Keep one frame."""
        self._grays.append(to_gray(image))
        self._evidence.append(evidence)
        return []

    def flush(self) -> Iterable[StableFrame]:
        """Return all results."""
        classes = tuple(sorted({c for evidence in self._evidence for c in evidence.class_ids}))
        pairs = list(zip(self._grays[1:], self._grays, strict=False))
        back = [self._flow(this, previous) for this, previous in pairs]
        ahead = [self._flow(previous, this) for this, previous in pairs]
        forwards = [(flow, occluded(flow, other)) for flow, other in zip(back, ahead, strict=True)]
        backwards = [(flow, occluded(flow, other)) for flow, other in zip(ahead, back, strict=True)]
        maps = {c: self._both_ways(c, forwards, backwards[::-1]) for c in classes}
        return [
            plain_result(evidence, classes, [maps[c][t] for c in classes])
            for t, evidence in enumerate(self._evidence)
        ]

    def _both_ways(
        self,
        class_id: int,
        forwards: list[Step],
        backwards: list[Step],
    ) -> list[Float32Array]:
        probs = [map_of(evidence, class_id) for evidence in self._evidence]
        votes = self._votes(class_id)
        there = self._one_way(probs, votes, forwards)
        back = self._one_way(probs[::-1], votes[::-1], backwards)[::-1]
        return [(a + b) / 2 for a, b in zip(there, back, strict=True)]

    def _one_way(
        self, probs: list[Float32Array], votes: list[float], steps: list[Step]
    ) -> list[Float32Array]:
        states = probs[:1]
        for now, vote, step in zip(probs[1:], votes[1:], steps, strict=True):
            keep = np.float32(1 - (1 - self._memory) * vote)
            states.append(carry_on(states[-1], now, step, keep=keep))
        return states

    def _votes(self, class_id: int) -> list[float]:
        """Return e of every frame."""
        sizes, strengths = [], []
        for evidence in self._evidence:
            k = evidence.class_ids.index(class_id) if class_id in evidence.class_ids else None
            sizes.append(0 if k is None else int(np.count_nonzero(evidence.raw[k])))
            strengths.append(0.0 if k is None else float(evidence.strength[k]))
        votes = []
        for t, (size, strength) in enumerate(zip(sizes, strengths, strict=True)):
            usual = float(np.median(sizes[max(0, t - self.AROUND) : t + self.AROUND + 1]))
            votes.append(min(1.0, strength * size / max(usual, 1.0)))
        return votes


def carry_on(before: Float32Array, now: Float32Array, step: Step, *, keep: np.float32) -> Float32Array:
    """Mix a map carried along the flow with this frame's, float32 (H, W); `keep` weighs the carried one."""
    flow, lost = step
    kept = np.where(lost, keep * KEPT_WHERE_LOST, keep)
    return np.asarray(kept * warp(before, flow) + (1 - kept) * now, np.float32)


def map_of(evidence: Evidence, class_id: int) -> Float32Array:
    """Return a class's probabilities, float32 (H, W); zeros where the frame does not speak of it."""
    if class_id in evidence.class_ids:
        return np.asarray(evidence.probs[evidence.class_ids.index(class_id)])
    return np.zeros(evidence.probs.shape[1:], np.float32)
