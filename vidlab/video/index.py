"""Which frames a file holds and when they are shown: from its packets, with nothing decoded."""

from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vidlab.errors import VideoError
from vidlab.types import VideoInfo
from vidlab.video.decode import iter_decoded, iter_shown, open_container, pick_stream
from vidlab.video.losses import Tally
from vidlab.video.stamps import RisingStamps, tick_of

# Containers that store when a frame is decoded, not when it is shown: their times may come out mixed up.
DECODING_TIMES_ONLY = ("avi",)
PROBED = 32  # frames decoded of such a file, to see whether they do


@dataclass(frozen=True)
class FrameIndex:
    """The frames of a file in order of presentation.

    Attributes:
        stamps: int64 (N,), strictly rising, in units of `time_base`.
        keys: int64 (K,), positions of the frames at which decoding can begin, rising.
        stream_index: The stream that they are in, among all streams of the file.
        time_base: Unit of the stamps, in seconds.
        tick: Usual distance of two frames, in the same unit.
        mixed: The decoder hands out frames in another order than that of their stamps; only a pass from the
            start knows which frame is which.
        repaired: Stamps are missing or repeat in the file, and were made to rise; only `PyavReader`, which
            makes them, knows which frame has which.
        tally: What the packets told about the file.
    """

    stamps: NDArray[np.int64]
    keys: NDArray[np.int64]
    stream_index: int
    time_base: Fraction
    tick: int
    mixed: bool
    repaired: bool
    tally: Tally

    def __len__(self) -> int:
        return len(self.stamps)

    @cached_property
    def times_s(self) -> NDArray[np.float64]:
        """When each frame is shown: float64 (N,), in seconds."""
        return np.asarray(self.stamps * self.time_base.numerator / self.time_base.denominator, np.float64)

    def key_before(self, position: int) -> int:
        """Position of the last key frame at or before a frame; 0 where only a pass from the start will do."""
        if self.mixed:
            return 0
        place = int(np.searchsorted(self.keys, position, side="right")) - 1
        return int(self.keys[place]) if place >= 0 else 0

    def position_of(self, stamp: int) -> int | None:
        """Position of the frame with exactly this stamp, None if there is none."""
        place = int(np.searchsorted(self.stamps, stamp))
        return place if place < len(self) and self.stamps[place] == stamp else None

    def stamp_after(self, stamp: int) -> int | None:
        """The stamp that comes after one, None after the last."""
        place = int(np.searchsorted(self.stamps, stamp, side="right"))
        return int(self.stamps[place]) if place < len(self) else None

    def position_at(self, pts_s: float) -> int:
        """Position of the frame whose time is nearest."""
        place = int(np.searchsorted(self.times_s, pts_s))
        around = [each for each in (place - 1, place) if 0 <= each < len(self)]
        return min(around, key=lambda each: abs(float(self.times_s[each]) - pts_s))


def read_index(path: Path, info: VideoInfo) -> FrameIndex:
    """Read every packet of a file and decode none (a few in containers without times of presentation).

    Args:
        path: Video file.
        info: What `PyavReader` says about it.

    Raises:
        VideoError: The file cannot be read, or holds no frame.
    """
    tally = Tally()
    shown: list[int | None] = []
    keys: list[int | None] = []
    with open_container(path) as container:
        stream = pick_stream(container, path=path)
        stream_index = int(stream.index)
        for packet in iter_shown(container, stream, tally=tally):
            shown.append(packet.pts)
            if packet.is_keyframe:
                keys.append(packet.pts)
        mixed = container.format.name in DECODING_TIMES_ONLY and _comes_mixed(path, info)
    if None in shown or len(set(shown)) < len(shown):
        return _index_by_decoding(path, info, tally, stream_index=stream_index)
    if not shown:
        raise VideoError(f"a video must hold frames, got {path}, which holds none")
    stamps = np.sort(np.array(shown, np.int64))
    places = np.searchsorted(stamps, np.sort(np.array(keys, np.int64)))
    keyed = places.astype(np.int64)
    return FrameIndex(stamps, keyed, stream_index, info.time_base, tick_of(info), mixed, False, tally)


def _comes_mixed(path: Path, info: VideoInfo) -> bool:
    stamps = RisingStamps(tick_of(info))
    with open_container(path) as container:
        decoded = iter_decoded(path, container, tally=Tally(), threads="NONE")
        for _ in stamps.over(islice(decoded, PROBED)):
            pass
    return bool(stamps.n_moved or stamps.n_missing)


def _index_by_decoding(path: Path, info: VideoInfo, tally: Tally, *, stream_index: int) -> FrameIndex:
    """Find stamps that the packets do not tell by decoding the whole file once; pictures are thrown away."""
    stamps = RisingStamps(tick_of(info))
    with open_container(path) as container:
        decoded = iter_decoded(path, container, tally=Tally(), threads="AUTO")
        found = [stamp for _, stamp in stamps.over(decoded)]
    if not found:
        raise VideoError(f"a video must hold frames, got {path}, of which no frame can be decoded")
    rising, start = np.array(found, np.int64), np.zeros(1, np.int64)
    return FrameIndex(rising, start, stream_index, info.time_base, stamps.tick, True, True, tally)
