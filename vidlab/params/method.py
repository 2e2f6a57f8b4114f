"""What every stabilizing method shares."""

from typing import Literal

from vidlab.schema import Params, tunable

FlowPreset = Literal["ultrafast", "fast", "medium"]


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


class NoneParams(MethodParams):
    """Raw masks, unchanged: the base line."""
