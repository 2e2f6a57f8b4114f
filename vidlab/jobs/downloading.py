"""Downloads that go on where they stopped: pooch names, checks and keeps the file, this brings the bytes."""

import http.client
import json
import logging
import shutil
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from vidlab.errors import MissingExtraError, OutputError, SourceError
from vidlab.jobs.progress import Progress
from vidlab.jobs.public_sets import Archive

logger = logging.getLogger(__name__)

CHUNK_BYTES = 1 << 18
LONGEST_PAUSE_S = 10.0
OK, PARTIAL, RANGE_WRONG = 200, 206, 416
FIRST_LASTING, FIRST_PASSING = 400, 500  # a 4xx answer will be the same next time, a 5xx may not
BUSY = (408, 429)
INTERRUPTED = (urllib.error.URLError, http.client.HTTPException, TimeoutError, ConnectionError)


@dataclass(frozen=True, slots=True)
class _Known:
    """What is known of the file that a part belongs to: the part of another one must not be gone on with."""

    url: str
    version: str  # the server's word for this state of the file, empty where it has none
    total: int | None


class PartialDownload:
    """Brings a file in one or more attempts; what has come is kept in `.NAME.part` until it is whole."""

    def __init__(
        self,
        folder: Path,
        *,
        name: str,
        timeout_s: float,
        attempts: int,
        progress: Progress,
        sleep: Callable[[float], None],
    ) -> None:
        """Set it up; nothing is asked for yet.

        Args:
            folder: Where the part is kept.
            name: Name of the file.
            timeout_s: Wait for the server's next word.
            attempts: Attempts without a byte of gain before giving up.
            progress: Called with megabytes done and their total.
            sleep: Called with the seconds between two attempts.
        """
        self.part = folder / f".{name}.part"
        self._note = folder / f".{name}.part.json"
        self._name, self._timeout_s, self._attempts = name, timeout_s, attempts
        self._progress, self._sleep = progress, sleep

    def __call__(self, url: str, output_file: Any, pooch: Any = None, check_only: bool = False) -> None:
        """Bring the file; the signature is that of pooch's downloaders.

        Raises:
            SourceError: The server refuses, or the line broke too often; the part is kept.
            OutputError: There is no room.
        """
        furthest, failures = self._size(), 0
        while True:
            try:
                self._attempt(url)
                break
            except urllib.error.HTTPError as error:
                reason = f"{error.code} {error.reason}"
                lasting = FIRST_LASTING <= error.code < FIRST_PASSING and error.code not in BUSY
            except INTERRUPTED as error:
                cause = getattr(
                    error, "reason", None
                )  # an unknown host: there is no network, or a typing error
                reason, lasting = _reason(error), isinstance(cause, socket.gaierror)
            failures = 1 if self._size() > furthest else failures + 1
            furthest = max(furthest, self._size())
            if lasting or failures >= self._attempts:
                raise SourceError(self._given_up(url, reason))
            logger.info("%s: %s; going on at %.1f MB", self._name, reason, self._size() / 1e6)
            self._sleep(min(2.0 ** (failures - 1), LONGEST_PAUSE_S))
        shutil.move(self.part, output_file)
        self._note.unlink(missing_ok=True)

    def _attempt(self, url: str) -> None:
        known, have = self._read_note(), self._size()
        if known is None or known.url != url:
            known, have = None, 0
        request = urllib.request.Request(url)
        if have:
            request.add_header("Range", f"bytes={have}-")
            if known is not None and known.version:
                request.add_header("If-Range", known.version)  # another version comes from its start
        try:
            answer = urllib.request.urlopen(request, timeout=self._timeout_s)
        except urllib.error.HTTPError as error:
            if error.code == RANGE_WRONG and known is not None and known.total == have:
                return  # all of it was here before
            if error.code == RANGE_WRONG:
                self.part.unlink(missing_ok=True)
                raise ConnectionError("the part did not fit the file") from None
            raise
        with closing(answer):
            start, total = _range_of(answer)
            if start != have or (start and known is not None and total != known.total):
                start = self._restart(answer, start)
            self._require_room(start, total)
            self._write_note(_Known(url, _version_of(answer), total))
            self._take(answer, start=start, total=total)

    def _restart(self, answer: http.client.HTTPResponse, start: int) -> int:
        self.part.unlink(missing_ok=True)
        if start:  # the rest of a file whose beginning is not the one we have
            raise ConnectionError("the file has changed on the server")
        return 0

    def _take(self, answer: http.client.HTTPResponse, *, start: int, total: int | None) -> None:
        done = start
        with self.part.open("ab" if start else "wb") as file:
            while chunk := answer.read(CHUNK_BYTES):
                file.write(chunk)
                done += len(chunk)
                self._progress(int(done / 1e6), None if total is None else int(total / 1e6))
        if total is not None and done < total:
            raise ConnectionError(f"the line broke after {done} of {total} bytes")

    def _require_room(self, have: int, total: int | None) -> None:
        free = shutil.disk_usage(self.part.parent).free
        if total is not None and total - have > free:
            raise OutputError(
                f"{self.part.parent} must have room for {(total - have) / 1e9:.2f} GB of {self._name}, "
                f"got {free / 1e9:.2f} GB free"
            )

    def _given_up(self, url: str, reason: str) -> str:
        kept = (
            f"; {self._size() / 1e6:.1f} MB are kept, the same command goes on there" if self._size() else ""
        )
        return f"{self._name} cannot be had from {url}: {reason}{kept}; or give --from URL|FILE"

    def _size(self) -> int:
        with suppress(OSError):
            return self.part.stat().st_size
        return 0

    def _read_note(self) -> _Known | None:
        try:
            return _Known(**json.loads(self._note.read_text("utf-8")))
        except (OSError, ValueError, TypeError):
            return None

    def _write_note(self, known: _Known) -> None:
        self._note.write_text(json.dumps(asdict(known)), "utf-8")


def download(
    archive: Archive, folder: Path, *, url: str, timeout_s: float, attempts: int, progress: Progress
) -> Path:
    """Bring an archive into a folder, unless it is there and whole, and check its hash if that is known.

    Args:
        archive: What to bring.
        folder: Where to; made where it is missing.
        url: Where from.
        timeout_s: Wait for the server's next word.
        attempts: Attempts without a byte of gain before giving up.
        progress: Called with megabytes done and their total.

    Returns:
        The file.

    Raises:
        SourceError: It cannot be had, or has another hash or size than it must have.
        OutputError: It cannot be written.
        MissingExtraError: pooch is not installed.
    """
    pooch = _pooch()
    # A file without a known hash counts as whole if it is there: it got its name only when it was.
    bring = PartialDownload(
        folder, name=archive.name, timeout_s=timeout_s, attempts=attempts, progress=progress, sleep=time.sleep
    )
    known_hash = None if archive.sha256 is None else f"sha256:{archive.sha256}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = Path(
            pooch.retrieve(url, known_hash=known_hash, fname=archive.name, path=folder, downloader=bring)
        )
    except ValueError as error:  # pooch's word for another hash
        logger.debug("pooch refused %s", archive.name, exc_info=error)
        raise SourceError(
            f"{archive.name} must have the SHA-256 {archive.sha256}, got another one from {url}; "
            "try again, or give --from URL|FILE"
        ) from None
    except OSError as error:
        raise OutputError(f"{folder} cannot be written: {_reason(error)}") from None
    return file


def sha256_of(file: Path) -> str:
    """Return a file's SHA-256 in hexadecimal.

    Raises:
        MissingExtraError: pooch is not installed.
    """
    return str(_pooch().file_hash(str(file), alg="sha256"))


def require_archive(archive: Archive, file: Path) -> None:
    """Check a file that the user brought.

    Raises:
        SourceError: It is not there, or has another hash than it must have.
    """
    if not file.is_file():
        raise SourceError(f"{archive.name} must be a file, got {file}; check the path")
    if archive.sha256 is not None and sha256_of(file) != archive.sha256:
        raise SourceError(f"{archive.name} must have the SHA-256 {archive.sha256}, got another one in {file}")


def _pooch() -> Any:
    try:
        import pooch
    except ImportError:
        raise MissingExtraError.for_feature("fetching public data sets", extra="data") from None
    pooch.get_logger().setLevel(logging.WARNING)
    return pooch


def _range_of(answer: http.client.HTTPResponse) -> tuple[int, int | None]:
    """First byte of an answer, and size of the whole file."""
    length = answer.headers.get("Content-Length")
    if answer.status != PARTIAL:
        return 0, None if length is None else int(length)
    try:
        span, _, total = answer.headers["Content-Range"].partition(" ")[2].partition("/")
        return int(span.partition("-")[0]), None if total == "*" else int(total)
    except (KeyError, ValueError, AttributeError, TypeError):
        raise ConnectionError("the server sent a part without saying which") from None


def _version_of(answer: http.client.HTTPResponse) -> str:
    etag = answer.headers.get("ETag") or ""
    return etag if etag and not etag.startswith("W/") else answer.headers.get("Last-Modified") or ""


def _reason(error: BaseException) -> str:
    cause = getattr(error, "reason", None)
    if isinstance(cause, BaseException):
        return _reason(cause)
    return str(getattr(error, "strerror", None) or cause or error) or type(error).__name__
