"""The stabilizer of this package: masks fused along the flow, in six steps.

1 evidence (`evidence.py`) → 2 carried along the flow, 3 weighted by motion, 4 running mean (`fusion.py`)
→ 5 area-jump control and adaptive threshold (`area.py`) → 6 anti-ghost (`ghost.py`).

    frames    … ──●──●──●──●──●──●──●──●──●──●
                       │←chunk→│←─ look-ahead ─→│
    forward     ──────────────▶                     state carried from chunk to chunk
    backward           ◀────────────────────────    begun anew for every chunk

Without look-ahead there is no backward pass, and each frame's result comes at once.
"""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from vidlab.flow import DisFlow, MotionEstimator, resize_flow, resize_map
from vidlab.params import FlowFusionParams
from vidlab.temporal.area import adaptive_threshold, vote_weight
from vidlab.temporal.fusion import Carrier, FusedState, begin, carrier, fuse, joined
from vidlab.temporal.ghost import GhostState, confirm, fading
from vidlab.temporal.protocol import ClassState, Evidence, StableFrame
from vidlab.temporal.record import Record, pack, renamed, same_shot
from vidlab.types import BoolMask, Float32Array, UInt8Image

FORGOTTEN = 0.05  # a class whose probability is below this everywhere needs no state any more


class FlowFusion:
    """Masks fused along the flow; causal with `look_ahead=0`, both ways otherwise."""

    def __init__(self, params: FlowFusionParams, *, look_ahead: int, chunk: int) -> None:
        """Set up an empty stabilizer.

        Args:
            params: The tunables of the six steps.
            look_ahead: Frames after a frame that speak for it.
            chunk: Frames finished at once; results come up to `look_ahead + chunk - 1` frames late.
        """
        self._params = params
        self._look_ahead = look_ahead
        self._chunk = chunk
        self.delay = look_ahead + chunk - 1
        self._flow = DisFlow(preset=params.flow_preset, scale=params.flow_scale)
        self._motion = MotionEstimator(
            self._flow, cut_similarity=params.cut_similarity, both_ways=look_ahead > 0
        )
        self._future_areas = min(look_ahead, params.area_window)
        self._past_areas = 2 * params.area_window - self._future_areas
        self.reset()

    def reset(self) -> None:
        """Forget everything; the next frame is the first of a clip."""
        self._motion.reset()
        self._waiting: deque[Record] = deque()
        self._history: deque[Record] = deque(maxlen=self._past_areas)
        self._states: dict[int, FusedState] = {}
        self._ghosts: dict[int, GhostState] = {}
        self._areas: dict[int, deque[int]] = {}

    def step(self, image: UInt8Image, evidence: Evidence) -> Iterable[StableFrame]:
        """Take one frame, uint8 (H, W, 3) RGB, and return the results that are now complete."""
        motion = self._motion.step(image)
        is_cut = motion is not None and motion.is_cut
        self._waiting.append(Record(_size_of(image), None if is_cut else motion, is_cut, pack(evidence)))
        if len(self._waiting) < self._chunk + self._look_ahead:
            return []
        return self._finish(self._chunk)

    def flush(self) -> Iterable[StableFrame]:
        """Return the results still owed."""
        return self._finish(len(self._waiting)) if self._waiting else []

    def _finish(self, count: int) -> list[StableFrame]:
        """Finish the oldest `count` waiting frames."""
        classes = self._classes()
        weights = [self._weights(index, classes) for index in range(len(self._waiting))]
        backward = self._backward(count, classes, weights)
        results = []
        for index in range(count):
            record = self._waiting[index]
            if record.motion is None:
                self._states, self._ghosts, self._areas = {}, {}, {}
            results.append(self._result(index, record, classes, weights[index], backward[index]))
        for _ in range(count):
            self._remember(self._waiting.popleft())
        self._forget()
        return results

    # ── which classes, and how much each frame counts ───────────────────────────────────────────────────────
    def _classes(self) -> tuple[int, ...]:
        """Classes that some waiting frame shows or that are remembered, in a stable order."""
        shown = {class_id for record in self._waiting for class_id in record.seen if record.area(class_id)}
        return tuple(sorted(shown | set(self._states)))

    def _weights(self, index: int, classes: tuple[int, ...]) -> dict[int, float]:
        if not self._params.area_control:
            return dict.fromkeys(classes, 1.0)
        around, here = self._neighbors(index)
        return {
            c: vote_weight(
                [neighbor.area(c) for neighbor in around],
                here,
                strength=self._waiting[index].strength(c),
                min_recall=self._params.min_recall,
                weak_vote=self._params.weak_vote,
            )
            for c in classes
        }

    def _neighbors(self, index: int) -> tuple[list[Record], int]:
        """Frames of the same shot around a waiting one, and its place among them."""
        past = [*self._history, *islice(self._waiting, index)]
        future = islice(self._waiting, index + 1, index + 1 + self._future_areas)
        return same_shot(past[-self._past_areas :], self._waiting[index], future)

    # ── the two passes ──────────────────────────────────────────────────────────────────────────────────────
    def _backward(
        self, count: int, classes: tuple[int, ...], weights: Sequence[dict[int, float]]
    ) -> list[dict[int, FusedState]]:
        """Run from the newest waiting frame to the oldest; keep the first `count` states."""
        kept: list[dict[int, FusedState]] = [{} for _ in range(count)]
        if self._look_ahead == 0:
            return kept
        states: dict[int, FusedState] = {}
        for index in reversed(range(len(self._waiting))):
            record = self._waiting[index]
            after = self._waiting[index + 1].motion if index + 1 < len(self._waiting) else None
            step = self._carrier(after.to_next, after.lost_next, record.size_hw) if after else None
            fused = {c: self._fuse(states, record, c, weights[index][c], step) for c in classes}
            states = self._carried_on(fused, record, weights[index])
            if index < count:
                kept[index] = fused
        return kept

    def _result(
        self,
        index: int,
        record: Record,
        classes: tuple[int, ...],
        weights: dict[int, float],
        backward: dict[int, FusedState],
    ) -> StableFrame:
        motion = record.motion
        step = self._carrier(motion.to_prev, motion.lost, record.size_hw) if motion else None
        probs = np.zeros((len(classes), *record.size_hw), np.float32)
        thresholds = np.zeros(len(classes))
        fused = {c: self._fuse(self._states, record, c, weights[c], step) for c in classes}
        self._states = self._carried_on(fused, record, weights)
        for k, class_id in enumerate(classes):
            state = fused[class_id]
            probs[k] = state.probs
            if class_id in backward:
                own = record.probs(class_id)
                probs[k] = joined(state, backward[class_id], own, weight=weights[class_id])
            thresholds[k] = self._threshold(class_id, probs[k])
            probs[k] *= self._fading(index, class_id)
        masks = _disjoint(probs, thresholds)
        states = tuple(
            ClassState(int(np.count_nonzero(mask)), float(threshold), ghost.confidence, ghost.miss_streak)
            for mask, threshold, ghost in zip(
                masks, thresholds, (self._ghosts[c] for c in classes), strict=True
            )
        )
        return StableFrame(classes, probs, masks, states, self._flow_of(record, step), record.is_cut)

    def _flow_of(self, record: Record, step: Carrier | None) -> Float32Array | None:
        """Return the full-size flow of a frame, which carrying has already resized."""
        if step is not None and step.flow is not None:
            return step.flow
        return resize_flow(record.motion.to_prev, record.size_hw) if record.motion else None

    def _carrier(self, flow: Float32Array, lost: BoolMask, size_hw: tuple[int, int]) -> Carrier:
        return carrier(
            flow,
            lost,
            size_hw=size_hw,
            carry=self._params.carry,
            motion_weight=self._params.motion_weight,
            motion_px=self._params.motion_px,
            lost_keep=self._params.lost_keep,
        )

    def _fuse(
        self,
        states: Mapping[int, FusedState],
        record: Record,
        class_id: int,
        weight: float,
        step: Carrier | None,
    ) -> FusedState:
        """Take one frame's evidence of one class into the states of a pass."""
        probs = record.probs(class_id)
        if step is None:
            return begin(probs, weight=weight, mass_hw=self._flow.small_hw(record.size_hw))
        state = states.get(class_id) or self._unseen(states, record.size_hw)
        if self._params.area_control and not record.area(class_id):
            weight = max(weight, renamed(state.probs, record))
        return fuse(state, probs, weight=weight, memory=self._params.memory, step=step)

    def _carried_on(
        self, fused: dict[int, FusedState], record: Record, weights: Mapping[int, float]
    ) -> dict[int, FusedState]:
        """Return what the next frame inherits: the running mean or, without step 4, this frame alone."""
        if self._params.smooth:
            return fused
        mass_hw = self._flow.small_hw(record.size_hw)
        return {c: begin(record.probs(c), weight=weights[c], mass_hw=mass_hw) for c in fused}

    def _unseen(self, others: Mapping[int, FusedState], size_hw: tuple[int, int]) -> FusedState:
        """State of a class that turns up within a shot: nothing, as surely as other classes were there."""
        nothing = begin(
            np.zeros(size_hw, np.float32),
            weight=self._params.weak_vote,
            mass_hw=self._flow.small_hw(size_hw),
        )
        taken = sum(resize_map(other.probs, other.mass.shape) * other.mass for other in others.values())
        return FusedState(nothing.probs, nothing.mass + taken)

    # ── from probability to mask ────────────────────────────────────────────────────────────────────────────
    def _threshold(self, class_id: int, probs: Float32Array) -> float:
        if not self._params.adaptive_threshold:
            return 0.5
        recent = self._areas.setdefault(class_id, deque(maxlen=self._params.area_window))
        threshold = adaptive_threshold(
            probs, recent, tolerance=self._params.area_tolerance, band=self._params.threshold_band
        )
        recent.append(int(np.count_nonzero(probs > 0.5)))
        return threshold

    def _fading(self, index: int, class_id: int) -> float:
        record = self._waiting[index]
        self._ghosts[class_id] = ghost = confirm(
            self._ghosts.get(class_id),
            found=record.area(class_id) > 0,
            strength=record.strength(class_id),
            confidence_memory=self._params.confidence_memory,
        )
        if not self._params.anti_ghost:
            return 1.0
        missed = min(ghost.miss_streak, self._until_found(index, class_id))
        return fading(missed, fade_after=self._params.fade_after, gone_after=self._params.gone_after)

    def _until_found(self, index: int, class_id: int) -> int:
        """Frames until the object is found again in this shot, as far as the look-ahead shows."""
        for distance, record in enumerate(islice(self._waiting, index, None)):
            if distance and record.motion is None:
                break
            if record.area(class_id):
                return distance
        return self._params.gone_after

    # ── what outlives a chunk ───────────────────────────────────────────────────────────────────────────────
    def _remember(self, record: Record) -> None:
        if record.motion is None:
            self._history.clear()
        self._history.append(record.without_pixels())

    def _forget(self) -> None:
        recent = {c for record in self._history for c in record.seen if record.area(c)}
        for class_id in [c for c in self._states if c not in recent]:
            if float(self._states[class_id].probs.max()) < FORGOTTEN:
                del self._states[class_id]
                self._ghosts.pop(class_id, None)
                self._areas.pop(class_id, None)


def _size_of(image: UInt8Image) -> tuple[int, int]:
    return int(image.shape[0]), int(image.shape[1])


def _disjoint(probs: Float32Array, thresholds: NDArray[np.float64]) -> BoolMask:
    """Share out the foreground among the classes.

    A pixel's class is the one farthest above its threshold. It is foreground if all classes together reach
    that class's threshold: an object that the network calls now dog, now cat, is still an object.
    """
    limits = thresholds.astype(np.float32)
    if len(probs) < 2:
        return np.asarray(probs > limits[:, None, None])
    winner = (probs - limits[:, None, None]).argmax(axis=0)
    foreground = probs.sum(axis=0) > limits[winner]
    return np.asarray((winner == np.arange(len(probs))[:, None, None]) & foreground)
