"""Compressed packets in, pictures out, past whatever is damaged."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal, cast

import av
import numpy as np
from av.codec.hwaccel import HWAccel
from av.container import InputContainer
from av.stream import Stream
from av.video.stream import VideoStream

from vidlab.errors import VideoError
from vidlab.heap import keep_freed_memory
from vidlab.types import UInt8Image
from vidlab.video.losses import Tally
from vidlab.video.scaling import Scaler

Threads = Literal["AUTO", "NONE"]

NOT_A_VIDEO = 0x0400 | 0x0800  # dispositions: attached picture, timed thumbnails
DEFAULT_STREAM = 0x0001
TEXT_ART = "tty"  # FFmpeg draws text files as video; no one who passes one wants that
AV_CODEC_FLAG_OUTPUT_CORRUPT = 1 << 3
VP8_SHOWN = 0x10  # bit of a frame's first byte; alternative reference frames are decoded and never shown


def open_container(path: Path, *, hwaccel: HWAccel | None = None) -> InputContainer:
    """Open a video file; with `hwaccel`, its frames are decoded there and come back to the CPU.

    Raises:
        VideoError: The path does not exist, is no file, is empty, or is not readable as a video.
    """
    if not path.exists():
        raise VideoError(f"a video must exist, got {path}; check the path")
    if not path.is_file():
        raise VideoError(f"a video must be a file or a folder of images, got {path}")
    try:
        if path.stat().st_size == 0:
            raise VideoError(f"a video must hold frames, got {path}, which is empty (0 bytes)")
        # "file:" keeps FFmpeg from reading a name with a colon as a protocol.
        options: dict[str, Any] = {} if hwaccel is None else {"hwaccel": hwaccel}
        container: InputContainer = av.open(f"file:{path}", mode="r", metadata_errors="replace", **options)
    except (av.FFmpegError, OSError, ValueError) as error:
        raise VideoError(
            f"a video must be readable by FFmpeg, got {path}: {cause_of(error)}{_lost_index(path)}"
        ) from None
    if container.format.name == TEXT_ART:
        container.close()
        raise VideoError(f"a video must hold compressed frames, got {path}, which is a text file")
    return container


def pick_stream(container: InputContainer, *, path: Path) -> VideoStream:
    """Choose the first default video stream, else the first; cover pictures and thumbnails do not count.

    Raises:
        VideoError: There is no video stream, or no decoder for it.
    """
    videos = [stream for stream in container.streams.video if not _disposition(stream) & NOT_A_VIDEO]
    if not videos:
        others = " and ".join(sorted({stream.type for stream in container.streams})) or "no stream"
        raise VideoError(f"a video must hold a video stream, got {path}, which holds only {others}")
    chosen = next((stream for stream in videos if _disposition(stream) & DEFAULT_STREAM), videos[0])
    if chosen.codec_context is None:
        raise VideoError(f"a video must be in a codec that FFmpeg decodes, got {path} in an unknown one")
    return chosen


def codec_name(stream: VideoStream) -> str:
    """Name the codec that a stream is in, not the library that decodes it: `av1`, not `libdav1d`."""
    codec = stream.codec_context.codec
    return getattr(codec, "canonical_name", codec.name)


def iter_decoded(
    path: Path, container: InputContainer, *, tally: Tally, threads: Threads, n_threads: int = 0
) -> Iterator[av.VideoFrame]:
    """Decode every frame that can be decoded, in order of presentation, and count what cannot.

    Args:
        path: Where the container came from; opened once more if the file's end is damaged.
        container: Freshly opened; the caller closes it.
        tally: Is filled while the frames are taken.
        threads: `AUTO` decodes several frames at once; `NONE` reaches the first one with less work.
        n_threads: Threads of `AUTO`; 0 lets FFmpeg choose.

    Raises:
        VideoError: There is no video stream.
    """
    stream = prepare_stream(container, path=path, threads=threads, n_threads=n_threads)
    newest: int | None = None
    for frame in decode_packets(iter_packets(container, stream, tally=tally), stream, tally=tally):
        if frame.pts is not None:
            newest = frame.pts if newest is None else max(newest, frame.pts)
        yield frame
    # When one packet among the last few is refused, PyAV drops with it the frames that other decoder threads
    # have ready; a single thread loses only the refused one.
    if tally.newest_pts is not None and (newest is None or newest < tally.newest_pts):
        yield from _iter_tail(path, after=newest)


def _iter_tail(path: Path, *, after: int | None) -> Iterator[av.VideoFrame]:
    tally = Tally()
    with open_container(path) as container:
        stream = prepare_stream(container, path=path, threads="NONE")
        if after is not None:
            with suppress(av.FFmpegError):  # an index that cannot be searched: decode from the start
                container.seek(after, stream=stream)
        for frame in decode_packets(iter_packets(container, stream, tally=tally), stream, tally=tally):
            if frame.pts is not None and (after is None or frame.pts > after):
                yield frame


def prepare_stream(
    container: InputContainer, *, path: Path, threads: Threads, n_threads: int = 0
) -> VideoStream:
    """Choose the stream as `pick_stream` does, and set its decoder up."""
    stream = pick_stream(container, path=path)
    context = stream.codec_context
    context.thread_type = threads
    context.thread_count = 1 if threads == "NONE" else n_threads
    if context.name == "hevc":
        # FFmpeg's HEVC decoder hides every frame after a damaged one up to the next key frame, unless asked.
        context.flags |= AV_CODEC_FLAG_OUTPUT_CORRUPT
    return stream


def decode_packets(
    packets: "Iterator[av.Packet[VideoStream] | None]", stream: VideoStream, *, tally: Tally
) -> Iterator[av.VideoFrame]:
    """Decode packets of `iter_packets`; one that the decoder refuses is passed over, its reason kept."""
    for packet in packets:
        try:
            frames = stream.decode(packet)
        except EOFError:
            return
        except (av.FFmpegError, ValueError) as error:
            tally.reason = cause_of(error)
            continue
        yield from frames


def iter_packets(
    container: InputContainer, stream: VideoStream, *, tally: Tally
) -> "Iterator[av.Packet[VideoStream] | None]":
    """Yield the packets of the video; the last, empty or None, drains the decoder, also after a failed read.

    Where the container does not count its frames, the packets of the sound are looked at as well: only
    together they tell whether the file goes on to its declared end.
    """
    sound = () if stream.frames else container.streams.audio
    try:
        for packet in container.demux(stream, *sound):
            if packet.stream_index != stream.index:
                tally.see_sound(_end_s(packet))
                continue
            if packet.size:
                tally.see_packet(packet.pts, hidden=bool(getattr(packet, "is_discard", False)))
            yield cast("av.Packet[VideoStream]", packet)
    except (av.FFmpegError, OSError, ValueError) as error:
        tally.stopped = cause_of(error)
        yield None


def iter_shown(
    container: InputContainer, stream: VideoStream, *, tally: Tally
) -> "Iterator[av.Packet[VideoStream]]":
    """Yield the packets whose frames are shown, with nothing decoded."""
    is_vp8 = codec_name(stream) == "vp8"
    for packet in iter_packets(container, stream, tally=tally):
        if packet is None or not packet.size or packet.is_discard:
            continue
        if is_vp8 and not memoryview(packet)[0] & VP8_SHOWN:
            continue
        yield packet


def _end_s(packet: "av.Packet[Stream]") -> float:
    if packet.pts is None or not packet.time_base:
        return 0.0
    return float((packet.pts + (packet.duration or 0)) * packet.time_base)


class RgbConverter:
    """Turns decoded frames into RGB arrays of one size."""

    def __init__(self, size_hw: tuple[int, int]) -> None:
        self._size_hw = size_hw
        self._scaler = Scaler()
        keep_freed_memory()

    def to_rgb(self, frame: av.VideoFrame) -> UInt8Image:
        """Convert one frame to uint8 (H, W, 3), RGB, scaled to the converter's size if it has another.

        The frame's own color matrix and range are honoured; where it names none, BT.601 and limited range
        are assumed, as FFmpeg does.
        """
        height, width = self._size_hw
        rgb = self._scaler.convert(frame, width=width, height=height, format="rgb24")
        # Rows are padded where the width is no multiple of the processor's vectors.
        return cast(UInt8Image, np.ascontiguousarray(rgb.to_ndarray()))


def _disposition(stream: VideoStream) -> int:
    return int(getattr(stream, "disposition", 0))


def cause_of(error: Exception) -> str:
    """What a library said about its failure."""
    return getattr(error, "strerror", None) or str(error)


def _lost_index(path: Path) -> str:
    """Explain the commonest cause in MP4 files: the index, written last, never came."""
    kinds = set()
    with suppress(OSError), path.open("rb") as file:
        end = path.stat().st_size
        while file.tell() + 8 <= end:
            start = file.tell()
            size, kind = int.from_bytes(file.read(4), "big"), file.read(4)
            kinds.add(kind)
            if size == 1:  # a 64-bit size follows
                size = int.from_bytes(file.read(8), "big")
            if size < 8:
                break
            file.seek(start + size)
    if b"ftyp" in kinds and b"moov" not in kinds:
        return "; its index (moov) is missing, as when a recording was interrupted"
    return ""
