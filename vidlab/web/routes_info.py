"""What this server is, and what it offers: `/`, `/api`, `/api/classes`, `/api/methods`."""

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import FileResponse, Response

import vidlab
from vidlab.classes import COCO_NAMES, STUFF_NAMES
from vidlab.params import DEFAULT_METHOD, METHODS, WebParams
from vidlab.web.class_words import RUSSIAN
from vidlab.web.forms import parameters_of
from vidlab.web.schemas import About, ClassName, FoundParams, Limits, Method

router = APIRouter()

PAGE = "index.html"


@router.get("/", response_model=None, responses={200: {"content": {"text/html": {}}, "model": About}})
def page(request: Request) -> Response | About:
    """Give the page, or, to a client that asks for JSON, what `GET /api` gives."""
    accepted = request.headers.get("accept", "")
    path = request.app.state.static / PAGE
    wants_json = "application/json" in accepted and "text/html" not in accepted
    if wants_json or not path.is_file():
        return about(request)
    return FileResponse(path, media_type="text/html", headers={"Cache-Control": "no-cache"})


@router.get("/api")
def about(request: Request) -> About:
    """Say what this server is, what it accepts, and which networks it has."""
    params: WebParams = request.app.state.params
    return About(
        name="vidlab",
        version=vidlab.__version__,
        device="",
        limits=Limits.model_validate(params.model_dump(include=set(Limits.model_fields))),
        models=[],
        parameters=parameters_of(FoundParams),
        default_method=DEFAULT_METHOD,
        openapi="/api/openapi.json",
    )


@router.get("/api/classes")
def classes() -> list[ClassName]:
    """List the classes that masks can be of."""
    things = [
        ClassName(id=number, name=name, name_ru=RUSSIAN[name], kind="thing")
        for number, name in COCO_NAMES.items()
    ]
    return things + [
        ClassName(id=number, name=name, name_ru=RUSSIAN.get(name, name), kind="stuff")
        for number, name in STUFF_NAMES.items()
    ]


@router.get("/api/methods")
def methods() -> list[Method]:
    """List the stabilizing methods with their settings."""
    return [_method(name) for name in METHODS]


def _method(name: str) -> Method:
    model: Any = METHODS[name]
    return Method(
        name=name,
        description=(model.__doc__ or "").strip().splitlines()[0],
        default=name == DEFAULT_METHOD,
        parameters=parameters_of(model),
    )
