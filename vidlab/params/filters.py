"""The classical filters over time."""

from vidlab.params.flow import WITHOUT_WEIGHTS, FlowName, FlowPreset
from vidlab.params.method import MethodParams
from vidlab.schema import OddWindow, tunable


class FilterParams(MethodParams):
    """What the classical filters share."""

    follow_motion: bool = tunable(
        False,
        "Carry the other frames along the optical flow first; off compares pixels where they are.",
        tuned=True,
    )
    flow: FlowName = tunable(
        "dis",
        "Optical flow that is followed; all but dis take longer, those of RAFT far longer, and weights.",
        search=WITHOUT_WEIGHTS,
    )
    flow_preset: FlowPreset = tunable(
        "ultrafast", "Effort of the DIS optical flow; slower presets follow fine motion better."
    )
    flow_scale: float = tunable(
        0.5,
        "Size at which flow is estimated, as a share of the frame; smaller is faster.",
        gt=0,
        le=1,
        search=(0.25, 1),
        step=0.25,
    )


class MovingAverageParams(FilterParams):
    """Mean of the frames around each frame."""

    window: OddWindow = tunable(
        5,
        "Frames averaged, odd; more flickers less, lags more.",
        unit="frames",
        ge=3,
        le=9,
        tuned=True,
    )


class MedianParams(FilterParams):
    """Median of the frames around each frame."""

    window: OddWindow = tunable(
        5,
        "Frames compared, odd; more removes longer dropouts, eats fast motion.",
        unit="frames",
        ge=3,
        le=9,
        tuned=True,
    )


class GaussianParams(FilterParams):
    """Gaussian-weighted mean of the frames around each frame."""

    window: OddWindow = tunable(
        5,
        "Frames averaged, odd; more flickers less.",
        unit="frames",
        ge=3,
        le=9,
        tuned=True,
    )
    sigma: float = tunable(
        1.5,
        "Width of the Gaussian; higher flickers less, smears motion.",
        unit="frames",
        gt=0,
        le=10,
        search=(0.3, 5),
        log=True,
        tuned=True,
    )


class ExponentialParams(FilterParams):
    """Exponential moving average: causal, one frame of state."""

    alpha: float = tunable(
        0.4,
        "Weight of the new frame; smaller flickers less, lags more.",
        ge=0.1,
        le=0.9,
        tuned=True,
    )
