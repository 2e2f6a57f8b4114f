"""One network in faster forms, each a network again: what it says can be compared, not only its speed.

`variants` times a network by itself on prepared tensors; here a form sees pictures and returns masks.
"""

import copy
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vidlab.errors import VidlabError
from vidlab.models import StagedSegmenter, create
from vidlab.pipeline.variants import AS_IS, COMPILED, Precision, Variant
from vidlab.types import Observation, UInt8Image

OPSET = 17
FORMS = (
    Variant(AS_IS),
    Variant("channels_last", channels_last=True),
    Variant("bfloat16 (autocast)", precision="bfloat16"),
    Variant("float16 (AMP)", precision="float16", needs_cuda=True),
    Variant("channels_last, bfloat16", channels_last=True, precision="bfloat16"),
    Variant("batch of 4", batch=4),
    Variant("3/4 of the size", scale=0.75),
    Variant("half the size", scale=0.5),
    Variant(COMPILED, compiled=True),
    Variant("ONNX Runtime", onnx="float32"),
    Variant("ONNX Runtime, one size", onnx="float32", one_size=True),
    Variant("ONNX Runtime, 8-bit static", onnx="static"),
    Variant("ONNX Runtime, 8-bit dynamic", onnx="dynamic"),
)


@dataclass(frozen=True, slots=True)
class Material:
    """What forms are made of and with.

    Attributes:
        segmenter: The network as it is; not changed.
        images: Pictures of one size that it will see, uint8 (H, W, 3).
        calibration: Others like them, for static quantization.
        score_floor: Score below which a detector drops what it found, [0, 1].
        folder: For ONNX files.
    """

    segmenter: StagedSegmenter
    images: Sequence[UInt8Image]
    calibration: Sequence[UInt8Image]
    score_floor: float
    folder: Path


class Form:
    """A network in a faster form: a `StagedSegmenter` that perhaps infers at lower precision."""

    def __init__(self, segmenter: StagedSegmenter, *, precision: Precision = "float32") -> None:
        self.name, self.weights = segmenter.name, segmenter.weights
        self.kind, self.class_ids = segmenter.kind, segmenter.class_ids
        self.segmenter = segmenter
        self.device = str(getattr(segmenter, "device", "cpu"))
        self._precision = precision

    def prepare(self, images: Sequence[UInt8Image]) -> Any:
        """Bring pictures into the form that the network takes; see `StagedSegmenter`."""
        return self.segmenter.prepare(images)

    def infer(self, prepared: Any) -> Any:
        """Run the network; see `StagedSegmenter`."""
        with self._autocast():
            found = self.segmenter.infer(prepared)
        return found if self._precision == "float32" else to_float32(found)

    def finish(self, found: Any) -> Sequence[Observation]:
        """Bring what was found to the pictures' size; see `StagedSegmenter`."""
        return self.segmenter.finish(found)

    def segment(self, images: Sequence[UInt8Image]) -> Sequence[Observation]:
        """Run all three stages."""
        return self.finish(self.infer(self.prepare(images))) if len(images) else []

    def _autocast(self) -> AbstractContextManager[Any]:
        if self._precision == "float32":
            return nullcontext()
        import torch

        return torch.autocast(self.device.partition(":")[0], dtype=getattr(torch, self._precision))


def to_float32(found: Any) -> Any:
    """Return what a network returned with its floats at full precision, wherever they are in it."""
    import torch

    if isinstance(found, torch.Tensor):
        return found.float() if found.is_floating_point() else found
    if isinstance(found, dict):
        return {name: to_float32(value) for name, value in found.items()}
    if isinstance(found, list):
        return [to_float32(value) for value in found]
    return tuple(map(to_float32, found)) if type(found) is tuple else found


def make_form(variant: Variant, material: Material) -> Form:
    """Make a network's faster form.

    Raises:
        VidlabError: It cannot be had here.
    """
    if variant.needs_cuda and not str(getattr(material.segmenter, "device", "cpu")).startswith("cuda"):
        raise VidlabError("needs a CUDA device")
    if variant.onnx:
        return Form(_onnx(variant, material))
    if variant.scale != 1:
        return Form(_smaller(material, variant.scale), precision=variant.precision)
    altered: Any = material.segmenter
    if variant.channels_last or variant.compiled:
        altered = copy.copy(altered)
        altered.network = copy.deepcopy(altered.network)
    if variant.channels_last:
        import torch

        altered.network.to(memory_format=torch.channels_last)
    if variant.compiled:
        _compile(altered)
    return Form(altered, precision=variant.precision)


def _compile(altered: Any) -> None:
    """Compile a network; of a detector what comes before the proposals, whose number nobody knows before."""
    import torch

    if altered.kind == "instances":
        altered.network.backbone = torch.compile(altered.network.backbone)
    else:
        altered.network = torch.compile(altered.network)


def _smaller(material: Material, scale: float) -> Any:
    """Return the network at a smaller input; the mean of more pixels for each of its own."""
    altered: Any = copy.copy(material.segmenter)
    if altered.kind == "instances":
        altered.network = copy.deepcopy(altered.network)
        transform = altered.network.transform
        transform.min_size = tuple(round(side * scale) for side in transform.min_size)
        transform.max_size = round(transform.max_size * scale)
        return altered
    from vidlab.models.sizes import input_hw

    height, width = input_hw(material.images[0].shape[:2], wanted=altered.input_size)
    altered.input_size = (round(height * scale), round(width * scale))
    return altered


def _onnx(variant: Variant, material: Material) -> StagedSegmenter:
    from vidlab.models.onnx_export import export
    from vidlab.models.onnx_file import write_card
    from vidlab.models.onnx_quantize import quantize
    from vidlab.models.sizes import input_hw

    on_cpu: Any = copy.copy(material.segmenter)
    on_cpu.network = copy.deepcopy(on_cpu.network).cpu()
    size_hw = None
    if variant.one_size:
        wanted = None if on_cpu.kind == "instances" else on_cpu.input_size
        size_hw = input_hw(material.images[0].shape[:2], wanted=wanted)
    floor = material.score_floor
    file = material.folder / f"{variant.onnx}{'_one_size' * variant.one_size}.onnx"
    card = export(on_cpu, file, opset=OPSET, size_hw=size_hw, score_floor=floor)
    if variant.onnx in ("static", "dynamic"):
        plain: Any = create("onnx", weights=str(file), device="cpu", score_floor=floor)
        smaller = file.with_stem(f"{file.stem}_8_bit")
        how: Any = variant.onnx
        quantize(file, smaller, how=how, feeds=plain.feeds(material.calibration), keep_last=True)
        write_card(smaller, smaller, card=card)
        file = smaller
    device = str(getattr(material.segmenter, "device", "cpu"))
    return create("onnx", weights=str(file), device=device, score_floor=floor)
