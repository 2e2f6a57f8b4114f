"""How files are read and written, and networks run over them."""

from typing import Annotated, Literal

from pydantic import Field

from vidlab.params.keyframes import KeyframeParams
from vidlab.params.refinement import RefineParams
from vidlab.schema import Params, tunable

Device = Annotated[str, Field(pattern=r"^(auto|cpu|mps|(cuda|tensorrt)(:\d+)?)$")]


class SourceParams(Params):
    """How frames are taken from a source."""

    fps: float = tunable(
        25.0, "Rate of a folder of images, which has no clock of its own.", unit="frames/s", gt=0, le=1000
    )
    max_frames: int = tunable(0, "Stop after this many frames; 0 takes them all.", unit="frames", ge=0)


class SegmentParams(KeyframeParams, RefineParams):
    """How a network is run over frames, over how many of them, and how its masks are refined."""

    device: Device = tunable(
        "auto", "Where networks run: auto, cpu, cuda, cuda:N or mps; an onnx network on tensorrt, too."
    )
    batch_size: int = tunable(
        4, "Frames per call of the network; more is faster on a GPU.", unit="frames", ge=1, le=256
    )


class WriterParams(Params):
    """How videos are encoded."""

    crf: int = tunable(20, "H.264 constant rate factor; higher is smaller and worse.", ge=0, le=51)
    preset: Literal["ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow"] = tunable(
        "veryfast", "H.264 effort; slower presets make smaller files."
    )
