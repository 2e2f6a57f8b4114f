"""How fast a pipeline looks to a careless clock: the usual mistakes, each beside the truth on the same work.

All of them time a moment at which nothing has happened yet, or a place that the work does not pass.
"""

import statistics
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from vidlab.pipeline.latency import LatencyReport, report_offline
from vidlab.pipeline.schedules import Stage, overlapped
from vidlab.profiling import Timeline


@dataclass(frozen=True, slots=True)
class Misread:
    """One quantity, read off in the wrong place and in the right one.

    Attributes:
        quantity: What it is, with its unit.
        careless: What the mistake shows.
        honest: What is true.
        mistake: Where the careless number comes from.
    """

    quantity: str
    careless: float
    honest: float
    mistake: str

    @property
    def factor(self) -> float:
        """How many times the two differ, at least 1; infinite where one of them is 0."""
        low, high = sorted((abs(self.careless), abs(self.honest)))
        return high / low if low > 0 else float("inf")


def time_submitting(work: Callable[[Any], Any], items: Sequence[Any]) -> Misread:
    """Time work that runs elsewhere until the call returns, as with a GPU, and until it is done.

    Args:
        work: Runs in another thread, one item after the other.
        items: At least one.
    """
    submitted, done = [], []
    with ThreadPoolExecutor(1) as elsewhere:
        elsewhere.submit(work, items[0]).result()
        for item in items:
            begun_s = time.perf_counter()
            future = elsewhere.submit(work, item)
            submitted.append(1000 * (time.perf_counter() - begun_s))
            future.result()
            done.append(1000 * (time.perf_counter() - begun_s))
    mistake = "the clock stops when the work was handed over, not when it was done"
    return Misread("ms per item", statistics.median(submitted), statistics.median(done), mistake)


def count_submitted(work: Callable[[Any], Any], items: Sequence[Any]) -> Misread:
    """Count items per second that were handed over, and those that were done."""
    with ThreadPoolExecutor(1) as elsewhere:
        elsewhere.submit(work, items[0]).result()
        begun_s = time.perf_counter()
        futures = [elsewhere.submit(work, item) for item in items]
        submitted_s = time.perf_counter() - begun_s
        for future in futures:
            future.result()
        done_s = time.perf_counter() - begun_s
    mistake = "items are counted as they enter the queue; the clock stops before they leave it"
    return Misread("items per second", len(items) / submitted_s, len(items) / done_s, mistake)


def count_lazily(work: Callable[[Any], Any], items: Sequence[Any]) -> Misread:
    """Time setting up a lazy pipeline, in which nothing runs until somebody asks, and running it."""
    begun_s = time.perf_counter()
    results = map(work, items)
    built_s = time.perf_counter() - begun_s
    for _ in results:
        pass
    done_s = time.perf_counter() - begun_s
    mistake = "a generator was made, and nobody asked it for a frame"
    return Misread("items per second", len(items) / built_s, len(items) / done_s, mistake)


@dataclass(frozen=True, slots=True)
class Watched:
    """An overlapped run, seen from the consumer and from the timeline.

    Attributes:
        waits_ms: What each `next` took.
        gaps_ms: Times between successive results.
        report: Every frame from the start of its decoding to its result.
    """

    waits_ms: tuple[float, ...]
    gaps_ms: tuple[float, ...]
    report: LatencyReport

    @property
    def latency(self) -> Misread:
        """The wait for a result that is ready, and the age of what is in it."""
        mistake = "only the `get` from the queue is timed; what lay in it is older"
        return Misread("ms latency", statistics.median(self.waits_ms), self.report.percentile_ms(50), mistake)

    def jitter(self, *, window: int) -> Misread:
        """Spread of means over a window of frames, as a smoothed counter shows, and of single frames.

        Args:
            window: Frames in a mean.
        """
        gaps = np.array(self.gaps_ms)
        n_whole = len(gaps) // window * window
        means = gaps[:n_whole].reshape(-1, window).mean(axis=1)
        mistake = f"the spread is that of means over {window} frames: ups and downs inside cancel"
        return Misread("ms jitter", float(means.std()), self.report.interval_jitter_ms, mistake)


def watch_overlapped(
    source: Iterable[Any],
    steps: Sequence[Stage],
    *,
    queue_size: int,
    consume: Callable[[Any], Any],
) -> Watched:
    """Run overlapped stages with a consumer that takes its time, and note what it would see.

    Args:
        source: The items.
        steps: What happens to each, one result for one.
        queue_size: Most items that wait between two stages.
        consume: What is done with each result, such as showing it.
    """
    timeline = Timeline()
    waits_ms: list[float] = []
    came_s: list[float] = []
    with closing(overlapped(source, steps, timeline=timeline, queue_size=queue_size)) as results:
        for result in _timed(results, waits_ms):
            came_s.append(time.perf_counter())
            consume(result)
    gaps_ms = tuple(1000 * (after - before) for before, after in pairwise(came_s))
    done = report_offline(timeline.spans)
    # a result is there for the consumer when it takes it, not when the last stage put it down
    begun_s = done.done_s - done.latencies_ms / 1000
    seen_s = np.array(came_s)
    elapsed_s = float(seen_s[-1] - begun_s[0])
    report = LatencyReport(1000 * (seen_s - begun_s), seen_s, done.n_frames, elapsed_s, None)
    return Watched(tuple(waits_ms), gaps_ms, report)


def _timed(results: Iterator[Any], waits_ms: list[float]) -> Iterator[Any]:
    while True:
        begun_s = time.perf_counter()
        try:
            result = next(results)
        except StopIteration:
            return
        waits_ms.append(1000 * (time.perf_counter() - begun_s))
        yield result
