"""The web application: `create_app` puts its parts together."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import FastAPI
from fastapi.staticfiles import StaticFiles

import vidlab
from vidlab.params import WebParams
from vidlab.web import routes_info
from vidlab.web.errors import add_handlers
from vidlab.web.schemas import Problem

STATIC = Path(__file__).parent / "static"


def create_app(home: Path, *, params: WebParams) -> FastAPI:
    """Make the web application; its worker process starts and ends with it.

    Run it with one process and a short graceful shutdown (`timeout_graceful_shutdown=2` of uvicorn): a
    stream of events lasts as long as its job.

    Args:
        home: Folder for uploads, results and the list of jobs; made if it is not there.
        params: What is accepted and kept.

    Raises:
        OutputError: When it starts: the folder cannot be written, or another server works in it.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        home.mkdir(parents=True, exist_ok=True)
        yield

    app = FastAPI(
        title="vidlab",
        version=vidlab.__version__,
        summary="Drop a video, choose a class and a method, watch the flicker go.",
        openapi_url="/api/openapi.json",
        docs_url=None,  # these pages load scripts from elsewhere
        redoc_url=None,
        lifespan=lifespan,
        responses={"4XX": {"model": Problem}, "5XX": {"model": Problem}},
    )
    app.state.home, app.state.params, app.state.static = home, params, STATIC
    add_handlers(app)
    app.include_router(routes_info.router)
    if STATIC.is_dir():
        app.mount("/static", StaticFiles(directory=STATIC), name="static")
    return app
