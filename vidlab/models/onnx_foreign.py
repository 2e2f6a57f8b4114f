"""ONNX files from elsewhere, which say nothing of themselves: what their inputs and outputs give away."""

import logging
from typing import NamedTuple

import numpy as np

from vidlab.classes import COCO_NAMES
from vidlab.errors import WeightsError
from vidlab.models.onnx_card import DETECTIONS, Card, OutputsAre
from vidlab.models.onnx_runtime import Port, Session
from vidlab.models.outputs import to_outputs
from vidlab.models.sizes import INPUT_SHORT_PX, MEAN, STD
from vidlab.params import NetworkParams
from vidlab.types import Float32Array

FLOAT = "tensor(float)"
N_COCO_LABELS = 91  # of torchvision's detectors, background among them: their labels are COCO's ids
STRIDE = 32  # of nearly every encoder: sides that it divides suit those that insist
PROBE_HW = (64, 64)  # of the picture that shows what a network with open sizes returns
EXACT = 1e-3  # by which the probabilities of a pixel may miss 1
logger = logging.getLogger(__name__)


class Detections(NamedTuple):
    """Places of a detector's outputs."""

    boxes: int
    labels: int
    scores: int
    masks: int


def foreign_card(session: Session, *, options: NetworkParams, source: str) -> Card:
    """Say what a network is, from its inputs, its outputs, and what it returns for one picture.

    Pictures are taken to be normalized as ImageNet's for a semantic network, and to lie in [0, 1] for a Mask
    R-CNN, as torchvision's are.

    Args:
        session: The network.
        options: Names of its classes, size of its input, what its scores are.
        source: Name of the file, for the errors.

    Raises:
        ParameterError: The names of the classes are missing, or not as many as the outputs.
        WeightsError: It is neither a semantic network nor a Mask R-CNN.
    """
    _require_input(session, source=source)
    if any(port.dtype == "tensor(int64)" for port in session.outputs):
        card = _detector(session, options=options, source=source)
    else:
        card = _semantic(session, options=options, source=source)
    logger.warning(
        "%s says nothing of itself; taken for a %s; vidlab export onnx --weights %s writes it down",
        source,
        "semantic network that takes pictures normalized as ImageNet's"
        if card.kind == "probs"
        else "Mask R-CNN",
        source,
    )
    return card


def locate_detections(outputs: tuple[Port, ...], *, source: str) -> Detections:
    """Return where a detector's boxes, labels, scores and masks are, by name, else by type and axes.

    Raises:
        WeightsError: One of them is not there.
    """
    names = [port.name for port in outputs]
    if set(DETECTIONS) <= set(names):
        return Detections(*(names.index(name) for name in DETECTIONS))
    floats = [(place, port) for place, port in enumerate(outputs) if port.dtype == FLOAT]
    try:
        return Detections(
            next(place for place, port in floats if len(port.shape) == 2),
            next(place for place, port in enumerate(outputs) if port.dtype == "tensor(int64)"),
            next(place for place, port in floats if len(port.shape) == 1),
            next(place for place, port in floats if len(port.shape) >= 3),
        )
    except StopIteration:
        raise _neither(outputs, source=source) from None


def _detector(session: Session, *, options: NetworkParams, source: str) -> Card:
    locate_detections(session.outputs, source=source)
    names = tuple(name.strip() for name in options.class_names.split(",") if name.strip())
    if names:
        outputs = to_outputs(
            ("background", *names), n_outputs=len(names) + 1, activation="softmax", source=source
        )
        ids, known = outputs.class_ids, dict(outputs.names)
    else:
        ids = tuple(label if label in COCO_NAMES else None for label in range(N_COCO_LABELS))
        known = {}
    return Card(
        source, "instances", "its own", ids, known, input_size=_fixed_hw(session.inputs[0].shape[-2:])
    )


def _semantic(session: Session, *, options: NetworkParams, source: str) -> Card:
    maps = [place for place, port in enumerate(session.outputs) if len(port.shape) == 4]
    if not maps or session.outputs[maps[0]].dtype != FLOAT or len(session.inputs[0].shape) != 4:
        raise _neither(session.outputs, source=source)
    fixed_hw = _fixed_hw(session.inputs[0].shape[-2:])
    scores = _probe(session, fixed_hw or PROBE_HW, output=maps[0])
    names = [name for name in options.class_names.split(",") if name.strip()]
    outputs = to_outputs(names, n_outputs=scores.shape[1], activation=options.activation, source=source)
    return Card(
        source,
        "probs",
        "its own",
        outputs.class_ids,
        dict(outputs.names),
        input_size=fixed_hw or options.input_short_px or INPUT_SHORT_PX,
        stride=1 if fixed_hw else STRIDE,
        mean=MEAN,
        std=STD,
        outputs=_kind_of(scores) or outputs.activation,
    )


def _kind_of(scores: Float32Array) -> OutputsAre | None:
    """Return `probabilities` if that is what a network returned; None for scores that want more."""
    inside = scores.min() >= 0 and scores.max() <= 1
    competing = scores.shape[1] > 1 and bool(np.allclose(scores.sum(axis=1), 1, atol=EXACT))
    return "probabilities" if inside and (competing or scores.shape[1] == 1) else None


def _probe(session: Session, size_hw: tuple[int, int], *, output: int) -> Float32Array:
    port = session.inputs[0]
    noise = np.random.default_rng(0).standard_normal((port.shape[0] or 1, 3, *size_hw), np.float32)
    scores = session.run({port.name: noise})[output]
    if scores.ndim != 4:
        raise _neither(session.outputs, source="the network")
    return np.asarray(scores, np.float32)


def _require_input(session: Session, *, source: str) -> None:
    wanted = [port for port in session.inputs if not port.optional]
    if len(wanted) != 1 or not _takes_pictures(wanted[0]):
        told = "; ".join(f"{port.name} {port.dtype} {_axes(port)}" for port in wanted)
        raise WeightsError(f"{source} must take pictures, float (N, 3, H, W), got {told}")


def _takes_pictures(port: Port) -> bool:
    return len(port.shape) in (3, 4) and port.dtype == FLOAT and port.shape[-3] in (3, None)


def _fixed_hw(sides: tuple[int | None, ...]) -> tuple[int, int] | None:
    height, width = sides
    return None if height is None or width is None else (height, width)


def _neither(outputs: tuple[Port, ...], *, source: str) -> WeightsError:
    told = "; ".join(f"{port.name} {_axes(port)}" for port in outputs)
    return WeightsError(
        f"{source} must return class scores (N, K, H, W), or boxes, labels, scores and masks, got {told}"
    )


def _axes(port: Port) -> str:
    return f"({', '.join('?' if side is None else str(side) for side in port.shape)})"
