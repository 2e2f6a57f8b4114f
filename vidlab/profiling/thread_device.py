"""A device made of a thread: it returns from a call at once and works later, as a GPU does.

For showing on any machine what an unsynchronized clock measures, and for testing what waits.
"""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Any


class ThreadDevice:
    """Does in order what it is asked for, in a thread of its own; a context manager.

    >>> with ThreadDevice() as device:
    ...     device.submit(print, "done")
    ...     device.synchronize()
    done
    """

    def __init__(self) -> None:
        """Set up an idle device."""
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="device")
        self._pending: list[Future[Any]] = []

    def submit(self, work: Callable[..., Any], *arguments: Any) -> None:
        """Ask for work; returns before it is done."""
        self._pending.append(self._pool.submit(work, *arguments))

    def synchronize(self) -> None:
        """Wait until all is done.

        Raises:
            Exception: Whatever the work raised: on a GPU, too, errors arrive here.
        """
        pending, self._pending = self._pending, []
        for future in pending:
            future.result()

    def __enter__(self) -> "ThreadDevice":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)
