"""A network run on some frames only; what it said of them is carried along the flow to the others.

    frames       ●──●──●──●──●──●──●──●──●      ●──●──●
    network      ▲           ▲           ▲  cut ▲
    look-ahead   A ─▶     ◀─ B ─▶     ◀─ C ─▶   D ─▶

Every pixel is resampled once, however far it is carried: flows are composed, not masks.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from vidlab.flow import DisFlow, Motion, MotionEstimator, to_gray
from vidlab.params import FusionParams
from vidlab.params.keyframes import KeyframeParams
from vidlab.temporal.compensated import Path
from vidlab.temporal.keyframes_carry import Known, Side, change, matched, one_sided, two_sided
from vidlab.temporal.keyframes_path import Way, backwards, forwards, way
from vidlab.types import Observation, UInt8Image


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A frame between two keyframes.

    Attributes:
        gray: uint8 (h, w), its picture at the size of the flow.
        size_hw: Height and width of its masks.
        motion: How the frame before became it.
        back: Where its pixels are in the keyframe before.
    """

    gray: NDArray[np.uint8]
    size_hw: tuple[int, int]
    motion: Motion
    back: Way


class Keyframes:
    """Asks for the masks of some frames, and gives masks for all of them, in their order.

    Attributes:
        delay: Frames between a frame and its masks, at most.
    """

    def __init__(self, params: KeyframeParams, *, flow: DisFlow | None = None) -> None:
        self._params = params
        self._looks_ahead = params.keyframe_look_ahead
        self.delay = params.keyframe_every - 1 if self._looks_ahead else 0
        self._flow = flow or DisFlow(preset=params.keyframe_flow_preset, scale=params.keyframe_flow_scale)
        self._motion = MotionEstimator(
            self._flow,
            cut_similarity=FusionParams().cut_similarity,
            both_ways=self._looks_ahead,
        )
        self.reset()

    def reset(self) -> None:
        """Forget everything; the next frame is the first of a clip."""
        self._motion.reset()
        self._key: Known | None = None
        self._waiting: list[_Waiting] = []
        self._path: Path | None = None
        self._distance = 0

    def step(self, image: UInt8Image, observe: Callable[[], Observation]) -> list[Observation]:
        if self._params.keyframe_every == 1:
            return [observe()]
        gray = self._flow.shrink(to_gray(image))
        motion = self._motion.step(image)
        if motion is None or motion.is_cut or self._key is None:
            return [*self.flush(), self._begin(gray, observe())]
        self._distance += 1
        self._path = backwards(motion, self._path)
        back = way(self._path, gray=gray, key=self._key.gray)
        here = _Waiting(gray, image.shape[:2], motion, back)
        if self._distance == self._params.keyframe_every or self._changed(here):
            found = observe()
            done = self._between(here, Known.of(gray, found)) if self._looks_ahead else []
            return [*done, self._begin(gray, found)]
        if self._looks_ahead:
            self._waiting.append(here)
            return []
        return [one_sided(self._side(here, self._distance))]

    def flush(self) -> list[Observation]:
        assert self._key is not None or not self._waiting
        done = [one_sided(self._side(w, n)) for n, w in enumerate(self._waiting, 1)]
        self._waiting = []
        return done

    def _side(self, here: _Waiting, distance: int) -> Side:
        return Side(self._key, here.back.at(here.size_hw), distance)

    def _begin(self, gray, found: Observation) -> Observation:
        self._key, self._path, self._distance, self._waiting = Known.of(gray, found), None, 0, []
        return found

    def _between(self, last: _Waiting, after: Known) -> list[Observation]:
        n = len(self._waiting)
        pairs = matched(self._side(last, n + 1), after)
        path, motion, done = None, last.motion, []
        for number in range(n, 0, -1):
            here = self._waiting[number - 1]
            path = forwards(motion, path)
            motion = here.motion
            ahead = way(path, gray=here.gray, key=after.gray)
            sides = self._side(here, number), Side(after, ahead.at(here.size_hw), n + 1 - number)
            done.append(two_sided(*sides, pairs=pairs))
        return done[::-1]

    def _changed(self, here: _Waiting) -> bool:
        most = self._params.keyframe_change
        return most < 1 and self._key is not None and change(self._key, here.back) > most
