"""A stabilizer fed by hand: every result comes back with its frame's index and what was given with it."""

from collections import deque
from collections.abc import Iterable
from typing import Generic, TypeVar

from vidlab.errors import UsageError
from vidlab.params import MethodParams
from vidlab.temporal import create_stabilizer
from vidlab.temporal.protocol import Evidence, StableFrame
from vidlab.types import UInt8Image

KeptT = TypeVar("KeptT")


class Feed(Generic[KeptT]):
    """Takes one frame at a time; `delay` says how many frames late a result may come.

    The push side of what `jobs.drive` does for an iterable: here the caller has the loop.
    """

    def __init__(self, params: MethodParams) -> None:
        """Set up the stabilizer that a method's parameters describe."""
        self._stabilizer = create_stabilizer(params)
        self.delay: int = self._stabilizer.delay
        self.reset()

    def reset(self) -> None:
        """Forget everything; the next frame is frame 0 of a clip."""
        self._stabilizer.reset()
        self._waiting: deque[KeptT] = deque()
        self._n_done = 0

    def step(
        self, image: UInt8Image, evidence: Evidence, kept: KeptT
    ) -> list[tuple[int, KeptT, StableFrame]]:
        """Take one frame; return what is complete now: index, what was given with that frame, and result."""
        self._waiting.append(kept)
        own = image.copy() if self.delay else image  # while it waits, a camera may fill its buffer anew
        return self._paired(self._stabilizer.step(own, evidence))

    def flush(self) -> list[tuple[int, KeptT, StableFrame]]:
        """Return what is still owed, and forget the clip.

        Raises:
            UsageError: The stabilizer does not return one result per frame.
        """
        done = self._paired(self._stabilizer.flush())
        owed = len(self._waiting)
        self.reset()
        if owed:
            raise UsageError(f"a stabilizer must return one result per frame, got {owed} too few")
        return done

    def _paired(self, results: Iterable[StableFrame]) -> list[tuple[int, KeptT, StableFrame]]:
        done = []
        for stable in results:
            done.append((self._n_done, self._waiting.popleft(), stable))
            self._n_done += 1
        return done
