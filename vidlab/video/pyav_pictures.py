"""Frames from the middle of a file through PyAV: from the key frame before, matched by their stamps."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import chain

import av
from av.codec.hwaccel import HWAccel, hwdevices_available
from av.container import InputContainer
from av.video.stream import VideoStream

from vidlab.errors import DeviceError, VideoError
from vidlab.video.decode import (
    RgbConverter,
    cause_of,
    decode_packets,
    iter_packets,
    open_container,
    prepare_stream,
)
from vidlab.video.losses import Tally
from vidlab.video.pictures import Picture, Request
from vidlab.video.stamps import LOOKAHEAD, RisingStamps

# Frames before the wanted one that are decoded whatever they are, so that mixed-up stamps can be sorted.
MARGIN = 2 * LOOKAHEAD
# FFmpeg's own decoders look at `skip_frame` for each packet; those of other libraries once, when they start.
SKIPPING = ("h264", "hevc", "mpeg4", "mpeg2video")


class PyavPictures:
    """Reads chosen frames of one file; see `Pictures`.

    Frames on the way to a wanted one are decoded but not converted, and those that no other frame refers to
    not even decoded. Where the container's index leads too far, an earlier key frame is tried.

    Attributes:
        n_damaged: Frames of the latest reading in which the decoder had to guess parts.
    """

    def __init__(self, request: Request) -> None:
        """Open the file.

        Raises:
            VideoError: It is missing or unreadable.
            DeviceError: The device is not here.
        """
        self._request = request
        self._container = open_container(request.path, hwaccel=hardware(request.device))
        self._stream = self._prepare(self._container)
        self._converter = RgbConverter(request.size_hw)
        self._at_start = True
        self.n_damaged = 0

    def _prepare(self, container: InputContainer) -> VideoStream:
        threads = self._request.threads
        return prepare_stream(container, path=self._request.path, threads="AUTO", n_threads=threads)

    def read(self, positions: Sequence[int]) -> Iterator[Picture]:
        """Yield the frames at these positions, which rise; those that cannot be decoded are left out."""
        index, place, self.n_damaged = self._request.index, 0, 0
        while place < len(positions):
            stretch = self._stretch(positions, place)
            wanted = set(stretch)
            for position, frame in self._decode_from(stretch[0], stop=stretch[-1] + 1):
                if position in wanted:
                    self.n_damaged += frame.is_corrupt
                    pts_s = float(index.times_s[position])
                    yield Picture(self._converter.to_rgb(frame), position, pts_s)
            place += len(stretch)

    def _stretch(self, positions: Sequence[int], place: int) -> Sequence[int]:
        """The positions from here on that one pass takes: up to a gap that holds a key frame."""
        index, end = self._request.index, place + 1
        while end < len(positions):
            before, after = positions[end - 1], positions[end]
            if after > before + 1 and index.key_before(after) > before:
                break
            end += 1
        return positions[place:end]

    def _decode_from(self, start: int, *, stop: int) -> Iterator[tuple[int, av.VideoFrame]]:
        """Yield frames with their positions from `start` to before `stop`."""
        index, tally = self._request.index, Tally()
        packets = self._told_what_to_skip(self._packets_from(start, tally=tally), start=start)
        stamps = RisingStamps(index.tick)
        decoded = decode_packets(packets, self._stream, tally=tally)
        for frame, stamp in stamps.over(decoded, after=index.stamp_after):
            position = index.position_of(stamp)
            if position is not None and start <= position < stop:
                yield position, frame
            if position is not None and position >= stop - 1:
                return

    def _packets_from(self, start: int, *, tally: Tally) -> "Iterator[av.Packet[VideoStream] | None]":
        """Go to the last key frame before a frame, at once, and return the packets from there on."""
        index = self._request.index
        key = index.key_before(start)
        while True:
            self._seek(key)
            packets = iter_packets(self._container, self._stream, tally=tally)
            first = next(packets, None)
            landed = first.pts if first is not None and first.size else None
            if key == 0 or (landed is not None and landed <= index.stamps[start]):
                return chain([first], packets)
            key = index.key_before(key - 1)

    def _seek(self, key: int) -> None:
        if key == 0:
            if not self._at_start:  # a fresh file is at its start, whatever its index is worth
                self._container.close()
                self._container = open_container(self._request.path, hwaccel=hardware(self._request.device))
                self._stream = self._prepare(self._container)
            self._at_start = False
            return
        self._at_start = False
        with suppress(av.FFmpegError):  # where it fails, the first packet shows that we are elsewhere
            self._container.seek(int(self._request.index.stamps[key]), stream=self._stream)

    def _told_what_to_skip(
        self, packets: "Iterator[av.Packet[VideoStream] | None]", *, start: int
    ) -> "Iterator[av.Packet[VideoStream] | None]":
        """Pass packets on; before each the decoder is told whether it may skip a frame nobody refers to."""
        context = self._stream.codec_context
        needed = self._request.index.stamps[max(0, start - MARGIN)]
        skips = context.name in SKIPPING
        for packet in packets:
            if skips:
                early = packet is not None and packet.pts is not None and packet.pts < needed
                context.skip_frame = "NONREF" if early else "DEFAULT"
            yield packet

    def close(self) -> None:
        """Let the file go."""
        self._container.close()


def hardware(device: str) -> HWAccel | None:
    """Where PyAV decodes, None for the CPU.

    Raises:
        DeviceError: This build of FFmpeg knows no such device, or the device does not open.
    """
    if device == "cpu":
        return None
    kind, _, number = device.partition(":")
    if kind not in hwdevices_available():
        raise DeviceError(
            f"pyav decodes on {device} only if its FFmpeg was built for it, and this one was not"
        )
    return HWAccel(device_type=kind, device=number or None, allow_software_fallback=False)


def open_pictures(request: Request) -> PyavPictures:
    """Open a file; see `Pictures`.

    Raises:
        VideoError: It is missing or unreadable.
        DeviceError: The device is not here.
    """
    try:
        return PyavPictures(request)
    except VideoError as error:
        if request.device == "cpu":
            raise
        raise DeviceError(f"pyav cannot decode on {request.device}: {error}") from None
    except (av.FFmpegError, OSError, ValueError, RuntimeError) as error:
        if isinstance(error, DeviceError):  # which is a ValueError, too
            raise
        raise VideoError(f"pyav cannot open {request.path} on {request.device}: {cause_of(error)}") from None
