"""How far jobs are, as a visitor is told."""

from collections.abc import Iterable

from vidlab.web.context import Context
from vidlab.web.progress import Live
from vidlab.web.records import Job
from vidlab.web.schemas import State, Status


def status_of(job: Job, *, context: Context) -> Status:
    """Return how far a job is."""
    (status,) = statuses_of([job], context=context)
    return status


def statuses_of(jobs: Iterable[Job], *, context: Context) -> list[Status]:
    """Return how far several jobs are."""
    places = {job_id: place for place, job_id in enumerate(context.store.queue(), start=1)}
    return [_status(job, place=places.get(job.id), context=context) for job in jobs]


def _status(job: Job, *, place: int | None, context: Context) -> Status:
    upload = context.store.upload(job.upload_id)
    live = context.foreman.live(job.id) if job.state is State.RUNNING else None
    done = job.n_frames or 0
    live = live or Live(frame=done, n_frames=job.n_frames)
    return Status(
        job_id=job.id,
        kind=job.kind,
        state=job.state,
        stage=live.stage,
        frame=live.frame,
        n_frames=live.n_frames,
        frames_per_s=None if live.frames_per_s is None else round(live.frames_per_s, 3),
        time_left_s=None if live.time_left_s is None else round(live.time_left_s, 1),
        queue_position=place if job.state is State.QUEUED else None,
        error=job.error,
        parent_id=job.parent_id,
        children=[child.id for child in context.store.children(job.id)],
        upload_id=job.upload_id,
        masks_id=job.masks_id,
        name="" if upload is None else upload.name,
        created_at=job.created_at,
        started_at=job.started_at,
        finished_at=job.finished_at,
        **job.wanted,
    )
