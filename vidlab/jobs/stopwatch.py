"""Where a job's time goes: one sum of seconds per stage."""

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from vidlab.temporal.protocol import Evidence, Stabilizer, StableFrame
from vidlab.types import UInt8Image

ItemT = TypeVar("ItemT")


class Stopwatch:
    """Sums wall time per named stage.

    Stages must not be nested in one another, or their time counts twice.

    Attributes:
        seconds: Stage → seconds so far.
    """

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget everything; the total starts now."""
        self.seconds: dict[str, float] = {}
        self._start_s = time.perf_counter()

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Count the time of a block."""
        start_s = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - start_s

    def iterate(self, name: str, items: Iterable[ItemT]) -> Iterator[ItemT]:
        """Pass items through, counting only the time it takes to get each one."""
        iterator = iter(items)
        while True:
            with self.stage(name):
                try:
                    item = next(iterator)
                except StopIteration:
                    return
            yield item

    def report(self, n_frames: int) -> dict[str, float]:
        """Return `NAME_s` per stage, the total and the frames per second of the whole job."""
        total_s = time.perf_counter() - self._start_s
        stages = {f"{name}_s": round(seconds, 4) for name, seconds in self.seconds.items()}
        return {**stages, "total_s": round(total_s, 4), "frames_per_s": round(n_frames / total_s, 3)}


class TimedStabilizer:
    """A stabilizer whose time counts as the stage `stabilize`."""

    def __init__(self, stabilizer: Stabilizer, stopwatch: Stopwatch) -> None:
        self._stabilizer, self._stopwatch = stabilizer, stopwatch
        self.delay = stabilizer.delay

    def reset(self) -> None:
        """Pass on."""
        self._stabilizer.reset()

    def step(self, image: UInt8Image, evidence: Evidence) -> Iterable[StableFrame]:
        """Pass on, counting the time."""
        with self._stopwatch.stage("stabilize"):
            return list(self._stabilizer.step(image, evidence))

    def flush(self) -> Iterable[StableFrame]:
        """Pass on, counting the time."""
        return self._stopwatch.iterate("stabilize", self._stabilizer.flush())
