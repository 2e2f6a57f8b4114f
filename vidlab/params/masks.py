"""Which masks count, and how they are judged."""

from typing import Literal

from vidlab.schema import OddWindow, Params, tunable


class EvidenceParams(Params):
    """Which detections count, and how much."""

    min_score: float = tunable(
        0.25,
        "Score at which a detection counts as raw: the operating point; higher keeps fewer objects.",
        ge=0,
        le=1,
    )
    drop_below: float = tunable(
        0.05, "Detections below this score are thrown away; those above remain evidence.", ge=0, le=1
    )
    prob_threshold: float = tunable(
        0.5,
        "Probability above which a pixel of a soft mask counts as raw; higher makes masks smaller.",
        gt=0,
        lt=1,
    )


class EvaluateParams(Params):
    """How masks are judged."""

    judge_flow: Literal["farneback", "dis"] = tunable(
        "farneback",
        "Optical flow that judges flicker and jitter; the stabilizers use dis, so dis grades its own work.",
    )
    judge_scale: float = tunable(
        0.5, "Size at which the judging flow is estimated, as a share of the frame.", gt=0, le=1
    )
    found_iou: float = tunable(
        0.1, "Overlap with the truth from which an object counts as found; higher finds more dropouts.",
        gt=0, le=1,
    )  # fmt: skip
    kept_frames: int = tunable(
        3, "Frames in a row an object must be found to count as kept; more makes births later.",
        unit="frames", ge=1, le=100,
    )  # fmt: skip
    area_window: OddWindow = tunable(
        11,
        "Frames, odd, whose median is the trend of the area; more counts slower changes as flicker.",
        unit="frames", ge=3, le=101,
    )  # fmt: skip
    davis_t: bool = tunable(
        True, "Measure the temporal stability T of DAVIS 2016 too, about 40 ms per frame and mask at 480p."
    )
    resamples: int = tunable(
        2000, "Draws of the bootstrap behind intervals; more steadies their ends.", ge=100, le=100000
    )
    seed: int = tunable(0, "Seed of the bootstrap.", ge=0)
