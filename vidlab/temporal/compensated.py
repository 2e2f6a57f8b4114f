"""The classical filters along the motion: other frames are carried to where their pixels went, then combined.

    frame       −2        −1         0        +1        +2
                 ●◀────────●◀────────●────────▶●────────▶●
                  to_prev    to_prev   to_next   to_next      flows of neighbors, chained from the middle out

A chain ends where the flow there and back disagrees, at the border of the picture and at a shot cut. Maps
are resampled once, however long the chain.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from vidlab.flow import FlowEstimator, Motion, MotionEstimator, resize_flow
from vidlab.flow.warp import followed, resample, source_planes
from vidlab.temporal.combine import Combine
from vidlab.temporal.protocol import Evidence, StableFrame
from vidlab.temporal.record import is_total
from vidlab.temporal.sharing import (
    EVERYTHING,
    OWN_VOTE,
    is_covered,
    jointly,
    mean_result,
    shared_out,
    with_everything,
    without_gone,
)
from vidlab.temporal.window import ClassMap, Layers, SlidingWindow, classes_of, to_layers
from vidlab.types import BoolMask, Float32Array, UInt8Image


@dataclass(frozen=True, slots=True)
class Path:
    """Where the pixels of a frame are in another one, any number of frames away.

    Attributes:
        flow: float32 (h, w, 2), in pixels of its own size.
        seen: bool (h, w), on the same grid: followed all the way.
    """

    flow: Float32Array
    seen: BoolMask

    def onwards(self, flow: Float32Array, lost: BoolMask) -> "Path":
        """Follow one more flow, which begins, like `lost`, on the grid where this path ends."""
        x, y = source_planes(self.flow, top=0)
        gone = cv2.remap(lost.view(np.uint8), x, y, cv2.INTER_NEAREST, borderValue=1)  # so is the outside
        return Path(followed(self.flow, flow), self.seen & (gone == 0))

    def at(self, size_hw: tuple[int, int]) -> "Path":
        """Return the path on the grid of another size, in pixels of that size."""
        seen = cv2.resize(self.seen.view(np.uint8), size_hw[::-1], interpolation=cv2.INTER_NEAREST)
        return Path(resize_flow(self.flow, size_hw), np.asarray(seen, np.bool_))


class FollowingWindowFilter:
    """Combines the frames around each frame, carried to it; cut off at the ends of each shot."""

    def __init__(self, combine: Combine, *, window: int, flow: FlowEstimator, cut_similarity: float) -> None:
        """Set up an empty filter.

        Args:
            combine: Turns the maps of one class into one.
            window: Frames combined, odd; results come `window // 2` frames late.
            flow: Estimates the motion.
            cut_similarity: Correlation with the carried previous frame below which a shot starts, [-1, 1].
        """
        self.delay = window // 2
        self._combine = combine
        self._motion = MotionEstimator(flow, cut_similarity=cut_similarity, both_ways=True)
        self._frames: SlidingWindow[Layers] = SlidingWindow(reach=self.delay)

    def reset(self) -> None:
        """Forget everything; the next frame is the first of a clip."""
        self._motion.reset()
        self._frames.clear()

    def step(self, image: UInt8Image, evidence: Evidence) -> Iterable[StableFrame]:
        """Take one frame, uint8 (H, W, 3) RGB, and return the result that is now complete, if any."""
        usable, is_cut = _within_shot(self._motion.step(image))
        complete = self._frames.push(with_everything(to_layers(evidence, motion=usable, is_cut=is_cut)))
        return [self._result()] if complete else []

    def flush(self) -> Iterable[StableFrame]:
        """Return the results still owed."""
        return [self._result() for _ in range(self._frames.owed)]

    def _result(self) -> StableFrame:
        frames, center = self._frames.advance()
        here = frames[center]
        found = {offset: path.at(here.size_hw) for offset, path in paths(frames, center).items()}
        offsets = sorted({0, *found})
        everywhere = np.ones(here.size_hw, np.bool_)
        seen = np.stack([found[k].seen if k else everywhere for k in offsets])
        around = {k: frames[center + k] for k in offsets}
        classes = classes_of(list(around.values()))
        combined = classes if len(classes) < 2 else (*classes, EVERYTHING)
        probs = np.zeros((len(combined), *here.size_hw), np.float32)
        votes = np.zeros((len(classes), *here.size_hw), np.float32)
        for place, (class_id, out) in enumerate(zip(combined, probs, strict=True)):
            carried = _carried(around, class_id, found)
            if carried is None:
                continue
            self._combine.of_seen(carried, offsets, seen=seen, out=out)
            if len(classes) > 1 and class_id != EVERYTHING:
                np.add(carried.sum(axis=0), OWN_VOTE * carried[offsets.index(0)], out=votes[place])
        return shared_out(
            classes,
            probs[: len(classes)],
            strength=here.strength,
            foreground=None if combined == classes else (probs[-1] > 0.5) | is_covered(list(around.values())),
            votes=lambda pixels: votes.reshape(len(votes), -1)[:, pixels],
            flow_to_prev=found[-1].flow if -1 in found else None,
            is_cut=here.is_cut,
        )


class FollowingExponential:
    """Exponential moving average whose past is carried along the flow; causal.

    What was not seen in the frame before begins anew, with this frame alone.
    """

    delay = 0

    def __init__(self, *, alpha: float, flow: FlowEstimator, cut_similarity: float) -> None:
        """Set up an empty filter.

        Args:
            alpha: Weight of the new frame, (0, 1].
            flow: Estimates the motion.
            cut_similarity: Correlation with the carried previous frame below which a shot starts, [-1, 1].
        """
        self._alpha = np.float32(alpha)
        self._motion = MotionEstimator(flow, cut_similarity=cut_similarity, both_ways=False)
        self.reset()

    def reset(self) -> None:
        """Forget everything; the next frame is the first of a clip."""
        self._motion.reset()
        self._means: dict[int, Float32Array] = {}
        self._covered = False  # every frame of the shot gave every pixel to a class

    def step(self, image: UInt8Image, evidence: Evidence) -> Iterable[StableFrame]:
        """Take one frame, uint8 (H, W, 3) RGB, and return its result."""
        motion, is_cut = _within_shot(self._motion.step(image))
        size_hw = (int(evidence.probs.shape[1]), int(evidence.probs.shape[2]))
        path = None if motion is None else Path(motion.to_prev, ~motion.lost).at(size_hw)
        maps = dict(zip(evidence.class_ids, evidence.probs, strict=True))
        here, before = jointly(maps, {} if path is None else self._means)
        self._covered = is_total(evidence) and (path is None or self._covered)
        if path is None:
            self._means = {class_id: probs.copy() for class_id, probs in sorted(here.items())}
        else:
            known = sorted({*before, *here})
            joined = {c: self._joined(before.get(c), here.get(c), path) for c in known}
            self._means = without_gone(joined, here=here)
        flow = None if path is None else path.flow
        covered = self._covered
        return [mean_result(evidence, self._means, covered=covered, flow_to_prev=flow, is_cut=is_cut)]

    def flush(self) -> Iterable[StableFrame]:
        """Return nothing: a causal filter owes nothing."""
        return []

    def _joined(self, mean: Float32Array | None, probs: Float32Array | None, path: Path) -> Float32Array:
        """Carry the mean of a class and take in a frame, float32 (H, W) both; None stands for nothing."""
        joined = np.zeros(path.seen.shape, np.float32)
        if mean is not None:
            _carry(mean, path, out=joined)
            joined *= 1 - self._alpha
            joined *= path.seen
        if probs is not None:
            joined += probs * np.where(path.seen, self._alpha, np.float32(1))
        return joined


def paths(frames: Sequence[Layers], center: int) -> dict[int, Path]:
    """Follow the pixels of a frame to its neighbors in the same shot.

    Args:
        frames: Consecutive frames, each with its motion from the one before.
        center: Place of the frame.

    Returns:
        One path per neighbor, by its offset in frames; the frame itself is left out.
    """
    found: dict[int, Path] = {}
    for direction in (-1, 1):
        path: Path | None = None
        ends = range(center - 1, -1, -1) if direction < 0 else range(center + 1, len(frames))
        for end in ends:
            motion = frames[end + 1].motion if direction < 0 else frames[end].motion
            if motion is None:
                break
            flow, lost = (
                (motion.to_prev, motion.lost) if direction < 0 else (motion.to_next, motion.lost_next)
            )
            path = Path(flow, ~lost) if path is None else path.onwards(flow, lost)
            found[end - center] = path
    return found


def _within_shot(motion: Motion | None) -> tuple[Motion | None, bool]:
    """Return the motion if there is any that may be followed, and whether the frame comes after a cut."""
    is_cut = motion is not None and motion.is_cut
    return None if is_cut else motion, is_cut


def _carried(around: Mapping[int, Layers], class_id: int, found: Mapping[int, Path]) -> Float32Array | None:
    """Return the maps of a class in the frames around, carried to the middle one; None if none shows it.

    Args:
        around: The frames by their offsets, ascending.
        class_id: COCO id, or EVERYTHING.
        found: The paths to them.

    Returns:
        float32 (T, H, W), [0, 1], 0 where a frame does not show the class.
    """
    if not any(class_id in frame.maps for frame in around.values()):
        return None
    carried = np.zeros((len(around), *around[0].size_hw), np.float32)
    for out, (offset, frame) in zip(carried, around.items(), strict=True):
        if class_id in frame.maps:
            _carry(frame.maps[class_id], found.get(offset), out=out)
    return carried


def _carry(values: ClassMap, path: Path | None, *, out: Float32Array) -> None:
    """Write a neighbor's map, carried along the path to it; None for the frame's own map."""
    if path is None:
        np.copyto(out, values)
    else:
        np.copyto(out, resample(np.asarray(values, np.float32), path.flow))
