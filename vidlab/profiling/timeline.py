"""What ran when: one span for each piece of work that a stage did on an item."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Span:
    """One stage at work on one item.

    Attributes:
        stage: Name of the stage.
        item: Number of the item (frame or batch), from 0, in the order of the source.
        start_s: When the work began, in seconds of the timeline's clock.
        end_s: When it was done; on a device: when the device was done.
    """

    stage: str
    item: int
    start_s: float
    end_s: float

    @property
    def elapsed_s(self) -> float:
        """Seconds that it took."""
        return self.end_s - self.start_s


class Timeline:
    """Takes spans from any thread, in any order; what is still running is not on it."""

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        """Set up an empty timeline; a test passes its own clock."""
        self.clock = clock
        self._spans: list[Span] = []
        self._lock = threading.Lock()

    def add(self, span: Span) -> None:
        """Take one span."""
        with self._lock:
            self._spans.append(span)

    @contextmanager
    def span(self, stage: str, item: int, *, synchronize: Callable[[], None] | None = None) -> Iterator[None]:
        """Record the work of a `with` block, unless it raises.

        Args:
            stage: Name of the stage.
            item: Number of the item.
            synchronize: Waits for a device; called before the clock is read, at both ends, so that the span
                holds all the device's work of the block and none of what was queued before it.
        """
        if synchronize is not None:
            synchronize()
        start_s = self.clock()
        yield
        if synchronize is not None:
            synchronize()
        self.add(Span(stage, item, start_s, self.clock()))

    @property
    def spans(self) -> tuple[Span, ...]:
        """All spans so far, by their start."""
        with self._lock:
            return tuple(sorted(self._spans, key=lambda span: (span.start_s, span.end_s)))
