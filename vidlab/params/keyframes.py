"""How rarely a network is run, and how its masks are carried along the flow between."""

from vidlab.params.flow import FlowPreset
from vidlab.schema import Params, tunable


class KeyframeParams(Params):
    """On how few frames a network is run, one at a time; its masks are carried to the others."""

    keyframe_every: int = tunable(
        1, "Run the network at least every so many frames; more saves its time, loses detail; 1 on all.",
        unit="frames", ge=1, le=64,
    )  # fmt: skip
    keyframe_look_ahead: bool = tunable(
        True,
        "Carry masks from the keyframes on both sides, keyframe_every - 1 frames late; off: at once, worse.",
    )
    keyframe_change: float = tunable(
        1.0,
        "Share of the objects and what is beside them that the flow does not explain from which the network "
        "is run early; smaller runs it more often, 1 at cuts only.",
        gt=0, le=1, off=1.0, search=(0.1, 0.6),
    )  # fmt: skip
    keyframe_flow_preset: FlowPreset = tunable(
        "medium", "Effort of the DIS optical flow that carries; slower presets follow fine motion better."
    )
    keyframe_flow_scale: float = tunable(
        0.5, "Size at which that flow is estimated, as a share of the frame; smaller is faster.", gt=0, le=1
    )
