"""Uploads: a multipart body goes to disk as it comes, and is looked into before it counts."""

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, BinaryIO

from fastapi import Request
from fastapi.concurrency import run_in_threadpool
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import ClientDisconnect

from vidlab.params import WebParams
from vidlab.web.context import Context
from vidlab.web.home import MB, new_id, remove, size_of
from vidlab.web.probe import UPLOAD, probe
from vidlab.web.records import Upload
from vidlab.web.refusals import TOO_LARGE, UNUSABLE, WRONG_TYPE, WebError
from vidlab.web.schemas import UploadKind

FIELD = "file"
MAX_NAME = 120  # characters of a file's name that are kept, to be shown
BLOCK_BYTES = MB  # written to disk at once
FORM_BYTES = 65_536  # of a body that are not the file
SILENCE_S = 60.0  # after which a visitor who sends nothing is given up
LINGER_BYTES = 32 * MB  # still read after a refusal: else a browser sees a broken line instead of the answer
LINGER_S = 1.0  # for more to come
BAD_REQUEST, TIMED_OUT = 400, 408


async def take_upload(request: Request, *, context: Context, kind: UploadKind) -> Upload:
    """Take the file of a request, look into it, and remember it.

    Raises:
        WebError: There is no file, or it is too large, of another kind or damaged; or there is no room.
    """
    params = context.params
    declared = _declared_bytes(request)
    most = params.max_upload_mb * MB + FORM_BYTES
    if declared is not None and declared > most:
        await _linger(request)
        raise _too_large(params)
    expected, kept = most if declared is None else declared, 0
    upload_id = new_id()
    folder = context.home.incoming / upload_id
    await run_in_threadpool(context.keeper.reserve, expected)
    try:
        await run_in_threadpool(folder.mkdir)
        name = await _receive(request, folder / UPLOAD, params=params)
        async with context.probing:
            facts = await run_in_threadpool(probe, folder, kind=kind, name=name, params=params)
        upload = Upload(upload_id, kind, name, size_of(folder), facts)
        await run_in_threadpool(_keep, context, folder, upload)
        kept = upload.bytes
    finally:
        context.keeper.release(expected, kept=kept)
        remove(folder)
    return upload


def _keep(context: Context, folder: Path, upload: Upload) -> None:
    folder.rename(context.home.upload(upload.id))
    context.store.add_upload(upload)


def _declared_bytes(request: Request) -> int | None:
    text = request.headers.get("content-length", "")
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 20 else None


async def _receive(request: Request, target: Path, *, params: WebParams) -> str:
    """Write the file of a multipart body to disk, and return its name, as it may be shown."""
    kind, options = parse_options_header(request.headers.get("content-type", ""))
    boundary = options.get(b"boundary")
    if kind != b"multipart/form-data" or not boundary:
        raise WebError(
            WRONG_TYPE, f"a file must come as multipart/form-data in the field {FIELD!r}, got another type"
        )
    with target.open("xb") as file:
        part = _FilePart(file, max_bytes=params.max_upload_mb * MB)
        try:
            parser = MultipartParser(boundary, part.callbacks)
            async for chunk in _chunks(request):
                parser.write(chunk)
                if part.n_waiting > BLOCK_BYTES:
                    await run_in_threadpool(part.flush)
            await run_in_threadpool(part.flush)
        except (FormParserError, UnicodeError, ValueError) as error:
            raise WebError(BAD_REQUEST, f"the body must be multipart/form-data: {error}") from None
        except WebError:
            await _linger(request)
            raise
        except ClientDisconnect:
            raise WebError(BAD_REQUEST, "the file was not sent to its end") from None
        if part.is_too_large:
            await _linger(request)
            raise _too_large(params)
    if not part.is_complete:
        raise WebError(BAD_REQUEST, f"a file must come whole in the field {FIELD!r}, got none")
    if not part.n_bytes:
        raise WebError(UNUSABLE, f"a file must hold something, got {part.name}, which is empty")
    return part.name


async def _chunks(request: Request) -> AsyncIterator[bytes]:
    stream = request.stream().__aiter__()
    while True:
        try:
            yield await asyncio.wait_for(anext(stream), SILENCE_S)
        except StopAsyncIteration:
            return
        except TimeoutError:
            raise WebError(TIMED_OUT, f"nothing came for {SILENCE_S:g} s; send the file again") from None


async def _linger(request: Request) -> None:
    """Read on for a while after a refusal, as long as something comes."""
    n_read, stream = 0, request.stream().__aiter__()
    try:
        while n_read < LINGER_BYTES:
            n_read += len(await asyncio.wait_for(anext(stream), LINGER_S))
    except (StopAsyncIteration, TimeoutError, RuntimeError, ClientDisconnect):
        return  # it was read to its end, nothing more comes, or the visitor is gone


class _FilePart:
    """Takes the file out of a multipart body.

    Attributes:
        name: What the visitor calls it.
        n_bytes: How much of it has come.
        is_complete: All of it has come.
        is_too_large: More has come than may.
    """

    def __init__(self, file: BinaryIO, *, max_bytes: int) -> None:
        self.name, self.n_bytes, self.is_complete, self.is_too_large = "", 0, False, False
        self._file, self._max_bytes = file, max_bytes
        self._waiting: list[bytes] = []
        self._n_other = 0
        self._is_file = False
        self._headers: dict[bytes, bytes] = {}
        self._field, self._value = b"", b""
        self.callbacks: Any = {
            "on_part_begin": self._begin,
            "on_header_field": self._add_field,
            "on_header_value": self._add_value,
            "on_header_end": self._end_header,
            "on_headers_finished": self._end_headers,
            "on_part_data": self._add_data,
            "on_part_end": self._end,
        }

    @property
    def n_waiting(self) -> int:
        """How many bytes wait to be written."""
        return sum(map(len, self._waiting))

    def flush(self) -> None:
        """Write what has come to disk."""
        if self.n_bytes > self._max_bytes:
            self.is_too_large = True
            self._waiting.clear()
        for block in self._waiting:
            self._file.write(block)
        self._waiting.clear()

    def _begin(self) -> None:
        self._headers.clear()
        self._is_file = False

    def _add_field(self, data: bytes, start: int, end: int) -> None:
        self._field += data[start:end]

    def _add_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _end_header(self) -> None:
        self._headers[self._field.lower()] = self._value
        self._field, self._value = b"", b""

    def _end_headers(self) -> None:
        _, options = parse_options_header(self._headers.get(b"content-disposition", b""))
        if options.get(b"name") == FIELD.encode() and not self.is_complete:
            self._is_file = True
            self.name = shown_name(options.get(b"filename", b"").decode("utf-8", "replace"))

    def _add_data(self, data: bytes, start: int, end: int) -> None:
        if self._is_file:
            self.n_bytes += end - start
            if not self.is_too_large:
                self._waiting.append(data[start:end])
            return
        self._n_other += end - start
        if self._n_other > FORM_BYTES:
            raise WebError(BAD_REQUEST, f"a file must come in the field {FIELD!r}, got much in other fields")

    def _end(self) -> None:
        self.is_complete = self.is_complete or self._is_file


def shown_name(given: str) -> str:
    r"""Return what a file is called on the page: its last part, printable and not too long, or `upload`.

    >>> shown_name("../../etc/passwd"), shown_name("C:\\clips\\cat.mp4"), shown_name("\x00")
    ('passwd', 'cat.mp4', 'upload')
    """
    last = re.split(r"[/\\]", given)[-1]
    plain = "".join(letter for letter in last if letter.isprintable()).strip(" .")
    return plain[-MAX_NAME:] or "upload"


def _too_large(params: WebParams) -> WebError:
    return WebError(TOO_LARGE, f"a file may have {params.max_upload_mb} MB, got a larger one")
