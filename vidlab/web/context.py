"""What the routes of one application share."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, cast

from fastapi import Depends, Request

from vidlab.params import WebParams
from vidlab.web.home import Home
from vidlab.web.keeping import Keeper
from vidlab.web.queueing import Foreman
from vidlab.web.records import Job, Upload
from vidlab.web.refusals import NOT_FOUND, WebError
from vidlab.web.schemas import State
from vidlab.web.store import Store
from vidlab.web.viewer import Viewer

MAX_PROBES = 2  # at a time: each takes a core


@dataclass
class Context:
    """The parts of a running application.

    Attributes:
        home: Where everything lies.
        params: What is accepted and kept.
        weights: Weights files of the server's own, by name of network.
        store: The list of uploads and jobs.
        foreman: Gives jobs to the worker.
        keeper: Removes what is too old or too much.
        viewer: Draws single frames.
        probing: Lets few uploads be looked into at a time.
    """

    home: Home
    params: WebParams
    weights: Mapping[str, str]
    store: Store
    foreman: Foreman
    keeper: Keeper
    viewer: Viewer
    probing: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(MAX_PROBES))

    @classmethod
    def open(cls, root: Path, *, params: WebParams, weights: Mapping[str, str]) -> "Context":
        """Open a folder, take up what a server before this one left, and start to work.

        Raises:
            OutputError: The folder cannot be written, or another server works in it.
        """
        home = Home(root)
        home.open()
        try:
            store = Store(home.database)
        except BaseException:
            home.close()
            raise
        store.recover()
        home.sweep(
            uploads={upload.id for upload in store.uploads()},
            jobs={job.id for job in store.jobs() if job.state not in (State.FAILED, State.CANCELLED)},
        )
        foreman = Foreman(store, home, params=params, weights=weights)
        keeper = Keeper(store, home, params=params)
        foreman.start()
        keeper.start()
        return cls(home, params, weights, store, foreman, keeper, Viewer(home))

    def close(self) -> None:
        """End the work; jobs that are not done are taken up by the next server."""
        self.keeper.stop()
        self.foreman.stop()
        self.store.close()
        self.home.close()

    def job(self, job_id: str) -> Job:
        """Return a job.

        Raises:
            WebError: There is none of this id.
        """
        job = self.store.job(job_id)
        if job is None:
            raise WebError(NOT_FOUND, "there is no such job; it may have been removed")
        return job

    def upload(self, upload_id: str) -> Upload:
        """Return an upload.

        Raises:
            WebError: There is none of this id.
        """
        upload = self.store.upload(upload_id)
        if upload is None:
            raise WebError(NOT_FOUND, "there is no such upload; it may have been removed")
        return upload


def context_of(request: Request) -> Context:
    """Return the context of the application that a request is for."""
    return cast(Context, request.app.state.context)


Here = Annotated[Context, Depends(context_of)]
