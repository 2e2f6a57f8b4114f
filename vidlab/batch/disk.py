"""How much room a batch will take, said before the work starts.

Measured on 7 real clips of 320×180 to 1920×1080, 12 to 16 frames each, with `--crf 20` (bytes per pixel of a
frame): the side-by-side video 0.013 to 0.128, masks and labels before and after 0.013 to 0.047, saved frames
0.6 to 1.9; rows of curves and instances take 1,300 bytes a frame. The largest of each is predicted, every
small file is given a block of the disk more than it holds, and the videos that are being finished stand
twice: in parts, and joined.
"""

import heapq
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from vidlab.batch.local import TooSlow, WorkerLost, WorkerProcess
from vidlab.batch.work import Task
from vidlab.errors import OutputError
from vidlab.jobs.progress import Progress, silent

FRAME_BYTES = 1_300.0  # of rows per frame, whatever its size
FILES = 4  # per frame: masks and labels, before and after
FILE_PIXEL_BYTES = 0.05  # in them together, per pixel of a frame
FILM_PIXEL_BYTES = 0.13  # of the side-by-side video, per pixel of a frame
FILM_CRF, CRF_HALVES = 20, 6  # at which it was measured; x264's rule of thumb: so much more is half the size
SAVED_PIXEL_BYTES = 2.0  # per pixel of a frame that is saved as PNG
RESULT_BYTES = 1_000_000.0  # plots and records of a result
NOTEBOOK_BYTES = 5_000_000.0  # an executed notebook with its files, where nothing better is known
PROBE_S = 30.0  # most seconds to open a video and decode its first frame
GB = 1e9


@dataclass(frozen=True, slots=True)
class Room:
    """What a batch will take, and what there is.

    Attributes:
        n_bytes: Predicted for what is not done yet, the most that stands at any time.
        n_unknown: Tasks that nobody can predict: their video cannot be opened, or does not say its length.
        free_bytes: What the disk has.
    """

    n_bytes: int
    n_unknown: int
    free_bytes: int

    def __str__(self) -> str:
        """Say it in words.

        >>> str(Room(5_000_000, 2, 80_000_000_000))
        '0.01 of 80.00 GB; 2 of the tasks cannot be predicted'
        """
        unknown = f"; {self.n_unknown} of the tasks cannot be predicted" if self.n_unknown else ""
        return f"{max(self.n_bytes / GB, 0.01):.2f} of {self.free_bytes / GB:.2f} GB{unknown}"


class _Need(NamedTuple):
    """Bytes on the disk that a task takes: its result, and what else stands while that is finished."""

    result: float
    beside: float


def predict_room(tasks: Sequence[Task], *, out: Path, at_once: int = 1, progress: Progress = silent) -> Room:
    """Predict how much room tasks will take.

    Videos are opened in a process of their own: a damaged one may hang or kill it.

    Args:
        tasks: What is to be done.
        out: Folder of the batch; it must be there.
        at_once: Tasks that are worked on at the same time.
        progress: Told how many videos are looked at.
    """
    sizes = _sizes(tasks, progress=progress)
    block_bytes = os.statvfs(out).f_frsize
    needs = [_predicted(task, sizes, block_bytes=block_bytes) for task in tasks]
    known = [need for need in needs if need is not None]
    beside = heapq.nlargest(at_once, (need.beside for need in known))
    n_bytes = round(sum(need.result for need in known) + sum(beside))
    return Room(n_bytes, len(tasks) - len(known), shutil.disk_usage(out).free)


def require_room(room: Room, *, out: Path, reserve_gb: float) -> None:
    """Refuse to start where the room will not do.

    Raises:
        OutputError: Predicted results and reserve are more than is free.
    """
    if room.n_bytes + reserve_gb * GB > room.free_bytes:
        raise OutputError(
            f"{out} must hold {room.n_bytes / GB:.2f} GB of results and {reserve_gb:g} GB in reserve "
            f"(--disk-reserve), got {room.free_bytes / GB:.2f} GB free"
        )


def _predicted(task: Task, sizes: Mapping[str, Any], *, block_bytes: int) -> _Need | None:
    if task.kind == "notebook":
        return _Need(NOTEBOOK_BYTES, 0.0)
    n_frames, size_hw = sizes.get(task.source) or (None, (0, 0))
    n_frames = n_frames or task.settings["source"]["max_frames"]
    if not n_frames or not size_hw[0]:
        return None
    n_frames = min(n_frames, task.settings["source"]["max_frames"] or n_frames)
    n_px = n_frames * int(size_hw[0]) * int(size_hw[1])
    crf = task.settings["writer"]["crf"]
    film = n_px * FILM_PIXEL_BYTES * 2 ** ((FILM_CRF - crf) / CRF_HALVES)
    files = n_frames * (FRAME_BYTES + FILES * block_bytes) + n_px * FILE_PIXEL_BYTES
    saved = n_px * SAVED_PIXEL_BYTES * task.settings["save_frames"]
    return _Need(RESULT_BYTES + film + files + saved, beside=film)


def _sizes(tasks: Sequence[Task], *, progress: Progress) -> dict[str, Any]:
    """Return number of frames and (height, width) of each video; None where it cannot be opened."""
    rates = {task.source: task.settings["source"]["fps"] for task in tasks if task.kind == "stabilize"}
    sizes: dict[str, Any] = {}
    for number, (source, answer) in enumerate(_probed(rates)):
        sizes[source] = answer
        progress(number + 1, len(rates))
    return sizes


def _probed(rates: Mapping[str, float]) -> Iterator[tuple[str, Any]]:
    worker: WorkerProcess | None = None
    try:
        for source, fps in rates.items():
            worker = worker or WorkerProcess()
            answer = None
            try:
                answer = worker.ask("probe", (source, fps), limit_s=PROBE_S)
            except (WorkerLost, TooSlow):
                worker.close()
                worker = None
            yield source, answer
    finally:
        if worker is not None:
            with suppress(OSError):
                worker.close()
