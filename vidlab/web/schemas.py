"""What the web interface takes and gives, as its OpenAPI document says it: the contract with the page."""

from enum import StrEnum
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from vidlab.params import DEFAULT_METHOD, METHODS, EvidenceParams, SegmentParams

MAX_CLASSES = 200  # more names than there are classes say nothing new


class State(StrEnum):
    """Where a job stands."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_final(self) -> bool:
        """Whether nothing will change any more."""
        return self in (State.DONE, State.FAILED, State.CANCELLED)


JobKind = Literal["segment", "stabilize"]
UploadKind = Literal["video", "masks"]
VideoType = Literal["original", "raw", "stable"]
FrameType = Literal["original", "raw", "stable", "overlay", "difference"]


class FoundParams(SegmentParams, EvidenceParams):
    """How masks are found: how a network is run, and which detections count."""


class Answer(BaseModel):
    """Base of what is sent: fields may be added, none is dropped."""

    model_config = ConfigDict(frozen=True)


class Problem(Answer):
    """What is sent with every 4xx and 5xx."""

    error: str = Field(description="One sentence for a person.")


class Parameter(Answer):
    """One number, choice or switch that a user can turn, as a form needs it."""

    name: str
    type: Literal["int", "float", "bool", "str"]
    default: Any
    min: float | None = Field(description="Smallest value, or bound below it that is not reached.")
    max: float | None = Field(description="Largest value, or bound above it that is not reached.")
    min_reached: bool = Field(description="Whether min itself is allowed.")
    max_reached: bool = Field(description="Whether max itself is allowed.")
    step: float | None = Field(description="Distance between values worth trying.")
    log: bool = Field(description="A slider should be logarithmic.")
    choices: list[Any] = Field(description="Allowed values; empty where any in the range will do.")
    unit: str
    meaning: str
    off: float | bool | None = Field(description="The value at which its step does nothing.")
    search: list[Any] | None = Field(description="Smallest and largest value worth trying, or all choices.")
    pattern: str | None = Field(description="Regular expression that a text must match.")
    tuned: bool = Field(description="Among those that matter most: a form shows them first.")


class Model(Answer):
    """A network that can find masks."""

    name: str
    description: str
    available: bool
    reason: str = Field(description="Why it is not available, or what its first use will do; else empty.")
    default: bool


class Limits(Answer):
    """What is accepted."""

    max_upload_mb: int
    max_unpacked_mb: int
    max_length_s: int
    max_frames: int
    max_side_px: int
    max_queue: int
    max_age_h: float


class About(Answer):
    """What this server is and can do."""

    name: str
    version: str
    device: str = Field(
        description="Where networks run: cpu, cuda, …; empty for a few seconds, until that is known."
    )
    limits: Limits
    models: list[Model]
    parameters: list[Parameter] = Field(description="What `params` of POST /api/segment may hold.")
    default_method: str
    openapi: str = Field(description="Address of the OpenAPI document.")


class ClassName(Answer):
    """A class that masks can be of."""

    id: int
    name: str
    name_ru: str
    kind: Literal["thing", "stuff"]


class Method(Answer):
    """A stabilizing method."""

    name: str
    description: str
    default: bool
    parameters: list[Parameter]


class Uploaded(Answer):
    """A file that was taken."""

    upload_id: str
    kind: UploadKind
    name: str
    bytes: int
    n_frames: int | None
    fps: float | None
    duration_s: float | None
    size_hw: tuple[int, int] | None
    codec: str | None = None
    format: str | None = Field(default=None, description="Of masks: png or coco.")
    classes: list[str] = Field(default_factory=list, description="Of masks: names of classes in them.")


def _any_of(*models: type[BaseModel]) -> dict[str, Any]:
    """Describe a field that takes the values of one of several models; none of them is required."""
    return {"anyOf": [{**model.model_json_schema(), "title": model.__name__} for model in models]}


class Wanted(BaseModel):
    """Base of what is asked for."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class SegmentRequest(Wanted):
    """Find masks in a video, by a network or in a file of the user's own."""

    upload_id: str = Field(max_length=64, description="Of an uploaded video.")
    masks_id: str | None = Field(
        default=None, max_length=64, description="Of uploaded masks, which then stand for a network's."
    )
    model: str | None = Field(
        default=None, max_length=64, description="Name of a network; null: the default."
    )
    class_names: list[str] = Field(
        default_factory=list, max_length=MAX_CLASSES, description="Wanted classes; empty takes all."
    )
    params: dict[str, Any] = Field(
        default_factory=dict,
        description="How masks are found; what is left out keeps its default.",
        json_schema_extra=_any_of(FoundParams),
    )


class StabilizeRequest(Wanted):
    """Make the masks of a segmentation stop flickering."""

    job_id: str = Field(max_length=64, description="Of a segmentation that is done, running or queued.")
    method: str = Field(default=DEFAULT_METHOD, max_length=64, json_schema_extra={"enum": list(METHODS)})
    params: dict[str, Any] = Field(
        default_factory=dict,
        description="Settings of the method, as GET /api/methods lists them.",
        json_schema_extra=_any_of(*METHODS.values()),
    )


class Started(Answer):
    """A job that was taken on."""

    job_id: str
    state: State
    queue_position: int | None


class Status(Answer):
    """How far a job is."""

    job_id: str
    kind: JobKind
    state: State
    stage: str = Field(
        description="loading, segmenting, stabilizing, drawing or packing while it runs; else empty."
    )
    frame: int = Field(description="Frames of this stage that are done.")
    n_frames: int | None
    frames_per_s: float | None
    time_left_s: float | None = Field(description="Of this stage.")
    queue_position: int | None = Field(description="1 is next; null unless queued.")
    error: str | None
    parent_id: str | None = Field(description="The segmentation that a stabilization is of.")
    children: list[str] = Field(description="Stabilizations of this segmentation.")
    upload_id: str
    masks_id: str | None
    name: str = Field(description="Of the video.")
    model: str | None
    class_names: list[str]
    method: str | None
    params: dict[str, Any]
    created_at: float = Field(description="Seconds since 1970, UTC.")
    started_at: float | None
    finished_at: float | None


class Jobs(Answer):
    """All jobs, newest first."""

    jobs: list[Status]


class Deleted(Answer):
    """What is gone."""

    deleted: list[str]


class ResultFile(Answer):
    """One file to download."""

    name: str
    url: str
    bytes: int
    media_type: str
    meaning: str


class Results(Answer):
    """What a job made."""

    job_id: str
    kind: JobKind
    n_frames: int
    fps: float
    size_hw: tuple[int, int]
    view_hw: tuple[int, int] = Field(description="Height and width of the pictures and videos here.")
    pts_s: list[float] = Field(description="Time of each frame in the videos here, seconds from 0.")
    files: list[ResultFile]
    frames: dict[str, str] = Field(description="Type → address of its frames, with {num} from 0.")
    videos: dict[str, str] = Field(description="Type → address of the video.")
    losses: list[str] = Field(description="What the video could not give, in sentences.")


class Versions(Answer):
    """One curve for each version of the masks; null where it is undefined."""

    raw: list[float | None]
    stable: list[float | None]


class MetricCurves(Answer):
    """One value per frame."""

    pts_s: list[float]
    iou: Versions = Field(description="Overlap of each frame's mask with that of the frame before.")
    area_px: Versions


class MetricRow(Answer):
    """One metric in plain words."""

    name: str
    label: str
    meaning: str
    unit: str
    decimals: int
    raw: float | None
    stable: float | None
    better: Literal["higher", "lower", "neither"]


class Metrics(Answer):
    """What stabilizing changed."""

    job_id: str
    method: str
    raw: dict[str, Any]
    stable: dict[str, Any]
    improvement: dict[str, float | None]
    words: list[str] = Field(description="What the numbers mean, in sentences.")
    curves: MetricCurves
    rows: list[MetricRow]
