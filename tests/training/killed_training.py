"""The command line in a process that kills itself just before its N-th checkpoint takes its name.

python killed_training.py N WORDS…
"""

import os
import signal
import sys

import torch

from vidlab import cli


def main() -> int:
    """Run the words; die in time."""
    die_at, n_checkpoints = int(sys.argv[1]), 0

    def count(event: str, arguments: tuple[object, ...]) -> None:
        nonlocal n_checkpoints
        if event == "os.rename" and str(arguments[1]).endswith("last.pt"):
            n_checkpoints += 1
            if n_checkpoints == die_at:
                os.kill(os.getpid(), signal.SIGKILL)

    torch.set_num_threads(1)
    sys.addaudithook(count)
    return cli.main(sys.argv[2:])


if __name__ == "__main__":
    sys.exit(main())
