"""Work for someone who keeps changing their mind: the last wish wins, and what is stale stops."""

import threading
import time
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

WishT = TypeVar("WishT")
WishT_contra = TypeVar("WishT_contra", contravariant=True)
JOIN_S = 5.0  # how long `close` waits for work that does not look at `stop`; the thread dies with the process


class Clock(Protocol):
    """Time, as the worker sees it; tests bring their own."""

    def now_s(self) -> float:
        """Seconds since some moment."""

    def wait(self, news: threading.Condition, *, timeout_s: float | None) -> None:
        """Wait for news, at most so long; `news` is held by the caller."""


class WallClock:
    """The time on the wall."""

    def now_s(self) -> float:
        """Seconds since some moment."""
        return time.monotonic()

    def wait(self, news: threading.Condition, *, timeout_s: float | None) -> None:
        """Wait for news, at most so long."""
        news.wait(timeout_s)


class Work(Protocol[WishT_contra]):
    """What is to be done for a wish; all of it is called in the worker's thread, one at a time."""

    def quick(self, wish: WishT_contra, *, stop: Callable[[], bool]) -> None:
        """Do at once what the person is looking at; `stop` says that a newer wish has come."""

    def whole(self, wish: WishT_contra, *, stop: Callable[[], bool]) -> None:
        """Do the rest, asking `stop` between its steps, and return early where it says so."""

    def same(self, wish: WishT_contra, other: WishT_contra) -> bool:
        """Tell whether the whole of one wish is that of another, which only looks elsewhere."""

    def failed(self, wish: WishT_contra, error: Exception) -> None:
        """Take note that `quick` or `whole` raised; must not raise."""


class Latest(Generic[WishT]):
    """A thread that serves the last wish: the quick part at once, the whole once no change came for a while.

    A newer wish stops the whole of an older one, unless it is the same whole: then its quick part is done
    between two steps of it, and the whole goes on. A wish that fails is reported, and the next one is served.
    """

    def __init__(self, work: Work[WishT], *, rest_s: float, clock: Clock | None = None) -> None:
        """Start nothing yet: `start` does, or the caller runs `serve` itself.

        Args:
            work: What is done.
            rest_s: Pause after the last wish before its whole is done, seconds.
            clock: Time; None takes that on the wall.
        """
        self._work, self._rest_s = work, rest_s
        self._clock: Clock = clock or WallClock()
        self._news = threading.Condition()
        self._newest: WishT | None = None
        self._n_wished = self._n_quick = self._n_done = 0  # wishes: ever made, answered quickly, finished
        self._changed_s = 0.0
        self._closed = False
        self._thread: threading.Thread | None = None
        self._serving: int | None = None  # the thread that does

    def start(self) -> None:
        """Serve wishes in a thread from now on."""
        self._thread = threading.Thread(target=self.serve, name="vidlab-latest", daemon=True)
        self._thread.start()

    def wish(self, wish: WishT) -> None:
        """Want this from now on, and nothing that was wished before; returns at once."""
        with self._news:
            if self._newest is None or not self._work.same(self._newest, wish):
                self._changed_s = self._clock.now_s()
            self._newest = wish
            self._n_wished += 1
            self._news.notify_all()

    def settle(self, timeout_s: float) -> bool:
        """Wait until the last wish is served, or failed; False where that takes longer, or was closed."""
        with self._news:
            self._news.wait_for(lambda: self._closed or self._n_done == self._n_wished, timeout_s)
            return self._n_done == self._n_wished

    def close(self) -> None:
        """Stop all work and end the thread; may be called again, and by the work itself."""
        with self._news:
            self._closed = True
            self._news.notify_all()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(JOIN_S)

    def serve(self) -> None:
        """Serve wishes until `close`."""
        self._serving = threading.get_ident()
        while (served := self._next()) is not None:
            wish, number = served
            if self._quick(wish, number) and self._rested(number):
                self._whole(wish)
            self._finish(number)

    def _next(self) -> tuple[WishT, int] | None:
        with self._news:
            while not self._closed and self._n_done == self._n_wished:
                self._clock.wait(self._news, timeout_s=None)
            return None if self._closed or self._newest is None else (self._newest, self._n_wished)

    def _quick(self, wish: WishT, number: int) -> bool:
        self._n_quick = number
        return self._try(
            wish, lambda: self._work.quick(wish, stop=lambda: self._closed or self._n_wished > number)
        )

    def _rested(self, number: int) -> bool:
        """Wait for the pause after the last change; False where another wish came, or the end."""
        with self._news:
            until_s = self._changed_s + self._rest_s
            while not self._closed and self._n_wished == number:
                left_s = until_s - self._clock.now_s()
                if left_s <= 0:
                    return True
                self._clock.wait(self._news, timeout_s=left_s)
        return False

    def _whole(self, wish: WishT) -> None:
        stopped = False

        def stop() -> bool:  # once it said so, it stays: work that was cut short must not pass for whole
            nonlocal stopped
            stopped = stopped or self._overtaken(wish)
            return stopped

        self._try(wish, lambda: self._work.whole(wish, stop=stop))

    def _overtaken(self, wish: WishT) -> bool:
        """Tell whether the whole of a wish is stale; a newer wish of the same whole is answered meanwhile."""
        with self._news:
            newest, number = self._newest, self._n_wished
            if self._closed or newest is None or not self._work.same(wish, newest):
                return True
        # work may ask from threads of its own; what is quick stays in this one
        here = threading.get_ident() == self._serving
        return here and number > self._n_quick and not self._quick(newest, number)

    def _finish(self, number: int) -> None:
        """Note what is done: this wish, and those of the same whole that were answered while it ran."""
        with self._news:
            if not self._closed:
                self._n_done = max(number, self._n_quick)
            self._news.notify_all()

    def _try(self, wish: WishT, act: Callable[[], None]) -> bool:
        try:
            act()
        except Exception as error:  # whatever a method raises, the panel must go on
            self._work.failed(wish, error)
            return False
        return True
