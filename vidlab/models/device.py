"""Which device a network runs on."""

import importlib
from types import ModuleType

from vidlab.errors import DeviceError, MissingExtraError


def require_torch() -> ModuleType:
    """Import torch, and torchvision with it.

    Raises:
        MissingExtraError: One of them is not installed.
    """
    try:
        importlib.import_module("torchvision")
        return importlib.import_module("torch")
    except ImportError:
        raise MissingExtraError.for_feature("segmentation by a network", extra="models") from None


def resolve_device(device: str) -> str:
    """Turn `auto` into the best device there is: a CUDA GPU, else Apple's, else the CPU.

    Args:
        device: `auto`, `cpu`, `cuda`, `cuda:N` or `mps`.

    Raises:
        DeviceError: The device that was asked for is not here.
        MissingExtraError: torch is not installed.
    """
    torch = require_torch()
    if device == "auto":
        if torch.cuda.is_available():
            return "cuda"
        return "mps" if torch.backends.mps.is_available() else "cpu"
    return require_device(device)


def describe_device(device: str) -> str:
    """Name a device that is here, a GPU with its make: numbers say on what they were measured.

    >>> describe_device("cpu")
    'cpu'
    """
    if not device.startswith("cuda"):
        return device
    return f"{device}: {require_torch().cuda.get_device_name(device)}"


def require_device(device: str) -> str:
    """Return a device's name if it is here.

    Args:
        device: `cpu`, `cuda`, `cuda:N` or `mps`; not `auto`, which only the faces resolve.

    Raises:
        DeviceError: It is not, or there is no such device.
        MissingExtraError: torch is not installed.
    """
    torch = require_torch()
    kind, _, number = device.partition(":")
    if kind == "cpu" and not number:
        return device
    if kind == "mps" and not number:
        if torch.backends.mps.is_available():
            return device
        raise DeviceError(
            f"device {device!r} was asked for, but torch sees no Apple GPU; use 'cpu' or 'auto'"
        )
    if kind != "cuda" or not (number.isdigit() or device == "cuda"):
        raise DeviceError(f"device must be cpu, cuda, cuda:N or mps, got {device!r}")
    n_gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if n_gpus == 0:
        raise DeviceError(f"device {device!r} was asked for, but torch sees no GPU; use 'cpu' or 'auto'")
    if number and int(number) >= n_gpus:
        last = f"cuda:{n_gpus - 1}"
        raise DeviceError(
            f"device {device!r} was asked for, but the last GPU is {last!r}; use that or 'auto'"
        )
    return device
