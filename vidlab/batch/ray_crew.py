"""The actors of one batch: who does what, since when, and what came of it."""

import contextlib
import logging
import os
import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import vidlab
from vidlab.batch.local import THREAD_WORDS
from vidlab.batch.ray_worker import Worker
from vidlab.batch.work import Event, Outcome, Report, Task
from vidlab.errors import EngineError
from vidlab.params import BatchParams, ClusterParams

logger = logging.getLogger(__name__)

ASK_S = 1.0  # between two questions how far a worker is
WARN_S = 60.0  # after which it is said that workers wait for a place


@dataclass
class _Seat:
    """One actor, and what it is about to answer.

    Attributes:
        number: Of the worker, from 0.
        actor: Its handle.
        answer: Future of its version while it waits for a place, then of the outcome of its task; None while
            it is idle.
        task: What it does; None while it waits or is idle.
        asked: Future of how far it is; None where it was not asked.
        begun_s: When it began its task; None where that is not known, such as while Ray begins it anew.
        n_done: Tasks that ended in its process.
        failed: Why it could not come; empty unless it could not.
    """

    number: int
    actor: Any
    answer: Any
    task: Task | None = None
    asked: Any = None
    begun_s: float | None = None
    n_done: int = 0
    failed: str = ""


class Crew:
    """The actors of one batch, each with one task at a time."""

    def __init__(self, ray: Any, *, n_workers: int, params: BatchParams, cluster: ClusterParams) -> None:
        """Ask Ray for actors; they come when there is room.

        Args:
            ray: The package, connected.
            n_workers: Actors.
            params: Time limit and retries.
            cluster: What an actor takes.
        """
        self._ray, self._params = ray, params
        wanted: dict[str, Any] = {"num_cpus": cluster.cpus_per_task, "num_gpus": cluster.gpus_per_task}
        if cluster.memory_per_task:
            wanted["memory"] = int(1e9 * cluster.memory_per_task)
        # Two threads: one works, the other says how far it is.
        self._workers = ray.remote(Worker).options(
            **wanted, max_restarts=-1, max_task_retries=params.retries, max_concurrency=2
        )
        threads = str(params.threads_per_task) if params.threads_per_task else None
        self._environment = {name: threads or os.environ.get(name) for name in THREAD_WORDS}
        self._seats = [self._seat(number) for number in range(n_workers)]
        self._asked_s = self._waiting_s = time.monotonic()

    def run(self, tasks: Sequence[Task], *, report: Report) -> Iterator[Outcome]:
        """Give every task to an actor, and yield what came of it.

        Raises:
            EngineError: No actor can work.
        """
        waiting = deque(tasks)
        n_owed = len(tasks)
        while n_owed:
            for seat in self._seats:
                if waiting and seat.answer is None and not seat.failed:
                    self._give(seat, waiting.popleft(), report=report)
            for outcome in (*self._answered(), *self._stopped()):
                n_owed -= 1
                yield outcome
            self._ask(report)
            self._require_hands()

    def dismiss(self) -> None:
        """Let every actor go, whatever it does."""
        for seat in self._seats:
            self._kill(seat)

    def _seat(self, number: int) -> _Seat:
        actor = self._workers.remote(self._environment)
        return _Seat(number, actor, actor.version.remote())

    def _give(self, seat: _Seat, task: Task, *, report: Report) -> None:
        seat.task, seat.begun_s = task, time.monotonic()
        seat.answer = seat.actor.work.remote(task)
        report(Event(seat.number, task.key, task.name))

    def _answered(self) -> Iterator[Outcome]:
        """Wait for an answer, but not long; take all there are."""
        owing = {seat.answer: seat for seat in self._seats if seat.answer is not None}
        if not owing:
            return
        ready, _ = self._ray.wait(list(owing), num_returns=1, timeout=ASK_S)
        if ready:
            ready, _ = self._ray.wait(list(owing), num_returns=len(owing), timeout=0)
        for answer in ready:
            seat = owing[answer]
            if seat.task is None:
                self._welcome(seat)
            else:
                yield self._outcome(seat, seat.task)
                seat.n_done += 1
                if seat.n_done == self._params.tasks_per_worker:
                    self._replace(seat)

    def _welcome(self, seat: _Seat) -> None:
        answer, seat.answer = seat.answer, None
        try:
            version = self._ray.get(answer)
        except Exception as error:
            seat.failed = _last_line(error)
            logger.warning("worker %d cannot work: %s", seat.number, seat.failed)
            return
        if version != vidlab.__version__:
            raise EngineError(
                f"every machine must have vidlab {vidlab.__version__} as this one, got {version} on a worker"
            )

    def _outcome(self, seat: _Seat, task: Task) -> Outcome:
        answer, seat.answer, seat.task, seat.begun_s = seat.answer, None, None, None
        try:
            outcome: Outcome = self._ray.get(answer)
            return outcome
        except self._ray.exceptions.RayTaskError as error:  # `run_task` promises not to raise
            return Outcome(task.key, "failed", error=f"unexpected {_last_line(error)}")
        except self._ray.exceptions.RayError as error:
            logger.debug("worker %d: %s", seat.number, error)
            seat.answer = seat.actor.version.remote()  # Ray restarts it; no task before it is there
            times = 1 + self._params.retries
            often = "its process" if times == 1 else f"its process, {times} times in a row,"
            text = f"{often} was lost: often the answer to too little memory, or a machine that went away"
            return Outcome(task.key, "failed", error=text)

    def _stopped(self) -> Iterator[Outcome]:
        """Stop what takes too long; its actor goes, and another one comes."""
        limit_s = self._params.time_limit
        for seat in tuple(self._seats):
            if not limit_s or seat.task is None or seat.begun_s is None:
                continue
            if time.monotonic() - seat.begun_s > limit_s:
                self._replace(seat)
                text = (
                    f"it took longer than {limit_s:g} s and was stopped; what is done is kept, and the same "
                )
                text += "command goes on with it"
                yield Outcome(seat.task.key, "timeout", error=text, seconds=limit_s)

    def _ask(self, report: Report) -> None:
        """Hear how far everyone is who was asked before, and ask again now and then."""
        working = [seat for seat in self._seats if seat.task is not None]
        asked = {seat.asked: seat for seat in working if seat.asked is not None}
        if asked:
            for answer in self._ray.wait(list(asked), num_returns=len(asked), timeout=0)[0]:
                self._hear(asked[answer], report)
        if time.monotonic() - self._asked_s >= ASK_S:
            self._asked_s = time.monotonic()
            for seat in working:
                if seat.asked is None:
                    seat.asked = seat.actor.progress.options(max_task_retries=0).remote()

    def _hear(self, seat: _Seat, report: Report) -> None:
        answer, seat.asked = seat.asked, None
        try:
            told = self._ray.get(answer)
        except self._ray.exceptions.RayError:  # lost; Ray begins the task anew when there is a place
            seat.begun_s = None
            return
        if told is not None and seat.task is not None and told.key == seat.task.key:
            seat.begun_s = time.monotonic() - told.seconds
            report(Event(seat.number, told.key, seat.task.name, told.done, told.total))

    def _require_hands(self) -> None:
        failed = [seat.failed for seat in self._seats if seat.failed]
        if len(failed) == len(self._seats):
            raise EngineError(f"workers must be able to import vidlab on their machines, got: {failed[0]}")
        n_absent = sum(seat.task is None and seat.answer is not None for seat in self._seats)
        if not n_absent or len(failed) + n_absent < len(self._seats):
            self._waiting_s = time.monotonic()
        elif time.monotonic() - self._waiting_s > WARN_S:
            self._waiting_s = time.monotonic()
            logger.warning("no worker has a place on the cluster yet; waiting for %d", n_absent)

    def _replace(self, seat: _Seat) -> None:
        self._kill(seat)
        self._seats[seat.number] = self._seat(seat.number)

    def _kill(self, seat: _Seat) -> None:
        with contextlib.suppress(Exception):  # it is gone, or the cluster is
            self._ray.kill(seat.actor)


def _last_line(error: BaseException) -> str:
    """Return what an error of Ray says after the traceback of the worker."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[-1] if lines else type(error).__name__)[:300]
