"""What a decoding library has to offer to become a backend."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from vidlab.types import UInt8Image
from vidlab.video.index import FrameIndex

MOST_LETTERS = 200  # of a complaint; some hold whole stacks
_PLACE = re.compile(r"\[\d\d:\d\d:\d\d\] |(\w+, )?/\S+:\d+[:,] ")  # time, function, file and line


@dataclass(frozen=True, slots=True)
class Request:
    """Which file is to be read, and how.

    Attributes:
        path: Video file.
        index: Its frames.
        size_hw: Their height and width as stored, in pixels.
        threads: Decoding threads, 0 for as many as the library likes.
        device: `cpu`, `cuda` or `cuda:N`.
    """

    path: Path
    index: FrameIndex
    size_hw: tuple[int, int]
    threads: int
    device: str


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture as a library gives it.

    Attributes:
        image: uint8 (H, W, 3), RGB, turned upright or not, as the library does.
        position: Which frame of the index it should be.
        pts_s: What the library itself says about its time, in seconds; None where it says nothing.
    """

    image: UInt8Image
    position: int
    pts_s: float | None


class Pictures(Protocol):
    """One open file of one library. Failures are `VideoError`; the reader closes what it opens."""

    def read(self, positions: Sequence[int]) -> Iterator[Picture]:
        """Yield these frames; positions rise. Fewer come out where the library can give no more."""

    def close(self) -> None:
        """Let the file go."""


def reason_of(error: BaseException) -> str:
    r"""The first line of a library's complaint, without the place in its source where it was made.

    >>> reason_of(RuntimeError("[10:26:02] /build/src/reader.cc:151: Check failed: no stream\nStack trace:"))
    'Check failed: no stream'
    """
    lines = [line for line in str(error).splitlines() if line.strip()]
    if not lines:
        return type(error).__name__
    return _PLACE.sub("", lines[0])[:MOST_LETTERS].strip()


def runs_of(positions: Sequence[int], *, longest: int) -> Iterator[range]:
    """Group rising positions into runs without gaps, no run longer than `longest`.

    >>> list(runs_of([3, 4, 5, 9], longest=2))
    [range(3, 5), range(5, 6), range(9, 10)]
    """
    start = before = None
    for position in positions:
        if start is None or before is None:
            start = before = position
        elif position != before + 1 or position - start >= longest:
            yield range(start, before + 1)
            start = before = position
        else:
            before = position
    if start is not None and before is not None:
        yield range(start, before + 1)
