"""The engine on this machine: so many processes at once, each behind a socket of its own.

`concurrent.futures` decides who does what next. A pool of `multiprocessing` would share one queue among its
processes, which a killed one can leave locked for ever; here the only thing that a death can break is its own
socket, and that is how it is noticed.
"""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import suppress
from multiprocessing.connection import Connection
from queue import SimpleQueue
from typing import Any

from vidlab.batch.processes import kill_family
from vidlab.batch.work import Event, Outcome, Report, Task
from vidlab.params import BatchParams

THREAD_WORDS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")
WORKER = ("-m", "vidlab.batch.worker")
ENDING_S = 10.0  # most that a process may take to end after it hung up


class WorkerLost(Exception):  # noqa: N818
    """The process died; the text says of what."""


class TooSlow(Exception):  # noqa: N818
    """The answer did not come in time."""


class LocalEngine:
    """Runs tasks in processes on this machine.

    Attributes:
        n_workers: Tasks at once.
        is_detached: False: when `run` ends, the work is done.
    """

    is_detached = False

    def __init__(self, params: BatchParams, *, command: Sequence[str] = WORKER) -> None:
        """Take what holds for all tasks; processes start when there is something to do.

        Args:
            params: Tasks at once, time limit, retries, threads.
            command: What Python runs in them; the number of the socket comes last.
        """
        self._params, self._command = params, command
        self.n_workers = max(1, params.jobs)

    def run(self, tasks: Sequence[Task], *, report: Report) -> Iterator[Outcome]:
        """Run tasks; see `work.Engine.run`. `report` is called from several threads."""
        numbers = range(min(self.n_workers, len(tasks)))
        slots = [_Slot(number, self._params, report, self._command) for number in numbers]
        free: SimpleQueue[_Slot] = SimpleQueue()
        for slot in slots:
            free.put(slot)

        def do(task: Task) -> Outcome:
            slot = free.get()
            try:
                return slot.do(task)
            finally:
                free.put(slot)

        pool = ThreadPoolExecutor(max(1, len(slots)), thread_name_prefix="batch")
        try:
            for future in as_completed([pool.submit(do, task) for task in tasks]):
                yield future.result()
        finally:
            for slot in slots:
                slot.stop()
            pool.shutdown(wait=True, cancel_futures=True)


class WorkerProcess:
    """One process that answers questions (see `worker`); gone, with all it started, when closed."""

    def __init__(self, *, threads: int = 0, command: Sequence[str] = WORKER) -> None:
        """Start it; `threads` is for its arithmetic, 0 as the libraries choose."""
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = _start(theirs.fileno(), threads, command)
        self._connection = Connection(ours.detach())

    def ask(self, kind: str, argument: Any, *, limit_s: float | None, told: Any = None) -> Any:
        """Return the answer to a question.

        Args:
            kind: Which one: `task` or `probe`.
            argument: What it is about.
            limit_s: Most seconds to wait; None waits for ever.
            told: Called with what it tells before the answer.

        Raises:
            TooSlow: No answer came in time; the process still works.
            WorkerLost: The process died.
        """
        end_s = None if limit_s is None else time.monotonic() + limit_s
        try:
            self._connection.send((kind, argument))
            while True:
                left_s = None if end_s is None else max(0.0, end_s - time.monotonic())
                if not self._connection.poll(left_s):
                    raise TooSlow
                said, answer = self._connection.recv()
                if said == kind:
                    return answer
                told(*answer)
        except (EOFError, OSError):
            raise WorkerLost(self._end()) from None

    def kill(self) -> None:
        """Kill it and all it started; who waits for an answer is told that it died."""
        if self._process.poll() is None:
            kill_family(self._process.pid)
            self._process.wait()

    def close(self) -> None:
        """Kill it and hang up."""
        self.kill()
        self._connection.close()

    def _end(self) -> str:
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=ENDING_S)
        code = self._process.poll()
        if code is None:
            return "hung up"
        if code == -signal.SIGKILL:
            return (
                "was killed (SIGKILL): often the system's answer to too little memory; fewer --jobs need less"
            )
        return f"died of {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"


class _Slot:
    """A place where one task at a time is done, in a process that is replaced as need be."""

    def __init__(self, number: int, params: BatchParams, report: Report, command: Sequence[str]) -> None:
        self._number, self._params, self._report, self._command = number, params, report, command
        self._worker: WorkerProcess | None = None
        self._n_done = 0
        self._is_stopped = False
        self._lock = threading.Lock()  # between starting a process and stopping all of them

    def do(self, task: Task) -> Outcome:
        """Do a task; again, as often as is allowed, if its process dies."""
        limit_s = self._params.time_limit or None
        start_s = time.monotonic()
        lost = ""
        for _ in range(1 + self._params.retries):
            left_s = None if limit_s is None else limit_s - (time.monotonic() - start_s)
            try:
                return self._try(task, limit_s=left_s)
            except WorkerLost as error:
                lost = str(error)
                self._drop()
                if self._is_stopped:
                    break
            except TooSlow:
                self._drop()
                said = (
                    f"it took longer than {limit_s:g} s and was stopped; what is done is kept, and the same "
                )
                return Outcome(
                    task.key, "timeout", seconds=limit_s or 0.0, error=f"{said}command goes on with it"
                )
        times = self._params.retries + 1
        often = "its process" if times == 1 else f"its process, {times} times in a row,"
        return Outcome(task.key, "failed", seconds=time.monotonic() - start_s, error=f"{often} {lost}")

    def _try(self, task: Task, *, limit_s: float | None) -> Outcome:
        def told(done: int, total: int | None) -> None:
            self._report(Event(self._number, task.key, task.name, done, total))

        told(0, None)
        worker = self._ready()
        outcome: Outcome = worker.ask("task", task, limit_s=limit_s, told=told)
        self._n_done += 1
        if self._n_done == self._params.tasks_per_worker:
            self._drop()
        return outcome

    def _ready(self) -> WorkerProcess:
        with self._lock:
            if self._is_stopped:
                raise WorkerLost("was stopped")
            if self._worker is None:
                threads = self._params.threads_per_task
                self._worker = WorkerProcess(threads=threads, command=self._command)
                self._n_done = 0
            return self._worker

    def _drop(self) -> None:
        with self._lock:
            worker, self._worker = self._worker, None
        if worker is not None:
            worker.close()

    def stop(self) -> None:
        """Kill the process, and start no other."""
        with self._lock:
            self._is_stopped = True
            if self._worker is not None:
                self._worker.kill()


def _start(connection: int, threads: int, command: Sequence[str]) -> "subprocess.Popen[bytes]":
    # Not multiprocessing's spawn, which would run the user's script again.
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(part or os.getcwd() for part in sys.path)}
    if threads:
        environment.update(dict.fromkeys(THREAD_WORDS, str(threads)))
    return subprocess.Popen(
        [sys.executable, *command, str(connection)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        pass_fds=(connection,),
        env=environment,
        start_new_session=True,
    )
