"""What lives in the process of a Ray actor."""

import os
import signal
import time
from collections.abc import Mapping
from typing import NamedTuple

import vidlab
from vidlab.batch.work import Outcome, Task, run_task


class Told(NamedTuple):
    """How far a worker is.

    Attributes:
        key: Key of its task.
        seconds: Since it began.
        done: Finished frames.
        total: Expected frames, None where nobody knows.
    """

    key: str
    seconds: float
    done: int
    total: int | None


class Worker:
    """Does tasks one after the other, and says in another thread how far it is."""

    def __init__(self, environment: Mapping[str, str | None]) -> None:
        """Take the number of threads from where the batch was started.

        Ray sets it to the cores of the actor, and a network's results depend on it in the last bit.

        Args:
            environment: Variables of the environment; None takes one away.
        """
        # Ray ignores it where the raylet adopts orphans, and every child seems to have ended well.
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for name, value in environment.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        from vidlab.batch.networks import Networks  # not before: it loads libraries that read them

        self._networks = Networks()
        self._told: Told | None = None
        self._begun_s = 0.0

    def version(self) -> str:
        """Tell which vidlab this machine has; that it answers says that the actor has a place."""
        return vidlab.__version__

    def work(self, task: Task) -> Outcome:
        """Do one task."""
        self._begun_s = time.monotonic()
        self._told = Told(task.key, 0.0, 0, None)
        try:
            return run_task(task, progress=self._progressed, networks=self._networks)
        finally:
            self._told = None

    def progress(self) -> Told | None:
        """Tell how far it is, None where it does nothing."""
        told = self._told
        return told and told._replace(seconds=time.monotonic() - self._begun_s)

    def _progressed(self, done: int, total: int | None) -> None:
        if self._told is not None:
            self._told = self._told._replace(done=done, total=total)
