"""Processes that end together: the only module of this room that knows psutil."""

import os
import select
import signal
import threading
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from vidlab.errors import MissingExtraError


def kill_family(pid: int) -> None:
    """Kill a process, its group, and everything that descends from it, kernels of notebooks included.

    Args:
        pid: Of the process; it leads a group of its own.
    """
    psutil = _psutil()
    with suppress(psutil.Error):
        head = psutil.Process(pid)
        if pid != os.getpid():
            head.suspend()  # so that it starts nothing while its children are counted
        for process in head.children(recursive=True):
            with suppress(psutil.Error):
                process.kill()
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


def child_processes() -> list[Any]:
    """Return all that descend from this process, as `psutil` knows them."""
    children: list[Any] = _psutil().Process().children(recursive=True)
    return children


def processes_of(pids: Iterable[int]) -> list[Any]:
    """Return the processes that have these numbers now; never taken for others that get them later."""
    psutil, found = _psutil(), []
    for pid in pids:
        with suppress(psutil.Error):
            found.append(psutil.Process(pid))
    return found


def kill_processes(processes: Iterable[Any]) -> None:
    """Kill processes; those that are gone do not count."""
    for process in processes:
        with suppress(_psutil().Error):
            process.kill()


def die_with(descriptor: int) -> None:
    """Let this process die with all its descendants when the other end of a socket closes.

    A thread watches the socket. Linux' own signal at the death of a parent would be quicker, and leave the
    descendants behind.
    """
    _psutil()  # now: at the end there may be no time
    threading.Thread(target=_watch, args=(descriptor,), daemon=True).start()


def _watch(descriptor: int) -> None:
    poll = select.poll()
    poll.register(descriptor, getattr(select, "POLLRDHUP", 0))  # a hang-up is always told
    poll.poll()
    kill_family(os.getpid())


def _psutil() -> Any:
    try:
        import psutil
    except ImportError:
        raise MissingExtraError.for_feature("a batch on this machine", extra="batch") from None
    return psutil
