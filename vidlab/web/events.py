"""Progress as server-sent events."""

import asyncio
from collections.abc import AsyncIterator

from fastapi import Request
from fastapi.concurrency import run_in_threadpool

from vidlab.web.context import Context
from vidlab.web.schemas import Status
from vidlab.web.statuses import status_of

LOOK_S = 0.25  # between two looks at a job
HEARTBEAT_S = 15.0  # without news: proxies close lines on which nothing comes


async def events_of(request: Request, job_id: str, *, context: Context) -> AsyncIterator[str]:
    """Yield the status of a job whenever it has changed, until it is final, removed, or nobody listens."""
    last, silent_s = "", 0.0
    while not await request.is_disconnected():
        status = await run_in_threadpool(_status, job_id, context)
        if status is None:
            yield 'event: gone\ndata: {"error": "this job was removed"}\n\n'
            return
        text = status.model_dump_json()
        if text != last:
            last, silent_s = text, 0.0
            yield f"data: {text}\n\n"
        elif silent_s >= HEARTBEAT_S:
            silent_s = 0.0
            yield ": still here\n\n"
        if status.state.is_final:
            return
        await asyncio.sleep(LOOK_S)
        silent_s += LOOK_S


def _status(job_id: str, context: Context) -> Status | None:
    job = context.store.job(job_id)
    return None if job is None else status_of(job, context=context)
