"""What the prefetch queue of a loader takes: predicted by arithmetic, and read from the system (Linux)."""

import os
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vidlab.pipeline.torch_loader import LoaderSetting

SETTLED_S = 0.25  # neither at work nor waiting for a processor for so long: the queue is full
ASLEEP = "SI"  # states of a process that waits for something to happen, not for a processor or the disk
SHARED_FOLDER = "/dev/shm/"
SEMAPHORE = "/dev/shm/sem."  # a page each; those of queues and locks, not of batches
_PROC = Path("/proc")
_KIB = 1024


@dataclass(frozen=True, slots=True)
class QueueBytes:
    """Memory of batches that are ready before anyone asked for them, and of the one in the consumer's hand.

    Attributes:
        shared: Shared memory, through which workers hand batches over, in bytes.
        pinned: Page-locked memory, in bytes.
    """

    shared: int
    pinned: int


@dataclass(frozen=True, slots=True)
class TreeMemory:
    """Memory of a process and all its children at one moment.

    Attributes:
        shared: Files of shared memory that they hold open or mapped, each counted once, in bytes.
        private: Proportional share of everything else (PSS without shared memory), in bytes.
        resident: Sum of the resident sizes, in bytes; counts pages that processes share several times.
        n_processes: Processes that could be read.
    """

    shared: int
    private: int
    resident: int
    n_processes: int


def predict_queue(setting: LoaderSetting, *, batch_bytes: int) -> QueueBytes:
    """Say how much memory a full queue takes.

    `num_workers · prefetch_factor` batches are ready, and the consumer holds one more. With pinning each of
    them has been copied on to page-locked memory, in blocks that torch rounds up to powers of two, but for
    one that may be under way. Without workers there is no queue, only the consumer's batch.

    Args:
        setting: How the loader works.
        batch_bytes: Size of a full batch.

    >>> predict_queue(LoaderSetting(4, 2, 8, False), batch_bytes=10).shared
    90
    """
    batches = setting.queued_batches + 1
    if setting.pin_memory:
        rounded = 1 << max(0, batch_bytes - 1).bit_length()
        return QueueBytes(batch_bytes if setting.num_workers else 0, batches * rounded)
    return QueueBytes(batches * batch_bytes if setting.num_workers else 0, 0)


def measure_tree(pid: int) -> TreeMemory:
    """Read the memory of a process and all its children; zeros where the system does not tell."""
    files: dict[tuple[int, int], int] = {}
    private = resident = n_processes = 0
    for member in tree_of(pid):
        with suppress(OSError, ValueError):  # it may end meanwhile
            sums = _smaps(member)
            files.update(_shared_files(member))
            private += sums["Pss"] - sums.get("Pss_Shmem", 0)
            resident += sums["Rss"]
            n_processes += 1
    return TreeMemory(sum(files.values()), private, resident, n_processes)


def pinned_bytes() -> int:
    """Page-locked memory that torch's allocator holds for batches now, in bytes; 0 without CUDA."""
    import torch

    stats: Callable[[], dict[str, Any]] | None = getattr(torch.cuda, "host_memory_stats", None)
    if stats is None or not torch.cuda.is_available():
        return 0
    return int(stats().get("allocated_bytes.current", 0))


def wait_until_full(pid: int, *, timeout_s: float) -> bool:
    """Wait until the children of a process rest, as they do when the queue is full; whether they did."""
    until = time.monotonic() + timeout_s
    before, since = _work_of_children(pid)[0], time.monotonic()
    while time.monotonic() < until:
        time.sleep(SETTLED_S / 10)
        now, asleep = _work_of_children(pid)
        if now != before or not asleep:
            before, since = now, time.monotonic()
        elif time.monotonic() - since >= SETTLED_S:
            return True
    return False


def tree_of(pid: int) -> list[int]:
    """Return a process and all its children, their children too."""
    parents: dict[int, list[int]] = {}
    for entry in _PROC.iterdir() if _PROC.is_dir() else ():
        if entry.name.isdigit():
            with suppress(OSError, ValueError, IndexError):
                parents.setdefault(int(_stat(int(entry.name))[1]), []).append(int(entry.name))
    members = [pid]
    for member in members:  # grows while it is gone through
        members.extend(parents.get(member, ()))
    return members


def _stat(pid: int) -> list[str]:
    """Fields of a process after its name, which may hold anything; the first are its state and its parent."""
    return (_PROC / str(pid) / "stat").read_text(errors="replace").rpartition(")")[2].split()


def _work_of_children(pid: int) -> tuple[int, bool]:
    """Processor time of all children so far, in ticks, and whether all of them sleep."""
    ticks, asleep = 0, True
    for child in tree_of(pid)[1:]:
        with suppress(OSError, ValueError, IndexError):
            fields = _stat(child)
            ticks += int(fields[11]) + int(fields[12])
            asleep &= fields[0] in ASLEEP
    return ticks, asleep


def _smaps(pid: int) -> dict[str, int]:
    text = (_PROC / str(pid) / "smaps_rollup").read_text()
    fields = (line.split() for line in text.splitlines()[1:])
    return {field[0].rstrip(":"): int(field[1]) * _KIB for field in fields if len(field) > 1}


def _shared_files(pid: int) -> Iterator[tuple[tuple[int, int], int]]:
    """Yield device and inode, and size in memory, of the files of shared memory that a process holds.

    A batch on its way lies in a file that has no name any more, and that nobody has mapped: workers have let
    go of it, the consumer has not opened it yet. Only the open descriptor shows it.
    """
    for folder in ("fd", "map_files"):
        for link in _links(_PROC / str(pid) / folder):
            with suppress(OSError):
                target = os.readlink(link)
                if target.startswith(SHARED_FOLDER) and not target.startswith(SEMAPHORE):
                    status = link.stat()  # of the open file, also if it was removed
                    yield (status.st_dev, status.st_ino), status.st_blocks * 512


def _links(folder: Path) -> Iterable[Path]:
    with suppress(OSError):
        return list(folder.iterdir())
    return ()
