"""Bounded queues between two threads that either side can end, and that nobody waits at in vain."""

import threading
from collections import deque
from collections.abc import Iterator
from types import TracebackType
from typing import Generic, TypeVar

T = TypeVar("T")


class Stalled(Exception):  # noqa: N818 - not an error yet: whoever waited words one
    """Nothing arrived in the time that a reader was ready to wait."""


class Channel(Generic[T]):
    """Carries items from one thread to another, in order, at most `size` of them waiting.

    The writer puts items and then ends the channel, or fails it with its error; the reader gets what was put
    before, then the end or the error. A reader that goes away closes the channel: the writer's next `put`
    says so. Waiting takes no processor time, and in the main thread it can be interrupted.

    Attributes:
        error: What the writer failed with; None if it did not.
        trace: The error's traceback where it was first raised.
        reader_waits: The reader is waiting for an item right now.
        writer_waits: The writer is waiting for room right now.
    """

    def __init__(self, size: int) -> None:
        """Set up an empty channel for at most `size` waiting items, at least 1."""
        self._size = size
        self._items: deque[T] = deque()
        self._changed = threading.Condition()
        self._ended = False
        self._closed = False
        self.error: BaseException | None = None
        self.trace: TracebackType | None = None
        self.reader_waits = False
        self.writer_waits = False

    def put(self, item: T) -> bool:
        """Wait for room and leave an item; False if the reader is gone and nobody wants it."""
        with self._changed:
            self.writer_waits = True
            self._changed.wait_for(lambda: self._closed or len(self._items) < self._size)
            self.writer_waits = False
            if not self._closed:
                self._items.append(item)
                self._changed.notify_all()
            return not self._closed

    def end(self) -> None:
        """Say that no item comes any more."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def fail(self, error: BaseException, *, trace: TracebackType | None) -> None:
        """End the channel with an error: the reader raises it, with this traceback, after the last item."""
        with self._changed:
            self.error, self.trace = error, trace
            self._ended = True
            self._changed.notify_all()

    def close(self) -> None:
        """Go away as the reader: what waits is dropped, and whoever waits wakes up."""
        with self._changed:
            self._closed = True
            self._items.clear()
            self._changed.notify_all()

    def read(self, *, patience_s: float | None = None) -> Iterator[T]:
        """Take items until the end.

        Args:
            patience_s: Longest wait for one item, in seconds; None waits as long as it takes.

        Raises:
            Stalled: No item came within `patience_s`.
            BaseException: Whatever the writer failed with.
        """
        while self._wait(patience_s):
            with self._changed:
                if self._closed:
                    return
                item = self._items.popleft()
                self._changed.notify_all()
            yield item
            del item  # not held while waiting for the next one
        if self.error is not None:
            raise self.error.with_traceback(self.trace)

    def _wait(self, patience_s: float | None) -> bool:
        """Wait for an item or the end; True for an item."""
        with self._changed:
            self.reader_waits = True
            came = self._changed.wait_for(lambda: self._items or self._ended or self._closed, patience_s)
            self.reader_waits = False
            if not came:
                raise Stalled
            return bool(self._items)
