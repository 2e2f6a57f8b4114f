"""What every engine is given and gives back: one task, what happens on the way, what came of it."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeVar

from vidlab.errors import OutputError

if TYPE_CHECKING:
    from vidlab.batch.networks import Networks
    from vidlab.jobs.progress import Progress

PlainT = TypeVar("PlainT")
Kind = Literal["stabilize", "notebook"]
Status = Literal["done", "skipped", "failed", "timeout"]

RESULTS, WORK, LOGS, FAILURES = "results", "work", "logs", "failures"


@dataclass(frozen=True, slots=True)
class Task:
    """One video to stabilize, or one run of a notebook; plain values, so that it travels to any process.

    Attributes:
        key: SHA-256 of everything that shapes the result, 64 hexadecimal digits.
        kind: What is done.
        name: What people call it; no two tasks of a batch share it.
        source: The video or notebook, absolute.
        folder: Where the result appears, whole, absolute: `OUT/results/NAME-KEY12`.
        settings: Everything else that the work needs, as plain JSON.
    """

    key: str
    kind: Kind
    name: str
    source: str
    folder: str
    settings: Mapping[str, Any]

    @property
    def label(self) -> str:
        """Name and the first digits of the key: names of its folders."""
        return Path(self.folder).name

    @property
    def out(self) -> Path:
        """The folder of the whole batch."""
        return Path(self.folder).parents[1]

    @property
    def work(self) -> Path:
        """Where it is worked on until the result is whole."""
        return self.out / WORK / self.label

    @property
    def log(self) -> Path:
        """Where it says what happens."""
        return self.out / LOGS / f"{self.name}.log"

    @property
    def failed_notebook(self) -> Path:
        """Where the executed copy of a notebook is kept that failed: it shows how."""
        return self.out / FAILURES / f"{self.label}.ipynb"

    def to_json(self) -> str:
        """Return it as one line of JSON."""
        return json.dumps(asdict(self), ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> "Task":
        """Read what `to_json` wrote.

        Raises:
            OutputError: The text is no task.
        """
        return _from_json(cls, text, called="a task")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one task.

    Attributes:
        key: Key of the task.
        status: `done`; `skipped`, its result was there before; `failed`; `timeout`, it was stopped.
        error: Why there is no result, one line; empty if there is one.
        seconds: Wall time of the work, over all its beginnings as far as their frames were kept.
        n_frames: Frames of the result; None for notebooks and failures.
        frames_per_s: Speed of the work.
        metrics: Name → value, None where undefined: `raw_…` before, `stable_…` after.
        links: What to look at → its path inside the task's folder.
        notes: What the source could not give, one sentence each.
    """

    key: str
    status: Status
    error: str = ""
    seconds: float = 0.0
    n_frames: int | None = None
    frames_per_s: float | None = None
    metrics: Mapping[str, float | None] = field(default_factory=dict)
    links: Mapping[str, str] = field(default_factory=dict)
    notes: Sequence[str] = ()

    @property
    def succeeded(self) -> bool:
        """Whether there is a result."""
        return self.status in ("done", "skipped")

    def to_json(self) -> str:
        """Return it as one line of JSON."""
        return json.dumps(asdict(self), ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> "Outcome":
        """Read what `to_json` wrote.

        Raises:
            OutputError: The text is no outcome.
        """
        return _from_json(cls, text, called="an outcome of a batch")


@dataclass(frozen=True, slots=True)
class Event:
    """What an engine tells while it works.

    Attributes:
        worker: Which of its workers, from 0; an engine that does not know tells 0.
        key: Key of the task.
        name: Name of the task.
        done: Finished frames.
        total: Expected frames, None where nobody knows.
    """

    worker: int
    key: str
    name: str
    done: int = 0
    total: int | None = None


Report = Callable[[Event], None]


class Engine(Protocol):
    """Runs tasks somewhere. Scheduling, retries and transport are its own or those of its library.

    Attributes:
        n_workers: Tasks at once, as far as known; one bar is drawn for each.
        is_detached: `run` only hands the work over, such as a script for a scheduler: tasks without an
            outcome are not missing.
    """

    n_workers: int
    is_detached: bool

    def run(self, tasks: Sequence[Task], *, report: Report) -> Iterator[Outcome]:
        """Run every task by `run_task`, and yield outcomes in any order.

        A task that fails, hangs or kills its process never stops the others: it gives an outcome with one
        line that says why. If the consumer stops or raises, no process is left behind.

        Raises:
            VidlabError: The engine itself cannot work at all.
        """


def run_task(
    task: Task, *, progress: "Progress | None" = None, networks: "Networks | None" = None
) -> Outcome:
    """Do one task: the same function under every engine, in a process of the engine's own.

    The result appears whole under `task.folder`, or not at all. What a killed run of the same task left in
    `task.work` is gone on with. What the package logs goes to `task.log`, too.

    Args:
        task: What to do.
        progress: Told how many frames are done; None tells nobody.
        networks: Where loaded networks are kept from one task to the next; None loads what is needed.

    Returns:
        What came of it; a bad video or notebook is an outcome with a one-line error, never an exception.
    """
    from vidlab.batch.doing import do
    from vidlab.jobs.progress import silent

    return do(task, progress=progress or silent, networks=networks)


def _from_json(kind: type[PlainT], text: str, *, called: str) -> PlainT:
    try:
        return kind(**json.loads(text))
    except (ValueError, TypeError) as error:
        raise OutputError(f"{called} must be readable, got {text[:60]!r} ({error})") from None
