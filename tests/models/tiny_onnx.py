"""Small ONNX files as others make them: nothing in them says what they are."""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

OPSET = 17


def save(graph: onnx.GraphProto, file: Path) -> Path:
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=8)
    onnx.checker.check_model(model)
    onnx.save(model, file)
    return file


def pixelwise(
    file: Path, weights: np.ndarray, *, ends_with: str | None = None, batch=None, size_hw=(None, None)
) -> Path:
    """A network (N, 3, H, W) → (N, K, H, W) that mixes the channels of each pixel by `weights` (K, 3)."""
    kernel = numpy_helper.from_array(weights.astype(np.float32)[:, :, None, None], "kernel")
    nodes = [helper.make_node("Conv", ["pixels", "kernel"], ["scores"])]
    last = "scores"
    if ends_with is not None:
        options = {"axis": 1} if ends_with == "Softmax" else {}
        nodes.append(helper.make_node(ends_with, ["scores"], ["out"], **options))
        last = "out"
    sides = [side or name for side, name in zip(size_hw, ("h", "w"), strict=True)]
    pixels = helper.make_tensor_value_info("pixels", TensorProto.FLOAT, [batch or "n", 3, *sides])
    out = helper.make_tensor_value_info(last, TensorProto.FLOAT, [batch or "n", len(weights), *sides])
    return save(helper.make_graph(nodes, "pixelwise", [pixels], [out], [kernel]), file)


def classifier(file: Path) -> Path:
    """A network (N, 3, H, W) → (N, 3): it says what a picture shows, not where."""
    nodes = [
        helper.make_node("GlobalAveragePool", ["pixels"], ["mean"]),
        helper.make_node("Flatten", ["mean"], ["scores"]),
    ]
    pixels = helper.make_tensor_value_info("pixels", TensorProto.FLOAT, ["n", 3, "h", "w"])
    scores = helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["n", 3])
    return save(helper.make_graph(nodes, "classifier", [pixels], [scores]), file)


def detector(file: Path, *, boxes, labels, scores, masks, names=("a", "b", "c", "d")) -> Path:
    """A network (1, 3, H, W) → boxes, labels, scores, masks that finds the same in every picture."""
    arrays = [
        np.asarray(boxes, np.float32),
        np.asarray(labels, np.int64),
        np.asarray(scores, np.float32),
        np.asarray(masks, np.float32),
    ]
    nodes = [
        helper.make_node("Constant", [], [name], value=numpy_helper.from_array(array))
        for name, array in zip(names, arrays, strict=True)
    ]
    kinds = (TensorProto.FLOAT, TensorProto.INT64, TensorProto.FLOAT, TensorProto.FLOAT)
    outputs = [
        helper.make_tensor_value_info(name, kind, list(array.shape))
        for name, kind, array in zip(names, kinds, arrays, strict=True)
    ]
    pixels = helper.make_tensor_value_info("pixels", TensorProto.FLOAT, [1, 3, "h", "w"])
    return save(helper.make_graph(nodes, "detector", [pixels], outputs), file)


def without_words(file: Path, out: Path) -> Path:
    """Copy a file without what it says of itself."""
    model = onnx.load(file)
    del model.metadata_props[:]
    onnx.save(model, out)
    return out
