"""Results out: lists, files, numbers, frames, videos."""

import os
from pathlib import Path as FilePath
from typing import Annotated

from fastapi import APIRouter, Path, Request
from fastapi.responses import FileResponse, Response

from vidlab.web.context import Here
from vidlab.web.refusals import NOT_FOUND, WebError
from vidlab.web.results import (
    file_of,
    frame_types,
    media_type_of,
    metrics_of,
    require_done,
    require_type,
    results_of,
    segmentation_of,
    video_of,
)
from vidlab.web.schemas import FrameType, Metrics, Results, VideoType

router = APIRouter()

# A result never changes, and its id is never used again.
_FOREVER = {"Cache-Control": "private, max-age=86400, immutable"}
_MAX_FRAME = 10_000_000


@router.get("/api/results/{job_id}")
def results(job_id: str, context: Here) -> Results:
    """List what a job made."""
    return results_of(context.job(job_id), context=context)


@router.get("/api/metrics/{job_id}")
def metrics(job_id: str, context: Here) -> Metrics:
    """Give the numbers of a stabilization, raw against stable, with their curves and in words."""
    return metrics_of(context.job(job_id), context=context)


@router.get(
    "/api/files/{job_id}/{name}",
    response_class=FileResponse,
    responses={200: {"content": {"application/octet-stream": {}}, "description": "The file."}},
)
def file(job_id: str, name: str, context: Here) -> FileResponse:
    """Download a file that `GET /api/results` lists."""
    path = file_of(context.job(job_id), name, context=context)
    return _sent(path, media_type=media_type_of(path.name), filename=name)


@router.get(
    "/api/frames/{job_id}/{type}/{num}",
    response_class=Response,
    responses={
        200: {"content": {"image/jpeg": {}}, "description": "The frame."},
        304: {"description": "It is known already."},
    },
)
def frame(
    job_id: str,
    type: FrameType,
    num: Annotated[int, Path(ge=0, le=_MAX_FRAME)],
    request: Request,
    context: Here,
) -> Response:
    """Give a single frame, numbered from 0."""
    job = context.job(job_id)
    require_done(job)
    require_type(job, type, frame_types(job))
    tag = f'"{job.id}-{type}-{num}"'
    headers = {**_FOREVER, "ETag": tag}
    if tag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    try:
        picture = context.viewer.picture(job.id, of=segmentation_of(job), kind=type, number=num)
    except FileNotFoundError:
        raise WebError(NOT_FOUND, "this job has just been removed") from None
    return Response(picture, media_type="image/jpeg", headers=headers)


@router.get(
    "/api/video/{job_id}/{type}",
    response_class=FileResponse,
    responses={
        200: {"content": {"video/mp4": {}}, "description": "The video, H.264."},
        206: {"content": {"video/mp4": {}}, "description": "The part that was asked for."},
    },
)
def video(job_id: str, type: VideoType, context: Here) -> FileResponse:
    """Give a video, whole or in parts, as a player asks for them."""
    return _sent(video_of(context.job(job_id), type, context=context), media_type="video/mp4")


def _sent(path: FilePath, *, media_type: str, filename: str | None = None) -> FileResponse:
    try:
        facts = os.stat(path)
    except FileNotFoundError:
        raise WebError(NOT_FOUND, "this job has just been removed") from None
    return FileResponse(path, media_type=media_type, filename=filename, stat_result=facts, headers=_FOREVER)
