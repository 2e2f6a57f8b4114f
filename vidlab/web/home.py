"""The folder in which everything of the web application lies: who may have it, what belongs there."""

import fcntl
import logging
import os
import re
import secrets
import shutil
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

from vidlab.errors import OutputError

logger = logging.getLogger(__name__)

MB = 1_000_000


class Home:
    """Names of what lies in the folder of the application; nothing of it comes from a visitor.

    jobs.sqlite         the list of uploads and jobs
    incoming/ID/        an upload that is on its way, or looked into
    uploads/ID/         an upload: `video`, or masks
    jobs/ID/            a job: `result/` as the command line writes it, `films/`, `downloads/`
    """

    def __init__(self, root: Path) -> None:
        """Name the folder; `open` makes it."""
        self.root = root.absolute()
        self.database = self.root / "jobs.sqlite"
        self.incoming, self.uploads, self.jobs = (
            self.root / name for name in ("incoming", "uploads", "jobs")
        )
        self._lock: int | None = None

    def open(self) -> None:
        """Make the folder, and keep other servers out of it until `close`, or the end of this process.

        Raises:
            OutputError: It cannot be written, or another server works in it.
        """
        try:
            for folder in (self.root, self.incoming, self.uploads, self.jobs):
                folder.mkdir(parents=True, exist_ok=True)
            self._lock = os.open(self.root / "lock", os.O_RDWR | os.O_CREAT, 0o600)
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self.close()
            raise OutputError(
                f"{self.root} is in use by another server; end it or name another folder"
            ) from None
        except OSError as error:
            self.close()
            raise OutputError(
                f"{self.root} cannot be written: {(error.strerror or str(error)).lower()}"
            ) from None

    def close(self) -> None:
        """Let others have the folder."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def upload(self, upload_id: str) -> Path:
        """Return the folder of an upload."""
        return self.uploads / upload_id

    def job(self, job_id: str) -> Path:
        """Return the folder of a job."""
        return self.jobs / job_id

    def sweep(self, *, uploads: Collection[str], jobs: Collection[str]) -> None:
        """Remove what no row of the list of jobs names: what a server that was killed left half done."""
        for folder, known in ((self.incoming, ()), (self.uploads, uploads), (self.jobs, jobs)):
            for path in folder.iterdir():
                if path.name not in known:
                    logger.info("%s belongs to nothing, and is removed", path)
                    remove(path)

    def size_bytes(self) -> int:
        """Return how much of the disk everything takes."""
        return size_of(self.root)

    def free_bytes(self) -> int:
        """Return how much room the disk has."""
        return shutil.disk_usage(self.root).free


def new_id() -> str:
    """Return a name for an upload or job: 16 hexadecimal digits that nobody can guess.

    >>> len(new_id())
    16
    """
    return secrets.token_hex(8)


def remove(path: Path) -> None:
    """Remove a file or folder; what cannot be removed is logged, and tried again at the next start."""
    try:
        shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink(missing_ok=True)
    except OSError as error:
        logger.warning("%s could not be removed: %s", path, error)


def size_of(path: Path) -> int:
    """Return how many bytes a folder holds; files that go meanwhile count nothing."""
    total = 0
    for folder, _, names in os.walk(path):
        for name in names:
            with suppress(OSError):
                total += os.lstat(os.path.join(folder, name)).st_size
    return total


def counted(number: int, noun: str) -> str:
    """Return a number with its noun.

    >>> counted(1, "job"), counted(2, "job")
    ('1 job', '2 jobs')
    """
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def hidden(text: str, *, names: dict[str, str], root: Path) -> str:
    """Return a sentence for a visitor in which no path of this machine stands.

    Args:
        text: A sentence of this package, which names files by their paths.
        names: Path → what the visitor knows it as.
        root: Folder of the application; what else of it is named is `a file here`.

    >>> hidden("got /h/uploads/1/video: bad", names={"/h/uploads/1/video": "cat.mp4"}, root=Path("/h"))
    'got cat.mp4: bad'
    >>> hidden("cannot write '/h/jobs/1/result'", names={}, root=Path("/h"))
    "cannot write 'a file here'"
    """
    for path in sorted(names, key=len, reverse=True):
        text = text.replace(path, names[path])
    return re.sub(rf"{re.escape(str(root))}[^\s,;:'\"]*", "a file here", text)
