"""Results appear whole or not at all: written aside, renamed when complete."""

import errno
import fcntl
import logging
import os
import secrets
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from vidlab.errors import OutputError, SourceError, UsageError

logger = logging.getLogger(__name__)

_DISK_TROUBLE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS})


@contextmanager
def result_folder(out: Path, *, force: bool, inputs: Sequence[Path]) -> Iterator[Path]:
    """Give a temporary sibling folder to write into; it takes the name `out` when the block ends well.

    If the block raises, Ctrl-C included, the temporary folder is removed and `out` is as it was. A process
    that is killed outright leaves the temporary folder, never a half result under the final name.

    Args:
        out: Final name of the result; may exist as an empty folder.
        force: Replace a non-empty `out`, after the new result is complete.
        inputs: Files and folders the job reads; `out` may not be, hold or lie inside one of them.

    Yields:
        The folder to write into, `.NAME.partial-…` beside `out`.

    Raises:
        OutputError: `out` is a file, is not empty without `force`, touches an input, or cannot be written.
    """
    target = Path(os.path.abspath(out))
    _check(out, target, force=force, inputs=inputs)
    partial = target.parent / f".{target.name}.partial-{secrets.token_hex(4)}"
    made = _make_parents(target.parent)
    try:
        with _worded(out):
            partial.mkdir()
        with _worded(out, only=_DISK_TROUBLE):  # other trouble in the block may be about an input
            yield partial
        with _worded(out):
            _publish(partial, target)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
        _remove_empty(made)


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
        with _worded(self.out):
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
    _check(out, target, force=force or resume, inputs=inputs)
    folders = Unfinished(out, target)
    made = _make_parents(target.parent)
    try:
        with _worded(out):
            lock = _lock(folders.work, out)
        try:
            with _worded(out, only=_DISK_TROUBLE):
                yield folders
            if folders.result.is_dir():
                with _worded(out):
                    _publish(folders.result, target)
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
        _remove_empty(made)


@contextmanager
def result_file(out: Path, *, force: bool) -> Iterator[Path]:
    """Give a temporary sibling file to write; it takes the name `out` when the block ends well.

    Raises:
        OutputError: `out` is a folder, is there without `force`, or cannot be written.
    """
    target = Path(os.path.abspath(out))
    if target.is_dir():
        raise OutputError(f"the result must be a file, got the folder {out}; name a file in it")
    if target.exists() and not force:
        raise OutputError(f"{out} is already there; choose another name or add --force")
    partial = target.parent / f".{target.stem}.partial-{secrets.token_hex(4)}{target.suffix}"
    made = _make_parents(target.parent)
    try:
        with _worded(out, only=_DISK_TROUBLE):
            yield partial
        with _worded(out):
            partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)
        _remove_empty(made)


def _check(out: Path, target: Path, *, force: bool, inputs: Sequence[Path]) -> None:
    if target.exists() and not target.is_dir():
        raise OutputError(f"the result must be a folder, got the file {out}; name another folder")
    real = target.resolve()
    for path in inputs:
        source = path.resolve()
        if real == source or source in real.parents or real in source.parents:
            raise OutputError(f"the result must not touch what is read, got {out} for the input {path}")
    here = Path.cwd()
    if real == here or real in here.parents:
        raise OutputError(f"the result must not replace the current folder, got {out}; name a new folder")
    require_replaceable(out, force=force)


def require_replaceable(out: Path, *, force: bool) -> None:
    """Refuse a result that is not empty.

    Raises:
        OutputError: `out` holds something, and `force` is not given.
    """
    if out.is_dir() and not force and any(out.iterdir()):
        raise OutputError(f"{out} is not empty; choose another folder or add --force to replace it")


def _lock(folder: Path, out: Path) -> int:
    """Make a folder and lock it until the descriptor that is returned is closed, or the process ends."""
    while True:
        if not folder.is_dir():
            _remove(folder)
            folder.mkdir()
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
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


def _make_parents(folder: Path) -> list[Path]:
    """Make a folder with its parents; return those that were not there, outermost first."""
    missing: list[Path] = []
    while not folder.exists():
        missing.insert(0, folder)
        folder = folder.parent
    try:
        for path in missing:
            path.mkdir(exist_ok=True)
    except OSError as error:
        raise OutputError(f"{missing[-1]} cannot be made: {_reason(error)}") from error
    return missing


def _publish(partial: Path, target: Path) -> None:
    if target.is_symlink():
        target = target.resolve()
    if not target.exists():
        partial.rename(target)
        return
    old = target.parent / f".{target.name}.old-{secrets.token_hex(4)}"
    target.rename(old)
    try:
        partial.rename(target)
    except BaseException:
        old.rename(target)
        raise
    shutil.rmtree(old, ignore_errors=True)
    if old.exists():
        logger.warning("the replaced result could not be removed; it is in %s", old)


def _remove_empty(folders: list[Path]) -> None:
    for folder in reversed(folders):
        with suppress(OSError):  # holds the result, or someone else's: stays
            folder.rmdir()


@contextmanager
def _worded(out: Path, *, only: frozenset[int] | None = None) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if only is not None and error.errno not in only:
            raise
        raise OutputError(f"{out} cannot be written: {_reason(error)}") from error


def _reason(error: OSError) -> str:
    reason = error.strerror or str(error)
    return f"{reason[:1].lower()}{reason[1:]}"
