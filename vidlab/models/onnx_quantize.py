"""Networks with 8-bit weights, by ONNX Runtime's own tools; what that costs has to be measured on frames."""

import logging
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

from vidlab.models.onnx_file import last_operations
from vidlab.models.onnx_runtime import QUIET, Array, require_onnxruntime

Quantization = Literal["static", "dynamic"]
WEIGHTY = ("Conv", "MatMul", "Gemm")  # the operations in which a network spends its time
USUAL = 2  # ONNX Runtime's own severity: warnings
_CPU_FILE = Path("/proc/cpuinfo")


def quantize(
    file: Path, out: Path, *, how: Quantization, feeds: Iterable[Mapping[str, Array]], keep_last: bool
) -> None:
    """Write a network with 8-bit weights.

    `static` wraps the weighty operations in QuantizeLinear and DequantizeLinear, with the smallest and the
    largest value that each tensor had in calibration (Jacob et al., CVPR 2018). `dynamic` looks for both in
    each frame anew, and needs no calibration.

    Args:
        file: A network in ONNX format, float32.
        out: Where the smaller one goes.
        how: `static` or `dynamic`.
        feeds: Inputs to calibrate with; not used by `dynamic`.
        keep_last: Leave the last weighty operations on the way to each output in float32.

    Raises:
        MissingExtraError: onnxruntime or onnx is not installed.
    """
    tools: Any = require_onnxruntime("onnxruntime.quantization")
    with TemporaryDirectory(prefix=".vidlab-", dir=out.parent) as folder, _quietly():
        plain = Path(folder) / "plain.onnx"
        tools.quant_pre_process(file, plain, skip_symbolic_shape=True)
        kept = last_operations(plain, kinds=WEIGHTY) if keep_last else []
        common: dict[str, Any] = {"op_types_to_quantize": list(WEIGHTY), "nodes_to_exclude": kept}
        if how == "dynamic":  # its ConvInteger takes unsigned weights only, one range for all
            tools.quantize_dynamic(plain, out, weight_type=tools.QuantType.QUInt8, **common)
            return
        tools.quantize_static(
            plain,
            out,
            _reader(tools.CalibrationDataReader, feeds),
            activation_type=tools.QuantType.QUInt8,
            weight_type=tools.QuantType.QInt8,
            per_channel=True,
            reduce_range=not has_vnni(),  # a bit less for weights, else sums of two products overflow 16
            **common,
        )


def has_vnni(cpu_file: Path = _CPU_FILE) -> bool:
    """Whether this processor sums 8-bit products in 32 bits, which makes 8-bit networks fast and exact."""
    try:
        return "vnni" in cpu_file.read_text()
    except OSError:
        return False


def _reader(base: type, feeds: Iterable[Mapping[str, Array]]) -> Any:
    """Return the feeds as calibration takes them: by an object that gives one after the other, then None."""
    waiting: Iterator[Mapping[str, Array]] = iter(feeds)

    class Reader(base):  # type: ignore[misc]  # a class of an optional package
        def get_next(self) -> dict[str, Array] | None:
            following = next(waiting, None)
            return None if following is None else dict(following)

    return Reader()


@contextmanager
def _quietly() -> Iterator[None]:
    """Keep the tools' own words from stderr, and what they log from adding a handler to the root logger."""
    runtime = require_onnxruntime()
    root, nowhere = logging.getLogger(), logging.NullHandler()
    runtime.set_default_logger_severity(QUIET)
    root.addHandler(nowhere)
    before = root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        runtime.set_default_logger_severity(USUAL)
        logging.disable(before)
        root.removeHandler(nowhere)
