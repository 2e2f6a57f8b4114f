"""Masks of every frame, from a network (or the user's file) that is asked about some frames only."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial

from vidlab.jobs.stopwatch import Stopwatch
from vidlab.params import KeyframeParams
from vidlab.temporal.keyframes import Keyframes
from vidlab.types import Frame, Observation

NETWORK, CARRY = "network", "carry"  # stages

Observe = Callable[[], Observation]


@dataclass(frozen=True, slots=True)
class Keyframe:
    """A frame that the network saw; a run that begins there gives what one that came by gave from there on.

    Attributes:
        place: Its place among the frames that are read, from 0.
        number: Its place among the keyframes, from 0.
    """

    place: int
    number: int


FIRST = Keyframe(0, 0)


@dataclass(slots=True)
class _Waiting:
    frame: Frame
    is_key: bool = False  # until somebody asks what is in it


class KeyframeReader:
    """Carries observations from keyframes to the frames between; for one pass over the frames.

    Attributes:
        last: The last keyframe that does not come after the frame that was given last; None before the first.
    """

    def __init__(self, params: KeyframeParams, *, stopwatch: Stopwatch) -> None:
        """Begin with no frame read; time that is not the network's counts as the stage `carry`."""
        self._keyframes = Keyframes(params)
        self._stopwatch = stopwatch
        self._waiting: deque[_Waiting] = deque()
        self.last: Keyframe | None = None

    def read(
        self, asked: Iterable[tuple[Frame, Observe]], *, since: Keyframe
    ) -> Iterator[tuple[Frame, Observation]]:
        """Yield every frame with its observation; as many frames wait as masks come late.

        Args:
            asked: Each frame, from a keyframe on, with what finds its masks, which is called for keyframes
                only.
            since: That keyframe.
        """
        place, number = since.place, since.number
        for frame, found, is_key in self._carried(asked):
            if is_key:
                self.last = Keyframe(place, number)
                number += 1
            place += 1
            yield frame, found

    def _carried(self, asked: Iterable[tuple[Frame, Observe]]) -> Iterator[tuple[Frame, Observation, bool]]:
        for frame, observe in asked:
            here = _Waiting(frame)
            self._waiting.append(here)
            noted = partial(_noted, here, observe)
            yield from self._given(self._timed(partial(self._keyframes.step, frame.image, noted)))
        yield from self._given(self._timed(self._keyframes.flush))

    def _timed(self, work: Callable[[], list[Observation]]) -> list[Observation]:
        """Do work during which the network may be asked, whose time is counted by itself."""
        seconds = self._stopwatch.seconds
        before_s = seconds.get(NETWORK, 0.0)
        with self._stopwatch.stage(CARRY):
            found = work()
        seconds[CARRY] -= seconds.get(NETWORK, 0.0) - before_s
        return found

    def _given(self, found: Iterable[Observation]) -> Iterator[tuple[Frame, Observation, bool]]:
        for observation in found:
            here = self._waiting.popleft()
            yield here.frame, observation, here.is_key


def _noted(here: _Waiting, observe: Observe) -> Observation:
    here.is_key = True
    return observe()
