"""torch's profiler: which operators take the time, where memory goes, and a trace to look at in Perfetto.

The profiler makes everything slower: its times say where time goes, never how fast anything is.
"""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vidlab.errors import MissingExtraError, OutputError, ParameterError
from vidlab.profiling.clock import synchronizer

_US_PER_MS = 1000
_MB = 1e6
_SILENT = "99"  # a CUDA build of torch without a GPU says on stderr that it found none
OPERATOR_HEADER = ("operator", "calls", "self ms", "share", "on the device ms", "memory MB")


@dataclass(frozen=True, slots=True)
class Operator:
    """What one operator took over the whole trace, what it called left out.

    Attributes:
        name: Name, such as `aten::convolution`.
        n_calls: How often it ran.
        cpu_ms: Milliseconds of the host.
        device_ms: Milliseconds of the device; 0 without one.
        share: Of the device's time, or without a device of the host's: [0, 1].
        memory_mb: Megabytes that it took and did not give back itself; negative if it gave back more.
    """

    name: str
    n_calls: int
    cpu_ms: float
    device_ms: float
    share: float
    memory_mb: float

    def cells(self) -> tuple[str, ...]:
        """Return what `OPERATOR_HEADER` names."""
        return (
            self.name,
            str(self.n_calls),
            f"{self.cpu_ms:,.2f}",
            f"{100 * self.share:.1f} %",
            f"{self.device_ms:,.2f}" if self.device_ms else "–",
            f"{self.memory_mb:+,.1f}",
        )


class Trace:
    """What the profiler saw in a `with record_trace(…)` block; complete when the block has ended."""

    def __init__(self, profiler: Any) -> None:
        """Take torch's profiler."""
        self._profiler = profiler
        self.peak_device_mb: float | None = None

    def operators(self) -> list[Operator]:
        """Return all operators, those that took most first."""
        rows = self._profiler.key_averages()
        on_device = [_device_us(row, "self_device_time_total") for row in rows]
        on_host = [float(row.self_cpu_time_total) for row in rows]
        leading = on_device if sum(on_device) > 0 else on_host
        whole = sum(leading) or 1.0
        found = [
            Operator(
                name=row.key,
                n_calls=row.count,
                cpu_ms=host_us / _US_PER_MS,
                device_ms=device_us / _US_PER_MS,
                share=led_us / whole,
                memory_mb=(_memory(row, device=leading is on_device)) / _MB,
            )
            for row, host_us, device_us, led_us in zip(rows, on_host, on_device, leading, strict=True)
        ]
        return sorted(found, key=lambda operator: -operator.share)

    def write(self, path: Path) -> None:
        """Write the trace as JSON, for https://ui.perfetto.dev or chrome://tracing.

        Raises:
            OutputError: The file cannot be written.
        """
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._profiler.export_chrome_trace(str(path))
        except (OSError, RuntimeError) as error:
            raise OutputError(f"{path} cannot be written: {error}") from None


@contextmanager
def record_trace(*, device: str) -> Iterator[Trace]:
    """Watch what torch does in a block, on the CPU and on the device, memory included.

    Args:
        device: `cpu`, `cuda`, `cuda:N` or `mps`, resolved.

    Raises:
        MissingExtraError: torch is not installed.
        ParameterError: There is no such device.
    """
    os.environ.setdefault("KINETO_LOG_LEVEL", _SILENT)
    torch = _torch()
    wait = synchronizer(device)
    activities = [torch.profiler.ProfilerActivity.CPU]
    if device.startswith("cuda"):
        activities.append(torch.profiler.ProfilerActivity.CUDA)
        torch.cuda.reset_peak_memory_stats(device)
    wait()
    with torch.profiler.profile(activities=activities, profile_memory=True, acc_events=True) as profiler:
        trace = Trace(profiler)
        yield trace
        wait()
    if device.startswith("cuda"):
        trace.peak_device_mb = torch.cuda.max_memory_allocated(device) / _MB


@contextmanager
def named_range(name: str, *, device: str) -> Iterator[None]:
    """Name a block in torch's traces, and on CUDA as an NVTX range, which Nsight Systems shows.

    Raises:
        MissingExtraError: torch is not installed.
        ParameterError: The name is empty.
    """
    if not name:
        raise ParameterError("a range must have a name, got an empty one")
    torch = _torch()
    with ExitStack() as stack:
        if device.startswith("cuda"):
            torch.cuda.nvtx.range_push(name)
            stack.callback(torch.cuda.nvtx.range_pop)
        stack.enter_context(torch.profiler.record_function(name))
        yield


def _torch() -> Any:
    try:
        import torch
        import torch.profiler
    except ImportError:
        raise MissingExtraError.for_feature("torch's profiler", extra="models") from None
    return torch


def _device_us(row: Any, name: str) -> float:
    """Read a device time under its name of now, or of torch before 2.4."""
    return float(getattr(row, name, None) or getattr(row, name.replace("device", "cuda"), None) or 0)


def _memory(row: Any, *, device: bool) -> float:
    return _device_us(row, "self_device_memory_usage") if device else float(row.self_cpu_memory_usage)
