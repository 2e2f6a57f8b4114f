"""The folder of a batch: what was asked, what came of each task, and which names mean what.

OUT/batch.json             what was asked: the command and its tasks, one of a batch at a time
OUT/results/NAME-KEY12/    a whole result, with outcome.json; appears by renaming
OUT/failures/NAME-KEY12.json   why there is none; NAME-KEY12.ipynb shows it where a notebook failed
OUT/work/NAME-KEY12/       what is being worked on; what a kill leaves is gone on with
OUT/logs/NAME.log          what the task said
OUT/report.html, OUT/report.parquet
"""

import json
import secrets
import shutil
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import vidlab
from vidlab.batch.work import FAILURES, LOGS, RESULTS, WORK, Outcome, Task
from vidlab.errors import OutputError
from vidlab.jobs.output import worded

OUTCOME = "outcome.json"  # in the folder of a result
BATCH = "batch.json"
KEY_DIGITS = 12  # of a key, in names of folders


@dataclass(frozen=True, slots=True)
class Batch:
    """What was asked of the folder last.

    Attributes:
        command: The words, empty where a program asked.
        tasks: In order.
        version: Of vidlab.
    """

    command: tuple[str, ...]
    tasks: tuple[Task, ...]
    version: str = vidlab.__version__


class Store:
    """Reads and writes the folder of a batch; everything is written aside and renamed."""

    def __init__(self, out: Path) -> None:
        """Name the folder; it need not be there."""
        self.out = out.absolute()
        self._known: dict[str, Path] | None = None

    def make(self) -> None:
        """Make the folders.

        Raises:
            OutputError: They cannot be made.
        """
        with worded(self.out):
            for name in (RESULTS, WORK, LOGS, FAILURES):
                (self.out / name).mkdir(parents=True, exist_ok=True)

    def folder_of(self, key: str, *, name: str) -> Path:
        """Return where the result of a task is, whatever name it had then, or where it will be."""
        if self._known is None:
            folders = (self.out / RESULTS).iterdir() if (self.out / RESULTS).is_dir() else ()
            self._known = {folder.name[-KEY_DIGITS:]: folder for folder in sorted(folders)}
        known = self._known.get(key[:KEY_DIGITS])
        return known or self.out / RESULTS / f"{name}-{key[:KEY_DIGITS]}"

    def write_batch(self, batch: Batch) -> None:
        """Write down what is asked.

        Raises:
            OutputError: The disk refuses it.
        """
        with worded(self.out):
            write_aside(self.out / BATCH, json.dumps(asdict(batch), ensure_ascii=False, indent=1))

    def read_batch(self) -> Batch:
        """Return what was asked last.

        Raises:
            OutputError: The folder holds no batch, or one that cannot be read.
        """
        path = self.out / BATCH
        try:
            content = json.loads(path.read_text("utf-8"))
            tasks = tuple(self._here(Task(**task)) for task in content["tasks"])
            return Batch(tuple(content["command"]), tasks, content["version"])
        except FileNotFoundError:
            raise OutputError(f"{self.out} must be the folder of a batch, got no {BATCH} in it") from None
        except (OSError, ValueError, TypeError, LookupError) as error:
            raise OutputError(f"{path} must hold a batch, got one that cannot be read: {error}") from None

    def _here(self, task: Task) -> Task:
        """Return a task as it is now that the folder may have been moved."""
        return replace(task, folder=str(self.out / RESULTS / Path(task.folder).name))

    def failure(self, task: Task) -> Outcome | None:
        """Return why a task has no result, None where nothing is known."""
        return _read(self._failure(task), task)

    def outcome(self, task: Task) -> Outcome | None:
        """Return what came of a task, None where nothing has yet."""
        return finished(task) or self.failure(task)

    def record(self, task: Task, outcome: Outcome) -> None:
        """Remember why a task has no result, or forget it where there is one now."""
        if outcome.succeeded:
            for path in (self._failure(task), task.failed_notebook):
                path.unlink(missing_ok=True)
            return
        path = self._failure(task)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_aside(path, outcome.to_json())

    def sweep(self, tasks: Collection[Task]) -> None:
        """Remove what killed and failed runs left of tasks that nobody asks for any more."""
        wanted = {task.label for task in tasks}
        for path in (self.out / WORK).iterdir():
            if path.name not in wanted:
                shutil.rmtree(path, ignore_errors=True)
        for path in (self.out / FAILURES).glob("[!.]*"):
            if path.stem not in wanted:
                path.unlink(missing_ok=True)
        for folder in (self.out, self.out / FAILURES, *(path for path in (self.out / RESULTS).iterdir())):
            for path in folder.glob(".*.part-*"):
                path.unlink(missing_ok=True)

    def n_others(self, tasks: Sequence[Task]) -> int:
        """Return how many results are there that are none of these tasks'."""
        ours = {task.folder for task in tasks}
        folders = (self.out / RESULTS).iterdir() if (self.out / RESULTS).is_dir() else ()
        return sum(str(folder) not in ours and (folder / OUTCOME).is_file() for folder in folders)

    def _failure(self, task: Task) -> Path:
        return self.out / FAILURES / f"{task.label}.json"


def finished(task: Task) -> Outcome | None:
    """Return what came of a task whose result is whole, None for every other."""
    return _read(Path(task.folder) / OUTCOME, task)


@contextmanager
def aside(path: Path) -> Iterator[Path]:
    """Give a hidden sibling to write; it takes the name `path` when the block ends well, and is gone else."""
    sibling = path.with_name(f".{path.name}.part-{secrets.token_hex(4)}")
    try:
        yield sibling
        sibling.replace(path)
    finally:
        sibling.unlink(missing_ok=True)


def write_aside(path: Path, text: str) -> None:
    """Write a file under another name, then rename it: readers see the old one or the new one."""
    with aside(path) as sibling:
        sibling.write_text(text, encoding="utf-8")


def _read(path: Path, task: Task) -> Outcome | None:
    with suppress(OSError, OutputError):
        outcome = Outcome.from_json(path.read_text("utf-8"))
        if outcome.key == task.key:
            return outcome
    return None
