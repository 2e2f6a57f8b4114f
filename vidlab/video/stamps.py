"""Time stamps that always rise, whatever the container says."""

import heapq
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction

import av

from vidlab.types import VideoInfo

# Frames whose stamps are compared before one is let go: stamps mixed up by B-frames (a player's reordering
# written down as time) lie at most this far from their place in every file seen.
LOOKAHEAD = 4


def tick_of(info: VideoInfo) -> int:
    """Usual distance of two frames, in units of the source's time base, at least 1."""
    return max(1, round(1 / (Fraction(info.fps) * info.time_base)))


@dataclass(slots=True)
class RisingStamps:
    """Gives every frame a stamp later than the one before it, in order of decoding.

    Stamps that already rise pass unchanged. Stamps that step back within a few frames are sorted; one that
    still does not rise, or is missing, becomes the previous stamp plus `tick`.

    Attributes:
        tick: Usual distance of two frames, in units of the stream's time base, at least 1.
        n_moved: Frames whose stamp was changed so far.
        n_missing: Frames that came without a stamp so far.
    """

    tick: int
    n_moved: int = 0
    n_missing: int = 0

    def over(
        self, frames: Iterator[av.VideoFrame], *, after: Callable[[int], int | None] = lambda stamp: None
    ) -> Iterator[tuple[av.VideoFrame, int]]:
        """Yield each frame with its stamp; holds back at most `LOOKAHEAD` frames.

        Args:
            frames: In order of decoding.
            after: The file's next stamp after one, where it is known: a frame that has it need not wait.
        """
        waiting: deque[tuple[av.VideoFrame, int]] = deque()
        stamps: list[int] = []
        newest: int | None = None
        last: int | None = None
        for frame in frames:
            newest = self._stamp(frame, newest)
            waiting.append((frame, newest))
            heapq.heappush(stamps, newest)
            if len(waiting) > LOOKAHEAD:
                last = self._settle(waiting[0][1], heapq.heappop(stamps), last)
                yield waiting.popleft()[0], last
            while waiting and last is not None and stamps[0] == waiting[0][1] == after(last):
                last = heapq.heappop(stamps)
                yield waiting.popleft()[0], last
        while waiting:
            last = self._settle(waiting[0][1], heapq.heappop(stamps), last)
            yield waiting.popleft()[0], last

    def _stamp(self, frame: av.VideoFrame, newest: int | None) -> int:
        if frame.pts is not None:
            return frame.pts
        self.n_missing += 1
        return 0 if newest is None else newest + self.tick

    def _settle(self, own: int, earliest: int, last: int | None) -> int:
        stamp = earliest if last is None or earliest > last else last + self.tick
        self.n_moved += stamp != own
        return stamp
