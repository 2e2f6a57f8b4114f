"""The web application: `create_app` puts its parts together."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import FastAPI
from fastapi.concurrency import run_in_threadpool
from fastapi.staticfiles import StaticFiles

import vidlab
from vidlab.models import find_spec
from vidlab.params import WebParams
from vidlab.web import routes_info, routes_jobs, routes_results, routes_uploads
from vidlab.web.body_limit import BodyLimit
from vidlab.web.context import Context
from vidlab.web.errors import add_handlers
from vidlab.web.schemas import Problem

STATIC = Path(__file__).parent / "static"


def create_app(home: Path, *, params: WebParams, weights: Mapping[str, str] | None = None) -> FastAPI:
    """Make the web application; its worker process starts and ends with it.

    Run it with one process and a short graceful shutdown (`timeout_graceful_shutdown=2` of uvicorn): a
    stream of events lasts as long as its job.

    Args:
        home: Folder for uploads, results and the list of jobs; made if it is not there.
        params: What is accepted and kept.
        weights: Weights files of the server's own by name of network, or `random`; the first of them is the
            default network.

    Raises:
        ParameterError: There is no such network.
        OutputError: When it starts: the folder cannot be written, or another server works in it.
    """
    known = dict(weights or {})
    for name in known:
        find_spec(name)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        context = await run_in_threadpool(Context.open, home, params=params, weights=known)
        app.state.context = context
        try:
            yield
        finally:
            await run_in_threadpool(context.close)

    app = FastAPI(
        title="vidlab",
        version=vidlab.__version__,
        summary="Drop a video, choose a class and a method, watch the flicker go.",
        openapi_url="/api/openapi.json",
        docs_url=None,  # these pages load scripts from elsewhere
        redoc_url=None,
        redirect_slashes=False,
        lifespan=lifespan,
        responses={"4XX": {"model": Problem}, "5XX": {"model": Problem}},
    )
    app.state.static = STATIC
    add_handlers(app)
    app.add_middleware(BodyLimit, exempt="/api/upload")
    for routes in (routes_info, routes_uploads, routes_jobs, routes_results):
        app.include_router(routes.router)
    if STATIC.is_dir():
        app.mount("/static", StaticFiles(directory=STATIC), name="static")
    return app
