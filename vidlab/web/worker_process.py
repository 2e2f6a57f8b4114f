"""The worker seen from the server: started, told, heard, watched, ended."""

import json
import logging
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, TextIO, cast

import psutil

logger = logging.getLogger(__name__)

STOP_S = 3.0  # for a worker whose stdin has ended; then it is killed
Inbox = queue.Queue[tuple["WorkerProcess", dict[str, Any]]]


class WorkerProcess:
    """A worker; what it says arrives in an inbox, and at last `{"say": "ended"}`."""

    def __init__(self, inbox: Inbox, *, root: Path, weights: Mapping[str, str]) -> None:
        """Start it; `ready` is what it says first."""
        told = json.dumps({"root": str(root), "weights": dict(weights)})
        self._inbox = inbox
        self._process = subprocess.Popen(
            [sys.executable, "-m", "vidlab.web.worker", told],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            encoding="utf-8",
        )
        self._stdin = cast(TextIO, self._process.stdin)
        self._listener = threading.Thread(target=self._listen, name="vidlab-worker", daemon=True)
        self._listener.start()

    @property
    def pid(self) -> int:
        """Number of the process."""
        return self._process.pid

    def send(self, order: dict[str, Any]) -> None:
        """Tell it something; if it is gone, its `ended` says so."""
        with suppress(OSError, ValueError):
            self._stdin.write(json.dumps(order) + "\n")
            self._stdin.flush()

    def memory_bytes(self) -> int:
        """Return how much memory it takes now; 0 if it is gone."""
        try:
            return int(psutil.Process(self.pid).memory_info().rss)
        except psutil.Error:
            return 0

    def kill(self) -> None:
        """End it at once."""
        self._process.kill()

    def returncode(self) -> int:
        """Wait for its end, and return how it came: below 0 the signal."""
        with suppress(OSError, ValueError):
            self._stdin.close()
        return self._process.wait()

    def stop(self) -> None:
        """Let it end, and see to it that it does."""
        with suppress(OSError, ValueError):
            self._stdin.close()
        try:
            self._process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self.kill()
            self._process.wait()
        self._listener.join(STOP_S)

    def _listen(self) -> None:
        with cast(TextIO, self._process.stdout) as answers:
            for line in answers:
                try:
                    message = json.loads(line)
                except ValueError:  # cut short by its end
                    continue
                self._inbox.put((self, message))
        self._inbox.put((self, {"say": "ended"}))


def signal_name(returncode: int) -> str:
    """Say how a process ended.

    >>> signal_name(-11), signal_name(3)
    ('SIGSEGV', 'exit code 3')
    """
    if returncode >= 0:
        return f"exit code {returncode}"
    try:
        return signal.Signals(-returncode).name
    except ValueError:
        return f"signal {-returncode}"
