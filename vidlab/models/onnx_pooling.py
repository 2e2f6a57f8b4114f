"""Pooling into a fixed number of cells (pyramid pooling, Zhao et al., CVPR 2017), for which ONNX has no word.

For pictures of one size it is a product with two constant matrices, one for the rows and one for the columns.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.onnx import symbolic_helper

from vidlab.errors import ParameterError

_OPERATOR = "aten::adaptive_avg_pool2d"
_FIRST_OPSET = 9


def cell_means(length: int, n_cells: int) -> Tensor:
    """Return float32 (n_cells, length), which turns a row of values into the means of its cells.

    Cells may overlap by a value, as those of `torch.nn.AdaptiveAvgPool2d` do.

    >>> cell_means(3, 2).tolist()
    [[0.5, 0.5, 0.0], [0.0, 0.5, 0.5]]
    """
    means = torch.zeros(n_cells, length)
    for cell in range(n_cells):
        first, end = cell * length // n_cells, -(-(cell + 1) * length // n_cells)
        means[cell, first:end] = 1 / (end - first)
    return means


@contextmanager
def pooling_by_matrices() -> Iterator[None]:
    """Let torch's exporter write such pooling while the block runs; of open sizes it cannot, and says so."""
    exporter: Any = torch.onnx  # whose names of this are not among those it says it has
    exporter.register_custom_op_symbolic(_OPERATOR, _symbolic, _FIRST_OPSET)
    try:
        yield
    finally:
        exporter.unregister_custom_op_symbolic(_OPERATOR, _FIRST_OPSET)


def _symbolic(graph: Any, values: Any, cells_hw: Any) -> Any:
    wanted = symbolic_helper._maybe_get_const(cells_hw, "is")
    if list(wanted) == [1, 1]:
        return graph.op("GlobalAveragePool", values)
    height, width = symbolic_helper._get_tensor_sizes(values)[-2:]
    if height is None or width is None:
        raise ParameterError(
            "size must be given for this network, which pools pictures of any size into a fixed number of "
            "cells, got none; add --size HxW"
        )
    rows, columns = (
        graph.op("Constant", value_t=means)
        for means in (cell_means(height, wanted[0]), cell_means(width, wanted[1]).T.contiguous())
    )
    return graph.op("MatMul", graph.op("MatMul", rows, values), columns)
