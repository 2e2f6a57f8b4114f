"""A worker whose tasks do what their settings say: python odd_worker.py SOCKET."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from vidlab.batch import worker
from vidlab.batch.work import Outcome, Task


def run_task(task: Task, *, progress, networks) -> Outcome:
    for word, argument in task.settings["do"]:
        if word == "tell":
            progress(*argument)
        elif word == "sleep":
            time.sleep(argument)
        elif word == "die":
            os.kill(os.getpid(), signal.Signals[argument])
        elif word == "exit":
            os._exit(argument)
        elif word == "die_first":  # the first time only
            if not Path(argument).exists():
                Path(argument).touch()
                os.kill(os.getpid(), signal.SIGKILL)
        elif word == "start":  # a child in a session of its own, as a notebook's kernel is
            child = subprocess.Popen(["sleep", "600"], start_new_session=True)
            Path(argument).write_text(f"{os.getpid()} {child.pid}")
    return Outcome(task.key, "done", n_frames=os.getpid())


if __name__ == "__main__":
    worker.run_task = run_task
    worker.main(int(sys.argv[1]))
    os._exit(0)
