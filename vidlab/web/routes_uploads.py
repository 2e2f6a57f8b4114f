"""Files in: `/api/upload`."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request

from vidlab.web.context import Here
from vidlab.web.home import counted
from vidlab.web.keeping import remove_upload
from vidlab.web.records import Upload
from vidlab.web.refusals import CONFLICT, WebError
from vidlab.web.schemas import Deleted, Uploaded, UploadKind
from vidlab.web.uploads import FIELD, take_upload

router = APIRouter()

_FORM = {"type": "object", "required": [FIELD], "properties": {FIELD: {"type": "string", "format": "binary"}}}
_BODY: dict[str, Any] = {
    "requestBody": {"required": True, "content": {"multipart/form-data": {"schema": _FORM}}}
}


@router.post("/api/upload", status_code=201, openapi_extra=_BODY)
async def upload(
    request: Request,
    context: Here,
    kind: Annotated[
        UploadKind, Query(description="video: a video file; masks: a zip of numbered PNGs, or COCO JSON.")
    ] = "video",
) -> Uploaded:
    """Take a video, or masks of the visitor's own; the file is looked into before it counts."""
    return uploaded(await take_upload(request, context=context, kind=kind))


@router.get("/api/upload/{upload_id}")
def about_upload(upload_id: str, context: Here) -> Uploaded:
    """Say what is known of an upload."""
    return uploaded(context.upload(upload_id))


@router.delete("/api/upload/{upload_id}")
def delete_upload(upload_id: str, context: Here) -> Deleted:
    """Remove an upload that no job is of."""
    found = context.upload(upload_id)
    if not remove_upload(context.store, context.home, found.id):
        users = counted(len(context.store.users_of(found.id)), "job")
        raise WebError(CONFLICT, f"{found.name} is in use by {users}; remove that first")
    return Deleted(deleted=[found.id])


def uploaded(upload: Upload) -> Uploaded:
    """Return an upload as it is told to a visitor."""
    facts = {name: upload.facts.get(name) for name in ("n_frames", "fps", "duration_s", "size_hw", "codec")}
    return Uploaded(
        upload_id=upload.id,
        kind=upload.kind,
        name=upload.name,
        bytes=upload.bytes,
        format=upload.facts.get("format"),
        classes=upload.facts.get("classes", []),
        **facts,
    )
