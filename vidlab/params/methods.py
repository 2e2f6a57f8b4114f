"""The stabilizing methods, and how one is built from its name and texts `name=value`."""

from collections.abc import Iterable
from typing import Literal

from vidlab.errors import ParameterError
from vidlab.schema import OddWindow, Params, parse_settings, tunable

FlowPreset = Literal["ultrafast", "fast", "medium"]


class MethodParams(Params):
    """What every method shares."""

    track_iou: float = tunable(
        0.3, "Overlap with the carried mask that continues a track; higher splits tracks sooner.", gt=0, lt=1
    )
    track_max_missed: int = tunable(
        12, "Frames a track may go undetected before its identity ends.", unit="frames", ge=0, le=300
    )


class NoneParams(MethodParams):
    """Raw masks, unchanged: the base line."""


class FilterParams(MethodParams):
    """What the classical filters share."""

    follow_motion: bool = tunable(
        False, "Carry the other frames along the optical flow first; off compares pixels where they are."
    )
    flow_preset: FlowPreset = tunable(
        "ultrafast", "Effort of the DIS optical flow; slower presets follow fine motion better."
    )
    flow_scale: float = tunable(
        0.5, "Size at which flow is estimated, as a share of the frame; smaller is faster.", gt=0, le=1
    )


class MovingAverageParams(FilterParams):
    """Mean of the frames around each frame."""

    window: OddWindow = tunable(
        5, "Frames averaged, odd; more flickers less, lags more.", unit="frames", ge=3, le=9
    )


class MedianParams(FilterParams):
    """Median of the frames around each frame."""

    window: OddWindow = tunable(
        5, "Frames compared, odd; more removes longer dropouts, eats fast motion.", unit="frames", ge=3, le=9
    )


class GaussianParams(FilterParams):
    """Gaussian-weighted mean of the frames around each frame."""

    window: OddWindow = tunable(5, "Frames averaged, odd; more flickers less.", unit="frames", ge=3, le=9)
    sigma: float = tunable(
        1.5, "Width of the Gaussian; higher flickers less, smears motion.", unit="frames", gt=0, le=10
    )


class ExponentialParams(FilterParams):
    """Exponential moving average: causal, one frame of state."""

    alpha: float = tunable(0.4, "Weight of the new frame; smaller flickers less, lags more.", ge=0.1, le=0.9)


class FusionParams(MethodParams):
    """The previous mask carried along optical flow and fused with the new one, in six steps."""

    flow_preset: FlowPreset = tunable(
        "ultrafast", "Effort of the DIS optical flow; slower presets follow fine motion better."
    )
    flow_scale: float = tunable(
        0.25, "Size at which flow is estimated, as a share of the frame; smaller is faster.", gt=0, le=1
    )
    cut_similarity: float = tunable(
        0.85,
        "Correlation with the carried previous frame below which a new shot starts; higher finds more cuts.",
        ge=-1,
        le=1,
        off=-1.0,
    )
    carry: bool = tunable(True, "Step 2: carry the previous state along the flow; off leaves it in place.")
    motion_weight: bool = tunable(True, "Step 3: trust the carried state less where motion is doubtful.")
    motion_px: float = tunable(
        100.0,
        "Motion at which the carried state counts half; smaller trusts fast motion less.",
        unit="px/frame",
        gt=0,
        le=10000,
        off=10000.0,
    )
    lost_keep: float = tunable(
        0.2, "Share of the carried state kept where the flow there and back disagrees.", ge=0, le=1, off=1.0
    )
    lost_error: float = tunable(
        0.2,
        "Error of the carried picture, in contrasts, from which a disagreement counts; higher trusts more.",
        ge=0,
        le=100,
        off=0.0,
    )
    flow_error: float = tunable(
        0.7,
        "Error of the carried picture, in contrasts, at which the state counts 1/e; smaller trusts less.",
        gt=0,
        le=100,
        off=100.0,
    )
    smooth: bool = tunable(True, "Step 4: running mean over all past frames; off fuses the last two only.")
    memory: float = tunable(
        0.8, "Weight of the carried state; larger flickers less, follows change later.", ge=0, lt=1
    )
    neighbors: int = tunable(
        1,
        "Frames carried straight to the next ones before their mean is; more keep thin parts, cost time.",
        unit="frames",
        ge=1,
        le=8,
    )
    area_control: bool = tunable(
        True, "Step 5a: a frame whose mask suddenly shrank or vanished has less say than its neighbors."
    )
    agreement: bool = tunable(
        True, "Step 5a: a frame whose mask lies elsewhere than expected has less say than its neighbors."
    )
    area_window: int = tunable(
        10,
        "Frames on each side (causal: twice as many before) that say how large the object is.",
        unit="frames",
        ge=2,
        le=60,
    )
    min_recall: float = tunable(
        0.25,
        "Share of frames in which an object must be found for its misses to be mistakes; higher drops more.",
        ge=0.01,
        le=1,
    )
    weak_vote: float = tunable(0.02, "Say of a frame that shows nothing; higher forgets sooner.", gt=0, le=1)
    adaptive_threshold: bool = tunable(
        True, "Step 5b: move the threshold so that the area follows its running estimate."
    )
    area_tolerance: float = tunable(
        0.2, "Relative change of area that passes unhindered; smaller holds jumps back more.", ge=0, le=10
    )
    threshold_band: float = tunable(
        0.05, "How far the adaptive threshold may move from 0.5; 0 keeps it fixed.", ge=0, le=0.45
    )
    edge_weight: float = tunable(
        0.7,
        "Share of the outline that follows the edges of the picture; 0 leaves it as fused.",
        ge=0,
        le=1,
        off=0.0,
    )
    edge_radius: float = tunable(
        0.025,
        "Reach of the search for edges, as a share of the height; larger corrects more, loses thin parts.",
        gt=0,
        le=0.1,
    )
    least_piece: float = tunable(
        0.0002,
        "Area, as a share of the picture, below which a piece or a hole is a speck; 0 keeps all.",
        ge=0,
        le=0.1,
        off=0.0,
    )
    spare_steady: bool = tunable(
        True, "Smooth a network's masks only as far as they flicker; off smooths steady masks as well."
    )
    anti_ghost: bool = tunable(True, "Step 6: hold masks to what the network confirms.")
    confidence_memory: float = tunable(
        0.8, "Weight of the past in the running confidence; larger reacts later.", ge=0, lt=1
    )
    fade_after: int = tunable(
        6,
        "Missed frames after which a mask starts to fade; smaller ends ghosts sooner.",
        unit="frames",
        ge=0,
        le=300,
    )
    gone_after: int = tunable(
        12, "Missed frames after which a mask is gone for certain.", unit="frames", ge=1, le=300
    )
    kept_after: int = tunable(
        6,
        "Frames in a row with the object after which it is shown for certain; smaller shows false ones too.",
        unit="frames",
        ge=1,
        le=300,
    )


class FlowFusionParams(FusionParams):
    """Flow fusion for streams: causal, or a few frames late."""

    lag: int = tunable(
        0,
        "Frames each result waits for, so that they speak for it too; 0 is causal; each costs time.",
        unit="frames", ge=0, le=8,
    )  # fmt: skip


class FlowFusionTwoPassParams(FusionParams):
    """Flow fusion run both ways in windows of bounded look-ahead; the default for files."""

    flow_scale: float = tunable(
        0.5, "Size at which flow is estimated, as a share of the frame; smaller is faster.", gt=0, le=1
    )
    memory: float = tunable(
        0.85, "Weight of the carried state; larger flickers less, follows change later.", ge=0, lt=1
    )
    look_ahead: int = tunable(
        24,
        "Frames after a frame that may speak for it; more bridges longer gaps, costs time and memory.",
        unit="frames",
        ge=1,
        le=120,
    )
    chunk: int = tunable(
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


# ── by name ─────────────────────────────────────────────────────────────────────────────────────────────────
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
