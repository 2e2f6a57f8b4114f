"""How a network becomes an ONNX file."""

from typing import Annotated, Literal

from pydantic import Field

from vidlab.schema import Params, tunable

FrameSize = Annotated[str, Field(pattern=r"^([1-9]\d{0,4}x[1-9]\d{0,4})?$")]


class ExportParams(Params):
    """How a network becomes an ONNX file."""

    size: FrameSize = tunable(
        "",
        "Height and width of the only frames that the file is to take, as HxW, for the most speed; empty "
        "takes any, each scaled as torch's network would.",
        unit="px",
    )
    opset: int = tunable(17, "Version of ONNX's operators; older ones suit older programs.", ge=16, le=20)
    quantize: Literal["none", "static", "dynamic"] = tunable(
        "none",
        "Weights of 8 bits: static takes the ranges of activations from frames, and is fast where the processor "
        "has VNNI; dynamic looks for them in each frame anew.",
    )
    keep_last: bool = tunable(
        True, "Quantized: leave the last layers on the way to each output in float32, for accuracy."
    )
    check_frames: int = tunable(
        4, "Frames on which the file is compared with torch, and its 8-bit form with float32.",
        unit="frames", ge=1, le=10000,
    )  # fmt: skip
    calibration_frames: int = tunable(
        16, "Frames that show static quantization the ranges; more find rarer values.",
        unit="frames", ge=1, le=10000,
    )  # fmt: skip
    tolerance: float = tunable(
        1e-3, "Difference of a probability or score from torch's above which the file is refused.", gt=0, le=1
    )
    mask_tolerance: float = tunable(
        0.01, "Share of torch's masks, as 1 - IoU, by which the file's may differ before it is refused.",
        gt=0, le=1,
    )  # fmt: skip

    @property
    def size_hw(self) -> tuple[int, int] | None:
        """Height and width, in pixels; None for any."""
        if not self.size:
            return None
        height, _, width = self.size.partition("x")
        return (int(height), int(width))
