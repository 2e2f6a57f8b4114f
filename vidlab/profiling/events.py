"""Spans of work on a GPU, taken by the GPU itself: nothing waits while the pipeline runs."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from vidlab.profiling.clock import Synchronize, synchronizer
from vidlab.profiling.timeline import Span, Timeline


class Event(Protocol):
    """A mark in a stream, as `torch.cuda.Event(enable_timing=True)` makes it."""

    def record(self) -> None:
        """Put the mark behind what the current stream of this thread has been asked for so far."""

    def elapsed_time(self, end: Any, /) -> float:
        """Return the milliseconds from this mark to a later one; both must have been reached."""


class EventSpans:
    """Takes spans by events, for streams whose overlap a waiting clock would destroy.

    A synchronized clock makes the host wait at both ends of a span, so that copies and kernels of neighboring
    items can no longer run at the same time. Events are passed by the device when it gets there; they are
    read by `collect`, after the run. Any thread may take spans; each marks its own current stream.
    """

    def __init__(
        self, timeline: Timeline, *, make_event: Callable[[], Event], synchronize: Synchronize
    ) -> None:
        """Tie the device's clock to the timeline's, by one event at a moment when the device is idle.

        Args:
            timeline: Takes the spans.
            make_event: Makes an event.
            synchronize: Waits for the device.
        """
        self._timeline, self._make_event, self._synchronize = timeline, make_event, synchronize
        self._pending: list[tuple[str, int, Event, Event]] = []
        self._lock = threading.Lock()
        synchronize()
        self._anchor = make_event()
        self._anchor_s = timeline.clock()
        self._anchor.record()

    @contextmanager
    def span(self, stage: str, item: int) -> Iterator[None]:
        """Mark begin and end of the device's work in a `with` block, unless it raises; waits for nothing."""
        start, end = self._make_event(), self._make_event()
        start.record()
        yield
        end.record()
        with self._lock:
            self._pending.append((stage, item, start, end))

    def collect(self) -> None:
        """Wait for the device, once, and put what was marked on the timeline."""
        self._synchronize()
        with self._lock:
            pending, self._pending = self._pending, []
        for stage, item, start, end in pending:
            self._timeline.add(Span(stage, item, self._when_s(start), self._when_s(end)))

    def _when_s(self, event: Event) -> float:
        return self._anchor_s + self._anchor.elapsed_time(event) / 1000


def cuda_spans(timeline: Timeline, *, device: str) -> EventSpans:
    """Return event spans of a CUDA device; torch must see it."""
    import torch

    create: Any = torch.cuda.Event

    def make_event() -> Event:
        event: Event = create(enable_timing=True)
        return event

    return EventSpans(timeline, make_event=make_event, synchronize=synchronizer(device))
