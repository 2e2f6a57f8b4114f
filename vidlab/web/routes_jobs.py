"""Jobs: asked for, followed, ended, removed."""

import time
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import StreamingResponse

from vidlab.web.context import Context, Here
from vidlab.web.events import events_of
from vidlab.web.home import counted, remove
from vidlab.web.records import Job
from vidlab.web.refusals import BUSY, CONFLICT, RETRY_S, WebError
from vidlab.web.schemas import Deleted, Jobs, SegmentRequest, StabilizeRequest, Started, State, Status
from vidlab.web.statuses import status_of, statuses_of
from vidlab.web.wishes import segmentation, stabilization

router = APIRouter()

END_S = 10.0  # for jobs that are removed to come to their end
LOOK_S = 0.05


@router.post("/api/segment", status_code=202)
def segment(wish: SegmentRequest, context: Here) -> Started:
    """Find masks in an uploaded video, by a network or in uploaded masks."""
    return _start(segmentation(wish, context=context), context)


@router.post("/api/stabilize", status_code=202)
def stabilize(wish: StabilizeRequest, context: Here) -> Started:
    """Make the masks of a segmentation stop flickering; as often as one likes, with any settings."""
    return _start(stabilization(wish, context=context), context)


@router.get("/api/jobs")
def all_jobs(context: Here) -> Jobs:
    """List all jobs, newest first."""
    return Jobs(jobs=statuses_of(context.store.jobs(), context=context))


@router.get("/api/status/{job_id}")
def status(job_id: str, context: Here) -> Status:
    """Say how far a job is."""
    return status_of(context.job(job_id), context=context)


@router.get(
    "/api/events/{job_id}",
    response_class=StreamingResponse,
    responses={200: {"content": {"text/event-stream": {}}, "description": "Status whenever it changes."}},
)
def events(job_id: str, request: Request, context: Here) -> StreamingResponse:
    """Follow a job as server-sent events until it is done, failed or cancelled."""
    job = context.job(job_id)
    return StreamingResponse(
        events_of(request, job.id, context=context),
        media_type="text/event-stream",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


@router.post("/api/cancel/{job_id}")
def cancel(job_id: str, context: Here) -> Status:
    """End a job that waits or runs; one that runs ends within a few seconds."""
    job = context.job(job_id)
    if job.state.is_final:
        raise WebError(CONFLICT, f"this job has ended already: it is {job.state}")
    _cancel(job, context)
    return status_of(context.job(job_id), context=context)


@router.delete("/api/job/{job_id}")
def delete_job(
    job_id: str,
    context: Here,
    dependents: Annotated[
        bool, Query(description="Remove the stabilizations of a segmentation with it.")
    ] = False,
) -> Deleted:
    """Remove a job with all its files; one that runs is cancelled first."""
    job = context.job(job_id)
    children = context.store.children(job.id)
    if children and not dependents:
        users = counted(len(children), "stabilization")
        raise WebError(
            CONFLICT,
            f"this segmentation is needed by {users}; remove that first, or all with ?dependents=true",
        )
    family = [*children, job]
    for one in family:
        _cancel(one, context)
    _await_end(family, context)
    removed = context.store.remove_jobs([one.id for one in family])
    for each in removed:
        remove(context.home.job(each))
    if job.id not in removed:
        raise WebError(CONFLICT, "a stabilization of this segmentation has just begun; try again")
    return Deleted(deleted=removed)


def _start(job: Job, context: Context) -> Started:
    context.store.add_job(job, max_queue=context.params.max_queue)
    places = context.store.queue()
    place = places.index(job.id) + 1 if job.id in places else None
    return Started(job_id=job.id, state=State.QUEUED, queue_position=place)


def _cancel(job: Job, context: Context) -> None:
    if not context.store.cancel_waiting(job.id):
        context.foreman.cancel(job.id)


def _await_end(family: list[Job], context: Context) -> None:
    ends_s = time.monotonic() + END_S
    while any((found := context.store.job(one.id)) and not found.state.is_final for one in family):
        if time.monotonic() > ends_s:
            raise WebError(BUSY, "this job does not come to its end; try again", retry_after_s=RETRY_S)
        time.sleep(LOOK_S)
