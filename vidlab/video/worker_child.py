"""The process in which a backend decodes alone: python -m vidlab.video.worker_child SOCKET MEMORY.

Its parent may kill it at any moment. It speaks over one socket, and lays pictures into memory without a name,
so that nothing can be left behind. While the backend works a kernel timer runs that ends the process even if
native code holds the interpreter for ever and the parent is gone.
"""

import mmap
import os
import signal
import sys
from collections.abc import Iterator
from multiprocessing.connection import Connection
from typing import Any

import numpy as np

from vidlab.errors import VidlabError
from vidlab.types import Frame

GRACE = 2.0  # times the deadline: the parent's own patience ends first


def main(socket: int, memory: int) -> None:
    """Serve the parent until it hangs up."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to answer
    with Connection(socket) as parent:
        try:
            _serve(parent, memory)
        except (EOFError, OSError):
            return  # the parent is gone, or has had enough


def _serve(parent: Connection, memory: int) -> None:
    opener, limits_s = parent.recv()
    try:
        with _Alarm(limits_s["start"]):
            decoder = opener()
            parent.send(("ready", decoder.info))
        n_slots = parent.recv()
        height, width = decoder.info.size_hw
        size = n_slots * height * width * 3
        slots = np.frombuffer(mmap.mmap(memory, size), np.uint8).reshape(n_slots, height, width, 3)
        while True:
            call, *details = parent.recv()
            if call == "length":
                with _Alarm(limits_s["start"]):
                    parent.send(("length", len(decoder)))
            else:
                _send_frames(parent, slots, decoder, details, limit_s=limits_s["frame"])
    except VidlabError as error:
        parent.send(("error", type(error).__name__, str(error)))


def _send_frames(
    parent: Connection, slots: "np.ndarray[Any, Any]", decoder: Any, details: list[Any], *, limit_s: float
) -> None:
    frames = _frames(decoder, *details)
    n_sent = n_free_seen = 0
    while True:
        with _Alarm(limit_s):
            frame = next(frames, None)
        if frame is None:
            break
        while n_sent - n_free_seen >= len(slots) or parent.poll(0):
            parent.recv_bytes()  # one for each slot that is free again
            n_free_seen += 1
        np.copyto(slots[n_sent % len(slots)], frame.image)
        parent.send(("frame", frame.index, frame.pts_s))
        n_sent += 1
    for _ in range(n_sent - n_free_seen):
        parent.recv_bytes()
    parent.send(("end", tuple(decoder.losses)))


def _frames(decoder: Any, positions: Any, after_s: float | None) -> Iterator[Frame]:
    """Yield what is asked for: certain positions, or (None) all frames, or all later than a time."""
    if positions is not None:
        return iter(decoder.iter_at(positions))
    if after_s is None:
        return iter(decoder)
    start = int(np.searchsorted(decoder.index.times_s, after_s, side="right"))
    later = decoder.iter_range(start)
    return (frame for frame in later if frame.pts_s > after_s)


class _Alarm:
    """Ends the process unless the block ends in time."""

    def __init__(self, limit_s: float) -> None:
        self._limit_s = limit_s

    def __enter__(self) -> None:
        signal.setitimer(signal.ITIMER_REAL, GRACE * self._limit_s + 1)

    def __exit__(self, *_: object) -> None:
        signal.setitimer(signal.ITIMER_REAL, 0)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
    os._exit(0)  # libraries with threads of their own may wait for them on the way out
