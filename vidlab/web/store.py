"""The list of uploads and jobs: one SQLite file in WAL mode, short transactions, one process that writes."""

import json
import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from vidlab.errors import OutputError
from vidlab.web.records import Job, Upload, job_of, upload_of
from vidlab.web.refusals import BUSY, NOT_FOUND, RETRY_S, WebError
from vidlab.web.schemas import State

VERSION = 1  # of the tables
MAX_ATTEMPTS = 3  # a job that was interrupted so often is given up: it may be what ends the process
INTERRUPTED = "it was ended from outside {} times, as when memory runs out; try a smaller video"
_TABLES = """
CREATE TABLE uploads (
    id TEXT PRIMARY KEY, kind TEXT NOT NULL, name TEXT NOT NULL, bytes INTEGER NOT NULL,
    facts TEXT NOT NULL, created_at REAL NOT NULL);
CREATE TABLE jobs (
    number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, kind TEXT NOT NULL,
    state TEXT NOT NULL, upload_id TEXT NOT NULL REFERENCES uploads (id),
    masks_id TEXT REFERENCES uploads (id), parent_id TEXT REFERENCES jobs (id),
    wanted TEXT NOT NULL, created_at REAL NOT NULL, started_at REAL, finished_at REAL,
    n_frames INTEGER, error TEXT, attempts INTEGER NOT NULL DEFAULT 0);
CREATE INDEX jobs_by_state ON jobs (state, number);
CREATE INDEX jobs_by_parent ON jobs (parent_id);
"""


_COLUMNS = ", ".join(Job.__dataclass_fields__)
_MARKS = ", ".join("?" * len(Job.__dataclass_fields__))


class Store:
    """All that is remembered of uploads and jobs; any thread may call it."""

    def __init__(self, path: Path) -> None:
        """Open the file, or make it.

        Raises:
            OutputError: It cannot be opened, or is not a list of jobs.
        """
        self._lock = threading.RLock()
        try:
            self._database = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            self._database.row_factory = sqlite3.Row
            self._database.execute("PRAGMA journal_mode = WAL")
            self._database.execute("PRAGMA synchronous = FULL")  # a result that was told of is not forgotten
            self._database.execute("PRAGMA foreign_keys = ON")
            self._make_tables(path)
        except sqlite3.Error as error:
            raise OutputError(f"the list of jobs must be a database of vidlab, got {path}: {error}") from None

    def close(self) -> None:
        """Close the file; what was written stays."""
        with self._lock:
            self._database.close()

    def _make_tables(self, path: Path) -> None:
        found = int(self._database.execute("PRAGMA user_version").fetchone()[0])
        if found == 0:
            self._database.executescript(f"BEGIN; {_TABLES} PRAGMA user_version = {VERSION}; COMMIT;")
        elif found != VERSION:
            raise OutputError(
                f"the list of jobs must have version {VERSION}, got {found} in {path}; name another folder"
            )

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            self._database.execute("BEGIN IMMEDIATE")
            try:
                yield self._database
            except BaseException:
                self._database.execute("ROLLBACK")
                raise
            self._database.execute("COMMIT")

    def _rows(self, query: str, *values: Any) -> list[sqlite3.Row]:
        with self._lock:
            return self._database.execute(query, values).fetchall()

    # ── uploads ─────────────────────────────────────────────────────────────────────────────────────────────
    def add_upload(self, upload: Upload) -> None:
        """Remember a file."""
        facts = json.dumps(upload.facts)
        with self._transaction() as database:
            database.execute(
                "INSERT INTO uploads VALUES (?, ?, ?, ?, ?, ?)",
                (upload.id, upload.kind, upload.name, upload.bytes, facts, upload.created_at),
            )

    def upload(self, upload_id: str) -> Upload | None:
        """Return an upload, None if there is none of this id."""
        rows = self._rows("SELECT * FROM uploads WHERE id = ?", upload_id)
        return upload_of(rows[0]) if rows else None

    def uploads(self) -> list[Upload]:
        """Return all uploads, oldest first."""
        return [upload_of(row) for row in self._rows("SELECT * FROM uploads ORDER BY created_at")]

    def users_of(self, upload_id: str) -> list[str]:
        """Return the ids of the jobs that an upload is of."""
        rows = self._rows(
            "SELECT id FROM jobs WHERE upload_id = ?1 OR masks_id = ?1 ORDER BY number", upload_id
        )
        return [row["id"] for row in rows]

    def remove_upload(self, upload_id: str) -> bool:
        """Forget an upload that no job is of; return whether that was done."""
        with self._transaction() as database:
            if self.users_of(upload_id):
                return False
            return database.execute("DELETE FROM uploads WHERE id = ?", (upload_id,)).rowcount > 0

    # ── jobs ────────────────────────────────────────────────────────────────────────────────────────────────
    def add_job(self, job: Job, *, max_queue: int) -> None:
        """Put a job at the end of the queue.

        Raises:
            WebError: The queue is full, or what it is of has just gone.
        """
        with self._transaction() as database:
            waiting = database.execute("SELECT COUNT(*) FROM jobs WHERE state = ?", (State.QUEUED,))
            if (n_waiting := waiting.fetchone()[0]) >= max_queue:
                raise WebError(
                    BUSY, f"{n_waiting} jobs are waiting, which is as many as may; try again later",
                    retry_after_s=RETRY_S,
                )  # fmt: skip
            try:
                database.execute(
                    f"INSERT INTO jobs ({_COLUMNS}) VALUES ({_MARKS})",
                    (
                        job.id, job.kind, job.state, job.upload_id, job.masks_id, job.parent_id,
                        json.dumps(job.wanted), job.created_at, None, None, None, None, 0,
                    ),
                )  # fmt: skip
            except sqlite3.IntegrityError:
                raise WebError(NOT_FOUND, "what this job is of has just been removed") from None

    def job(self, job_id: str) -> Job | None:
        """Return a job, None if there is none of this id."""
        rows = self._rows(f"SELECT {_COLUMNS} FROM jobs WHERE id = ?", job_id)
        return job_of(rows[0]) if rows else None

    def jobs(self) -> list[Job]:
        """Return all jobs, newest first."""
        return [job_of(row) for row in self._rows(f"SELECT {_COLUMNS} FROM jobs ORDER BY number DESC")]

    def children(self, job_id: str) -> list[Job]:
        """Return the stabilizations of a segmentation, oldest first."""
        rows = self._rows(f"SELECT {_COLUMNS} FROM jobs WHERE parent_id = ? ORDER BY number", job_id)
        return [job_of(row) for row in rows]

    def queue(self) -> list[str]:
        """Return the ids of the jobs that wait, the next one first."""
        rows = self._rows("SELECT id FROM jobs WHERE state = ? ORDER BY number", State.QUEUED)
        return [row["id"] for row in rows]

    def start_next(self) -> Job | None:
        """Begin the oldest job that waits for nothing else; None if there is none."""
        with self._transaction() as database:
            row = database.execute(
                f"SELECT {_COLUMNS} FROM jobs AS job WHERE state = ? AND (parent_id IS NULL OR EXISTS"
                " (SELECT 1 FROM jobs AS parent WHERE parent.id = job.parent_id AND parent.state = ?))"
                " ORDER BY number LIMIT 1",
                (State.QUEUED, State.DONE),
            ).fetchone()
            if row is None:
                return None
            database.execute(
                "UPDATE jobs SET state = ?, started_at = ?, attempts = attempts + 1 WHERE id = ?",
                (State.RUNNING, time.time(), row["id"]),
            )
        return self.job(row["id"])

    def finish(
        self, job_id: str, state: State, *, error: str | None = None, n_frames: int | None = None
    ) -> None:
        """End a job that waits or runs; those that wait for it end with it, and say why."""
        why = {
            State.FAILED: "the segmentation that it is of failed",
            State.CANCELLED: "the segmentation that it is of was cancelled",
        }
        with self._transaction() as database:
            now = time.time()
            ended = database.execute(
                "UPDATE jobs SET state = ?, error = ?, n_frames = ?, finished_at = ?"
                " WHERE id = ? AND state IN (?, ?)",
                (state, error, n_frames, now, job_id, State.QUEUED, State.RUNNING),
            )
            if ended.rowcount and state in why:
                database.execute(
                    "UPDATE jobs SET state = ?, error = ?, finished_at = ? WHERE parent_id = ? AND state = ?",
                    (State.FAILED, why[state], now, job_id, State.QUEUED),
                )

    def cancel_waiting(self, job_id: str) -> bool:
        """End a job that has not begun; return whether it had not."""
        with self._transaction():
            job = self.job(job_id)
        if job is None or job.state is not State.QUEUED:
            return False
        self.finish(job_id, State.CANCELLED)
        return True

    def requeue(self, job_id: str, *, most_attempts: int = MAX_ATTEMPTS) -> bool:
        """Let a job that was interrupted wait again at its old place, or give it up; return which it was."""
        job = self.job(job_id)
        if job is not None and job.attempts >= most_attempts:
            self.finish(job_id, State.FAILED, error=INTERRUPTED.format(job.attempts))
            return False
        self._wait_again(job_id, attempts=0)
        return True

    def put_back(self, job_id: str) -> None:
        """Let a job wait again as if it had not been begun: the server is stopped, and not by the job."""
        self._wait_again(job_id, attempts=-1)

    def _wait_again(self, job_id: str, *, attempts: int) -> None:
        with self._transaction() as database:
            database.execute(
                "UPDATE jobs SET state = ?, started_at = NULL, attempts = attempts + ?"
                " WHERE id = ? AND state = ?",
                (State.QUEUED, attempts, job_id, State.RUNNING),
            )

    def recover(self) -> list[str]:
        """Let the jobs of a server that was killed wait again; return their ids."""
        running = [row["id"] for row in self._rows("SELECT id FROM jobs WHERE state = ?", State.RUNNING)]
        for job_id in running:
            self.requeue(job_id)
        return running

    def remove_jobs(self, job_ids: Iterable[str]) -> list[str]:
        """Forget jobs that neither wait nor run, stabilizations first; return those that were forgotten."""
        removed = []
        for job_id in sorted(job_ids, key=lambda each: not self._is_child(each)):
            with self._transaction() as database:
                gone = database.execute(
                    "DELETE FROM jobs WHERE id = ?1 AND state NOT IN (?2, ?3)"
                    " AND NOT EXISTS (SELECT 1 FROM jobs WHERE parent_id = ?1)",
                    (job_id, State.QUEUED, State.RUNNING),
                )
            if gone.rowcount:
                removed.append(job_id)
        return removed

    def _is_child(self, job_id: str) -> bool:
        job = self.job(job_id)
        return job is not None and job.parent_id is not None
