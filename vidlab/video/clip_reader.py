"""Chosen frames of a video by their number: exact, by seeking, and safe in worker processes."""

from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Literal, Protocol

import av
import numpy as np

from vidlab.errors import VideoError
from vidlab.types import UInt8Image
from vidlab.video.decode import (
    RgbConverter,
    decode_packets,
    iter_packets,
    iter_shown,
    open_container,
    pick_stream,
    prepare_stream,
)
from vidlab.video.losses import Tally
from vidlab.video.orientation import orientation_of
from vidlab.video.owned import Owned

REORDERED_BY_PLAYER = "avi"  # stores no presentation times: with B-frames they come out in the wrong order


class ClipReader(Protocol):
    """Frames of one open video by their numbers."""

    def read(self, indices: Sequence[int]) -> UInt8Image:
        """Return uint8 (T, H, W, 3), RGB, upright: the frames of these numbers, which rise, from 0."""

    def close(self) -> None:
        """Let the file go; the reader is of no use afterwards."""


OpenReader = Callable[[Path], ClipReader]


class PyavClipReader:
    """Reads frames of a video by their numbers through PyAV, seeking to the key frame before the first one.

    Numbers count the frames that `PyavReader` gives of an undamaged file. A table of all time stamps, read
    without decoding when the file is opened, tells where each is. Where time stamps cannot be trusted (none,
    or an AVI with B-frames), frames are counted from the start instead: slower, and as exact.
    """

    def __init__(self, path: str | Path, *, damaged: Literal["drop", "keep"] = "drop") -> None:
        """Open the file and list its time stamps.

        Args:
            path: Video file.
            damaged: `drop` raises for a frame in which the decoder had to guess parts, `keep` returns it.

        Raises:
            VideoError: The file is missing or unreadable, or has no video stream.
        """
        self._path, self._damaged = Path(path), damaged
        self._stamps, self._keys = read_stamps(self._path)
        self._container = open_container(self._path)
        self._decoded: Iterator[av.VideoFrame] | None = None
        self._last: int | None = None  # stamp of the latest decoded frame
        self._tally = Tally()
        self._converter: RgbConverter | None = None
        self._open()

    @property
    def n_frames(self) -> int:
        """Number of frames that the file holds."""
        return len(self._stamps)

    def read(self, indices: Sequence[int]) -> UInt8Image:
        """Return uint8 (T, H, W, 3), RGB, upright: the frames of these numbers, which rise, from 0.

        Raises:
            VideoError: A frame is not there, cannot be decoded, or came out damaged.
        """
        beyond = [index for index in indices if not 0 <= index < self.n_frames]
        if beyond:
            raise VideoError(f"{self._path} holds {self.n_frames} frames, got a wish for frame {beyond[0]}")
        found: dict[int, av.VideoFrame] = {}
        if self._keys:
            wanted = [self._stamps[index] for index in indices]
            found = self._take(wanted)
            if len(found) < len(set(wanted)) or any(frame.is_corrupt for frame in found.values()):
                found = self._take(wanted, from_start=True)  # a key frame that was none
            frames = [found.get(stamp) for stamp in wanted]
        else:
            frames = self._count_to(indices)
        return np.stack([self._rgb(frame, index) for frame, index in zip(frames, indices, strict=True)])

    def close(self) -> None:
        """Close the file."""
        self._decoded = None
        self._container.close()

    def _take(self, wanted: Sequence[int], *, from_start: bool = False) -> dict[int, av.VideoFrame]:
        """Decode up to the last wanted stamp; those that never come are left out."""
        if from_start:
            self._reopen()
        elif not self._lies_ahead(wanted[0]):
            self._seek(wanted[0])
        left, found = set(wanted), {}
        for frame in self._decoded or ():
            self._last = frame.pts
            if frame.pts in left:
                found[frame.pts] = frame
                left.discard(frame.pts)
            if not left or (frame.pts is not None and frame.pts > wanted[-1]):
                return found
        self._decoded = None  # at the end: the next read has to seek
        return found

    def _count_to(self, indices: Sequence[int]) -> list[av.VideoFrame | None]:
        self._reopen()
        wanted, found = set(indices), {}
        for number, frame in enumerate(self._decoded or ()):
            if number in wanted:
                found[number] = frame
            if number >= indices[-1]:
                break
        return [found.get(index) for index in indices]

    def _lies_ahead(self, stamp: int) -> bool:
        """Whether decoding on is at most as much work as seeking: no key frame lies in between."""
        if self._decoded is None or self._last is None or stamp <= self._last:
            return False
        return bisect_right(self._keys, stamp) == bisect_right(self._keys, self._last)

    def _seek(self, stamp: int) -> None:
        try:
            self._container.seek(stamp, stream=self._stream)
        except (av.FFmpegError, OSError):  # an index that cannot be searched
            self._reopen()
            return
        self._decode_on()

    def _reopen(self) -> None:
        self._container.close()
        self._container = open_container(self._path)
        self._open()

    def _open(self) -> None:
        # One thread: in a loader the workers share the cores; several decoder threads would also hold back as
        # many frames beyond the last one that is wanted.
        self._stream = prepare_stream(self._container, path=self._path, threads="NONE")
        if self._container.format.name == REORDERED_BY_PLAYER and self._stream.codec_context.has_b_frames:
            self._keys = []
        self._decode_on()

    def _decode_on(self) -> None:
        """Decode from wherever the file is read next."""
        packets = iter_packets(self._container, self._stream, tally=self._tally)
        self._decoded = decode_packets(packets, self._stream, tally=self._tally)
        self._last = None

    def _rgb(self, frame: av.VideoFrame | None, index: int) -> UInt8Image:
        if frame is None:
            said = self._tally.stopped or self._tally.reason
            reason = f" ({said})" if said else ""
            raise VideoError(f"frame {index} of {self._path} cannot be decoded{reason}")
        if frame.is_corrupt and self._damaged == "drop":
            raise VideoError(f"frame {index} of {self._path} came out damaged")
        if self._converter is None:
            self._converter = RgbConverter((frame.height, frame.width))
        return orientation_of(frame).upright(self._converter.to_rgb(frame))


def read_stamps(path: Path) -> tuple[list[int], list[int]]:
    """List the time stamps of a video's frames without decoding.

    Returns:
        Stamps of all frames that are shown, rising, in units of the time base; and those of the key frames.
        Where frames have no stamps of their own, their numbers instead, and no key frames.

    Raises:
        VideoError: The file is missing or unreadable, or has no video stream.
    """
    stamps: list[int | None] = []
    keys: list[int] = []
    with open_container(path) as container:
        stream = pick_stream(container, path=path)
        for packet in iter_shown(container, stream, tally=Tally()):  # of a cut file: those before the cut
            stamps.append(packet.pts)
            if packet.is_keyframe and packet.pts is not None:
                keys.append(packet.pts)
    known = sorted({stamp for stamp in stamps if stamp is not None})
    if len(known) < len(stamps):
        return list(range(len(stamps))), []
    return known, sorted(keys)


class OpenReaders:
    """Readers of the videos used last, opened where they are first needed: in the process that reads.

    Pickled or forked, it starts empty in the other process, which opens files of its own.
    """

    def __init__(self, open_reader: OpenReader, *, max_open: int) -> None:
        self._open_reader, self._max_open = open_reader, max_open
        self._owned: Owned[OrderedDict[Path, ClipReader]] = Owned(OrderedDict)

    def get(self, path: Path) -> ClipReader:
        """Return the reader of a video, opening it if need be and closing the one unused for longest.

        Raises:
            VideoError: It cannot be opened.
        """
        readers = self._owned.value
        if path in readers:
            readers.move_to_end(path)
            return readers[path]
        reader = self._open_reader(path)
        readers[path] = reader
        if len(readers) > self._max_open:
            readers.popitem(last=False)[1].close()
        return reader

    def drop(self, path: Path) -> None:
        """Close the reader of a video, if it is open: after an error its state is not to be trusted."""
        readers = self._owned.value
        if path in readers:
            readers.pop(path).close()

    def close(self) -> None:
        """Close all."""
        readers = self._owned.value
        while readers:
            readers.popitem()[1].close()

    @property
    def paths(self) -> tuple[Path, ...]:
        """The videos open in this process, the one unused for longest first."""
        return tuple(self._owned.value)
