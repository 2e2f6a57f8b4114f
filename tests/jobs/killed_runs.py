"""Runs of the command line in processes of their own that are killed at a chosen file operation.

    python killed_runs.py < JOBS       one JSON list per line: folder, die_at, checkpoint_frames, words

Each run is forked from this process, whose imports are done, and kills itself (SIGKILL) just before its file
operation number `die_at` (0: never) inside `folder`. For each a line comes back: exit code and operations.
"""

import json
import os
import signal
import sys
from pathlib import Path

from vidlab import cli
from vidlab.jobs import stabilizing

OPERATIONS = {"open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.listdir", "os.scandir"}


def run(folder: str, die_at: int, checkpoint_frames: int, words: list[str], report: int) -> int:
    """Run the command line inside `folder`."""
    n_operations = 0

    def count(event: str, arguments: tuple[object, ...]) -> None:
        nonlocal n_operations
        if event not in OPERATIONS or not arguments or not isinstance(arguments[0], (str, Path)):
            return
        if folder not in os.path.abspath(arguments[0]):
            return
        n_operations += 1
        if n_operations == die_at:
            os.kill(os.getpid(), signal.SIGKILL)

    os.chdir(folder)
    stabilizing.CHECKPOINT_FRAMES = checkpoint_frames
    sys.addaudithook(count)
    code = cli.main(words)
    os.write(report, str(n_operations).encode())
    return code


def main() -> None:
    """Fork one run after the other."""
    for line in sys.stdin:
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            os._exit(run(*json.loads(line), writer))
        os.close(writer)
        _, status = os.waitpid(child, 0)
        counted = os.read(reader, 100)
        os.close(reader)
        sys.stdout.write(json.dumps([os.waitstatus_to_exitcode(status), int(counted or 0)]) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
