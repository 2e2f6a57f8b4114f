"""Ends what a killed batch leaves of its Ray: python -m vidlab.batch.ray_guard FOLDER, told of it by a pipe.

Ray's own processes die with their driver, but for two agents, which first wait a minute for a cluster that is
gone. This process holds the other end of a pipe of the driver's; it is told who belongs to Ray, and when the
pipe closes, it kills those who are left and removes their folder.
"""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from vidlab.batch.processes import child_processes, kill_processes, processes_of

ENDING_S = 10.0  # most that the guard is waited for


@contextmanager
def guarded(folder: Path) -> Iterator[Callable[[], None]]:
    """Guard what is started in the block, until it ends, however that is.

    Args:
        folder: Is removed with it.

    Yields:
        A function to be called when all is started.
    """
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(part or os.getcwd() for part in sys.path)}
    before = {process.pid for process in child_processes()}
    guard = subprocess.Popen(
        [sys.executable, "-m", "vidlab.batch.ray_guard", str(folder)],
        stdin=subprocess.PIPE,
        env=environment,
        start_new_session=True,
    )
    pipe = guard.stdin
    if pipe is None:
        raise OSError("the guard must have a pipe")
    before.add(guard.pid)

    def all_started() -> None:
        pids = [process.pid for process in child_processes() if process.pid not in before]
        with suppress(BrokenPipeError):
            pipe.write(f"{' '.join(map(str, pids))}\n".encode())
            pipe.flush()

    try:
        yield all_started
    finally:
        with suppress(BrokenPipeError):
            pipe.close()
        with suppress(subprocess.TimeoutExpired):
            guard.wait(timeout=ENDING_S)


def main(folder: Path) -> None:
    """Read who belongs to Ray, wait for the end of the driver, and clean up after it."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):  # they are the driver's to answer
        signal.signal(number, signal.SIG_IGN)
    known = []
    for line in sys.stdin:
        known += processes_of(map(int, line.split()))
    kill_processes(known)
    shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
