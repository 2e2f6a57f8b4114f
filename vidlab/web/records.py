"""An upload and a job as the list of jobs remembers them."""

import json
import time
from dataclasses import dataclass, field
from typing import Any

from vidlab.web.schemas import JobKind, State, UploadKind


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that was taken.

    Attributes:
        id: Its name on disk and in addresses.
        kind: What is in it.
        name: What the visitor called it; never part of a path.
        bytes: Its size on disk, unpacked.
        facts: What probing found.
        created_at: Seconds since 1970.
    """

    id: str
    kind: UploadKind
    name: str
    bytes: int
    facts: dict[str, Any]
    created_at: float = field(default_factory=time.time)


@dataclass(frozen=True, slots=True)
class Job:
    """A job as it stands.

    Attributes:
        id: Its name on disk and in addresses.
        kind: What is done.
        state: Where it stands.
        upload_id: Its video.
        masks_id: Masks of the visitor's own; None for a network's.
        parent_id: The segmentation that a stabilization is of.
        wanted: What was asked for: model, class names, method, parameters.
        created_at: Seconds since 1970, as the other times.
        started_at: When it was last begun.
        finished_at: When it came to its end.
        n_frames: Frames of the result.
        error: Why it failed, one sentence.
        attempts: How often it was begun.
    """

    id: str
    kind: JobKind
    state: State
    upload_id: str
    masks_id: str | None
    parent_id: str | None
    wanted: dict[str, Any]
    created_at: float = field(default_factory=time.time)
    started_at: float | None = None
    finished_at: float | None = None
    n_frames: int | None = None
    error: str | None = None
    attempts: int = 0


def upload_of(row: Any) -> Upload:
    """Return the upload of a row of the table."""
    return Upload(**{**dict(row), "facts": json.loads(row["facts"])})


def job_of(row: Any) -> Job:
    """Return the job of a row of the table."""
    values = {**dict(row), "wanted": json.loads(row["wanted"]), "state": State(row["state"])}
    return Job(**values)
