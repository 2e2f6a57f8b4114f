"""Named numbers, one of each per frame, for clips of any length: what is old rests in a temporary file."""

import math
import tempfile
import weakref
from collections.abc import Iterator, Mapping, Sequence
from typing import IO, overload

import numpy as np
from numpy.typing import NDArray

BLOCK_FRAMES = 1024  # held in memory, 8 bytes per frame and name; most clips never touch the disk
READ_BYTES = 1 << 20


class Spill:
    """Bytes that are only ever added to, in a file without a name that ends with the object.

    Attributes:
        n_bytes: How many there are.
    """

    def __init__(self) -> None:
        self.n_bytes = 0
        self._file: IO[bytes] | None = None

    def write(self, content: bytes) -> int:
        """Add bytes at the end; return where they begin."""
        if self._file is None:
            self._file = tempfile.TemporaryFile(prefix="vidlab-")  # noqa: SIM115  # closed by the finalizer
            weakref.finalize(self, self._file.close)
        start = self._file.seek(self.n_bytes)
        self.n_bytes += self._file.write(content)
        return start

    def read(self, start: int, n_bytes: int) -> bytes:
        """Return `n_bytes` bytes from `start` on."""
        if self._file is None or n_bytes == 0:
            return b""
        self._file.seek(start)
        return self._file.read(n_bytes)

    def pieces(self, start: int) -> Iterator[bytes]:
        """Yield everything from `start` on, a piece at a time."""
        while start < self.n_bytes:
            piece = self.read(start, min(READ_BYTES, self.n_bytes - start))
            start += len(piece)
            yield piece

    def __getstate__(self) -> bytes:
        return b"".join(self.pieces(0))

    def __setstate__(self, content: bytes) -> None:
        self.__init__()  # type: ignore[misc]  # an object made by copy or pickle has not seen it
        if content:
            self.write(content)


class Columns:
    """A table that grows by one row per frame; a name may be missing from a row, and come late.

    >>> columns = Columns()
    >>> columns.append({"area_px": 3.0})
    >>> columns.append({"area_px": 4.0, "iou": 0.5})
    >>> columns.of("iou").tolist(), len(columns)
    ([nan, 0.5], 2)
    """

    def __init__(self) -> None:
        self._spill = Spill()
        self._blocks: list[dict[str, int]] = []  # where each name of each full block begins in the spill
        self._newest: dict[str, NDArray[np.float64]] = {}
        self._n_newest = 0

    def __len__(self) -> int:
        return len(self._blocks) * BLOCK_FRAMES + self._n_newest

    def append(self, row: Mapping[str, float]) -> None:
        """Add one row: numbers by name. NaN, or no such name, means "undefined here"."""
        for name, value in row.items():
            if value == value:  # not NaN
                if name not in self._newest:
                    self._newest[name] = np.full(BLOCK_FRAMES, np.nan)
                self._newest[name][self._n_newest] = value
        self._n_newest += 1
        if self._n_newest == BLOCK_FRAMES:
            self._blocks.append({name: self._spill.write(x.tobytes()) for name, x in self._newest.items()})
            self._newest, self._n_newest = {}, 0

    def of(self, name: str) -> NDArray[np.float64]:
        """Return one column, float64 (T,); NaN where it is undefined."""
        blocks = [self.block(name, number) for number in range(len(self._blocks) + 1)]
        return np.concatenate(blocks)[: len(self)]

    def block(self, name: str, number: int) -> NDArray[np.float64]:
        """Return the rows from `number * BLOCK_FRAMES` on, float64 (BLOCK_FRAMES,), those to come as NaN."""
        if number >= len(self._blocks):
            newest = self._newest.get(name)
            return np.full(BLOCK_FRAMES, np.nan) if newest is None else newest.copy()
        start = self._blocks[number].get(name)
        if start is None:
            return np.full(BLOCK_FRAMES, np.nan)
        return np.frombuffer(self._spill.read(start, 8 * BLOCK_FRAMES), np.float64)


class Column(Sequence[float | None]):
    """One column as it is now, read like a list, a block at a time; None where it is undefined.

    >>> columns = Columns()
    >>> columns.append({"iou": 0.5})
    >>> columns.append({})
    >>> Column(columns, "iou") == [0.5, None]
    True
    """

    def __init__(self, columns: Columns, name: str, *, number: type[int] | type[float] = float) -> None:
        """Look at a column; `number` is what its values are given as."""
        self._columns, self._name, self._length = columns, name, len(columns)
        self._number_type = number
        self._block = -1  # the one at hand
        self._values: NDArray[np.float64] = np.empty(0)

    def __len__(self) -> int:
        return self._length

    @overload
    def __getitem__(self, place: int) -> float | None: ...
    @overload
    def __getitem__(self, place: slice) -> list[float | None]: ...
    def __getitem__(self, place: int | slice) -> float | list[float | None] | None:
        if isinstance(place, slice):
            return [self[i] for i in range(*place.indices(self._length))]
        block, row = divmod(range(self._length)[place], BLOCK_FRAMES)
        if block != self._block:
            self._block, self._values = block, self._columns.block(self._name, block)
        value = float(self._values[row])
        return None if math.isnan(value) else self._number_type(value)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence):
            return NotImplemented
        return len(self) == len(other) and all(a == b for a, b in zip(self, other, strict=True))

    __hash__ = None  # type: ignore[assignment]  # equal to lists, which have none

    def __repr__(self) -> str:
        return repr(list(self))
