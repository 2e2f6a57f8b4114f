"""The process that computes: takes tasks as JSON lines on stdin, answers in JSON lines on stdout.

It lives as long as the server: when its stdin ends, however that came about, it ends on the spot. What it was
doing is taken up by the next one.
"""

import json
import logging
import os
import queue
import resource
import signal
import sys
import threading
import time
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from vidlab.errors import VidlabError
from vidlab.web.home import hidden
from vidlab.web.networks import Networks, device_here, offers
from vidlab.web.tasks import Task
from vidlab.web.work import Work, discard

logger = logging.getLogger(__name__)

NICENESS = 5  # the page comes first
REPORT_S = 0.1  # between two reports of progress
IDLE_S = 2.0  # without a task: time to find out which networks are here
LOWEST = 19  # priority of what nobody waits for


class Cancelled(BaseException):
    """The visitor wants no more of this job; no `except Exception` on the way may stop it."""


class Worker:
    """Does one task after the other."""

    def __init__(self, answers: Any, *, root: Path, weights: dict[str, str]) -> None:
        self._answers, self._root, self._weights = answers, root, weights
        self._networks = Networks(weights)
        self._tasks: queue.Queue[Task] = queue.Queue()
        self._cancelled: set[str] = set()
        self._speaking = threading.Lock()
        self._last_said_s = 0.0
        self._last_stage = ""

    def listen(self) -> None:
        """Take what the server says; end this process with it."""
        for line in sys.stdin:
            order = json.loads(line)
            if order["do"] == "work":
                self._tasks.put(Task(**order["task"]))
            else:
                self._cancelled.add(order["job_id"])
        os._exit(0)  # the server is gone: no cleaning up that could hang

    def work(self) -> None:
        """Do what comes, for ever."""
        self.say("ready")
        with suppress(queue.Empty):
            self._do(self._tasks.get(timeout=IDLE_S))
        threading.Thread(target=self._look_around, daemon=True).start()
        while True:
            self._do(self._tasks.get())

    def _look_around(self) -> None:
        """Find out which networks are here, beside the work, which comes first: torch loads for seconds."""
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), LOWEST)
        found = {name: asdict(offer) for name, offer in offers(self._weights).items()}
        self.say("offers", device=device_here(), offers=found)

    def _do(self, task: Task) -> None:
        def tell(stage: str, done: int, total: int | None) -> None:
            if task.job_id in self._cancelled:
                raise Cancelled
            self._report(task.job_id, stage, done, total)

        try:
            n_frames = Work(task, networks=self._networks, tell=tell).run()
        except Cancelled:
            discard(Path(task.folder))
            self.say("cancelled", job_id=task.job_id)
        except (VidlabError, OSError) as error:
            self._fail(task, hidden(" ".join(str(error).split()), names=task.names, root=self._root))
        except MemoryError:
            self._fail(task, "there is not enough memory for this")
        except Exception:
            logger.exception("job %s failed", task.job_id)
            self._fail(
                task, f"something unexpected happened; the server's log knows more under {task.job_id}"
            )
        else:
            self.say("done", job_id=task.job_id, n_frames=n_frames)

    def _fail(self, task: Task, sentence: str) -> None:
        discard(Path(task.folder))
        self.say("failed", job_id=task.job_id, error=sentence)

    def _report(self, job_id: str, stage: str, done: int, total: int | None) -> None:
        now_s = time.monotonic()
        is_worth_it = stage != self._last_stage or done == total or now_s - self._last_said_s >= REPORT_S
        if is_worth_it:
            self._last_said_s, self._last_stage = now_s, stage
            self.say("progress", job_id=job_id, stage=stage, frame=done, n_frames=total)

    def say(self, what: str, **facts: Any) -> None:
        """Tell the server something; any thread may."""
        with self._speaking:
            self._answers.write(json.dumps({"say": what, **facts}) + "\n")
            self._answers.flush()


class ToServer(logging.Handler):
    """Sends what is logged to the server, whose log is the one that people look at."""

    def __init__(self, worker: Worker) -> None:
        super().__init__(logging.WARNING)
        self._worker = worker

    def emit(self, record: logging.LogRecord) -> None:
        """Send one record."""
        self._worker.say("log", level=record.levelno, text=self.format(record))


def main() -> None:
    """Work for the server that started this process; its folder and weights come as JSON."""
    told = json.loads(sys.argv[1])
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the server's, which ends this process
    os.nice(NICENESS)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # whatever a library prints is no answer
    worker = Worker(answers, root=Path(told["root"]), weights=told["weights"])
    logging.getLogger().addHandler(ToServer(worker))
    threading.Thread(target=worker.listen, daemon=True).start()
    worker.work()


if __name__ == "__main__":
    main()
