"""How much of the change in a network's masks is flicker: the gate that keeps smoothing from doing harm.

Carried along the flow, a mask that changes and stays changed has followed its object; one that changes and
changes back has flickered, and so has one whose area jumps. Masks that do not flicker have nothing to gain
from their neighbors, and thin moving parts to lose.

    before  now  after        along the motion of the pixel
       1     0     1          taken back: flicker
       1     0     0          it stays: motion that the flow did not explain
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from vidlab.flow import Motion, resize_flow
from vidlab.flow.warp import resample, shrink
from vidlab.temporal.protocol import Evidence
from vidlab.types import BoolMask, Float32Array

SHRINK = 4  # outlines that differ by a pixel or two are no change; a small picture does not see them
MEMORY = 0.99  # per frame: how a network errs on an object is a property of the clip
PRIOR, PRIOR_CHANGES = 0.3, 3.0  # share to begin with, and how many frames' changes it counts for
FREE_JUMP = 0.2  # change of area, as a share, that an object can bring about from one frame to the next
STEADY, RESTLESS = 0.22, 0.3  # share of flicker up to which masks are followed, from which smoothed in full;
# independent errors give a share between a third and a half, masks of exact truth one below 0.25


class FlickerShare:
    """Watches the raw masks of every class and says which share of their changes is flicker."""

    def __init__(self, *, watches: bool) -> None:
        """Set up a watch that has seen nothing; one that does not watch doubts everything."""
        self._watches = watches
        self._sums: dict[int, tuple[float, float]] = {}  # flickering and changed pixels, by class
        self._begin()

    def _begin(self) -> None:
        self._before: Mapping[int, BoolMask] | None = None
        self._now: Mapping[int, BoolMask] = {}
        self._to_before: Float32Array | None = None

    def step(self, evidence: Evidence, motion: Motion | None) -> None:
        """Take in one frame's evidence and its motion since the frame before; None where a shot starts."""
        if not self._watches:
            return
        size_hw = _coarse_hw(evidence.raw.shape[1:])
        after = {
            int(class_id): _coarse(mask, size_hw)
            for class_id, mask in zip(evidence.class_ids, evidence.raw, strict=True)
        }
        if motion is None:
            self._begin()
            self._now = after
            return
        if self._before is not None and self._to_before is not None:
            to_after = resize_flow(motion.to_next, size_hw)
            for class_id in {*self._before, *self._now, *after}:
                self._compare(class_id, after, to_after=to_after)
        self._before, self._now = self._now, after
        self._to_before = resize_flow(motion.to_prev, size_hw)

    def doubt(self, class_id: int) -> float:
        """Say how much the masks of a class need smoothing: 0 follow them, 1 smooth them in full."""
        if not self._watches:
            return 1.0
        flicker, changed = self._sums.get(class_id, (PRIOR, 1.0))
        share = flicker / changed
        return float(np.clip((share - STEADY) / (RESTLESS - STEADY), 0, 1))

    def forget(self, class_id: int) -> None:
        """Drop what is known of a class."""
        self._sums.pop(class_id, None)

    def _compare(self, class_id: int, after: Mapping[int, BoolMask], *, to_after: Float32Array) -> None:
        nothing = np.zeros(to_after.shape[:2], np.bool_)
        now = self._now.get(class_id, nothing)
        before = _carried((self._before or {}).get(class_id, nothing), self._to_before)
        changed = now != before
        n_changed = int(np.count_nonzero(changed))
        if not n_changed:
            return
        later = _carried(after.get(class_id, nothing), to_after)
        taken_back = int(np.count_nonzero(changed & (now != later)))
        areas = int(np.count_nonzero(before)), int(np.count_nonzero(now))
        jump = abs(areas[1] - areas[0]) - FREE_JUMP * max(areas)
        flicker = min(n_changed, taken_back + max(0.0, jump))
        known = self._sums.get(class_id, (PRIOR * PRIOR_CHANGES * n_changed, PRIOR_CHANGES * n_changed))
        self._sums[class_id] = MEMORY * known[0] + flicker, MEMORY * known[1] + n_changed


def _coarse_hw(size_hw: tuple[int, ...]) -> tuple[int, int]:
    return max(1, round(size_hw[0] / SHRINK)), max(1, round(size_hw[1] / SHRINK))


def _coarse(mask: NDArray[np.bool_], size_hw: tuple[int, int]) -> BoolMask:
    """Return a mask at a smaller size: where it covers more than half of a pixel."""
    return np.asarray(shrink(mask.view(np.uint8) * np.uint8(255), size_hw) > 127, np.bool_)


def _carried(mask: BoolMask, flow: Float32Array | None) -> BoolMask:
    if flow is None:
        return mask
    return np.asarray(resample(mask.astype(np.float32), flow) > 0.5, np.bool_)
