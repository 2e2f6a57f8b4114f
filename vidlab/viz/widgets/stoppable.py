"""A rehearsal that can be taken away from whoever works with it."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from vidlab.jobs.rehearsal_telling import StoppedError
from vidlab.metrics.summary import ClipSummary
from vidlab.params import MethodParams
from vidlab.types import BoolMask
from vidlab.viz.widgets.shown import Rehearsing, Stop


class Stoppable:
    """A rehearsal whose methods raise `StoppedError` once it is no longer wanted; all else is passed on.

    A search that knows nothing of stopping, such as Optuna's, ends by it at the next frame.
    """

    def __init__(self, rehearsal: Rehearsing, *, stop: Stop, tell: Callable[[str], None]) -> None:
        """Wrap a rehearsal; `stop` is asked before every frame, `tell` takes words for who waits."""
        self._rehearsal, self._stop, self._tell = rehearsal, stop, tell

    def __getattr__(self, name: str) -> Any:
        return getattr(self._rehearsal, name)

    def part(self, start: int, stop: int) -> "Stoppable":
        """Return some of the frames as a clip of its own, taken away with the whole."""
        return Stoppable(getattr(self._rehearsal, "part")(start, stop), stop=self._stop, tell=self._tell)  # noqa: B009

    def tell(self, words: str) -> None:
        """Say how far the work is, and let the person look elsewhere meanwhile."""
        self._heed()
        self._tell(words)

    def run(self, params: MethodParams, *, stop: Stop = lambda: False) -> Iterator[BoolMask]:
        """Yield the stable masks, bool (h, w), frame after frame."""
        self._heed()
        yield from self._rehearsal.run(params, stop=lambda: self._stop() or stop())
        self._heed()

    def judge(self, masks: Iterable[BoolMask], *, stop: Stop = lambda: False) -> ClipSummary:
        """Measure masks, bool (h, w), one for each frame."""
        self._heed()
        summary = self._rehearsal.judge(masks, stop=lambda: self._stop() or stop())
        self._heed()
        return summary

    def measure(self, params: MethodParams) -> ClipSummary:
        """Run a method and measure what it makes of the clip."""
        return self.judge(self.run(params))

    def _heed(self) -> None:
        if self._stop():
            raise StoppedError
