"""What a preparation copies: looked up operation by operation, in what it returns."""

import warnings
from collections.abc import Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from typing import Any

import numpy as np

from vidlab.pipeline.preprocess import Preprocessor
from vidlab.types import UInt8Image

HEADER = ("operation", "gives", "written (MB)", "to the device (MB)", "waits for the device")


@dataclass(frozen=True, slots=True)
class Copy:
    """What one operation did to the bytes.

    Attributes:
        name: Name of the operation.
        gives: Type and shape of its result.
        bytes_written: Size of its result where that is new memory; 0 for a view. What an operation writes and
            drops inside is not seen.
        bytes_moved: Size of its result where that lies on another device than before; 0 elsewhere.
        n_waits: How often the operation waited for a GPU; 0 without one.
    """

    name: str
    gives: str
    bytes_written: int
    bytes_moved: int
    n_waits: int


def trace(prepare: Preprocessor, images: Sequence[UInt8Image]) -> list[Copy]:
    """Prepare a batch once and say what each operation copied.

    Args:
        prepare: The way to look at.
        images: uint8 (H, W, 3), RGB, all of one size.
    """
    copies: list[Copy] = []
    with ExitStack() as stack:
        waits = stack.enter_context(_Waits(prepare.device))

        def watch(name: str, before: Any, after: Any) -> None:
            fresh = not _shares_memory(before, after)
            moved = _device(before) != _device(after)
            size = _n_bytes(after)
            copies.append(
                Copy(name, _describe(after), size if fresh else 0, size if moved else 0, waits.take())
            )

        prepare.run(images, watch=watch)
    return copies


def copy_rows(copies: Sequence[Copy]) -> list[tuple[str, ...]]:
    """Return what `HEADER` names for each operation, and their sum."""
    rows = [
        (copy.name, copy.gives, _mb(copy.bytes_written), _mb(copy.bytes_moved), str(copy.n_waits))
        for copy in copies
    ]
    sums = [sum(values) for values in zip(*((c.bytes_written, c.bytes_moved) for c in copies), strict=True)]
    return [*rows, ("sum", "", _mb(sums[0]), _mb(sums[1]), str(sum(copy.n_waits for copy in copies)))]


class _Waits(AbstractContextManager["_Waits"]):
    """Counts how often torch waits for a CUDA device, by the warnings that it gives when asked to."""

    def __init__(self, device: str) -> None:
        self._is_cuda = device.startswith("cuda")
        self._recorder = warnings.catch_warnings(record=True)
        self._seen: list[warnings.WarningMessage] = []

    def __enter__(self) -> "_Waits":
        if self._is_cuda:
            import torch

            self._seen = self._recorder.__enter__() or []
            warnings.simplefilter("always")
            torch.cuda.set_sync_debug_mode("warn")
        return self

    def __exit__(self, *error: object) -> None:
        if self._is_cuda:
            import torch

            torch.cuda.set_sync_debug_mode("default")
            self._recorder.__exit__(None, None, None)

    def take(self) -> int:
        """Return the count since the last call."""
        n_waits = sum("synchroniz" in str(warning.message) for warning in self._seen)
        self._seen.clear()
        return n_waits


def _device(value: Any) -> str:
    return str(getattr(value, "device", "cpu"))  # arrays and lists of them lie in ordinary memory


def _n_bytes(value: Any) -> int:
    return sum(part.nbytes for part in _parts(value))


def _parts(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list | tuple) else [value]


def _shares_memory(one: Any, other: Any) -> bool:
    if _device(one) != _device(other):
        return False
    if _device(one) != "cpu":
        return bool(one.untyped_storage().data_ptr() == other.untyped_storage().data_ptr())
    return any(np.shares_memory(np.asarray(a), np.asarray(b)) for a in _parts(one) for b in _parts(other))


def _describe(value: Any) -> str:
    parts = _parts(value)
    kind = str(parts[0].dtype).removeprefix("torch.")
    shape = "×".join(str(side) for side in parts[0].shape)
    return f"{len(parts)} × {kind} {shape}" if isinstance(value, list | tuple) else f"{kind} {shape}"


def _mb(n_bytes: int) -> str:
    return f"{n_bytes / 1e6:.2f}"
