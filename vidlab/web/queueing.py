"""The foreman: gives jobs to the worker one by one, watches it, and replaces it when it is lost."""

import logging
import queue
import signal
import threading
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from vidlab.params import WebParams
from vidlab.web.home import MB, Home, remove
from vidlab.web.networks import Offer, guessed_offers
from vidlab.web.progress import Live, Pace
from vidlab.web.records import Job
from vidlab.web.schemas import State
from vidlab.web.store import Store
from vidlab.web.tasks import Task
from vidlab.web.worker_process import Inbox, WorkerProcess, signal_name

logger = logging.getLogger(__name__)
worker_logger = logging.getLogger("vidlab.web.worker")

TICK_S = 0.2  # between two looks at the queue and the worker
WATCH_S = 1.0  # between two looks at its memory
CANCEL_S = 1.0  # for the worker to leave a job by itself; then it is killed
MAX_PAUSE_S = 30.0  # before another start of a worker that cannot start
FROM_OUTSIDE = {-signal.SIGKILL, -signal.SIGTERM, -signal.SIGHUP, -signal.SIGINT}
MOST_LOST = 2  # times that a job may lose its worker to somebody outside


@dataclass
class Running:
    """The job that the worker is at.

    Attributes:
        job: The job.
        pace: How far it is.
        started_s: When it began, on the monotonic clock.
        cancelled_s: When its end was asked for; None if it was not.
        sentence: Why its worker was killed here, None if it was not.
    """

    job: Job
    pace: Pace = field(default_factory=Pace)
    started_s: float = field(default_factory=time.monotonic)
    cancelled_s: float | None = None
    sentence: str | None = None


class Foreman:
    """Runs in a thread of the server from `start` to `stop`.

    Attributes:
        device: Where networks run; empty until the worker has said so.
    """

    def __init__(self, store: Store, home: Home, *, params: WebParams, weights: Mapping[str, str]) -> None:
        self._store, self._home, self._params, self._weights = store, home, params, dict(weights)
        self.device = ""
        self._offers: Mapping[str, Offer] = guessed_offers(weights)
        self._has_offers = threading.Event()
        self._inbox: Inbox = queue.Queue()
        self._cancellations: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="vidlab-foreman", daemon=True)
        self._process: WorkerProcess | None = None
        self._is_ready = False
        self._running: Running | None = None
        self._n_failed_starts = 0
        self._start_again_s = 0.0
        self._watched_s = 0.0

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End the worker; the job that it was at waits again."""
        self._stopping.set()
        self._thread.join()
        if self._process is not None:
            self._process.stop()
        if self._running is not None:
            self._store.put_back(self._running.job.id)

    def live(self, job_id: str) -> Live | None:
        """Return how far a job is, None if it is not the one that runs."""
        running = self._running
        return running.pace.live if running is not None and running.job.id == job_id else None

    def cancel(self, job_id: str) -> None:
        """End a job that runs, within a second or two."""
        self._cancellations.put(job_id)

    def offers(self, *, wait_s: float) -> Mapping[str, Offer]:
        """Return which networks can be used; what is not known in time is guessed."""
        self._has_offers.wait(wait_s)
        return self._offers

    def worker_pid(self) -> int | None:
        """Return the number of the worker's process, None while there is none."""
        process = self._process
        return None if process is None else process.pid

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._turn()
            except Exception:  # whatever it was, jobs that wait must not wait for ever
                logger.exception("the queue stumbled, and goes on")
                self._stopping.wait(1.0)

    def _turn(self) -> None:
        try:
            self._hear(*self._inbox.get(timeout=TICK_S))
            while True:
                self._hear(*self._inbox.get_nowait())
        except queue.Empty:
            pass
        while not self._cancellations.empty():
            self._pass_on_cancellation(self._cancellations.get())
        if self._process is None:
            self._start_worker()
            return
        if self._running is not None:
            self._watch(self._process, self._running)
        elif self._is_ready:
            self._give(self._process)

    def _start_worker(self) -> None:
        if time.monotonic() >= self._start_again_s:
            self._is_ready = False
            self._process = WorkerProcess(self._inbox, root=self._home.root, weights=self._weights)

    def _give(self, process: WorkerProcess) -> None:
        job = self._store.start_next()
        if job is not None:
            self._running = Running(job)
            process.send({"do": "work", "task": asdict(self._task_of(job))})

    def _hear(self, process: WorkerProcess, message: dict[str, Any]) -> None:
        if process is not self._process:
            return
        what, running = message["say"], self._running
        if what == "ready":
            self._is_ready, self._n_failed_starts = True, 0
        elif what == "offers":
            self.device = message["device"]
            self._offers = {name: Offer(**offer) for name, offer in message["offers"].items()}
            self._has_offers.set()
        elif what == "log":
            worker_logger.log(message["level"], "%s", message["text"])
        elif what == "ended":
            self._lose(process)
        elif running is None or running.job.id != message["job_id"]:
            return
        elif what == "progress":
            running.pace.hear(message["stage"], message["frame"], message["n_frames"])
        else:
            self._end(running, State(what), error=message.get("error"), n_frames=message.get("n_frames"))

    def _end(
        self, running: Running, state: State, *, error: str | None = None, n_frames: int | None = None
    ) -> None:
        if state is not State.DONE:
            remove(self._home.job(running.job.id))
        self._store.finish(running.job.id, state, error=error, n_frames=n_frames)
        self._running = None

    def _pass_on_cancellation(self, job_id: str) -> None:
        running = self._running
        if running is None or running.job.id != job_id or running.cancelled_s is not None:
            return
        running.cancelled_s = time.monotonic()
        if self._process is not None:
            self._process.send({"do": "cancel", "job_id": job_id})

    def _watch(self, process: WorkerProcess, running: Running) -> None:
        """Kill a worker that does not come back from its job, or takes too much for it."""
        if running.sentence is not None:
            return  # killed already
        now_s, params = time.monotonic(), self._params
        if running.cancelled_s is not None and now_s - running.cancelled_s > CANCEL_S:
            self._kill(process, running, "it was cancelled")
        elif now_s - running.pace.heard_s > params.stall_s:
            self._kill(process, running, f"no frame was finished in {params.stall_s:g} s")
        elif now_s - running.started_s > 60 * params.job_limit_min:
            self._kill(process, running, f"it took longer than {params.job_limit_min:g} min")
        elif now_s - self._watched_s > WATCH_S:
            self._watched_s = now_s
            if process.memory_bytes() > params.worker_memory_mb * MB:
                most = params.worker_memory_mb
                self._kill(process, running, f"it took more than {most} MB of memory; try a smaller video")

    def _kill(self, process: WorkerProcess, running: Running, sentence: str) -> None:
        logger.warning("job %s: %s; its worker is killed", running.job.id, sentence)
        running.sentence = sentence
        process.kill()

    def _lose(self, process: WorkerProcess) -> None:
        """Say what became of the job whose worker has ended."""
        returncode, running = process.returncode(), self._running
        self._process, self._running = None, None
        if not self._is_ready:
            self._n_failed_starts += 1
            self._start_again_s = time.monotonic() + min(MAX_PAUSE_S, 2.0**self._n_failed_starts)
            logger.error("the worker could not start: %s", signal_name(returncode))
        if running is None:
            return
        job_id = running.job.id
        if running.cancelled_s is not None:
            self._end(running, State.CANCELLED)
        elif running.sentence is not None:
            self._end(running, State.FAILED, error=running.sentence)
        elif returncode in FROM_OUTSIDE:
            logger.warning("the worker of job %s was ended from outside: %s", job_id, signal_name(returncode))
            if not self._store.requeue(job_id, most_attempts=MOST_LOST):
                remove(self._home.job(job_id))
        else:
            name = signal_name(returncode)
            logger.error("the worker of job %s crashed: %s", job_id, name)
            self._end(
                running,
                State.FAILED,
                error=f"the process that worked on it crashed ({name}); is a file damaged?",
            )

    def _task_of(self, job: Job) -> Task:
        store, home = self._store, self._home
        uploads = [store.upload(each) for each in (job.upload_id, job.masks_id) if each is not None]
        paths = {str(home.upload(one.id) / one.facts["path"]): one.name for one in uploads if one is not None}
        video, masks = [*paths, None][:2]
        parent = store.job(job.parent_id) if job.parent_id is not None else None
        folder = home.job(job.id)
        return Task(
            job_id=job.id,
            kind=job.kind,
            wanted=job.wanted,
            folder=str(folder),
            video=str(video),
            masks=masks,
            parent=None if parent is None else str(home.job(parent.id)),
            parent_wanted={} if parent is None else parent.wanted,
            names={
                **paths,
                str(folder): "the result",
                **({} if parent is None else {str(home.job(parent.id) / "result"): "the segmentation"}),
            },
            limits=self._params.model_dump(),
        )
