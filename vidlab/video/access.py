"""Frames out of the middle, for whatever can yield frames at rising positions."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np

from vidlab.errors import ParameterError, VideoError
from vidlab.types import Frame, UInt8Image


class Positioned(Protocol):
    """A file whose frames are numbered."""

    def __len__(self) -> int:
        """Number of frames that the file holds."""

    def iter_at(self, positions: Sequence[int]) -> Iterator[Frame]:
        """Yield the frames at positions that rise; one that cannot be decoded is left out."""


def iter_range(source: Positioned, start: int, stop: int | None, *, path: Path) -> Iterator[Frame]:
    """Yield the frames from `start` to before `stop` (None: the end).

    Raises:
        ParameterError: The range does not lie in the file.
    """
    end = len(source) if stop is None else stop
    if not 0 <= start <= end <= len(source):
        raise ParameterError(f"a range must lie in [0, {len(source)}] of {path}, got {start} to {end}")
    return source.iter_at(range(start, end))


def frames_at(source: Positioned, indices: Sequence[int], *, path: Path) -> list[Frame]:
    """Return chosen frames, in the order asked for, repeated ones included.

    Raises:
        ParameterError: A number lies outside the file.
        VideoError: A frame cannot be decoded.
    """
    wrong = [index for index in indices if not 0 <= index < len(source)]
    if wrong:
        raise ParameterError(f"frames must lie in [0, {len(source)}) of {path}, got {wrong[0]}")
    found = {frame.index: frame for frame in source.iter_at(sorted(set(indices)))}
    missing = [index for index in indices if index not in found]
    if missing:
        raise VideoError(f"frame {missing[0]} of {path} cannot be decoded")
    return [found[index] for index in indices]


def clip(source: Positioned, start: int, *, n_frames: int, stride: int, path: Path) -> UInt8Image:
    """Return `n_frames` frames, every `stride`-th from `start`: uint8 (T, H, W, 3).

    Raises:
        ParameterError: The clip does not lie in the file.
        VideoError: A frame cannot be decoded.
    """
    frames = frames_at(source, range(start, start + n_frames * stride, stride), path=path)
    return np.stack([frame.image for frame in frames])
