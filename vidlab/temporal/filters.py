"""Classical filters over time, pixel by pixel: what smoothing without motion gives."""

from collections import deque
from collections.abc import Callable, Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from vidlab.temporal.protocol import ClassState, Evidence, StableFrame
from vidlab.types import Float32Array, UInt8Image

# what a window filter does with the maps of one class, float32 (T, H, W), and the offsets of their frames
Combine = Callable[[Float32Array, Sequence[int]], Float32Array]


class WindowFilter:
    """Combines the frames around each frame; the window is cut off at both ends of the clip."""

    def __init__(self, *, window: int, combine: Combine) -> None:
        """Set up an empty filter.

        Args:
            window: Frames combined, odd; results come `window // 2` frames late.
            combine: Turns the maps of one class, float32 (T, H, W), into one, given each frame's offset.
        """
        self.delay = window // 2
        self._combine = combine
        self.reset()

    def reset(self) -> None:
        """Forget everything; the next frame is the first of a clip."""
        self._around: deque[Evidence] = deque(maxlen=2 * self.delay + 1)
        self._owed = 0  # frames taken whose result is still to come

    def step(self, image: UInt8Image, evidence: Evidence) -> Iterable[StableFrame]:
        """Take one frame and return the result that is now complete, if any."""
        self._around.append(evidence)
        self._owed += 1
        return [self._result()] if self._owed > self.delay else []

    def flush(self) -> Iterable[StableFrame]:
        """Return the results still owed."""
        return [self._result() for _ in range(self._owed)]

    def _result(self) -> StableFrame:
        center = len(self._around) - self._owed
        self._owed -= 1
        nearby = range(max(0, center - self.delay), min(len(self._around), center + self.delay + 1))
        frames = [self._around[i] for i in nearby]
        classes = tuple(sorted({c for frame in frames for c in frame.class_ids}))
        offsets = [i - center for i in nearby]
        maps = [self._combine(np.stack([_map_of(f, c) for f in frames]), offsets) for c in classes]
        return plain_result(self._around[center], classes, maps)


class Exponential:
    """Exponential moving average: `alpha` times the new frame plus `1 - alpha` times the past; causal."""

    delay = 0

    def __init__(self, *, alpha: float) -> None:
        """Set up an empty filter; `alpha` is the weight of the new frame, (0, 1]."""
        self._alpha = np.float32(alpha)
        self.reset()

    def reset(self) -> None:
        """Forget everything; the next frame is the first of a clip."""
        self._means: dict[int, Float32Array] | None = None

    def step(self, image: UInt8Image, evidence: Evidence) -> Iterable[StableFrame]:
        """Take one frame and return its result."""
        if self._means is None:
            self._means = {c: _map_of(evidence, c) for c in evidence.class_ids}
        else:
            classes = sorted({*self._means, *evidence.class_ids})
            nothing = np.zeros(evidence.probs.shape[1:], np.float32)
            self._means = {
                c: self._alpha * _map_of(evidence, c) + (1 - self._alpha) * self._means.get(c, nothing)
                for c in classes
            }
        return [plain_result(evidence, tuple(self._means), list(self._means.values()))]

    def flush(self) -> Iterable[StableFrame]:
        """Return nothing: a causal filter owes nothing."""
        return []


class Unfiltered:
    """The raw masks, unchanged: the base line."""

    delay = 0

    def reset(self) -> None:
        """Forget nothing: there is no state."""

    def step(self, image: UInt8Image, evidence: Evidence) -> Iterable[StableFrame]:
        """Return the frame's own evidence."""
        return [plain_result(evidence, evidence.class_ids, list(evidence.probs))]

    def flush(self) -> Iterable[StableFrame]:
        """Return nothing."""
        return []


def weighted_mean(weights: NDArray[np.float64]) -> Combine:
    """Combine by a mean with one weight per offset, the middle weight for the frame itself."""
    middle = len(weights) // 2

    def combine(maps: Float32Array, offsets: Sequence[int]) -> Float32Array:
        chosen = np.array([weights[middle + offset] for offset in offsets])
        mean = np.tensordot((chosen / chosen.sum()).astype(np.float32), maps, axes=1)
        return np.asarray(mean, np.float32)

    return combine


def gaussian_weights(window: int, sigma: float) -> NDArray[np.float64]:
    """Return `window` weights of a Gaussian, `sigma` in frames; the middle one is 1."""
    offsets = np.arange(window) - window // 2
    return np.asarray(np.exp(-0.5 * np.square(offsets / sigma)))


def median(maps: Float32Array, offsets: Sequence[int]) -> Float32Array:
    """Combine by the median over time, whatever the offsets."""
    return np.asarray(np.median(maps, axis=0), np.float32)


def plain_result(evidence: Evidence, classes: tuple[int, ...], maps: Sequence[Float32Array]) -> StableFrame:
    """Threshold maps at 0.5; classes do not overlap: a pixel goes to the most probable one.

    Args:
        evidence: The frame's own evidence, for the curves.
        classes: One id per map.
        maps: float32 (H, W) each, [0, 1].
    """
    probs = np.stack(maps) if classes else np.zeros((0, *evidence.probs.shape[1:]), np.float32)
    masks = probs > 0.5
    if len(masks) > 1:
        masks &= probs.argmax(axis=0) == np.arange(len(masks))[:, None, None]
    found = dict(zip(evidence.class_ids, evidence.strength, strict=True))
    states = tuple(
        ClassState(
            area_px=int(np.count_nonzero(mask)),
            weight=1.0,
            threshold=0.5,
            confidence=float(found.get(c, 0.0)),
            miss_streak=0 if found.get(c, 0.0) > 0 else 1,
        )
        for c, mask in zip(classes, masks, strict=True)
    )
    return StableFrame(classes, probs, masks, states, flow_to_prev=None, is_cut=False)


def _map_of(evidence: Evidence, class_id: int) -> Float32Array:
    if class_id in evidence.class_ids:
        return np.asarray(evidence.probs[evidence.class_ids.index(class_id)])
    return np.zeros(evidence.probs.shape[1:], np.float32)
