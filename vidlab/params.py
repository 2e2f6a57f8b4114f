"""Every number a user can turn, declared once: type, range, unit, meaning, default.

Command line, widgets, papermill, web form and tuner are derived from these models; no default, range or
help text stands anywhere else. `tunables(Model)` lists a model's fields; `method_params(name, settings)`
builds the parameters of one stabilizing method from `name=value` texts.
"""

import types
import typing
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypeVar

from annotated_types import Ge, Gt, Le, Lt
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from vidlab.errors import ParameterError

Device = Annotated[str, Field(pattern=r"^(auto|cpu|cuda(:\d+)?|mps)$")]
ModelT = TypeVar("ModelT", bound="Params")


class Params(BaseModel):
    """Base of every group of tunables: immutable, and unknown names are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


def _odd(value: int) -> int:
    if value % 2 == 0:
        raise ValueError("must be odd")
    return value


def _tunable(default: Any, meaning: str, *, unit: str = "", **limits: Any) -> Any:
    return Field(default, description=meaning, json_schema_extra={"unit": unit}, **limits)


OddWindow = Annotated[int, AfterValidator(_odd)]


# ── reading and segmenting ──────────────────────────────────────────────────────────────────────────────────
class SourceParams(Params):
    """How frames are taken from a source."""

    fps: float = _tunable(
        25.0, "Rate of a folder of images, which has no clock of its own.", unit="frames/s", gt=0, le=1000
    )
    max_frames: int = _tunable(0, "Stop after this many frames; 0 takes them all.", unit="frames", ge=0)


class SegmentParams(Params):
    """How a network is run over frames."""

    device: Device = _tunable("auto", "Where networks run: auto, cpu, cuda, cuda:N or mps.")
    batch_size: int = _tunable(
        4, "Frames per call of the network; more is faster on a GPU.", unit="frames", ge=1, le=256
    )


class EvidenceParams(Params):
    """Which detections count, and how much."""

    min_score: float = _tunable(
        0.25,
        "Score at which a detection counts as raw: the operating point; higher keeps fewer objects.",
        ge=0,
        le=1,
    )
    drop_below: float = _tunable(
        0.05, "Detections below this score are thrown away; those above remain evidence.", ge=0, le=1
    )
    prob_threshold: float = _tunable(
        0.5,
        "Probability above which a pixel of a soft mask counts as raw; higher makes masks smaller.",
        gt=0,
        lt=1,
    )


class EvaluateParams(Params):
    """How masks are judged."""

    judge_flow: Literal["farneback", "dis"] = _tunable(
        "farneback",
        "Optical flow that judges flicker and jitter; the stabilizers use dis, so dis grades its own work.",
    )
    judge_scale: float = _tunable(
        0.5, "Size at which the judging flow is estimated, as a share of the frame.", gt=0, le=1
    )
    found_iou: float = _tunable(
        0.1, "Overlap with the truth from which an object counts as found; higher finds more dropouts.",
        gt=0, le=1,
    )  # fmt: skip
    kept_frames: int = _tunable(
        3, "Frames in a row an object must be found to count as kept; more makes births later.",
        unit="frames", ge=1, le=100,
    )  # fmt: skip
    area_window: OddWindow = _tunable(
        11,
        "Frames, odd, whose median is the trend of the area; more counts slower changes as flicker.",
        unit="frames", ge=3, le=101,
    )  # fmt: skip
    davis_t: bool = _tunable(
        True, "Measure the temporal stability T of DAVIS 2016 too, about 40 ms per frame and mask at 480p."
    )
    resamples: int = _tunable(
        2000, "Draws of the bootstrap behind intervals; more steadies their ends.", ge=100, le=100000
    )
    seed: int = _tunable(0, "Seed of the bootstrap.", ge=0)


class WriterParams(Params):
    """How videos are encoded."""

    crf: int = _tunable(20, "H.264 constant rate factor; higher is smaller and worse.", ge=0, le=51)
    preset: Literal["ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow"] = _tunable(
        "veryfast", "H.264 effort; slower presets make smaller files."
    )


# ── stabilizing ─────────────────────────────────────────────────────────────────────────────────────────────
class MethodParams(Params):
    """What every method shares."""

    track_iou: float = _tunable(
        0.3, "Overlap with the carried mask that continues a track; higher splits tracks sooner.", gt=0, lt=1
    )
    track_max_missed: int = _tunable(
        12, "Frames a track may go undetected before its identity ends.", unit="frames", ge=0, le=300
    )


class NoneParams(MethodParams):
    """Raw masks, unchanged: the base line."""


class MovingAverageParams(MethodParams):
    """Mean of the frames around each frame."""

    window: OddWindow = _tunable(
        5, "Frames averaged, odd; more flickers less, lags more.", unit="frames", ge=3, le=9
    )


class MedianParams(MethodParams):
    """Median of the frames around each frame."""

    window: OddWindow = _tunable(
        5, "Frames compared, odd; more removes longer dropouts, eats fast motion.", unit="frames", ge=3, le=9
    )


class GaussianParams(MethodParams):
    """Gaussian-weighted mean of the frames around each frame."""

    window: OddWindow = _tunable(5, "Frames averaged, odd; more flickers less.", unit="frames", ge=3, le=9)
    sigma: float = _tunable(
        1.5, "Width of the Gaussian; higher flickers less, smears motion.", unit="frames", gt=0, le=10
    )


class ExponentialParams(MethodParams):
    """Exponential moving average: causal, one frame of state."""

    alpha: float = _tunable(0.4, "Weight of the new frame; smaller flickers less, lags more.", ge=0.1, le=0.9)


class FlowFusionParams(MethodParams):
    """The previous mask carried along optical flow and fused with the new one; causal, six steps."""

    flow_preset: Literal["ultrafast", "fast", "medium"] = _tunable(
        "ultrafast", "Effort of the DIS optical flow; slower presets follow fine motion better."
    )
    flow_scale: float = _tunable(
        0.25, "Size at which flow is estimated, as a share of the frame; smaller is faster.", gt=0, le=1
    )
    cut_similarity: float = _tunable(
        0.85,
        "Correlation with the carried previous frame below which a new shot starts; higher finds more cuts.",
        ge=-1,
        le=1,
    )
    carry: bool = _tunable(True, "Step 2: carry the previous state along the flow; off leaves it in place.")
    motion_weight: bool = _tunable(True, "Step 3: trust the carried state less where motion is doubtful.")
    motion_px: float = _tunable(
        100.0,
        "Motion at which the carried state counts half; smaller trusts fast motion less.",
        unit="px/frame",
        gt=0,
        le=10000,
    )
    lost_keep: float = _tunable(
        0.2, "Share of the carried state kept where the flow there and back disagrees.", ge=0, le=1
    )
    smooth: bool = _tunable(True, "Step 4: running mean over all past frames; off fuses the last two only.")
    memory: float = _tunable(
        0.8, "Weight of the carried state; larger flickers less, follows change later.", ge=0, lt=1
    )
    area_control: bool = _tunable(
        True, "Step 5a: a frame whose mask suddenly shrank or vanished has less say than its neighbors."
    )
    area_window: int = _tunable(
        10,
        "Frames on each side (causal: twice as many before) that say how large the object is.",
        unit="frames",
        ge=2,
        le=60,
    )
    min_recall: float = _tunable(
        0.25,
        "Share of frames in which an object must be found for its misses to be mistakes; higher drops more.",
        ge=0.01,
        le=1,
    )
    weak_vote: float = _tunable(0.02, "Say of a frame that shows nothing; higher forgets sooner.", gt=0, le=1)
    adaptive_threshold: bool = _tunable(
        True, "Step 5b: move the threshold so that the area follows its running estimate."
    )
    area_tolerance: float = _tunable(
        0.2, "Relative change of area that passes unhindered; smaller holds jumps back more.", ge=0, le=10
    )
    threshold_band: float = _tunable(
        0.05, "How far the adaptive threshold may move from 0.5; 0 keeps it fixed.", ge=0, le=0.45
    )
    anti_ghost: bool = _tunable(True, "Step 6: fade out a mask that the network has stopped confirming.")
    confidence_memory: float = _tunable(
        0.8, "Weight of the past in the running confidence; larger reacts later.", ge=0, lt=1
    )
    fade_after: int = _tunable(
        6,
        "Missed frames after which a mask starts to fade; smaller ends ghosts sooner.",
        unit="frames",
        ge=0,
        le=300,
    )
    gone_after: int = _tunable(
        12, "Missed frames after which a mask is gone for certain.", unit="frames", ge=1, le=300
    )


class FlowFusionTwoPassParams(FlowFusionParams):
    """Flow fusion run both ways in windows of bounded look-ahead; the default for files."""

    flow_scale: float = _tunable(
        0.5, "Size at which flow is estimated, as a share of the frame; smaller is faster.", gt=0, le=1
    )
    memory: float = _tunable(
        0.85, "Weight of the carried state; larger flickers less, follows change later.", ge=0, lt=1
    )
    look_ahead: int = _tunable(
        24,
        "Frames after a frame that may speak for it; more bridges longer gaps, costs time and memory.",
        unit="frames",
        ge=1,
        le=120,
    )
    chunk: int = _tunable(
        16, "Frames finished at once; more is faster and takes more memory.", unit="frames", ge=1, le=120
    )


METHODS: dict[str, type[MethodParams]] = {
    "none": NoneParams,
    "moving_average": MovingAverageParams,
    "median": MedianParams,
    "gaussian": GaussianParams,
    "exponential": ExponentialParams,
    "flow_fusion": FlowFusionParams,
    "flow_fusion_two_pass": FlowFusionTwoPassParams,
}
DEFAULT_METHOD = "flow_fusion_two_pass"


# ── reading the schema ──────────────────────────────────────────────────────────────────────────────────────
@dataclass(frozen=True, slots=True)
class Tunable:
    """One field of a `Params` model, as a face needs it to draw an option, a slider or a form.

    Attributes:
        name: Field name.
        type: `int`, `float`, `bool` or `str`.
        default: Default value.
        low: Smallest value or exclusive bound below it, None where unbounded.
        high: Largest value or exclusive bound above it, None where unbounded.
        range_text: The range in words, such as `[0, 1)` or `3, 5, 7, 9`.
        choices: Allowed values, empty where any in the range will do.
        unit: Unit, empty for plain numbers.
        meaning: One sentence, saying which way it pushes.
    """

    name: str
    type: type
    default: Any
    low: float | None
    high: float | None
    range_text: str
    choices: tuple[Any, ...]
    unit: str
    meaning: str


def tunables(model: type[Params]) -> list[Tunable]:
    """List the fields of a model in the order of their declaration, inherited ones first."""
    return [_tunable_of(name, info) for name, info in model.model_fields.items()]


def parse_settings(model: type[ModelT], settings: Iterable[str]) -> ModelT:
    """Build a model from texts `name=value`; the last of two with one name wins.

    Raises:
        ParameterError: A text has no `=`, a name is unknown, or a value lies outside its range.
    """
    values: dict[str, str] = {}
    for text in settings:
        name, sign, value = text.partition("=")
        if not sign or not name.strip():
            raise ParameterError(f"a setting must have the form name=value, got {text!r}")
        values[name.strip()] = value.strip()
    return build(model, values)


def build(model: type[ModelT], values: Mapping[str, Any]) -> ModelT:
    """Build a model from names and values, wording the first mistake in one line.

    Raises:
        ParameterError: A name is unknown, or a value lies outside its range.
    """
    try:
        return model.model_validate(dict(values))
    except ValidationError as error:
        raise ParameterError(_first_mistake(model, error)) from None


def method_model(method: str) -> type[MethodParams]:
    """Return the parameter model of a method.

    Raises:
        ParameterError: The method is unknown.
    """
    if method not in METHODS:
        raise ParameterError(f"unknown method {method!r}; choose from: {', '.join(METHODS)}")
    return METHODS[method]


def method_params(method: str, settings: Iterable[str] = ()) -> MethodParams:
    """Build the parameters of a method from texts `name=value`.

    Raises:
        ParameterError: The method or a name is unknown, or a value lies outside its range.

    >>> method_params("gaussian", ["sigma=2"]).sigma
    2.0
    """
    return parse_settings(method_model(method), settings)


def _tunable_of(name: str, info: Any) -> Tunable:
    low: float | None = None
    high: float | None = None
    opening, closing = "(", ")"
    for rule in info.metadata:
        if isinstance(rule, Ge | Gt):
            low = typing.cast(float, rule.ge if isinstance(rule, Ge) else rule.gt)
            opening = "[" if isinstance(rule, Ge) else "("
        if isinstance(rule, Le | Lt):
            high = typing.cast(float, rule.le if isinstance(rule, Le) else rule.lt)
            closing = "]" if isinstance(rule, Le) else ")"
    choices = _choices(info, low, high)
    if choices:
        range_text = ", ".join(str(choice) for choice in choices)
    elif low is None and high is None:
        range_text = ""
    else:
        range_text = (
            f"{opening}{'-∞' if low is None else f'{low:g}'}, {'∞' if high is None else f'{high:g}'}{closing}"
        )
    unit = (info.json_schema_extra or {}).get("unit", "")
    kind = type(choices[0]) if choices else _plain_type(info.annotation)
    return Tunable(name, kind, info.default, low, high, range_text, choices, unit, info.description or "")


def _choices(info: Any, low: float | None, high: float | None) -> tuple[Any, ...]:
    if typing.get_origin(info.annotation) is Literal:
        return typing.get_args(info.annotation)
    odd = any(isinstance(rule, AfterValidator) and rule.func is _odd for rule in info.metadata)
    if odd and low is not None and high is not None:
        return tuple(range(int(low), int(high) + 1, 2))
    return ()


def _plain_type(annotation: Any) -> type:
    if isinstance(annotation, types.UnionType):
        annotation = next(part for part in typing.get_args(annotation) if part is not type(None))
    return annotation if annotation in (int, float, bool) else str


def _first_mistake(model: type[Params], error: ValidationError) -> str:
    mistake = error.errors()[0]
    name = str(mistake["loc"][0]) if mistake["loc"] else model.__name__
    known = {tunable.name: tunable for tunable in tunables(model)}
    if name not in known:
        return f"unknown setting {name!r}; choose from: {', '.join(known)}"
    tunable = known[name]
    if tunable.range_text:
        verb = "be one of" if tunable.choices else "lie in"
        return f"{name} must {verb} {tunable.range_text}, got {mistake['input']}"
    if mistake["type"] == "string_pattern_mismatch":
        return f"{name} must have another form, got {mistake['input']!r}; {tunable.meaning}"
    return f"{name} must be of type {tunable.type.__name__}, got {mistake['input']!r}; {tunable.meaning}"
