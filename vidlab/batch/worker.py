"""The process that does tasks: python -m vidlab.batch.worker SOCKET.

It speaks over one socket that nobody else has, so that killing it at any moment harms no other worker. Its
group dies with the process that started it.
"""

import faulthandler
import logging
import os
import signal
import sys
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from vidlab.batch.networks import Networks
from vidlab.batch.processes import die_with, kill_family
from vidlab.batch.work import Task, run_task

TELL_EVERY_S = 0.2


def main(socket: int) -> None:
    """Serve the process at the other end until it hangs up."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the other process's to answer
    die_with(socket)
    faulthandler.enable()  # a crash in native code says where, in the task's log
    logging.captureWarnings(True)
    networks = Networks()
    with Connection(socket) as parent:
        while True:
            try:
                kind, argument = parent.recv()
                answer = _ANSWERS[kind](argument, parent, networks)
                parent.send((kind, answer))
            except (EOFError, OSError):
                return  # the other process is gone, or has had enough


def _run(task: Task, parent: Connection, networks: Networks) -> Any:
    _log_to(task.log)
    return run_task(task, progress=_Teller(parent), networks=networks)


def _probe(asked: tuple[str, float], _parent: Connection, _networks: Networks) -> Any:
    from vidlab.errors import VidlabError
    from vidlab.video.source import open_source

    try:
        info = open_source(asked[0], fps=asked[1]).info
    except (VidlabError, OSError):
        return None
    return info.n_frames or (round(info.duration_s * info.fps) if info.duration_s else None), info.size_hw


_ANSWERS: dict[str, Callable[[Any, Connection, Networks], Any]] = {"task": _run, "probe": _probe}


class _Teller:
    """Tells how many frames are done, now and then."""

    def __init__(self, parent: Connection) -> None:
        self._parent, self._next_s = parent, 0.0

    def __call__(self, done: int, total: int | None) -> None:
        if time.monotonic() >= self._next_s or done == total:
            self._next_s = time.monotonic() + TELL_EVERY_S
            try:
                self._parent.send(("progress", (done, total)))
            except OSError:  # nobody listens any more: not a failure of this task
                kill_family(os.getpid())


def _log_to(path: Path) -> None:
    """Let what libraries print go to a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    sys.stdout.flush()
    sys.stderr.flush()
    for stream in (1, 2):
        os.dup2(descriptor, stream)
    os.close(descriptor)


if __name__ == "__main__":
    main(int(sys.argv[1]))
    os._exit(0)  # libraries with threads of their own may wait for them on the way out
