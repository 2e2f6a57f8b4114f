"""ONNX files as such: what stands in them besides the network. No other module imports the package."""

import importlib
from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np

from vidlab.errors import MissingExtraError, WeightsError
from vidlab.models.onnx_card import KEY, SCORE_FLOOR, Card, to_metadata


def write_card(file: Path, out: Path, *, card: Card) -> None:
    """Write a network file with what it is to say of itself; `out` may be the file itself.

    A detector's `score_floor` becomes an input that may be left alone, with the card's value.

    Raises:
        WeightsError: The file holds no valid network.
        MissingExtraError: onnx is not installed.
    """
    onnx = require_onnx()
    try:
        network = onnx.load(file)
        kept = [prop for prop in network.metadata_props if prop.key != KEY]
        del network.metadata_props[:]
        network.metadata_props.extend(kept)
        network.metadata_props.add(key=KEY, value=to_metadata(card))
        _give_default(onnx, network.graph, card.score_floor)
        onnx.checker.check_model(network)
    except Exception as error:  # protobuf's and the checker's errors share no base
        first = str(error).strip().partition("\n")[0]
        raise WeightsError(f"{file.name} must hold a network in ONNX format, got: {first}") from error
    onnx.save(network, out)


def last_operations(file: Path, *, kinds: Collection[str]) -> list[str]:
    """Return the names of the last operations of some kinds on the way to each output.

    What depends on the size of an array alone is not followed.

    Raises:
        MissingExtraError: onnx is not installed.
    """
    graph = require_onnx().load(file).graph
    made_by = {name: node for node in graph.node for name in node.output}
    found: dict[str, None] = {}
    waiting, seen = [port.name for port in graph.output], set[str]()
    while waiting:
        name = waiting.pop()
        node = made_by.get(name)
        if node is None or name in seen or node.op_type == "Shape":
            continue
        seen.add(name)
        if node.op_type in kinds:
            found[node.name] = None
        else:
            waiting.extend(node.input)
    return list(found)


def require_onnx() -> Any:
    """Import onnx.

    Raises:
        MissingExtraError: It is not installed.
    """
    try:
        importlib.import_module("onnx.checker")
        return importlib.import_module("onnx")
    except ImportError:
        raise MissingExtraError.for_feature("writing ONNX files", extra="onnx") from None


def _give_default(onnx: Any, graph: Any, score_floor: float) -> None:
    known = {tensor.name for tensor in graph.initializer}
    if SCORE_FLOOR in known or SCORE_FLOOR not in {port.name for port in graph.input}:
        return
    value = onnx.numpy_helper.from_array(np.array(score_floor, np.float32), SCORE_FLOOR)
    graph.initializer.append(value)
