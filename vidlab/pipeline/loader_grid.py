"""How fast a loader is under each setting: warmed up, in interleaved rounds, with the memory of its queue."""

import itertools
import os
import time
import warnings
from collections.abc import Callable, Generator, Sequence
from pathlib import Path

import numpy as np

from vidlab.errors import SourceError
from vidlab.params import LoaderGridParams
from vidlab.pipeline.clip_batch import ClipBatch
from vidlab.pipeline.loader_memory import (
    QueueBytes,
    TreeMemory,
    measure_tree,
    pinned_bytes,
    predict_queue,
    wait_until_full,
)
from vidlab.pipeline.loader_result import LoaderMeasurement, Round
from vidlab.pipeline.torch_loader import (
    Clips,
    LoaderSetting,
    StartMethod,
    effective_setting,
    guarded,
    make_loader,
)

QUEUE_TIMEOUT_S = 20.0  # a queue that is not full by then is measured as it is


def settings_of(grid: LoaderGridParams, *, cuda: bool) -> list[LoaderSetting]:
    """List the settings of a grid, those that come to the same left out.

    Args:
        grid: Which settings.
        cuda: There is a CUDA GPU: without one, `auto` does not try page-locked memory.
    """
    pins = {"auto": (False, True) if cuda else (False,), "yes": (True,), "no": (False,)}[grid.pin]
    axes = (_numbers(grid.workers), _numbers(grid.prefetch), _numbers(grid.batch_sizes), pins)
    combined = itertools.product(*axes)
    return list(
        dict.fromkeys(
            LoaderSetting(workers, max(1, prefetch) if workers else 0, max(1, batch), pin)
            for workers, prefetch, batch, pin in combined
        )
    )


def measure_grid(
    dataset: Clips,
    settings: Sequence[LoaderSetting],
    *,
    clip_frames: int,
    measured_batches: int,
    rounds: int,
    start_method: StartMethod,
    timeout_s: float,
    progress: Callable[[int, int | None], None],
    clock: Callable[[], float] = time.perf_counter,
) -> list[LoaderMeasurement]:
    """Measure every setting in every round, so that a slow moment of the machine meets all of them.

    All settings load the same clips in the same order. The consumer does nothing: what is measured is loading
    alone. Read the files once before (`read_through`), so that no setting pays for the disk.

    Args:
        dataset: The clips.
        settings: What to measure.
        clip_frames: Frames of a clip, for frames per second.
        measured_batches: Batches under the clock in each round, rounded up to a multiple of the workers.
        rounds: Number of rounds.
        start_method: How workers start.
        timeout_s: Time after which a silent worker counts as hung.
        progress: Called with the number of runs done and their total.
        clock: Seconds, rising.

    Raises:
        SourceError: A setting gave no clip that could be read.
    """
    dataset[0]  # what reading needs is loaded now, and not on the first setting's account
    working = list(dict.fromkeys(effective_setting(setting) for setting in settings))
    found: dict[LoaderSetting, list[Round]] = {setting: [] for setting in working}
    for number, setting in itertools.product(range(rounds), working):
        progress(sum(map(len, found.values())), rounds * len(working))
        found[setting].append(
            measure_round(
                dataset,
                setting,
                measured_batches=measured_batches,
                start_method=start_method,
                timeout_s=timeout_s,
                memory=number == 0,
                clock=clock,
            )
        )
    progress(rounds * len(working), rounds * len(working))
    return [
        LoaderMeasurement(
            setting,
            tuple(runs),
            clip_frames,
            predict_queue(setting, batch_bytes=max(run.batch_bytes for run in runs)),
        )
        for setting, runs in found.items()
    ]


def measure_round(
    dataset: Clips,
    setting: LoaderSetting,
    *,
    measured_batches: int,
    start_method: StartMethod,
    timeout_s: float,
    memory: bool,
    clock: Callable[[], float] = time.perf_counter,
) -> Round:
    """Run a loader once.

    The window opens when the whole queue has been taken once: what was ready before the clock ran is not
    counted. It holds a multiple of the number of workers, as they finish in bursts, and closes before the
    loader runs out of work.

    Raises:
        SourceError: No clip could be read.
    """
    warm_up = max(1, setting.queued_batches)
    turns = max(1, setting.num_workers)
    n_measured = -(-measured_batches // turns) * turns
    order = cycled(  # whatever the warm-up, the window holds the same clips
        len(dataset),
        batch_size=setting.batch_size,
        batches=range(-warm_up, n_measured + setting.queued_batches),
    )
    getattr(dataset, "close", lambda: None)()  # files opened by an earlier round would help this one
    before = measure_tree(os.getpid()) if memory else None
    start_s = clock()
    batches = start_batches(dataset, order, setting=setting, start_method=start_method, timeout_s=timeout_s)
    arrivals, sizes, lost, full, held = [start_s], [0], 0, 0, None
    for held in itertools.islice(batches, warm_up + n_measured):
        arrivals.append(clock())
        sizes.append(len(held))
        lost, full = lost + len(held.lost), max(full, held.n_bytes)
    added = _added(before, held, timeout_s=min(timeout_s, QUEUE_TIMEOUT_S)) if before is not None else None
    batches.close()
    n_clips = sum(sizes[warm_up + 1 :])
    if not n_clips:
        raise SourceError(f"clips must be readable, got {lost} that could not be read and no other")
    window = arrivals[warm_up:]
    return Round(
        first_batch_s=arrivals[1] - start_s,
        clips_per_s=n_clips / (window[-1] - window[0]),
        waits_ms=tuple(1e3 * wait for wait in np.diff(window).tolist()),
        batch_bytes=full,
        lost=lost,
        queue=added[0] if added else None,
        added_private=added[1] if added else 0,
        added_resident=added[2] if added else 0,
    )


def start_batches(
    dataset: Clips,
    order: list[list[int]],
    *,
    setting: LoaderSetting,
    start_method: StartMethod,
    timeout_s: float,
) -> Generator[ClipBatch, None, None]:
    """Start torch's loader on these batches; close the result to stop it."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="This DataLoader will create")  # more workers than cores
        loader = make_loader(dataset, order, setting=setting, start_method=start_method, timeout_s=timeout_s)
        return guarded(iter(loader))


def cycled(n_clips: int, *, batch_size: int, batches: range) -> list[list[int]]:
    """List batches of clip numbers in a fixed random order, going round as often as it takes.

    Args:
        n_clips: Number of clips.
        batch_size: Clips per batch.
        batches: Which batches of the endless row; negative ones come before the first, from the order's end.

    >>> cycled(3, batch_size=2, batches=range(-3, 0)) == cycled(3, batch_size=2, batches=range(3))
    True
    """
    order = np.random.default_rng(0).permutation(n_clips).tolist()
    starts = (batch * batch_size for batch in batches)
    return [[order[place % n_clips] for place in range(start, start + batch_size)] for start in starts]


def read_through(paths: Sequence[Path]) -> int:
    """Read files once, so that the system has them in memory; return their size in bytes."""
    n_bytes = 0
    for path in dict.fromkeys(paths):
        with path.open("rb", buffering=0) as file:
            while block := file.read(1 << 20):
                n_bytes += len(block)
    return n_bytes


def _added(before: TreeMemory, held: ClipBatch | None, *, timeout_s: float) -> tuple[QueueBytes, int, int]:
    """Memory beyond that of the lone process, while the consumer holds a batch and the queue is full."""
    wait_until_full(os.getpid(), timeout_s=timeout_s)
    after = measure_tree(os.getpid())
    del held
    return (
        QueueBytes(after.shared - before.shared, pinned_bytes()),
        after.private - before.private,
        after.resident - before.resident,
    )


def _numbers(text: str) -> list[int]:
    return list(dict.fromkeys(int(part) for part in text.split(",")))
