"""Near real time: frames come at their own pace, and what is not done in time is late.

    due        0    1    2    3    4    5    6          a frame is due at its time stamp
    latest     ▇0▇▇▇▇▇▇▇1▇▇▇▇▇▇▇3▇▇▇▇▇▇▇4▇▇▇▇▇▇▇   the newest that is due, those before it dropped
    block      ▇0▇▇▇▇▇▇▇1▇▇▇▇▇▇▇2▇▇▇▇▇▇▇3▇▇▇▇▇▇▇…  every frame, each later than the one before
    every_n    ▇0▇▇▇▇▇▇▇ ▇2▇▇▇▇▇▇▇ ▇4▇▇▇▇▇▇▇            each n-th, however long it takes

A clip plays the camera: its frames are due by its own time stamps, whether anyone is ready or not. So the
latency of a frame counts from when it was due, and a slow pipeline cannot hide its delay by reading later.
One thread decides; the source may read ahead in another. With its own clock and sleep, a test needs no time.
"""

import time
from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from vidlab.params import StreamParams
from vidlab.pipeline.schedules import Step
from vidlab.profiling import Timeline
from vidlab.types import Frame

Sleep = Callable[[float], None]
DueFrame = tuple[Frame, float]


@dataclass(frozen=True, slots=True)
class Shown:
    """One frame with its result.

    Attributes:
        place: The frame's number in the source, from 0, dropped ones counted.
        frame: The frame.
        result: What the steps made of it.
        due_s: When it was due, in seconds of the timeline's clock.
        begun_s: When work on it began.
        done_s: When its result was there.
    """

    place: int
    frame: Frame
    result: Any
    due_s: float
    begun_s: float
    done_s: float

    @property
    def latency_ms(self) -> float:
        """Milliseconds from when the frame was due to its result."""
        return 1000 * (self.done_s - self.due_s)


class Stream:
    """Works on frames as they become due; iterate over it once.

    Attributes:
        n_frames: Frames that have come so far, dropped ones counted.
    """

    def __init__(
        self,
        frames: Iterable[Frame],
        steps: Sequence[Step],
        *,
        params: StreamParams,
        timeline: Timeline,
        sleep: Sleep = time.sleep,
    ) -> None:
        """Set up a stream.

        Args:
            frames: In order of presentation. The first is due at once, the others as far behind it as their
                time stamps say, divided by `speed`. One that is decoded after it was due is late from the
                start: read ahead with `overlapped(source, [], …)`. Closed at the end.
            steps: What happens to each frame that is shown, one after the other: nothing has a shorter
                latency.
            params: Policy, `every` and `speed`; the budget is the report's business.
            timeline: Takes the spans of the steps, under the frame's place; its clock is the stream's.
            sleep: Waits for a number of seconds.
        """
        self._steps, self._params, self._timeline = steps, params, timeline
        self._due = _Due(frames, speed=params.speed, clock=timeline.clock, sleep=sleep)

    @property
    def n_frames(self) -> int:
        """Frames that have come so far, dropped ones counted."""
        return self._due.n_taken

    def __iter__(self) -> Generator[Shown, None, None]:
        """Give the frames that are shown; the time that a consumer takes is time of the pipeline.

        Raises:
            Exception: Whatever the source or a step raises.
        """
        try:
            while (chosen := self._choose()) is not None:
                (frame, due_s), place = chosen, self._due.n_taken - 1
                begun_s = self._timeline.clock()
                result: Any = frame
                for step in self._steps:
                    with self._timeline.span(step.name, place, synchronize=step.synchronize):
                        result = step.work(result)
                yield Shown(place, frame, result, due_s, begun_s, self._timeline.clock())
        finally:
            self._due.close()

    def _choose(self) -> DueFrame | None:
        if self._params.policy == "latest":
            return self._due.newest()
        if self._params.policy == "every_n" and self._due.n_taken:
            self._due.skip(self._params.every - 1)
        return self._due.take()


class _Due:
    """The source with a watch: frames are handed out when they are due, and not before."""

    def __init__(
        self, frames: Iterable[Frame], *, speed: float, clock: Callable[[], float], sleep: Sleep
    ) -> None:
        self._frames, self._speed, self._clock, self._sleep = iter(frames), speed, clock, sleep
        self._held: DueFrame | None = None
        self._start_s: float | None = None  # when a frame with time stamp 0 would have been due
        self.n_taken = 0

    def take(self) -> DueFrame | None:
        """Hand out the next frame, as soon as it is due; None at the end."""
        following = self._pull()
        if following is not None:
            early_s = following[1] - self._clock()
            if early_s > 0:
                self._sleep(early_s)  # once: a sleep never ends early
        return following

    def newest(self) -> DueFrame | None:
        """Hand out the last of all frames that are due by now, or else the next one as soon as it is due.

        What becomes due while the source is read does not count: a source slower than its own clock would
        never show anything.
        """
        now_s = self._clock()
        chosen = self.take()
        while chosen is not None and chosen[1] <= now_s:
            following = self._pull()
            if following is None:
                break
            if following[1] > now_s:
                self._held = following
                self.n_taken -= 1
                break
            chosen = following
        return chosen

    def skip(self, n_frames: int) -> None:
        """Drop the next frames, without waiting for their time."""
        for _ in range(n_frames):
            self._pull()

    def close(self) -> None:
        """Close the source."""
        close = getattr(self._frames, "close", None)
        if close is not None:
            close()

    def _pull(self) -> DueFrame | None:
        following, self._held = self._held, None
        if following is None:
            frame = next(self._frames, None)
            if frame is None:
                return None
            following = frame, self._due_s(frame)
        self.n_taken += 1
        return following

    def _due_s(self, frame: Frame) -> float:
        pts_s = frame.pts_s / self._speed
        if self._start_s is None:
            self._start_s = self._clock() - pts_s
        return self._start_s + pts_s
