"""A network run on some frames only; what it said of them is carried along the flow to the others.

    frames       ●──●──●──●──●──●──●──●──●──●──┊──●──●──●
    network      ▲           ▲           ▲  ▲  cut ▲
    look-ahead   A ─▶     ◀─ B ─▶     ◀─ C  D      E ─▶     D: the last of a shot is a keyframe too
    without      A ────────▶ B ────────▶ C ──▶     E ──▶

Flows are composed, not masks: every pixel is resampled once, however far it is carried.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vidlab.flow import FlowEstimator, Motion, MotionEstimator, create_flow, to_gray
from vidlab.params import FusionParams, KeyframeParams
from vidlab.temporal.compensated import Path
from vidlab.temporal.keyframes_carry import matched, one_sided, two_sided
from vidlab.temporal.keyframes_known import Known, Side, change
from vidlab.temporal.keyframes_path import Way, backwards, forwards, way
from vidlab.types import Observation, UInt8Image

Observe = Callable[[], Observation]

LEAST_OWED = 2  # frames at the end of a shot without which its last frame is no keyframe


@dataclass(frozen=True, slots=True)
class _Between:
    """A frame after a keyframe.

    Attributes:
        image: uint8 (H, W, 3), RGB.
        gray: uint8 (h, w), at the size of the flow.
        observe: Asks the network after all.
        motion: How the frame before became it.
        back: Where its pixels are in the keyframe.
    """

    image: UInt8Image
    gray: NDArray[np.uint8]
    observe: Observe
    motion: Motion
    back: Way


class Keyframes:
    """Asks a network about some frames, and has an observation for every frame, in their order.

    A frame is a keyframe if it starts a shot; if `keyframe_every - 1` frames since the last one were none; or
    if too much of what matters to the masks has changed since, by the flow's own account. What is between two
    keyframes and shown by neither is missed; `keyframe_change` is what finds it.

    Attributes:
        delay: Frames between a frame and its observation, at most.
    """

    def __init__(self, params: KeyframeParams, *, flow: FlowEstimator | None = None) -> None:
        """Set up with no frame seen.

        Args:
            params: How keyframes are chosen and carried.
            flow: Estimates the motion; None builds the one that the tunables name. Nobody else may use it
                meanwhile.
        """
        self._every, self._most = params.keyframe_every, params.keyframe_change
        self._looks_ahead = params.keyframe_look_ahead
        self.delay = self._every - 1 if self._looks_ahead else 0
        self._flow = flow or create_flow(
            "dis", scale=params.keyframe_flow_scale, preset=params.keyframe_flow_preset
        )
        self._motion = MotionEstimator(
            self._flow, cut_similarity=FusionParams().cut_similarity, both_ways=self._looks_ahead
        )
        self.reset()

    def reset(self) -> None:
        """Forget everything; the next frame is the first of a clip."""
        self._motion.reset()
        self._key: Known | None = None
        self._path: Path | None = None  # from the frame before to the keyframe
        self._distance = 0  # frames from the keyframe to the frame before
        self._owed: list[_Between] = []

    def step(self, image: UInt8Image, observe: Observe) -> list[Observation]:
        """Take the next frame and return the observations that are now complete, oldest first.

        Args:
            image: uint8 (H, W, 3), RGB.
            observe: Asks the network about this frame. Called at once, or while later frames are taken, or
                not at all.
        """
        if self._every == 1:
            return [observe()]
        motion = self._motion.step(image)
        gray = np.asarray(self._flow.shrink(to_gray(image)), np.uint8)
        if motion is None or motion.is_cut or self._key is None:
            return [*self.flush(), self._begin(Known.of(gray, observe()))]
        self._distance += 1
        self._path = backwards(motion, self._path)
        here = _Between(image, gray, observe, motion, way(self._path, gray=gray, key=self._key.gray))
        if self._distance == self._every or self._has_changed(here, self._key):
            return self._arrive(here, self._key)
        if self._looks_ahead:
            self._owed.append(here)
            return []
        return [one_sided(_back(here, self._key, self._distance), image)]

    def flush(self) -> list[Observation]:
        """Return the observations still owed; asks about the last frame if it owes others."""
        owed, key = self._owed, self._key
        if key is None or not owed:
            return []
        if len(owed) >= LEAST_OWED:
            return self._arrive(owed.pop(), key)
        self._owed = []
        return [one_sided(_back(here, key, n), here.image) for n, here in enumerate(owed, start=1)]

    def _has_changed(self, here: _Between, key: Known) -> bool:
        return self._most < 1 and change(key, here.back) > self._most

    def _arrive(self, here: _Between, key: Known) -> list[Observation]:
        """Make a frame a keyframe, and settle what lies between it and the one before."""
        known = Known.of(here.gray, here.observe())
        settled = self._settled(key, here, known) if self._owed else []
        return [*settled, self._begin(known)]

    def _begin(self, key: Known) -> Observation:
        self._key, self._path, self._distance, self._owed = key, None, 0, []
        return key.found

    def _settled(self, key: Known, last: _Between, after: Known) -> list[Observation]:
        """Carry two keyframes to the frames between them, from the last to the first."""
        pairs = matched(_back(last, key, len(self._owed) + 1), after)
        settled: list[Observation] = []
        path, motion = None, last.motion
        for number in range(len(self._owed), 0, -1):
            here = self._owed[number - 1]
            path, motion = forwards(motion, path), here.motion
            ahead = way(path, gray=here.gray, key=after.gray).at(here.image.shape[:2])
            sides = _back(here, key, number), Side(after, ahead, len(self._owed) + 1 - number)
            settled.append(two_sided(*sides, pairs=pairs, image=here.image))
        return settled[::-1]


def _back(here: _Between, key: Known, distance: int) -> Side:
    return Side(key, here.back.at(here.image.shape[:2]), distance)
