"""Long videos end to end through `vidlab batch stabilize`: does memory stay flat, and was the disk predicted?

`benchmarks/batch.py --hour` runs it. The videos are made on the fly; what is watched is the family of
processes of the command, once a second, and the folder of the batch, now and then.
"""

import os
import shutil
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
from batch_clips import CLIPS, MASKS, plan, write_clip

from vidlab.batch.disk import predict_room
from vidlab.batch.store import Store

METHOD = "flow_fusion"  # causal: one pass over a stream
VIDEOS = {"an hour": ((180, 320), 90_000), "ten minutes": ((480, 854), 15_000)}
QUICK = {"an hour": ((180, 320), 300), "ten minutes": ((480, 854), 60)}
EVERY_S, DISK_EVERY_S = 1.0, 30.0
SETTLED = 0.1  # share of the time after which buffers have been full once


@dataclass
class Watched:
    """What was seen of a command while it ran.

    Attributes:
        times_s: When.
        workers_mb: Resident memory of the processes it started, together.
        driver_mb: Of itself.
        disk_bytes: The folder's largest size.
    """

    times_s: list[float] = field(default_factory=list)
    workers_mb: list[float] = field(default_factory=list)
    driver_mb: list[float] = field(default_factory=list)
    disk_bytes: int = 0


def measure_hours(root: Path, *, masks: str, quick: bool, only: str | None = None) -> list[dict[str, Any]]:
    """Run every long video by a batch of its own.

    Args:
        root: Folder to work in.
        masks: `own`, a folder of PNGs; `demo`, the small network of this repository.
        quick: Short ones, which only show that it runs.
        only: Name of one of them; None takes all.
    """
    found = []
    for name, (size_hw, n_frames) in (QUICK if quick else VIDEOS).items():
        if only not in (None, name):
            continue
        folder = root / name.replace(" ", "_")
        found.append({"video": name, **measure(folder, size_hw=size_hw, n_frames=n_frames, masks=masks)})
        shutil.rmtree(folder)
    return found


def measure(root: Path, *, size_hw: tuple[int, int], n_frames: int, masks: str) -> dict[str, Any]:
    """Make one video, run it, and watch."""
    begun_s = time.perf_counter()
    write_clip(root, "long", size_hw=size_hw, n_frames=n_frames, seed=7)
    print(f"  {n_frames} frames made in {time.perf_counter() - begun_s:.0f} s", file=sys.stderr, flush=True)
    out = root / "out"
    Store(out).make()
    predicted = predict_room(plan(root, out=out, method=METHOD), out=out).n_bytes
    words = [sys.executable, "-m", "vidlab", "batch", "stabilize", str(root / CLIPS), "--out", str(out)]
    words += ["--method", METHOD, "--jobs", "1", "--quiet"]
    words += ["--masks", str(root / MASKS)] if masks == "own" else ["--model", "maskrcnn_demo"]
    watched, seconds = watch(words, out)
    (result,) = (out / "results").iterdir()
    first, last = quarters(watched)
    (outcome,) = (Store(out).outcome(task) for task in Store(out).read_batch().tasks)
    assert outcome is not None
    return {
        "size_hw": size_hw, "n_frames": n_frames, "masks": masks, "seconds": seconds,
        "frames_per_s": outcome.frames_per_s, "first_mb": first, "last_mb": last,
        "peak_mb": max(watched.workers_mb), "driver_peak_mb": max(watched.driver_mb),
        "predicted_bytes": predicted, "peak_bytes": max(watched.disk_bytes, size_of(out)[0]),
        "result_bytes": size_of(result)[0], "result_blocks_bytes": size_of(result)[1],
        "curve": thinned(watched),
    }  # fmt: skip


def watch(words: Sequence[str], out: Path) -> tuple[Watched, float]:
    """Run a command and look at its memory and its folder until it ends."""
    watched, begun_s = Watched(), time.perf_counter()
    ended = threading.Event()
    looking = threading.Thread(target=_look_at_disk, args=(out, watched, ended))
    process = subprocess.Popen(words)
    looking.start()
    try:
        head = psutil.Process(process.pid)
        while process.poll() is None:
            workers = sum(map(resident_mb, head.children(recursive=True)))
            if workers:
                watched.times_s.append(time.perf_counter() - begun_s)
                watched.workers_mb.append(workers)
                watched.driver_mb.append(resident_mb(head))
            time.sleep(EVERY_S)
    finally:
        process.kill()
        ended.set()
        looking.join()
    if process.returncode != 0:
        raise SystemExit(f"the batch failed with exit code {process.returncode}")
    return watched, time.perf_counter() - begun_s


def _look_at_disk(out: Path, watched: Watched, ended: threading.Event) -> None:
    while not ended.wait(DISK_EVERY_S):
        watched.disk_bytes = max(watched.disk_bytes, size_of(out)[0])


def resident_mb(process: psutil.Process) -> float:
    """Return resident memory, 0 of a process that is gone."""
    try:
        return process.memory_info().rss / 1e6
    except psutil.Error:
        return 0.0


def size_of(folder: Path) -> tuple[int, int]:
    """Return the size of all files in a folder, in bytes and in blocks of the disk."""
    n_bytes = n_blocks = 0
    for root, _, names in os.walk(folder):
        for name in names:
            try:
                said = os.lstat(os.path.join(root, name))
            except FileNotFoundError:  # renamed or removed while we look
                continue
            n_bytes, n_blocks = n_bytes + said.st_size, n_blocks + said.st_blocks
    return n_bytes, 512 * n_blocks


def quarters(watched: Watched) -> tuple[float, float]:
    """Return the medians of the workers' memory in the first and last quarter, once it has settled."""
    settled = watched.workers_mb[int(SETTLED * len(watched.workers_mb)) :]
    quarter = max(1, len(settled) // 4)
    return statistics.median(settled[:quarter]), statistics.median(settled[-quarter:])


def thinned(watched: Watched, *, n_points: int = 60) -> list[tuple[float, float]]:
    """Return memory over time in a few points: the largest in each stretch."""
    step = max(1, len(watched.times_s) // n_points)
    return [
        (round(watched.times_s[i], 1), round(max(watched.workers_mb[i : i + step]), 1))
        for i in range(0, len(watched.times_s), step)
    ]
