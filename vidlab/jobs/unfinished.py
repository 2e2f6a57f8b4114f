"""Results whose run may be taken up again after its process was killed."""

import fcntl
import logging
import os
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from vidlab.errors import OutputError, SourceError, UsageError
from vidlab.jobs.output import DISK_TROUBLE, check_target, make_parents, publish, remove_empty, worded

logger = logging.getLogger(__name__)

DYING_S = 5.0  # for which a killed process may keep its locks: until the last of its threads is gone
RETRY_S = 0.05


class Unfinished:
    """The two folders of a result that may be taken up again after its process was killed.

    Attributes:
        out: Final name of the result, as the user gave it.
        result: What is complete of the result, `.NAME.partial-resumable` beside `out`.
        work: What is needed to go on, `.NAME.resume` beside it; goes away with the end of the run.
        state: The file in it that, once it is there, makes the rest worth keeping.
        is_new: This run has started from the beginning.
    """

    def __init__(self, out: Path, target: Path) -> None:
        self.out = out
        self.result = target.parent / f".{target.name}.partial-resumable"
        self.work = target.parent / f".{target.name}.resume"
        self.state = self.work / "state"
        self.is_new = False

    @property
    def has_leftover(self) -> bool:
        """Whether a run before this one left something to go on from."""
        return self.state.is_file() and self.result.is_dir()

    def start_over(self) -> None:
        """Make both folders empty, whatever was in them.

        Raises:
            OutputError: They cannot be written.
        """
        if self.has_leftover:
            logger.info(
                "an unfinished result of %s is replaced; --resume would have gone on with it", self.out
            )
        with worded(self.out):
            self.clear()
            self.result.mkdir()
        self.is_new = True

    def clear(self) -> None:
        """Remove the partial result, and what is in the other folder."""
        _remove(self.state)  # first: without it, the rest is nothing to go on from
        for path in (self.result, *self.work.iterdir()):
            _remove(path)

    def outlives(self, error: BaseException) -> bool:
        """Say whether what there is should stay after an error: a wrong input would be as wrong next time."""
        return self.has_leftover and not (self.is_new and isinstance(error, (SourceError, UsageError)))


@contextmanager
def resumable_folder(out: Path, *, force: bool, resume: bool, inputs: Sequence[Path]) -> Iterator[Unfinished]:
    """Give folders to write into that outlive a killed process; the result takes the name `out` at the end.

    If the block raises before there is anything to go on from, both folders are removed, and `out` is as it
    was. One process at a time may have them.

    Args:
        out: Final name of the result; may exist as an empty folder.
        force: Replace a non-empty `out`, after the new result is complete.
        resume: Let `out` be what it is for now: it may hold the finished result.
        inputs: Files and folders the job reads; `out` may not be, hold or lie inside one of them.

    Raises:
        OutputError: `out` is a file, is not empty, touches an input, cannot be written, or another process is
            writing it.
    """
    target = Path(os.path.abspath(out))
    check_target(out, target, force=force or resume, inputs=inputs)
    folders = Unfinished(out, target)
    made = make_parents(target.parent)
    try:
        with worded(out):
            lock = lock_folder(folders.work, out)
        try:
            with worded(out, only=DISK_TROUBLE):
                yield folders
            if folders.result.is_dir():
                with worded(out):
                    publish(folders.result, target)
            shutil.rmtree(folders.work, ignore_errors=True)
        except BaseException as error:
            if folders.outlives(error):
                logger.info("what is done so far is kept: the same command with --resume goes on with it")
            else:
                folders.clear()
                shutil.rmtree(folders.work, ignore_errors=True)
            raise
        finally:
            os.close(lock)
    finally:
        remove_empty(made)


def lock_folder(folder: Path, out: Path, *, patience_s: float = 0.0) -> int:
    """Make a folder and lock it until the descriptor that is returned is closed, or the process ends.

    Args:
        folder: To lock.
        out: What an error is about.
        patience_s: How long to wait for another run.

    Raises:
        OutputError: Another run has it.
    """
    end_s = time.monotonic() + patience_s
    while True:
        if not folder.is_dir():
            _remove(folder)
            folder.mkdir()
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            if time.monotonic() < end_s:
                time.sleep(RETRY_S)
                continue
            raise OutputError(
                f"{out} is being written by another run; wait for it or choose another folder"
            ) from None
        except OSError as error:  # some network disks know no locks
            logger.debug("%s cannot be locked: %s", folder, error)
        with suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(descriptor), folder.stat()):
                return descriptor
        os.close(descriptor)  # the run that had it has just removed it


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
