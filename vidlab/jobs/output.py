"""Results appear whole or not at all: written aside, renamed when complete."""

import errno
import logging
import os
import secrets
import shutil
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from pathlib import Path

from vidlab.errors import OutputError

logger = logging.getLogger(__name__)

DISK_TROUBLE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS})


def optional_result_folder(
    out: Path | None, *, force: bool, inputs: Sequence[Path]
) -> AbstractContextManager[Path | None]:
    """Return `result_folder` for a job that need not write anything: without `out` it yields None."""
    return nullcontext(None) if out is None else result_folder(out, force=force, inputs=inputs)


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
    check_target(out, target, force=force, inputs=inputs)
    partial = target.parent / f".{target.name}.partial-{secrets.token_hex(4)}"
    made = make_parents(target.parent)
    try:
        with worded(out):
            partial.mkdir()
        with worded(out, only=DISK_TROUBLE):  # other trouble in the block may be about an input
            yield partial
        with worded(out):
            publish(partial, target)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
        remove_empty(made)


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
    made = make_parents(target.parent)
    try:
        with worded(out, only=DISK_TROUBLE):
            yield partial
        with worded(out):
            partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)
        remove_empty(made)


def check_target(out: Path, target: Path, *, force: bool, inputs: Sequence[Path]) -> None:
    """Refuse a name that a result must not take; `target` is `out`, absolute.

    Raises:
        OutputError: It is a file, is not empty without `force`, or touches an input or the current folder.
    """
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


def make_parents(folder: Path) -> list[Path]:
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


def publish(partial: Path, target: Path) -> None:
    """Give a complete result its name, in place of what has it now."""
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


def remove_empty(folders: list[Path]) -> None:
    """Remove folders that `make_parents` made, innermost first, as far as they are empty."""
    for folder in reversed(folders):
        with suppress(OSError):  # holds the result, or someone else's: stays
            folder.rmdir()


@contextmanager
def worded(out: Path, *, only: frozenset[int] | None = None) -> Iterator[None]:
    """Turn what the system says of a file into one sentence about the result.

    Args:
        out: Name of the result.
        only: Error numbers to word; None words all.

    Raises:
        OutputError: In place of the system's error.
    """
    try:
        yield
    except OSError as error:
        if only is not None and error.errno not in only:
            raise
        raise OutputError(f"{out} cannot be written: {_reason(error)}") from error


def _reason(error: OSError) -> str:
    reason = error.strerror or str(error)
    return f"{reason[:1].lower()}{reason[1:]}"
