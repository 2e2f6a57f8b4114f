"""One task from its beginning, or from where a kill left it, to the whole result under its final name."""

import logging
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from vidlab.batch.networks import Networks
from vidlab.batch.notebooks import run_notebook_task
from vidlab.batch.store import OUTCOME, Store, finished, write_aside
from vidlab.batch.videos import stabilize_task
from vidlab.batch.work import Kind, Outcome, Task
from vidlab.errors import LeftoverError, VidlabError
from vidlab.jobs.output import publish, worded
from vidlab.jobs.progress import Progress
from vidlab.jobs.unfinished import DYING_S, lock_folder

logger = logging.getLogger(__name__)

RESULT = "result"  # in the folder of the work: what takes the final name when it is whole
Doing = Callable[..., Outcome]
_DOING: dict[Kind, Doing] = {"stabilize": stabilize_task, "notebook": run_notebook_task}


def do(task: Task, *, progress: Progress, networks: Networks | None) -> Outcome:
    """Do what `work.run_task` promises."""
    before = finished(task)
    if before is not None:
        return replace(before, status="skipped")
    with _logged(task.log):
        try:
            outcome = _do(task, progress=progress, networks=networks)
        except (VidlabError, OSError) as error:
            outcome = _failed(task, str(error))
        except MemoryError:
            outcome = _failed(task, "there is not enough memory for this")
        except Exception as error:  # whatever a library raises about one video must not stop the others
            outcome = _failed(task, f"unexpected {type(error).__name__}: {error}")
    with suppress(OSError):  # a full disk, say; who runs the batch records it, too
        Store(task.out).record(task, outcome)
    return outcome


def _do(task: Task, *, progress: Progress, networks: Networks | None) -> Outcome:
    folder = Path(task.folder)
    with worded(folder):
        task.work.parent.mkdir(parents=True, exist_ok=True)
        folder.parent.mkdir(parents=True, exist_ok=True)
    lock = lock_folder(task.work, folder, patience_s=DYING_S)
    try:
        before = finished(task)
        if before is not None:  # another process had it until now
            return replace(before, status="skipped")
        outcome = _with_leftovers(task, progress=progress, networks=networks)
        with worded(folder):
            write_aside(task.work / RESULT / OUTCOME, outcome.to_json())
            publish(task.work / RESULT, folder)
        shutil.rmtree(task.work, ignore_errors=True)
    finally:
        with suppress(OSError):  # holds what can be gone on with
            task.work.rmdir()
        os.close(lock)
    logger.info("done: %s", folder)
    return outcome


def _with_leftovers(task: Task, *, progress: Progress, networks: Networks | None) -> Outcome:
    """Go on with what a killed run left, or start over where that cannot be used."""
    out = task.work / RESULT
    try:
        return _DOING[task.kind](task, out=out, progress=progress, networks=networks)
    except LeftoverError as error:
        logger.warning("starting over: %s", error)
        for path in task.work.iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        return _DOING[task.kind](task, out=out, progress=progress, networks=networks)


def _failed(task: Task, text: str) -> Outcome:
    line = " ".join(text.split())
    logger.debug("%s", task.source, exc_info=True)
    logger.info("failed: %s", line)
    return Outcome(task.key, "failed", error=line)


@contextmanager
def _logged(path: Path) -> Iterator[None]:
    """Let what the package says go to a file, too, while the block runs."""
    handler: logging.Handler
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handler = logging.FileHandler(path, encoding="utf-8")
    except OSError:  # the work itself says what is wrong with the disk
        handler = logging.NullHandler()
    handler.setLevel(logging.DEBUG)  # tracebacks of what failed, too
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    package = logging.getLogger("vidlab")
    level = package.level
    package.addHandler(handler)
    package.setLevel(logging.DEBUG)
    try:
        yield
    finally:
        package.removeHandler(handler)
        package.setLevel(level)
        handler.close()
