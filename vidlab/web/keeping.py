"""The keeper: removes what is too old, or too much for the disk; what work needs stays."""

import logging
import threading
import time

from vidlab.params import WebParams
from vidlab.web.home import MB, Home, remove, size_of
from vidlab.web.records import Job, Upload
from vidlab.web.refusals import NO_ROOM, RETRY_S, WebError
from vidlab.web.store import Store

logger = logging.getLogger(__name__)

EVERY_S = 60.0  # between two rounds
SPARED_S = 600.0  # for an upload without a job, however little room there is: its visitor is still choosing
RESERVE_BYTES = 200 * MB  # of the disk, which is never filled to the brim


class Keeper:
    """Runs in a thread of the server from `start` to `stop`."""

    def __init__(self, store: Store, home: Home, *, params: WebParams) -> None:
        self._store, self._home, self._params = store, home, params
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="vidlab-keeper", daemon=True)
        self._lock, self._tidying = threading.Lock(), threading.Lock()
        self._coming = 0  # bytes of uploads that are on their way
        self._used = home.size_bytes()

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End."""
        self._stopping.set()
        self._thread.join()

    def reserve(self, n_bytes: int) -> None:
        """Keep room for an upload until `release`; older results make room if they must.

        Raises:
            WebError: There is none.
        """
        with self._lock:
            short = self._short_of(n_bytes)
        if short > 0:
            self.tidy(extra=n_bytes)
        with self._lock:
            if self._short_of(n_bytes) > 0:
                raise WebError(
                    NO_ROOM, "there is no room left for this file; remove results that are no longer needed",
                    retry_after_s=RETRY_S,
                )  # fmt: skip
            self._coming += n_bytes

    def release(self, n_bytes: int, *, kept: int) -> None:
        """Give back the room of an upload that has come, or has not; so many bytes of it were kept."""
        with self._lock:
            self._coming -= n_bytes
            self._used += kept

    def _short_of(self, n_bytes: int) -> int:
        """Return how many bytes are missing for so many more."""
        wanted = self._used + self._coming + n_bytes
        by_quota = wanted - self._params.quota_mb * MB
        by_disk = self._coming + n_bytes + RESERVE_BYTES - self._home.free_bytes()
        return max(by_quota, by_disk)

    def _run(self) -> None:
        while not self._stopping.wait(EVERY_S):
            try:
                self.tidy()
            except Exception:  # the next round may go better
                logger.exception("tidying failed")

    def tidy(self, *, extra: int = 0) -> list[str]:
        """Remove what is too old, then the oldest until the rest and so many more bytes fit.

        Returns:
            The ids of what was removed.
        """
        with self._tidying:
            return self._tidy(extra)

    def _tidy(self, extra: int) -> list[str]:
        removed = [one for one in self._oldest_first() if self._is_old(one) and self._remove(one)]
        self._used = self._home.size_bytes()
        for one in self._oldest_first():
            if self._short_of(extra) <= 0:
                break
            freed = self._size(one)
            if not self._is_spared(one) and self._remove(one):
                self._used -= freed
                removed.append(one)
        if removed:
            logger.info("%d uploads and results were removed: too old, or too much", len(removed))
        return [one.id for one in removed]

    def _oldest_first(self) -> list[Job | Upload]:
        """Return what may go, in the order in which it goes: a segmentation after all that is of it."""
        jobs = self._store.jobs()
        used = {each for job in jobs for each in (job.upload_id, job.masks_id)}
        ages = {job.id: _since(job) for job in jobs}
        for job in jobs:  # a segmentation is as young as the youngest of its stabilizations
            if job.parent_id is not None:
                ages[job.parent_id] = max(ages[job.parent_id], ages[job.id])
        gone = sorted(jobs, key=lambda job: (ages[job.id], job.parent_id is None))
        busy = {job.id for job in jobs if not job.state.is_final}
        busy |= {job.parent_id for job in jobs if job.id in busy and job.parent_id is not None}
        unused = [upload for upload in self._store.uploads() if upload.id not in used]
        return [*unused, *(job for job in gone if job.id not in busy)]

    def _is_old(self, one: Job | Upload) -> bool:
        return time.time() - _since(one) > 3600 * self._params.max_age_h

    def _is_spared(self, one: Job | Upload) -> bool:
        return isinstance(one, Upload) and time.time() - one.created_at < SPARED_S

    def _size(self, one: Job | Upload) -> int:
        return one.bytes if isinstance(one, Upload) else size_of(self._home.job(one.id))

    def _remove(self, one: Job | Upload) -> bool:
        if isinstance(one, Upload):
            return remove_upload(self._store, self._home, one.id)
        if not self._store.remove_jobs([one.id]):  # something is of it, or it is at work again
            return False
        remove(self._home.job(one.id))
        for upload_id in filter(None, (one.upload_id, one.masks_id)):
            upload = self._store.upload(upload_id)
            if upload is not None and self._is_old(upload):
                remove_upload(self._store, self._home, upload_id)
        return True


def remove_upload(store: Store, home: Home, upload_id: str) -> bool:
    """Remove an upload that no job is of; return whether that was done."""
    if not store.remove_upload(upload_id):
        return False
    remove(home.upload(upload_id))
    return True


def _since(one: Job | Upload) -> float:
    """Return the time from which on something ages, seconds since 1970."""
    if isinstance(one, Upload):
        return one.created_at
    return one.finished_at or one.created_at
