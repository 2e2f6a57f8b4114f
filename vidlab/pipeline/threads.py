"""The threads of an overlapped pipeline: started, told to stop, waited for, and named if they do not."""

import logging
import sys
import threading
import time
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Any

from vidlab.errors import StallError
from vidlab.pipeline.channel import Channel, Stalled

logger = logging.getLogger(__name__)

STOP_WAIT_S = 5.0  # for all threads together to finish the item they are at; no thread can be killed

Work = Callable[[Iterator[Any]], Iterator[Any]]


class Crew:
    """Threads in a row, each reading the channel of the one before it; a context manager ends them all."""

    def __init__(self, *, queue_size: int, one_core_each: bool = False) -> None:
        """Set up an empty crew.

        Args:
            queue_size: Items that each channel holds.
            one_core_each: Keep torch from computing on more than one core in any of the threads.
        """
        self._queue_size, self._one_core_each = queue_size, one_core_each
        self._channels: list[Channel[Any]] = []
        self._threads: list[threading.Thread] = []  # each writes to the channel at its place

    def start(self, name: str, work: Work, *, reads: Channel[Any] | None = None) -> Channel[Any]:
        """Start a thread that iterates over `work(items of reads)`; return the channel it writes to."""
        writes: Channel[Any] = Channel(self._queue_size)
        rules = {"reads": reads, "writes": writes, "one_core": self._one_core_each}
        thread = threading.Thread(
            target=_pump, args=(name, work), kwargs=rules, name=name, daemon=True
        )  # a daemon: one that hangs does not keep the process from ending
        thread.start()
        self._channels.append(writes)
        self._threads.append(thread)
        return writes

    def results(self, channel: Channel[Any], *, patience_s: float | None) -> Iterator[Any]:
        """Read the last channel in the consumer's thread.

        Raises:
            StallError: Nothing came within `patience_s` seconds.
        """
        try:
            yield from channel.read(patience_s=patience_s)
        except Stalled:
            raise StallError(
                f"a pipeline must give its next result within {patience_s:g} s, got none; "
                f"at work: {', '.join(self._at_work()) or 'none of its stages'}"
            ) from None

    def __enter__(self) -> "Crew":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for channel in self._channels:
            channel.close()
        deadline_s = time.monotonic() + STOP_WAIT_S
        for thread in self._threads:
            thread.join(max(0.0, deadline_s - time.monotonic()))
        for name in self._alive():
            logger.warning(
                "stage %r does not stop: it was left behind after %g s, and ends with its item",
                name,
                STOP_WAIT_S,
            )

    def _at_work(self) -> list[str]:
        """Name the stages that wait neither for an item nor for room."""
        starved = [False, *(channel.reader_waits for channel in self._channels)]
        return [
            thread.name
            for thread, waits, channel in zip(self._threads, starved, self._channels, strict=False)
            if thread.is_alive() and not waits and not channel.writer_waits
        ]

    def _alive(self) -> list[str]:
        return [thread.name for thread in self._threads if thread.is_alive()]


def _pump(name: str, work: Work, *, reads: Channel[Any] | None, writes: Channel[Any], one_core: bool) -> None:
    """Move items until the end, an error, or until nobody wants them; then let go of both neighbors."""
    if one_core:
        _stay_on_one_core()
    results = work(iter(()) if reads is None else reads.read())
    try:
        for result in results:
            if not writes.put(result):
                break
            del result
        writes.end()
    except BaseException as error:  # an exit or interrupt, too, belongs to whoever waits for the result
        from_before = reads is not None and reads.error is error
        writes.fail(error, trace=reads.trace if reads and from_before else error.__traceback__)
    finally:
        if reads is not None:
            reads.close()
        _close(name, results)


def _stay_on_one_core() -> None:
    """Give torch's operations in this thread no helper threads; other threads keep theirs."""
    if "torch" not in sys.modules:
        return
    import torch
    from threadpoolctl import threadpool_limits  # part of the extra that brings torch

    torch.get_num_threads()  # at its first use in a thread torch sets the number there: not after this
    threadpool_limits(limits=1, user_api="openmp")


def _close(name: str, results: Iterator[Any]) -> None:
    close = getattr(results, "close", None)
    try:
        if close is not None:
            close()
    except Exception as error:  # the consumer has gone, or has its results: nobody is there to catch it
        logger.warning("stage %r failed while it was closed: %s: %s", name, type(error).__name__, error)
