"""What this server is, and what it offers: `/`, `/api`, `/api/classes`, `/api/methods`."""

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import FileResponse, Response

import vidlab
from vidlab.classes import COCO_NAMES, STUFF_NAMES
from vidlab.models import MODELS
from vidlab.params import DEFAULT_METHOD, METHODS
from vidlab.web.class_words import RUSSIAN
from vidlab.web.context import Here
from vidlab.web.forms import parameters_of
from vidlab.web.networks import default_of
from vidlab.web.schemas import About, ClassName, FoundParams, Limits, Method, Model

router = APIRouter()

PAGE = "index.html"
OFFERS_S = 2.0  # for the worker to say which networks are here; the page does not wait longer


@router.get("/", response_model=None, responses={200: {"content": {"text/html": {}}, "model": About}})
def page(request: Request, context: Here) -> Response | About:
    """Give the page, or, to a client that asks for JSON, what `GET /api` gives."""
    accepted = request.headers.get("accept", "")
    path = request.app.state.static / PAGE
    wants_json = "application/json" in accepted and "text/html" not in accepted
    if wants_json or not path.is_file():
        return about(context)
    return FileResponse(path, media_type="text/html", headers={"Cache-Control": "no-cache"})


@router.get("/api")
def about(context: Here) -> About:
    """Say what this server is, what it accepts, and which networks it has."""
    offers = context.foreman.offers(wait_s=OFFERS_S)
    default = default_of(offers, context.weights)
    return About(
        name="vidlab",
        version=vidlab.__version__,
        device=context.foreman.device,
        limits=Limits.model_validate(context.params.model_dump(include=set(Limits.model_fields))),
        models=[
            Model(
                name=name,
                description=MODELS[name].description,
                available=offer.available,
                reason=offer.reason,
                default=name == default,
            )
            for name, offer in offers.items()
        ],
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
