"""Videos joined one after the other without decoding them: what was encoded in pieces plays as one."""

from array import array
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import av
from av.video.stream import VideoStream

from vidlab.errors import OutputError
from vidlab.video.writer import LAYOUT, TICKS_PER_S


def join_videos(parts: Sequence[tuple[Path, float]], *, out: Path) -> None:
    """Copy the packets of several videos of `VideoWriter`, encoded alike, into one; no picture changes.

    Args:
        parts: File of each part and the time in seconds at which its first frame is shown, rising.
        out: Target, ending in .mp4; replaced if it is there.

    Raises:
        OutputError: A part cannot be read, or the target cannot be written.
    """
    starts = [round((start_s - parts[0][1]) * TICKS_PER_S) for _, start_s in parts]
    try:
        shown = array("q", (pts for pts, _ in _packets(parts, starts)))  # in the order of decoding
        decoded = _decoding_times(shown)
        with (
            av.open(str(parts[0][0])) as first,
            av.open(f"file:{out}", "w", container_options=LAYOUT) as joined,
        ):
            stream = joined.add_stream_from_template(first.streams.video[0])
            stream.time_base = Fraction(1, TICKS_PER_S)
            for (pts, packet), dts in zip(_packets(parts, starts), decoded, strict=True):
                packet.stream, packet.time_base = stream, stream.time_base
                packet.pts, packet.dts = pts, dts
                joined.mux(packet)
    except (av.FFmpegError, OSError, ValueError) as error:
        cause = getattr(error, "strerror", None) or error
        raise OutputError(f"the parts of a video must fit together, got {out}: {cause}") from None


def _packets(
    parts: Sequence[tuple[Path, float]], starts: Sequence[int]
) -> "Iterator[tuple[int, av.Packet[VideoStream]]]":
    """Yield the packets of all parts in the order of decoding, each with its time in the whole, in ticks."""
    for (path, _), start in zip(parts, starts, strict=True):
        with av.open(str(path)) as container:
            for packet in container.demux(video=0):
                if packet.size and packet.pts is not None and packet.time_base is not None:
                    ticks = packet.time_base * TICKS_PER_S
                    packet.duration = round((packet.duration or 0) * ticks)
                    yield start + round(packet.pts * ticks), packet


def _decoding_times(shown: "array[int]") -> "array[int]":
    """Return when each packet is decoded: in even order, never after it is shown.

    A frame may be shown after some that are decoded later. Everything is decoded so many frames earlier than
    the most any frame is late in that order; decoding takes as long as showing, or players see another end.

    >>> _decoding_times(array("q", [0, 30, 10, 20])).tolist()
    [-10, 0, 10, 20]
    """
    rising = array("q", sorted(shown))
    ahead = max((place - bisect_left(rising, pts) for place, pts in enumerate(shown)), default=0)
    lead = rising[-1] - rising[-1 - ahead]
    before = array("q", (rising[0] - lead + i * lead // ahead for i in range(ahead)))
    return before + rising[: len(rising) - ahead]
