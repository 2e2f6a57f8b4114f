"""How rarely a network is run, and how its masks are carried along the flow between."""

from vidlab.params.flow import FlowPreset
from vidlab.schema import Params, tunable


class KeyframeParams(Params):
    """How rarely the network is run, its masks being carried between."""

    keyframe_every: int = tunable(
        1, "Run the network on a frame at least this often; more saves more of its time, follows change later.",
        unit="frames", ge=1, le=64,
    )  # fmt: skip
    keyframe_look_ahead: bool = tunable(
        True,
        "Carry masks from the frames the network saw before and after; results come keyframe_every - 1 late.",
    )
    keyframe_change: float = tunable(
        1.0,
        "Share of the objects and their surroundings that the flow does not explain from which the network "
        "is run early; smaller runs it more often, 1 at cuts only.",
        gt=0, le=1, off=1.0,
    )  # fmt: skip
    keyframe_flow_preset: FlowPreset = tunable(
        "medium", "Effort of the DIS optical flow that carries; slower presets follow fine motion better."
    )
    keyframe_flow_scale: float = tunable(
        0.5, "Size at which that flow is estimated, as a share of the frame; smaller is faster.", gt=0, le=1
    )
