"""torch's profiler, wrapped: operators, memory, trace files, ranges."""

import json
import sys

import pytest

from vidlab.errors import MissingExtraError, OutputError, ParameterError
from vidlab.profiling.trace import OPERATOR_HEADER, named_range, record_trace

torch = pytest.importorskip("torch")
SIDE = 256


@pytest.fixture(scope="module")
def trace():
    matrix = torch.ones(SIDE, SIDE)
    with record_trace(device="cpu") as seen, named_range("product", device="cpu"):
        for _ in range(5):
            matrix = torch.mm(matrix, matrix).clamp_(max=1)
    return seen


def test_operators_are_counted_and_the_heaviest_comes_first(trace):
    operators = {operator.name: operator for operator in trace.operators()}
    assert operators["aten::mm"].n_calls == 5
    assert operators["aten::clamp_"].n_calls == 5
    assert sum(operator.share for operator in operators.values()) == pytest.approx(1)
    shares = [operator.share for operator in trace.operators()]
    assert shares == sorted(shares, reverse=True)
    assert operators["aten::mm"].device_ms == 0
    assert len(operators["aten::mm"].cells()) == len(OPERATOR_HEADER)


def test_memory_of_an_operator_is_what_its_results_take(trace):
    taken = {operator.name: operator.memory_mb for operator in trace.operators()}
    assert sum(taken.values()) > 0
    assert taken["aten::mm"] == pytest.approx(5 * SIDE * SIDE * 4 / 1e6, rel=0.01)


def test_trace_file_holds_the_named_range(trace, tmp_path):
    trace.write(tmp_path / "deep" / "trace.json")
    events = json.loads((tmp_path / "deep" / "trace.json").read_text())["traceEvents"]
    names = {event.get("name") for event in events}
    assert {"product", "aten::mm"} <= names


def test_trace_that_cannot_be_written_is_one_sentence(trace, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match=r"trace\.json cannot be written"):
        trace.write(tmp_path / "file" / "trace.json")


def test_ranges_reach_nvtx_on_cuda_and_end_when_the_block_raises(monkeypatch):
    seen: list[str] = []
    monkeypatch.setattr(torch.cuda.nvtx, "range_push", lambda name: seen.append(f"push {name}"))
    monkeypatch.setattr(torch.cuda.nvtx, "range_pop", lambda: seen.append("pop"))
    with pytest.raises(RuntimeError, match="no"), named_range("infer", device="cuda:0"):
        raise RuntimeError("no")
    with named_range("decode", device="cpu"):
        pass
    assert seen == ["push infer", "pop"]


def test_range_without_a_name_is_an_error():
    with pytest.raises(ParameterError, match="must have a name"), named_range("", device="cpu"):
        pass


def test_missing_torch_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    with (
        pytest.raises(MissingExtraError, match=r"pip install 'vidlab\[models\]'"),
        record_trace(device="cpu"),
    ):
        pass
