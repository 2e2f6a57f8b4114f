"""Networks in ONNX files, run by ONNX Runtime: torch is not needed.

A file that `vidlab export` wrote says itself what it is; of one from elsewhere, inputs and outputs are looked
at (`onnx_foreign`).
"""

from dataclasses import replace
from pathlib import Path

from vidlab.errors import ParameterError, WeightsError
from vidlab.models.hashing import file_label
from vidlab.models.onnx_card import Card, read_card
from vidlab.models.onnx_detector import OnnxDetector
from vidlab.models.onnx_foreign import foreign_card
from vidlab.models.onnx_runtime import Session, open_session
from vidlab.models.onnx_semantic import OnnxSemantic
from vidlab.models.outputs import to_outputs
from vidlab.models.request import NetworkRequest


def open_onnx(request: NetworkRequest) -> OnnxSemantic | OnnxDetector:
    """Open a network file; see `registry.create`.

    Raises:
        ParameterError: An option makes no sense for this network.
        DeviceError: ONNX Runtime cannot use the device here.
        WeightsError: There is no file, ONNX Runtime cannot load it, or it is no network that segments.
        MissingExtraError: onnxruntime is not installed.
    """
    file = Path(request.weights or "")
    if not request.weights or not file.suffix:
        raise WeightsError(
            f"model 'onnx' must have a file, got weights {request.weights or 'none'}; give --weights "
            "FILE.onnx, such as vidlab export writes"
        )
    session = open_session(file, device=request.device, threads=request.options.threads)
    card = read_card(session.metadata, source=file.name)
    if card is None:
        card = foreign_card(session, options=request.options, source=file.name)
    else:
        card = _with_options(card, session, request)
    label = ", ".join(filter(None, (f"{file_label(file)}: {card.model}", card.weights, card.quantized)))
    if card.kind == "probs":
        return OnnxSemantic(session, card=card, name=request.name, weights=label)
    return OnnxDetector(session, card=card, name=request.name, weights=label, score_floor=request.score_floor)


def _with_options(card: Card, session: Session, request: NetworkRequest) -> Card:
    """Return a card with what the user says instead of the file."""
    short_px, names = request.options.input_short_px, request.class_names
    if names:
        outputs = to_outputs(names, n_outputs=len(card.class_ids), activation="softmax", source=card.model)
        card = replace(card, class_ids=outputs.class_ids, class_names=outputs.names)
    if not short_px:
        return card
    if card.kind == "instances" or None not in session.inputs[0].shape[-2:]:
        raise ParameterError(
            f"input_short_px must be 0 for {request.weights}, which has a size of its own, got {short_px}; "
            "export the network at that size"
        )
    return replace(card, input_size=short_px)
