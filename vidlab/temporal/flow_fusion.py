"""The stabilizer of this package: masks fused along the flow, in six steps.

1 evidence (`evidence.py`) → 2 carried along the flow, 3 weighted by motion, 4 running mean (`fusion.py`),
as far as the raw masks flicker (`flicker.py`) → 5 area-jump control and adaptive threshold (`area.py`) on
outlines that follow the picture (`edges.py`) → 6 anti-ghost (`ghost.py`) → shared out (`partition.py`).

    frames    … ──●──●──●──●──●──●──●──●──●──●
                       │←chunk→│←─ look-ahead ─→│
    forward     ──────────────▶                     state carried from chunk to chunk
    backward           ◀────────────────────────    begun anew for every chunk

Without look-ahead there is no backward pass, and each frame's result comes at once.
"""

from collections import deque
from collections.abc import Callable, Iterable
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from vidlab.flow import FlowEstimator, MotionEstimator, flow_of, resize_flow
from vidlab.params import FusionParams
from vidlab.temporal.area import adaptive_threshold
from vidlab.temporal.edges import EdgeSnapper
from vidlab.temporal.flicker import FlickerShare
from vidlab.temporal.fusion import Carrier, FusedState, carrier, joined
from vidlab.temporal.ghost import GhostState, confirm, fading, is_remnant, share_a_pixel
from vidlab.temporal.partition import partition
from vidlab.temporal.passes import Pass
from vidlab.temporal.protocol import ClassState, Evidence, StableFrame
from vidlab.temporal.record import Record, is_total, pack, same_shot
from vidlab.types import BoolMask, Float32Array, UInt8Image

FORGOTTEN = 0.05  # a class whose probability is below this everywhere needs no state any more


def carry_on() -> None:
    """Let the work go on."""


class FlowFusion:
    """Masks fused along the flow; causal with `look_ahead=0`, both ways otherwise."""

    def __init__(
        self,
        params: FusionParams,
        *,
        look_ahead: int,
        chunk: int,
        flow: FlowEstimator | None = None,
        heed: Callable[[], None] = carry_on,
    ) -> None:
        """Set up an empty stabilizer.

        Args:
            params: The tunables of the six steps.
            look_ahead: Frames after a frame that speak for it.
            chunk: Frames finished at once; results come up to `look_ahead + chunk - 1` frames late.
            flow: Estimates the motion; None builds the one that the tunables name.
            heed: Called before every frame of each pass; it may raise, and `reset` must follow.
        """
        self._params = params
        self._heed = heed
        self._look_ahead = look_ahead
        self._chunk = chunk
        self.delay = look_ahead + chunk - 1
        self._flow = flow or flow_of(params)
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
        self._flicker = FlickerShare(watches=self._params.spare_steady)
        self._forward = Pass(self._params, flicker=self._flicker)
        self._ghosts: dict[int, GhostState] = {}
        self._areas: dict[int, deque[int]] = {}
        self._edges = EdgeSnapper(radius=self._params.edge_radius, weight=self._params.edge_weight)

    def step(self, image: UInt8Image, evidence: Evidence) -> Iterable[StableFrame]:
        """Take one frame, uint8 (H, W, 3) RGB, and return the results that are now complete."""
        motion = self._motion.step(image)
        is_cut = motion is not None and motion.is_cut
        usable = None if is_cut else motion
        self._flicker.step(evidence, usable)
        self._waiting.append(
            Record(_size_of(image), image, usable, usable is None, is_cut, pack(evidence), is_total(evidence))
        )
        if len(self._waiting) < self._chunk + self._look_ahead:
            return []
        return self._finish(self._chunk)

    def flush(self) -> Iterable[StableFrame]:
        """Return the results still owed."""
        return self._finish(len(self._waiting)) if self._waiting else []

    def _finish(self, count: int) -> list[StableFrame]:
        """Finish the oldest `count` waiting frames."""
        shown = {class_id for record in self._waiting for class_id in record.seen if record.area(class_id)}
        classes = tuple(sorted(shown | self._forward.class_ids))
        futures = self._futures(count, classes)
        results = [self._result(index, classes, futures[index]) for index in range(count)]
        for _ in range(count):
            self._remember(self._waiting.popleft())
        self._forget()
        return results

    def _neighbors(self, index: int) -> tuple[list[Record], int]:
        """Frames of the same shot around a waiting one, and its place among them."""
        past = [*self._history, *islice(self._waiting, index)]
        future = islice(self._waiting, index + 1, index + 1 + self._future_areas)
        return same_shot(past[-self._past_areas :], self._waiting[index], future)

    # ── the two passes ──────────────────────────────────────────────────────────────────────────────────────
    def _futures(self, count: int, classes: tuple[int, ...]) -> list[dict[int, FusedState]]:
        """Run from the newest waiting frame to the oldest: what each of the first `count` has ahead of it."""
        futures: list[dict[int, FusedState]] = [{} for _ in range(count)]
        if self._look_ahead == 0:
            return futures
        backward = Pass(self._params, flicker=self._flicker)
        for index in reversed(range(len(self._waiting))):
            record = self._waiting[index]
            after = self._waiting[index + 1].motion if index + 1 < len(self._waiting) else None
            step = self._carrier(after.to_next, after.lost_next, after.error_next, record) if after else None
            future = backward.carry(step, classes=classes)
            self._join(backward, future, index, classes)
            if index < count:
                futures[index] = future
        return futures

    def _result(self, index: int, classes: tuple[int, ...], future: dict[int, FusedState]) -> StableFrame:
        record = self._waiting[index]
        motion = record.motion
        if motion is None:
            self._ghosts, self._areas = {}, {}
            self._edges.reset()
        step = self._carrier(motion.to_prev, motion.lost, motion.error, record) if motion else None
        past = self._forward.carry(step, classes=classes)
        present = self._join(self._forward, past, index, classes)
        self._confirm(record, classes)
        probs = np.zeros((len(classes), *record.size_hw), np.float32)
        thresholds = np.zeros(len(classes))
        for k, class_id in enumerate(classes):
            state = present[class_id]
            fused = joined(state, future[class_id]) if class_id in future else state.probs
            probs[k] = self._edges.step(class_id, fused, record.image)
            thresholds[k] = self._threshold(class_id, probs[k])
            if self._params.anti_ghost:
                probs[k], thresholds[k] = self._confirmed(index, class_id, probs[k], threshold=thresholds[k])
        background = not all(neighbor.is_total for neighbor in self._neighbors(index)[0])
        least = self._params.least_piece * np.array([self._flicker.doubt(class_id) for class_id in classes])
        masks = partition(probs, thresholds, least_piece=least, background=background)
        states = self._states(classes, masks, thresholds)
        return StableFrame(classes, probs, masks, states, self._flow_of(record, step), record.is_cut)

    def _join(
        self, run: Pass, before: dict[int, FusedState], index: int, classes: tuple[int, ...]
    ) -> dict[int, FusedState]:
        record = self._waiting[index]
        around, here = self._neighbors(index)
        mass_hw = self._flow.small_hw(record.size_hw)
        self._heed()
        return run.join(before, record, around=around, here=here, classes=classes, mass_hw=mass_hw)

    def _carrier(self, flow: Float32Array, lost: BoolMask, error: Float32Array, record: Record) -> Carrier:
        return carrier(
            flow,
            # a flow that explains the picture is not lost for disagreeing with the way back
            lost & (error >= self._params.lost_error),
            error=error,
            size_hw=record.size_hw,
            carry=self._params.carry,
            motion_weight=self._params.motion_weight,
            motion_px=self._params.motion_px,
            lost_keep=self._params.lost_keep,
            flow_error=self._params.flow_error,
        )

    def _flow_of(self, record: Record, step: Carrier | None) -> Float32Array | None:
        """Return the full-size flow of a frame, which carrying has already resized."""
        if step is not None and step.flow is not None:
            return step.flow
        return resize_flow(record.motion.to_prev, record.size_hw) if record.motion else None

    def _states(
        self, classes: tuple[int, ...], masks: BoolMask, thresholds: NDArray[np.float64]
    ) -> tuple[ClassState, ...]:
        return tuple(
            ClassState(
                area_px=int(np.count_nonzero(mask)),
                weight=self._forward.weights[class_id],
                threshold=float(threshold),
                confidence=self._ghosts[class_id].confidence,
                miss_streak=self._ghosts[class_id].miss_streak,
            )
            for class_id, mask, threshold in zip(classes, masks, thresholds, strict=True)
        )

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

    def _confirm(self, record: Record, classes: tuple[int, ...]) -> None:
        for class_id in classes:
            self._ghosts[class_id] = confirm(
                self._ghosts.get(class_id),
                found=record.area(class_id) > 0,
                strength=record.strength(class_id),
                confidence_memory=self._params.confidence_memory,
            )

    def _confirmed(
        self, index: int, class_id: int, probs: Float32Array, *, threshold: float
    ) -> tuple[Float32Array, float]:
        """Hold a class to what the network confirms: probabilities and threshold (step 6)."""
        record, ghost = self._waiting[index], self._ghosts[class_id]
        since_found = ghost.miss_streak if ghost.was_found else self._params.gone_after
        missed = min(since_found, self._until_found(index, class_id))
        if missed:
            around, here = self._neighbors(index)
            if is_remnant(probs > threshold, [neighbor.area(class_id) for neighbor in around], here):
                return np.zeros_like(probs), threshold
            factor = fading(missed, fade_after=self._params.fade_after, gone_after=self._params.gone_after)
            return (probs * np.float32(factor) if factor < 1 else probs), threshold
        mask = record.mask(class_id)
        if ghost.found_streak < self._params.kept_after or share_a_pixel(probs > threshold, mask):
            return probs, threshold
        raw = record.probs(class_id)
        self._forward.start_over(class_id, raw, weight=1.0)
        return raw, 0.5

    def _until_found(self, index: int, class_id: int) -> int:
        """Frames until the object is found again in this shot, as far as the look-ahead shows."""
        for distance, record in enumerate(islice(self._waiting, index, None)):
            if distance and record.starts_shot:
                break
            if record.area(class_id):
                return distance
        return self._params.gone_after

    # ── what outlives a chunk ───────────────────────────────────────────────────────────────────────────────
    def _remember(self, record: Record) -> None:
        if record.starts_shot:
            self._history.clear()
        self._history.append(record.without_pixels())

    def _forget(self) -> None:
        recent = {c for record in self._history for c in record.seen if record.area(c)}
        for class_id in self._forward.class_ids - recent:
            if self._forward.forget(class_id, below=FORGOTTEN):
                self._ghosts.pop(class_id, None)
                self._areas.pop(class_id, None)
                self._flicker.forget(class_id)
                self._edges.forget(class_id)


def _size_of(image: UInt8Image) -> tuple[int, int]:
    return int(image.shape[0]), int(image.shape[1])
