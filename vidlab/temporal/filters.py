"""Classical filters over time, pixel by pixel: what smoothing without motion gives."""

import operator
from collections.abc import Callable, Iterable, Sequence
from functools import partial

import cv2
import numpy as np
from numpy.typing import NDArray

from vidlab.temporal.combine import Combine
from vidlab.temporal.protocol import Evidence, StableFrame
from vidlab.temporal.sharing import (
    EVERYTHING,
    OWN_VOTE,
    is_covered,
    jointly,
    mean_result,
    shared_out,
    strengths,
    with_everything,
    without_gone,
)
from vidlab.temporal.window import ClassMap, Layers, SlidingWindow, classes_of, to_layers
from vidlab.types import BoolMask, Float32Array, UInt8Image


class WindowFilter:
    """Combines the frames around each frame; the window is cut off at both ends of the clip."""

    def __init__(self, combine: Callable[[], Combine], *, window: int) -> None:
        """Set up an empty filter.

        Args:
            combine: Builds what turns the maps of one class into one; every class has its own.
            window: Frames combined, odd; results come `window // 2` frames late.
        """
        self.delay = window // 2
        self._new_combine = combine
        self._frames: SlidingWindow[Layers] = SlidingWindow(reach=self.delay)
        self.reset()

    def reset(self) -> None:
        """Forget everything; the next frame is the first of a clip."""
        self._frames.clear()
        self._classes: dict[int, _OneClass] = {}

    def step(self, image: UInt8Image, evidence: Evidence) -> Iterable[StableFrame]:
        """Take one frame and return the result that is now complete, if any."""
        return [self._result()] if self._frames.push(with_everything(to_layers(evidence))) else []

    def flush(self) -> Iterable[StableFrame]:
        """Return the results still owed."""
        return [self._result() for _ in range(self._frames.owed)]

    def _result(self) -> StableFrame:
        frames, center = self._frames.advance()
        here = frames[center]
        classes = classes_of(frames)
        combined = classes if len(classes) < 2 else (*classes, EVERYTHING)
        offsets = range(-center, len(frames) - center)
        probs = np.empty((len(combined), *here.size_hw), np.float32)
        self._classes = {c: self._classes.get(c) or _OneClass(self._new_combine()) for c in combined}
        masks = np.empty(probs.shape, np.bool_)
        for class_id, out, mask in zip(combined, probs, masks, strict=True):
            maps = [frame.maps.get(class_id) for frame in frames]
            self._classes[class_id].write(maps, offsets, out=out, mask=mask)
        if combined == classes:
            return shared_out(classes, probs, masks=masks, strength=here.strength)
        return shared_out(
            classes,
            probs[:-1],
            masks=masks[:-1],
            strength=here.strength,
            foreground=masks[-1] | is_covered(frames),
            votes=partial(_votes, frames, here, classes),
        )


class _OneClass:
    """Combines the maps of one class in window after window; hard masks are only counted."""

    def __init__(self, combine: Combine) -> None:
        self._combine = combine
        self._counted: list[ClassMap | None] = []
        self._count = np.zeros((0, 0), np.uint8)
        self._nothing = np.zeros((0, 0), np.uint8)

    def write(
        self,
        maps: Sequence[ClassMap | None],
        offsets: Sequence[int],
        *,
        out: Float32Array,
        mask: BoolMask,
    ) -> None:
        """Write the result, float32 (H, W), and where it is above 0.5; a map that is None shows nothing."""
        if all(values is None for values in maps):
            out[...] = 0
            mask[...] = False
            return
        is_hard = all(values is None or values.dtype == np.uint8 for values in maps)
        by_count = self._combine.by_count(offsets) if is_hard else None
        if by_count is None:
            self._combine.of_maps(self._filled(maps, size_hw=out.shape), offsets, out=out, mask=mask)
        else:
            self._recount(maps, size_hw=out.shape)
            np.greater_equal(self._count, int(np.count_nonzero(by_count <= 0.5)), out=mask)
            _look_up(self._count, by_count, mask=mask, out=out)

    def _filled(self, maps: Sequence[ClassMap | None], *, size_hw: tuple[int, ...]) -> list[ClassMap]:
        """Put one and the same map, of zeros, where maps show nothing: windows know it again."""
        if self._nothing.shape != size_hw:
            self._nothing = np.zeros(size_hw, np.uint8)
        return [self._nothing if values is None else values for values in maps]

    def _recount(self, maps: Sequence[ClassMap | None], *, size_hw: tuple[int, ...]) -> None:
        """Count in how many hard masks each pixel is; quick for a window one further than the last."""
        left, entered = self._counted[:1], maps[-1:]
        if len(maps) != len(self._counted) or not all(map(operator.is_, self._counted[1:], maps)):
            self._count = np.zeros(size_hw, np.uint8)
            left, entered = [], maps
        for values in left:
            if values is not None:
                np.subtract(self._count, values, out=self._count, casting="unsafe")  # all are uint8
        for values in entered:
            if values is not None:
                np.add(self._count, values, out=self._count, casting="unsafe")
        self._counted = list(maps)


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
        maps = dict(zip(evidence.class_ids, evidence.probs, strict=True))
        here, before = jointly(maps, self._means or {})
        if self._means is None:
            self._means = {class_id: probs.copy() for class_id, probs in sorted(here.items())}
        else:
            unseen = {c: np.zeros_like(probs) for c, probs in here.items() if c not in before}
            known = sorted({**before, **unseen}.items())
            joined = {class_id: self._joined(mean, here.get(class_id)) for class_id, mean in known}
            self._means = without_gone(joined, here=here)
        return [mean_result(evidence, self._means)]

    def _joined(self, mean: Float32Array, probs: Float32Array | None) -> Float32Array:
        """Take a frame into the mean of a class, changed in place; None stands for nothing."""
        mean *= 1 - self._alpha
        if probs is not None:
            mean += self._alpha * probs
        return mean

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
        classes, probs, raw = evidence.class_ids, evidence.probs.copy(), evidence.raw.copy()
        return [shared_out(classes, probs, masks=raw, strength=strengths(evidence))]

    def flush(self) -> Iterable[StableFrame]:
        """Return nothing."""
        return []


def _votes(
    frames: Sequence[Layers], here: Layers, classes: Sequence[int], pixels: NDArray[np.intp]
) -> Float32Array:
    """Return what the frames of a window say of each class at some pixels, float32 (K, n)."""
    votes = np.zeros((len(classes), pixels.size), np.float32)
    for frame, weight in [*((frame, 1.0) for frame in frames), (here, OWN_VOTE)]:
        for total, class_id in zip(votes, classes, strict=True):
            if class_id in frame.maps:
                total += np.float32(weight) * frame.maps[class_id].reshape(-1)[pixels]
    return votes


def _look_up(count: NDArray[np.uint8], table: Float32Array, *, mask: BoolMask, out: Float32Array) -> None:
    """Write what a rising table says of each count; steps and straight lines need no looking up.

    `mask` tells where it says more than 0.5.
    """
    if ((table == 0) | (table == 1)).all():
        np.copyto(out, mask)
    elif (table == np.arange(len(table), dtype=np.float32) * table[1]).all():
        np.multiply(count, table[1], out=out)
    else:
        whole = np.zeros(256, np.float32)
        whole[: len(table)] = table
        cv2.LUT(count, whole, dst=out)
