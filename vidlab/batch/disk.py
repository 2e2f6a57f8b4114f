"""How much room results will take, said before the work starts.

Measured on 7 real clips of 320×180 to 1920×1080, 12 to 16 frames each, with `--crf 20` (bytes per pixel of a
frame): the side-by-side video 0.013 to 0.128, masks and labels before and after 0.013 to 0.047, saved frames
0.6 to 1.9; rows of curves and instances take 1,300 bytes a frame. The largest of each is predicted, and
`WORKING` on top for what stands twice while a video is finished.
"""

import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vidlab.batch.local import TooSlow, WorkerLost, WorkerProcess
from vidlab.batch.work import Task
from vidlab.errors import OutputError
from vidlab.jobs.progress import Progress, silent

FRAME_BYTES = 4_000.0  # per frame, whatever its size
PIXEL_BYTES = 0.18  # per pixel of a frame
SAVED_PIXEL_BYTES = 2.0  # per pixel of a frame that is saved as PNG
RESULT_BYTES = 1_000_000.0  # plots and records of a result
NOTEBOOK_BYTES = 5_000_000.0  # an executed notebook with its files, where nothing better is known
WORKING = 1.2
PROBE_S = 30.0  # most seconds to open a video and decode its first frame
GB = 1e9


@dataclass(frozen=True, slots=True)
class Room:
    """What a batch will take, and what there is.

    Attributes:
        n_bytes: Predicted size of what is not done yet.
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


def predict_room(tasks: Sequence[Task], *, out: Path, progress: Progress = silent) -> Room:
    """Predict how much room the results of tasks will take.

    Videos are opened in a process of their own: a damaged one may hang or kill it.

    Args:
        tasks: What is to be done.
        out: Folder of the batch; it must be there.
        progress: Told how many videos are looked at.
    """
    sizes = _sizes(tasks, progress=progress)
    predicted = [_predicted(task, sizes) for task in tasks]
    known = [n_bytes for n_bytes in predicted if n_bytes is not None]
    return Room(round(WORKING * sum(known)), len(tasks) - len(known), shutil.disk_usage(out).free)


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


def _predicted(task: Task, sizes: Mapping[str, Any]) -> float | None:
    if task.kind == "notebook":
        return NOTEBOOK_BYTES
    n_frames, size_hw = sizes.get(task.source) or (None, (0, 0))
    n_frames = n_frames or task.settings["source"]["max_frames"]
    if not n_frames or not size_hw[0]:
        return None
    n_frames = min(n_frames, task.settings["source"]["max_frames"] or n_frames)
    saved = SAVED_PIXEL_BYTES * task.settings["save_frames"]
    n_px = int(size_hw[0]) * int(size_hw[1])
    per_frame: float = FRAME_BYTES + n_px * (PIXEL_BYTES + saved)
    return RESULT_BYTES + float(n_frames) * per_frame


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
