"""ONNX Runtime: opening a network file and running it. No other module imports the package."""

import importlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from numpy.typing import NDArray

from vidlab.errors import DeviceError, MissingExtraError, WeightsError

Array = NDArray[Any]
FEATURE = "networks in ONNX files"
CPU = "CPUExecutionProvider"
PROVIDERS = {
    "cpu": (CPU,),
    "cuda": ("CUDAExecutionProvider", CPU),
    "tensorrt": ("TensorrtExecutionProvider", "CUDAExecutionProvider", CPU),
    "mps": ("CoreMLExecutionProvider", CPU),
}
QUIET = 4  # ONNX Runtime's severity from which it writes to stderr: fatal; its errors are raised as well


@dataclass(frozen=True, slots=True)
class Port:
    """An input or output of a network.

    Attributes:
        name: Its name.
        shape: Its axes; None for one that may have any length.
        dtype: ONNX Runtime's name of the type, such as `tensor(float)`.
        optional: It has a value of its own that may be left alone.
    """

    name: str
    shape: tuple[int | None, ...]
    dtype: str
    optional: bool = False


class Session:
    """A network file that is ready to run.

    Attributes:
        inputs: What it takes, optional inputs last.
        outputs: What it returns.
        metadata: What the file says of itself.
        device: Where it runs, such as `cpu` or `cuda:1`.
        runs_on: The same with ONNX Runtime's version, its execution provider and its threads, for outputs.
    """

    def __init__(self, session: Any, *, device: str, runs_on: str) -> None:
        self._session = session
        self.inputs = tuple(map(_port, session.get_inputs())) + tuple(
            _port(port, optional=True) for port in session.get_overridable_initializers()
        )
        self.outputs = tuple(map(_port, session.get_outputs()))
        self.metadata: Mapping[str, str] = dict(session.get_modelmeta().custom_metadata_map)
        self.device, self.runs_on = device, runs_on

    def run(self, feeds: Mapping[str, Array]) -> list[Array]:
        """Run the network; the outputs come in the order of `outputs`.

        Raises:
            WeightsError: The network does not take this, or fails on it.
        """
        try:
            return list(self._session.run(None, dict(feeds)))
        except Exception as error:  # ONNX Runtime's errors share no base of their own
            raise WeightsError(
                f"the ONNX network failed on {_shapes(feeds)}: {_first_line(error)}"
            ) from error


def open_session(file: Path, *, device: str, threads: int) -> Session:
    """Open a network file.

    Args:
        file: A network in ONNX format.
        device: `cpu`, `cuda`, `cuda:N`, `tensorrt`, `tensorrt:N` or `mps`; the CPU does what a GPU cannot.
        threads: Of one operation on the CPU; 0 takes `OMP_NUM_THREADS`, as torch does, else all cores.

    Raises:
        DeviceError: ONNX Runtime cannot use the device here.
        WeightsError: The file is missing, or ONNX Runtime cannot load it.
        MissingExtraError: onnxruntime is not installed.
    """
    runtime = require_onnxruntime()
    if not file.is_file():
        raise WeightsError(f"weights must be a file in ONNX format, got {str(file)!r}, which is not there")
    options = runtime.SessionOptions()
    options.log_severity_level = QUIET
    options.intra_op_num_threads = threads or _own_threads()
    providers = providers_for(device)
    try:
        session = runtime.InferenceSession(file, options, providers=list(providers), enable_fallback=0)
    except Exception as error:  # as in `run`; a GPU that is not there is told here, too
        raise _cannot_open(file, error, device=device) from error
    first = session.get_providers()[0]
    if first != providers[0][0]:
        raise DeviceError(
            f"device {device!r} was asked for, but ONNX Runtime runs {file.name} by {first} only"
        )
    told = describe(device, provider=first, threads=options.intra_op_num_threads)
    return Session(session, device=device, runs_on=told)


def providers_for(device: str) -> list[tuple[str, dict[str, Any]]]:
    """Return the execution providers of a device with their options, the wanted one first.

    Raises:
        DeviceError: There is no such device, or ONNX Runtime was built without it.
        MissingExtraError: onnxruntime is not installed.
    """
    kind, _, number = device.partition(":")
    if kind not in PROVIDERS or (number and not number.isdigit()):
        raise DeviceError(f"device must be cpu, cuda, cuda:N, tensorrt, tensorrt:N or mps, got {device!r}")
    here = require_onnxruntime().get_available_providers()
    wanted = PROVIDERS[kind]
    if wanted[0] not in here:
        raise DeviceError(
            f"device {device!r} was asked for, but ONNX Runtime here has no {wanted[0]}; use 'cpu', or "
            "install onnxruntime-gpu in place of onnxruntime"
        )
    options = {"device_id": int(number)} if number else {}
    return [(name, {} if name == CPU else options) for name in wanted if name in here]


def best_device() -> str:
    """Return the device that `auto` stands for: a CUDA GPU where ONNX Runtime can use one, else the CPU.

    Raises:
        MissingExtraError: onnxruntime is not installed.
    """
    usable = "CUDAExecutionProvider" in require_onnxruntime().get_available_providers()
    return "cuda" if usable and Path("/dev/nvidia0").exists() else "cpu"


def describe(device: str, *, provider: str, threads: int) -> str:
    """Say on what a network runs: device, ONNX Runtime's version, its execution provider, its threads."""
    told = f"ONNX Runtime {require_onnxruntime().__version__}, {provider}"
    if provider == CPU:
        told += f", {threads} thread{'s' if threads > 1 else ''}"
    return f"{device} ({told})"


def require_onnxruntime(module: str = "onnxruntime") -> ModuleType:
    """Import onnxruntime, or a part of it.

    Raises:
        MissingExtraError: It is not installed.
    """
    try:
        return importlib.import_module(module)
    except ImportError:
        raise MissingExtraError.for_feature(FEATURE, extra="onnx") from None


def _cannot_open(file: Path, error: Exception, *, device: str) -> Exception:
    if device.partition(":")[0] != "cpu" and _is_of_provider(error):
        return DeviceError(
            f"device {device!r} was asked for, but ONNX Runtime cannot use it: {_first_line(error)}"
        )
    return WeightsError(
        f"weights must be a network in ONNX format, got {file}, which ONNX Runtime cannot load: "
        f"{_first_line(error)}"
    )


def _is_of_provider(error: Exception) -> bool:
    return any(word in str(error) for word in ("CUDA", "Tensorrt", "TensorRT", "CoreML", "libcu"))


def _port(port: Any, *, optional: bool = False) -> Port:
    shape = tuple(side if isinstance(side, int) and side > 0 else None for side in port.shape)
    return Port(port.name, shape, port.type, optional)


def _own_threads() -> int:
    told = os.environ.get("OMP_NUM_THREADS", "")
    if told.isdigit() and int(told) > 0:
        return int(told)
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1


def _shapes(feeds: Mapping[str, Array]) -> str:
    return ", ".join(f"{name} {value.shape}" for name, value in feeds.items())


def _first_line(error: Exception) -> str:
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
