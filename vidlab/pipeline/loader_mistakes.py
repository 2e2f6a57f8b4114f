"""Ways to measure a loader wrongly: how "60 times faster" comes about, and what is true of the same run."""

import os
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from vidlab.pipeline.loader_grid import cycled, measure_round, read_through
from vidlab.pipeline.torch_loader import Clips, LoaderSetting, StartMethod, guarded, make_loader
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
    start_method: StartMethod,
    timeout_s: float,
    paths: Sequence[Path],
    sleep: Callable[[float], None] = time.sleep,
) -> list[Mistake]:
    """Measure the step from no workers to some, honestly and in the ways that are seen in the wild.

    Args:
        dataset: The clips.
        workers: Number of workers to compare with none.
        batch_size: Clips per batch.
        prefetch_factor: Batches that each worker keeps ready.
        n_batches: Batches under the clock.
        start_method: How workers start.
        timeout_s: Time after which a silent worker counts as hung.
        paths: The video files, to be dropped from the system's memory where it lets us.
        sleep: What the training step does: a GPU works, the processor is free.
    """
    alone = LoaderSetting(0, 0, batch_size, pin_memory=False)
    many = LoaderSetting(workers, prefetch_factor, batch_size, pin_memory=False)
    how: dict[str, Any] = {"start_method": start_method, "timeout_s": timeout_s}

    def batch_ms(clips: Clips, setting: LoaderSetting) -> float:
        run = measure_round(clips, setting, measured_batches=n_batches, memory=False, **how)
        return 1e3 * batch_size / run.clips_per_s

    read_through(paths)
    loading = {setting: batch_ms(dataset, setting) for setting in (alone, many)}
    step_s = SLACK * loading[many] / 1e3
    waits, totals = zip(
        *(
            train(dataset, each, n_batches=n_batches, step_s=step_s, sleep=sleep, **how)
            for each in (alone, many)
        ),
        strict=True,
    )
    remembered = RememberedClips(dataset)
    first = batch_ms(remembered, alone)
    for index in sorted({index for batch in _window(dataset, many, n_batches) for index in batch}):
        remembered[index]
    remembered_ms = batch_ms(remembered, many)
    cold = batch_ms(dataset, alone) if drop_from_memory(paths) else None
    found = [
        Mistake("throughput of loading", "same clips, warm, steady", loading[alone], loading[many], True),
        Mistake(
            "epoch with a training step",
            f"loading and {step_s * 1e3:.0f} ms of step per batch, end to end",
            totals[0], totals[1], True,
        ),
        Mistake(
            "wait for the next batch",
            "the same epochs: the queue was filled during the step, which nobody counted",
            waits[0], waits[1], False,
        ),
        Mistake(
            "lazy cache, filled by the first run",
            "the run without workers decodes, the forked workers inherit what it decoded",
            first, remembered_ms, False,
        ),
    ]  # fmt: skip
    if cold is not None:
        told = "the run without workers comes first and reads the disk, the other finds the files in memory"
        found.append(Mistake("files not yet in memory", told, cold, loading[many], False))
    return found


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
    loader = make_loader(dataset, order, setting=setting, start_method=start_method, timeout_s=timeout_s)
    waits: list[float] = []
    start_s = 0.0
    with closing(guarded(iter(loader))) as batches:  # type: ignore[type-var]  # a generator
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


def _window(dataset: Clips, setting: LoaderSetting, n_batches: int) -> list[list[int]]:
    queued = setting.queued_batches
    return cycled(
        len(dataset), batch_size=setting.batch_size, batches=range(-queued, 2 * n_batches + 2 * queued)
    )
