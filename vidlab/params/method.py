"""What every stabilizing method shares."""

from typing import Literal

from vidlab.schema import Params, tunable

TrackerName = Literal["flow", "sort", "deepsort", "bytetrack", "given"]
DEFAULT_TRACKER: TrackerName = "flow"


class MethodParams(Params):
    """What every method shares."""

    track_iou: float = tunable(
        0.3, "Overlap with the carried mask that continues a track; higher splits tracks sooner.", gt=0, lt=1
    )
    track_max_missed: int = tunable(
        12,
        "Frames a track may go undetected before its identity ends.",
        unit="frames",
        ge=0,
        le=300,
        search=(0, 60),
    )
    tracker: TrackerName = tunable(
        DEFAULT_TRACKER,
        "Who tells which detection is which object; given takes the ids that masks come with.",
        search=("flow", "sort", "deepsort", "bytetrack"),  # not all masks come with ids
    )


class NoneParams(MethodParams):
    """Raw masks, unchanged: the base line."""
