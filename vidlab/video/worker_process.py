"""The parent's side of a decoding process: start it, ask it, wait no longer than agreed, kill it."""

import mmap
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Any

import numpy as np
from numpy.typing import NDArray

import vidlab.errors
from vidlab.errors import VideoError, VidlabError
from vidlab.types import Frame, VideoInfo

Opener = Callable[[], Any]  # gives a Decoder; travels by pickle


class ProcessLost(Exception):  # noqa: N818
    """The process hung or died; the text says which, without naming the backend."""


class DecodingProcess:
    """One process that holds one decoder; killed and gone when closed.

    Attributes:
        info: What the decoder says about the file.
        losses: What it said about its last reading.
    """

    def __init__(self, opener: Opener, *, n_slots: int, start_s: float, deadline_s: float) -> None:
        """Start the process and open the file in it.

        Args:
            opener: Opens the file; called in the process.
            n_slots: Frames it may be ahead.
            start_s: Most seconds until the file is open, and until the first frame comes.
            deadline_s: Most seconds between two frames.

        Raises:
            ProcessLost: It did not answer in time, or died.
            VidlabError: What the opener raised.
        """
        self._start_s, self._deadline_s = start_s, deadline_s
        self._owner = os.getpid()
        self._memory = os.memfd_create("frames")
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = _start(theirs.fileno(), self._memory)
        self._connection = Connection(ours.detach())
        self._slots: NDArray[np.uint8]
        self.losses: tuple[str, ...] = ()
        try:
            self._send((opener, {"start": start_s, "frame": max(start_s, deadline_s)}))
            self.info: VideoInfo = self._answer("ready", within_s=start_s)[0]
            self._share(n_slots)
        except BaseException:
            self.close()
            raise

    def _share(self, n_slots: int) -> None:
        shape = (n_slots, *self.info.size_hw, 3)
        size = int(np.prod(shape))
        os.ftruncate(self._memory, size)
        self._slots = np.frombuffer(mmap.mmap(self._memory, size), np.uint8).reshape(shape)
        self._send(n_slots)

    @property
    def is_ours(self) -> bool:
        """False in a process forked from the one that started this."""
        return os.getpid() == self._owner

    def length(self) -> int:
        """Number of frames of the file.

        Raises:
            ProcessLost: The process hung or died.
        """
        self._send(("length",))
        return int(self._answer("length", within_s=self._start_s)[0])

    def read(self, positions: Sequence[int] | None, *, after_s: float | None) -> Iterator[Frame]:
        """Yield frames: those at certain positions, or all, or all later than a time.

        Raises:
            ProcessLost: The process hung or died.
            VidlabError: What the decoder raised.
        """
        self._send(("read", positions, after_s))
        within_s, number = self._start_s, 0
        while True:
            kind, *rest = self._receive(within_s=within_s)
            if kind != "frame":
                break
            image = self._slots[number % len(self._slots)].copy()
            with suppress(OSError):  # it died: the frames that it had sent are still here, then comes the end
                self._connection.send_bytes(b"free")
            yield Frame(image, rest[0], rest[1])
            within_s, number = self._deadline_s, number + 1
        self.losses = self._checked(kind, rest, expected="end")[0]

    def _answer(self, expected: str, *, within_s: float) -> list[Any]:
        kind, *rest = self._receive(within_s=within_s)
        return self._checked(kind, rest, expected=expected)

    def _checked(self, kind: str, rest: list[Any], *, expected: str) -> list[Any]:
        if kind == "error":
            name, text = rest
            error: type[VidlabError] = getattr(vidlab.errors, name, VideoError)
            raise error(text)
        if kind != expected:
            raise ProcessLost(f"answered {kind!r} instead of {expected!r}")
        return rest

    def _receive(self, *, within_s: float) -> tuple[Any, ...]:
        try:
            if not self._connection.poll(within_s):
                raise ProcessLost(f"gave no sign of life for {within_s:g} s")
            message: tuple[Any, ...] = self._connection.recv()
        except (EOFError, OSError):
            raise ProcessLost(self._end()) from None
        return message

    def _send(self, message: Any) -> None:
        try:
            self._connection.send(message)
        except OSError:
            raise ProcessLost(self._end()) from None

    def _end(self) -> str:
        try:
            code = self._process.wait(timeout=self._deadline_s)
        except subprocess.TimeoutExpired:
            return "hung up"
        return f"died of {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"

    def close(self) -> None:
        """Kill the process and free its memory; may be called twice."""
        if self.is_ours:  # a forked copy of this process must not end its parent's worker
            self._process.kill()
            self._process.wait()
        self._connection.close()
        if self._memory >= 0:
            os.close(self._memory)
            self._memory = -1


def _start(connection: int, memory: int) -> "subprocess.Popen[bytes]":
    # Not multiprocessing's spawn, which would run the user's script again, and leave named blocks if killed.
    command = [sys.executable, "-m", "vidlab.video.worker_child", str(connection), str(memory)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(part or os.getcwd() for part in sys.path)}
    return subprocess.Popen(command, stdin=subprocess.DEVNULL, pass_fds=(connection, memory), env=environment)
