"""What the worker is told of a job."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Task:
    """What the worker is told of a job.

    Attributes:
        job_id: Its id.
        kind: `segment` or `stabilize`.
        wanted: What was asked for: model, class names, method, parameters.
        folder: Where its result goes.
        video: The video.
        masks: Masks of the visitor's own, None for those of a network.
        parent: Folder of the segmentation that a stabilization is of.
        parent_wanted: What was asked for there.
        names: Path → what the visitor knows it as.
        limits: Values of `WebParams`.
    """

    job_id: str
    kind: str
    wanted: dict[str, Any]
    folder: str
    video: str
    masks: str | None
    parent: str | None
    parent_wanted: dict[str, Any]
    names: dict[str, str]
    limits: dict[str, Any]
