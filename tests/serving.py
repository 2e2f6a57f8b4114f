"""`vidlab serve` as a process of its own, on the loopback and a free port, and gone at the end."""

import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
from conftest import ROOT

START_LIMIT_S, STOP_LIMIT_S = 60, 30
ENVIRONMENT = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}


class Served:
    """A running `vidlab serve`, and what it has printed; its home is `home` in the folder."""

    def __init__(self, *words: str, folder: Path) -> None:
        self.printed = folder / "printed.txt"
        with self.printed.open("wb") as stream:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "vidlab", "serve", "--port", "0", "--home", "home", *words],
                cwd=folder,
                env=ENVIRONMENT,
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def text(self) -> str:
        return self.printed.read_text("utf-8")

    def address(self) -> str:
        """Where the page is, once it is there."""
        deadline_s = time.monotonic() + START_LIMIT_S
        while time.monotonic() < deadline_s:
            found = re.search(r"http://\S+", self.text)
            if found and "Ctrl-C ends it" in self.text:
                return found[0]
            assert self.process.poll() is None, self.text
            time.sleep(0.05)
        raise AssertionError(f"the server must say where it is, got {self.text!r}")

    def family(self) -> list[psutil.Process]:
        """The processes that it started."""
        return psutil.Process(self.process.pid).children(recursive=True)

    def stop(self, how: signal.Signals) -> int:
        """End it, and return its exit code."""
        self.process.send_signal(how)
        return self.process.wait(STOP_LIMIT_S)


@contextmanager
def served(*words: str, folder: Path) -> Iterator[Served]:
    """Serve while the block runs; whatever is left of it afterwards is killed."""
    server = Served(*words, folder=folder)
    family: list[psutil.Process] = []
    try:
        yield server
        if server.process.poll() is None:
            family = server.family()
            server.stop(signal.SIGTERM)
    finally:
        if server.process.poll() is None:
            family = server.family()
            server.process.kill()
            server.process.wait()
        for process in psutil.wait_procs(family, timeout=STOP_LIMIT_S / 10)[1]:
            process.kill()
