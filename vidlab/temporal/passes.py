"""One pass over the frames of a shot, forward or backward in time."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from vidlab.flow import resize_map
from vidlab.params import FusionParams
from vidlab.temporal.area import agreement, vote_weight
from vidlab.temporal.flicker import FlickerShare
from vidlab.temporal.fusion import Carrier, FusedState, begin, carried, fuse, nothing
from vidlab.temporal.neighbors import Trail
from vidlab.temporal.record import Record, recognized, renamed
from vidlab.types import Float32Array

LIGHT = 0.5  # mass of what is carried, where a frame of full weight has 1, if the raw masks do not flicker


class Pass:
    """The running states of all classes, taken from frame to frame in one direction."""

    def __init__(self, params: FusionParams, *, flicker: FlickerShare) -> None:
        """Set up a pass that has seen no frame.

        Args:
            params: The tunables.
            flicker: Knows how much the masks of a class need smoothing.
        """
        self._params = params
        self._flicker = flicker
        self._states: dict[int, FusedState] = {}
        self._trail = Trail(neighbors=params.neighbors)
        self.weights: dict[int, float] = {}  # how much the latest frame counted, by class

    @property
    def class_ids(self) -> set[int]:
        """Classes that are remembered."""
        return set(self._states)

    def carry(self, step: Carrier | None, *, classes: Sequence[int]) -> dict[int, FusedState]:
        """Carry what is known to the next frame; nothing across a cut (`step` None)."""
        if step is None:
            self._states = {}
            self._trail.clear()
            return {}
        if step.flow is not None and step.small_flow is not None:
            self._trail.extend(step.small_flow, step.flow)
        unseen = [c for c in classes if c not in self._states]
        known = {**self._states, **{c: self._unseen() for c in unseen}} if self._states else {}
        return {c: self._carried(known[c], step, class_id=c) for c in classes if c in known}

    def join(
        self,
        before: Mapping[int, FusedState],
        record: Record,
        *,
        around: Sequence[Record],
        here: int,
        classes: Sequence[int],
        mass_hw: tuple[int, int],
    ) -> dict[int, FusedState]:
        """Take in a frame's evidence.

        Args:
            before: What `carry` returned for this frame.
            record: The frame.
            around: Frames of its shot around it, itself included.
            here: Its place among them.
            classes: COCO ids to take in.
            mass_hw: Size at which masses are kept.

        Returns:
            The state of each class, this frame included.
        """
        fused = {}
        for class_id in classes:
            state = before.get(class_id)
            probs, weight = self._say(class_id, record, around, here, state)
            self.weights[class_id] = weight
            if state is None:
                fused[class_id] = begin(probs, weight=weight, mass_hw=mass_hw)
            else:
                neighbors = self._params.neighbors
                fused[class_id] = fuse(state, probs, weight=weight, neighbors=neighbors)
            self._states[class_id] = fused[class_id]
            if not self._params.smooth:  # the next frame inherits this frame alone, not the running mean
                self._states[class_id] = begin(probs, weight=weight, mass_hw=mass_hw)
        return fused

    def _carried(self, state: FusedState, step: Carrier, *, class_id: int) -> FusedState:
        """Carry a state; where the masks of its class do not flicker, the next frame is free to change it."""
        memory = self._params.memory
        state = carried(state, step, memory=memory, trail=self._trail)
        settled = memory / (1 - memory)  # what the mass comes to in the long run
        if settled <= LIGHT:
            return state
        most = LIGHT * (settled / LIGHT) ** self._flicker.doubt(class_id)
        return replace(state, mass=np.minimum(state.mass, np.float32(most)))

    def start_over(self, class_id: int, probs: Float32Array, *, weight: float) -> None:
        """Let a class begin with one frame's evidence, float32 (H, W): what was known of it is wrong."""
        self._states[class_id] = begin(probs, weight=weight, mass_hw=self._states[class_id].mass.shape)

    def forget(self, class_id: int, *, below: float) -> bool:
        """Drop a class whose probability is below a limit everywhere; say whether it was dropped."""
        state = self._states[class_id]
        if float(state.probs[state.window].max(initial=0)) >= below:
            return False
        del self._states[class_id]
        return True

    def _say(
        self, class_id: int, record: Record, around: Sequence[Record], here: int, before: FusedState | None
    ) -> tuple[Float32Array, float]:
        """Return what a frame says of a class, float32 (H, W), and how much that counts."""
        probs = record.probs(class_id)
        if not self._params.area_control:
            return probs, 1.0
        expected = None if before is None else before.probs > 0.5
        strength = record.strength(class_id)
        if expected is not None and self._params.agreement:
            strength *= agreement(record.mask(class_id), expected)
        weight = vote_weight(
            [neighbor.area(class_id) for neighbor in around],
            here,
            expected=expected,
            strength=strength,
            min_recall=self._params.min_recall,
            weak_vote=self._params.weak_vote,
        )
        if record.area(class_id):
            return probs, weight
        if (
            expected is None or not expected.any()
        ):  # doubtful detections where nothing is known decide nothing
            return probs, self._params.weak_vote if record.is_doubtful(class_id) else weight
        score = recognized(expected, record, class_id)
        if score > 0:
            return record.doubtful(class_id), max(score, self._params.weak_vote)
        return probs, max(weight, renamed(expected, record))

    def _unseen(self) -> FusedState:
        """State of a class that turns up within a shot: nothing, as surely as other classes were there."""
        some = next(iter(self._states.values()))
        mass = np.full(some.mass.shape, self._params.weak_vote, np.float32)
        for other in self._states.values():
            mass += resize_map(other.probs, other.mass.shape) * other.mass
        return nothing(some, mass)
