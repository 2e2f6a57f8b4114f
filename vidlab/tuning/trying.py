"""Trials at once, on clips that all of them share."""

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager

from vidlab.jobs.rehearsal import Rehearsal
from vidlab.params import MethodParams
from vidlab.profiling import available_cores
from vidlab.tuning.scoring import By, Outcome, outcome

Ask = Callable[[], tuple[int, MethodParams] | None]
"""Gives the number of the next trial and what it tries; None when there is to be no other."""
Tell = Callable[[int, dict[str, Outcome]], None]
"""Takes what came of a trial, clip by clip."""


class Trier:
    """Measures parameters on clips, several at a time; what was measured before is looked up.

    Threads: they share frames, masks and every flow, and the work is in OpenCV and NumPy, which run beside
    one another.
    """

    def __init__(self, *, workers: int, by: By) -> None:
        """Set up; 0 workers are as many as there are cores."""
        self.workers = workers or max(1, int(available_cores()))
        self._by = by
        self._known: dict[tuple[str, MethodParams], Outcome] = {}

    def measure(self, clips: Mapping[str, Rehearsal], params: MethodParams) -> dict[str, Outcome]:
        """Return what a method gives on each clip."""
        found = {}
        for name, clip in clips.items():
            key = (name, params)
            if key not in self._known:
                self._known[key] = outcome(clip.measure(params), by=self._by)
            found[name] = self._known[key]
        return found

    def each(self, clips: Mapping[str, Rehearsal], *, ask: Ask, tell: Tell) -> None:
        """Ask, measure and tell until nothing more is asked; asking and telling stay in this thread."""
        running: dict[Future[dict[str, Outcome]], int] = {}
        with _pool(self.workers) as pool:
            while True:
                while len(running) < self.workers and (asked := ask()) is not None:
                    number, params = asked
                    running[pool.submit(self.measure, clips, params)] = number
                if not running:
                    return
                for done in wait(running, return_when=FIRST_COMPLETED).done:
                    tell(running.pop(done), done.result())


@contextmanager
def _pool(workers: int) -> Iterator[ThreadPoolExecutor]:
    """Give threads; if the block raises, what has not begun is dropped."""
    pool = ThreadPoolExecutor(workers, thread_name_prefix="vidlab-trial")
    try:
        yield pool
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
