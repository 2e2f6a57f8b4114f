"""What a visitor asks for, checked before it becomes a job."""

from typing import Any

from vidlab.classes import class_ids, class_name
from vidlab.errors import ParameterError
from vidlab.models import find_spec
from vidlab.params import method_model
from vidlab.schema import Params, build
from vidlab.web.context import Context
from vidlab.web.home import new_id
from vidlab.web.networks import default_of
from vidlab.web.records import Job, Upload
from vidlab.web.refusals import CONFLICT, UNUSABLE, WebError
from vidlab.web.schemas import FoundParams, SegmentRequest, StabilizeRequest, State

OFFERS_S = 20.0  # for the worker to say which networks are here


def segmentation(wish: SegmentRequest, *, context: Context) -> Job:
    """Turn a request into a job.

    Raises:
        WebError: An upload is not there, or does not fit.
        ParameterError: A name is unknown, or a value outside its range.
    """
    video = _upload_of(wish.upload_id, "video", context)
    masks = None if wish.masks_id is None else _upload_of(wish.masks_id, "masks", context)
    if masks is not None:
        if wish.model is not None:
            raise ParameterError("masks must come from one source, got masks_id and model; leave one out")
        _check_fit(video, masks)
    wanted = {
        "model": None if masks is not None else _model(wish.model, context),
        "class_names": [class_name(each) for each in class_ids(wish.class_names)],
        "method": None,
        "params": _values(FoundParams, wish.params),
    }
    return Job(
        id=new_id(), kind="segment", state=State.QUEUED, upload_id=video.id,
        masks_id=None if masks is None else masks.id, parent_id=None, wanted=wanted,
    )  # fmt: skip


def stabilization(wish: StabilizeRequest, *, context: Context) -> Job:
    """Turn a request into a job, as `segmentation` does."""
    parent = context.job(wish.job_id)
    if parent.kind != "segment":
        raise WebError(UNUSABLE, "masks are stabilized from a segmentation, got the id of a stabilization")
    if parent.state in (State.FAILED, State.CANCELLED):
        raise WebError(CONFLICT, f"this segmentation was not finished: it is {parent.state}")
    wanted = {
        "model": parent.wanted["model"],
        "class_names": parent.wanted["class_names"],
        "method": wish.method,
        "params": _values(method_model(wish.method), wish.params),
    }
    return Job(
        id=new_id(), kind="stabilize", state=State.QUEUED, upload_id=parent.upload_id,
        masks_id=parent.masks_id, parent_id=parent.id, wanted=wanted,
    )  # fmt: skip


def _values(model: type[Params], given: dict[str, Any]) -> dict[str, Any]:
    return build(model, given).model_dump(mode="json")


def _upload_of(upload_id: str, kind: str, context: Context) -> Upload:
    upload = context.upload(upload_id)
    if upload.kind != kind:
        raise WebError(UNUSABLE, f"{upload.name} was uploaded as {upload.kind}, where {kind} must stand")
    return upload


def _model(name: str | None, context: Context) -> str:
    if name is None:
        return default_of(context.foreman.offers(wait_s=OFFERS_S), context.weights)
    find_spec(name)
    offers = context.foreman.offers(wait_s=0)
    if not offers[name].available:
        raise WebError(UNUSABLE, f"{name} cannot be used here: {offers[name].reason}")
    return name


def _check_fit(video: Upload, masks: Upload) -> None:
    """Refuse masks that cannot be of this video; what only decoding tells is told by the job."""
    (height, width), size_hw = video.facts["size_hw"], masks.facts["size_hw"]
    if [height, width] != size_hw:
        raise WebError(
            UNUSABLE,
            f"masks must be as large as the video, got {size_hw[1]}×{size_hw[0]} in {masks.name} for "
            f"{video.name} of {width}×{height}",
        )
