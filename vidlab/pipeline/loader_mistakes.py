"""Ways to measure a loader wrongly: how "60 times faster" comes about, and what is true of the same run."""

import os
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from vidlab.pipeline.loader_grid import cycled, measure_round, read_through, start_batches
from vidlab.pipeline.torch_loader import Clips, LoaderSetting, StartMethod
from vidlab.video.dataset import Clip, LostClip

SLACK = 1.5  # a training step takes so many times what the workers need for a batch: the queue is always full


@dataclass(frozen=True, slots=True)
class Mistake:
    """One way to measure, and what it makes of the step from no workers to some.

    Attributes:
        name: What is put under the clock.
        explanation: Why the ratio is what it is, in a sentence.
        without_ms: Time per batch without workers, as measured in this way, in milliseconds.
        with_ms: The same with workers.
        honest: Whether the ratio is what a user gains.
    """

    name: str
    explanation: str
    without_ms: float
    with_ms: float
    honest: bool

    @property
    def ratio(self) -> float:
        """How many times faster the workers seem."""
        return self.without_ms / self.with_ms


class RememberedClips:
    """A data set that keeps every clip it has read: a "lazy" cache, as many data sets have one."""

    def __init__(self, dataset: Clips) -> None:
        self._dataset = dataset
        self._clips: dict[int, Clip | LostClip] = {}

    def __len__(self) -> int:
        return len(self._dataset)

    def __getitem__(self, index: int) -> Clip | LostClip:
        if index not in self._clips:
            self._clips[index] = self._dataset[index]
        return self._clips[index]

    def close(self) -> None:
        """Let files go; clips stay."""
        getattr(self._dataset, "close", lambda: None)()


def measure_mistakes(
    dataset: Clips,
    *,
    workers: int,
    batch_size: int,
    prefetch_factor: int,
    n_batches: int,
    rounds: int,
    start_method: StartMethod,
    timeout_s: float,
    paths: Sequence[Path],
    sleep: Callable[[float], None] = time.sleep,
) -> list[Mistake]:
    """Measure the step from no workers to some, honestly and in the ways that are seen in the wild.

    Args:
        dataset: The clips; `n_batches` batches should not go round through them.
        workers: Number of workers to compare with none.
        batch_size: Clips per batch.
        prefetch_factor: Batches that each worker keeps ready.
        n_batches: Batches under the clock.
        rounds: Interleaved rounds behind the honest throughput; their medians count.
        start_method: How workers start.
        timeout_s: Time after which a silent worker counts as hung.
        paths: The video files, to be dropped from the system's memory where it lets us.
        sleep: What the training step does: a GPU works, the processor is free.
    """
    alone = LoaderSetting(0, 0, batch_size, pin_memory=False)
    many = LoaderSetting(workers, prefetch_factor, batch_size, pin_memory=False)
    both = _Both(dataset, alone, many, n_batches, {"start_method": start_method, "timeout_s": timeout_s})
    read_through(paths)
    honest = both.throughput(rounds=rounds)
    step_s = SLACK * honest.with_ms / 1e3
    found = [honest, *both.training(step_s=step_s, sleep=sleep), both.lazily_cached()]
    return [*found, both.cold(paths)] if drop_from_memory(paths) else found


@dataclass(frozen=True, slots=True)
class _Both:
    """No workers and some, on the same clips."""

    dataset: Clips
    alone: LoaderSetting
    many: LoaderSetting
    n_batches: int
    how: dict[str, Any]

    def batch_ms(self, clips: Clips, setting: LoaderSetting) -> float:
        run = measure_round(clips, setting, measured_batches=self.n_batches, memory=False, **self.how)
        return 1e3 * setting.batch_size / run.clips_per_s

    def throughput(self, *, rounds: int) -> Mistake:
        pairs = [
            [self.batch_ms(self.dataset, each) for each in (self.alone, self.many)] for _ in range(rounds)
        ]
        without_ms, with_ms = np.median(pairs, axis=0).tolist()
        return Mistake("throughput of loading", "same clips, warm, steady", without_ms, with_ms, True)

    def training(self, *, step_s: float, sleep: Callable[[float], None]) -> list[Mistake]:
        """Both from the same two runs: what a user waits in all, and the wait for a batch alone."""
        (wait, total), (short_wait, short_total) = (
            train(self.dataset, each, n_batches=self.n_batches, step_s=step_s, sleep=sleep, **self.how)
            for each in (self.alone, self.many)
        )
        whole = f"loading and {step_s * 1e3:.0f} ms of step per batch, end to end"
        told = "the same epochs: the queue was filled during the step, which nobody counted"
        return [
            Mistake("epoch with a training step", whole, total, short_total, True),
            Mistake("wait for the next batch", told, wait, short_wait, False),
        ]

    def lazily_cached(self) -> Mistake:
        remembered = RememberedClips(self.dataset)
        first_ms = self.batch_ms(remembered, self.alone)
        queued = self.many.queued_batches
        needed = range(-queued, self.n_batches + self.many.num_workers + queued)
        for batch in cycled(len(remembered), batch_size=self.many.batch_size, batches=needed):
            for index in batch:
                remembered[index]
        told = "the run without workers decodes, the forked workers inherit what it decoded"
        return Mistake(
            "lazy cache, filled by the first run", told, first_ms, self.batch_ms(remembered, self.many), False
        )

    def cold(self, paths: Sequence[Path]) -> Mistake:
        drop_from_memory(paths)
        first_ms = self.batch_ms(self.dataset, self.alone)
        told = "the run without workers comes first and reads the disk, the other finds the files in memory"
        return Mistake(
            "files not yet in memory", told, first_ms, self.batch_ms(self.dataset, self.many), False
        )


def train(
    dataset: Clips,
    setting: LoaderSetting,
    *,
    n_batches: int,
    step_s: float,
    start_method: StartMethod,
    timeout_s: float,
    sleep: Callable[[float], None],
) -> tuple[float, float]:
    """Run a loop with a step behind each batch.

    Returns:
        Median wait for a batch, and mean time per batch from end to end, both in milliseconds; the first
        batch, for which workers have to start, is left out of both.
    """
    getattr(dataset, "close", lambda: None)()
    order = cycled(len(dataset), batch_size=setting.batch_size, batches=range(-1, n_batches))
    loader = start_batches(dataset, order, setting=setting, start_method=start_method, timeout_s=timeout_s)
    waits: list[float] = []
    start_s = 0.0
    with closing(loader) as batches:
        next(batches)
        sleep(step_s)
        start_s = asked_s = time.perf_counter()
        for _ in batches:
            waits.append(time.perf_counter() - asked_s)
            sleep(step_s)
            asked_s = time.perf_counter()
        total_s = time.perf_counter() - start_s
    return 1e3 * float(np.median(waits)), 1e3 * total_s / n_batches


def drop_from_memory(paths: Iterable[Path]) -> bool:
    """Ask the system to forget what it has read of files; whether it can be asked."""
    advise = getattr(os, "posix_fadvise", None)
    if advise is None:
        return False
    for path in paths:
        with path.open("rb") as file, suppress(OSError):
            os.fsync(file.fileno())
            advise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    return True
