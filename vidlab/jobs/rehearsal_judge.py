"""Masks of a clip in memory, judged: how the frames moved is estimated once, whatever is judged."""

from collections.abc import Sequence
from dataclasses import dataclass
from threading import Lock

from vidlab.flow import DisFlow, to_gray
from vidlab.flow.remembered import BYTES_PER_MB
from vidlab.jobs.measuring import FLOW_PRESET, FLOW_SCALE, judging_flow, pair_motion
from vidlab.jobs.packing import PackedMasks
from vidlab.jobs.rehearsed import KeptFrame
from vidlab.metrics.clip import ClipMetrics, PairMotion
from vidlab.metrics.summary import ClipSummary
from vidlab.params import EvaluateParams
from vidlab.types import BoolMask, Float32Array


@dataclass(frozen=True, slots=True)
class _KeptMotion:
    """A `PairMotion` whose masks are bits."""

    flow_to_prev: Float32Array
    occluded: PackedMasks
    valid: PackedMasks

    @classmethod
    def of(cls, motion: PairMotion) -> "_KeptMotion":
        return cls(motion.flow_to_prev, PackedMasks.of(motion.occluded), PackedMasks.of(motion.valid))

    @property
    def n_bytes(self) -> int:
        return self.flow_to_prev.nbytes + self.occluded.bits.nbytes + self.valid.bits.nbytes

    def unpack(self) -> PairMotion:
        return PairMotion(self.flow_to_prev, self.occluded.unpack(), self.valid.unpack())


class PairMotions:
    """How each frame moved since the one before, as the two flows of `jobs.measuring` see it.

    What does not fit into the memory is estimated anew each time it is asked for. Threads may share it.
    """

    def __init__(self, frames: Sequence[KeptFrame], *, params: EvaluateParams, memory_mb: float) -> None:
        """Set up with nothing estimated.

        Args:
            frames: The whole clip.
            params: How masks are judged.
            memory_mb: Most that the motions may take, MB.
        """
        self.n_bytes = 0
        self._frames, self._most_bytes = frames, int(memory_mb * BYTES_PER_MB)
        self._flows = DisFlow(preset=FLOW_PRESET, scale=FLOW_SCALE), judging_flow(params)
        self._kept: dict[int, tuple[_KeptMotion, _KeptMotion]] = {}
        self._lock = Lock()

    def of(self, number: int) -> tuple[PairMotion, PairMotion]:
        """Return how a frame, from 1 on, moved: as DIS at full size sees it, and as the judge does."""
        kept = self._kept.get(number)
        if kept is not None:
            return kept[0].unpack(), kept[1].unpack()
        with self._lock:  # the flows hold buffers of their own: one thread at a time
            gray, previous = (to_gray(self._frames[place].image) for place in (number, number - 1))
            seen = [pair_motion(flow, gray, previous) for flow in self._flows]
            found = _KeptMotion.of(seen[0]), _KeptMotion.of(seen[1])
            n_bytes = found[0].n_bytes + found[1].n_bytes
            if number not in self._kept and self.n_bytes + n_bytes <= self._most_bytes:
                self._kept[number] = found
                self.n_bytes += n_bytes
        return seen[0], seen[1]


class Judging:
    """The metrics of one version of a clip's masks, frame by frame, as `jobs.evaluate` measures them."""

    def __init__(self, frames: Sequence[KeptFrame], *, motions: PairMotions, params: EvaluateParams) -> None:
        """Begin before the first of these frames, which are consecutive ones of the clip of `motions`."""
        self._frames, self._motions = frames, motions
        self._metrics = ClipMetrics(params)
        self._n_taken = 0

    def take(self, mask: BoolMask) -> None:
        """Take the mask of the next frame, bool (h, w)."""
        frame = self._frames[self._n_taken]
        motion, judge = self._motions.of(frame.number) if self._n_taken else (None, None)
        target = None if frame.truth is None else frame.truth.unpack()[0]
        self._metrics.update(mask, probs=None, target=target, image=frame.image, motion=motion, judge=judge)
        self._n_taken += 1

    def compute(self) -> ClipSummary:
        """Return the metrics of all frames so far."""
        return self._metrics.compute()
