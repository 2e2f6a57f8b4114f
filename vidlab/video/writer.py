"""H.264 video that a browser plays, with the source's own time stamps."""

import os
import uuid
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any, Self, cast

import av
import numpy as np
from av.container import OutputContainer
from av.video.reformatter import ColorRange, Colorspace
from av.video.stream import VideoStream

from vidlab.errors import OutputError, ParameterError, ShapeError, VidlabError
from vidlab.types import UInt8Image
from vidlab.video.scaling import BT709, Scaler

TICKS_PER_S = 90_000  # divides the usual rates (24, 25, 30, 60, and 1001ths of them) exactly
LIMITED_RANGE = 1
LAYOUT = {"movflags": "+faststart"}  # the index first, so that a browser can start before it has all
# x264's macroblock tree gives other bits now and then at the end of a short stream of uneven times; without
# it the same frames always give the same file, a tenth larger.
SAME_AGAIN = {"mbtree": "0"}


class VideoWriter:
    """Writes frames to an MP4 file; use it in a `with` block.

    H.264, yuv420p, BT.709, the index in front. Times are kept to 1/90000 s at whatever rate the frames come,
    moved so that the first is shown at 0; the last frame is shown as long as the one before it. Odd sizes are
    made even by repeating the last row or column. The same frames give the same file. It appears under its
    name when the block ends well; after an exception nothing is left.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        size_hw: tuple[int, int],
        fps: float,
        crf: int,
        preset: str,
        key_every: int | None = None,
    ) -> None:
        """Prepare the encoder; no file is made before the block is entered.

        Args:
            path: Target, ending in .mp4; an older file of that name is replaced when the block ends well.
            size_hw: Height and width of every image that will be written, in pixels.
            fps: Average rate, frames per second; guides the encoder and is the duration of a lone frame.
            crf: H.264 constant rate factor, 0..51; higher is smaller and worse.
            preset: H.264 effort, `ultrafast` to `slow`; slower makes smaller files.
            key_every: Frames from one key frame to the next at most, which is what a jump into the middle
                decodes; fewer makes larger files. None leaves it to the encoder.

        Raises:
            ParameterError: The name ends otherwise, or the size or rate is not positive.
        """
        self._path = Path(path)
        if self._path.suffix.lower() != ".mp4":
            raise ParameterError(f"a video must be written to a name ending in .mp4, got {path}")
        if min(size_hw) < 1:
            raise ParameterError(f"size_hw must be positive, got {size_hw}")
        if not fps > 0:
            raise ParameterError(f"fps must be positive, got {fps}")
        self._size_hw = size_hw
        self._fps = fps
        self._options = {"crf": str(crf), "preset": preset, **SAME_AGAIN}
        if key_every is not None:
            self._options["g"] = str(key_every)
        self._partial = self._path.with_name(f".{self._path.name}.{uuid.uuid4().hex[:8]}.partial")
        self._scaler = Scaler()
        self._container: OutputContainer | None = None
        self._stream: VideoStream
        self._first_pts_s = 0.0
        self._waiting: av.VideoFrame | None = None  # its duration is known when the next one comes
        self._durations: dict[int, int] = {}  # by time stamp, until the packet leaves the encoder
        self._last_duration = max(1, round(TICKS_PER_S / fps))

    def __enter__(self) -> Self:
        """Create a partial file beside the target.

        Raises:
            OutputError: The folder is missing or not writable.
        """
        try:
            self._container = av.open(
                f"file:{self._partial}", mode="w", format="mp4", container_options=LAYOUT
            )
            self._stream = self._add_stream(self._container)
        except (av.FFmpegError, OSError, ValueError) as error:
            self._discard()
            raise self._failure(error) from None
        return self

    def write(self, image: UInt8Image, *, pts_s: float) -> None:
        """Append one frame.

        Args:
            image: uint8 (H, W, 3), RGB.
            pts_s: Its time in seconds, later than that of the frame before.

        Raises:
            ShapeError: The image has another dtype or size.
            ParameterError: `pts_s` does not rise.
            OutputError: The file cannot be written, or the block was not entered.
        """
        if self._container is None:
            raise OutputError(
                f"a video must be written inside a with block, got a call outside for {self._path}"
            )
        require_image(image)
        if image.shape[:2] != self._size_hw:
            raise ShapeError(f"images must have the size {self._size_hw}, got {image.shape[:2]}")
        pts = 0
        if self._waiting is None:
            self._first_pts_s = pts_s
        else:
            pts = round((pts_s - self._first_pts_s) * TICKS_PER_S)
            self._encode_waiting(until=pts)
        self._waiting = self._to_yuv(image)
        self._waiting.pts = pts

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Finish the file and give it its name; after an exception remove it.

        Raises:
            OutputError: No frame was written, or the file cannot be finished.
        """
        try:
            if kind is None:
                self._finish()
        except (av.FFmpegError, OSError, ValueError) as failure:
            if isinstance(failure, VidlabError):
                raise
            raise self._failure(failure) from None
        finally:
            self._discard()

    def _add_stream(self, container: OutputContainer) -> VideoStream:
        rate = Fraction(self._fps).limit_denominator(TICKS_PER_S)
        stream = container.add_stream("libx264", rate=rate, options=self._options)
        stream.height, stream.width = (side + side % 2 for side in self._size_hw)
        stream.pix_fmt = "yuv420p"
        stream.time_base = Fraction(1, TICKS_PER_S)
        context = cast(Any, stream.codec_context)
        context.time_base = stream.time_base
        context.color_primaries = context.color_trc = context.colorspace = BT709
        context.color_range = LIMITED_RANGE
        return stream

    def _to_yuv(self, image: UInt8Image) -> av.VideoFrame:
        height, width = self._size_hw
        if height % 2 or width % 2:
            image = np.pad(image, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
        rgb = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")
        yuv = self._scaler.convert(
            rgb, format="yuv420p", dst_colorspace=Colorspace.ITU709, dst_color_range=ColorRange.MPEG
        )
        yuv.time_base = Fraction(1, TICKS_PER_S)
        return yuv

    def _encode_waiting(self, *, until: int) -> None:
        if self._waiting is None or self._waiting.pts is None:
            return
        pts = self._waiting.pts
        if until <= pts:
            before_s, this_s = (ticks / TICKS_PER_S + self._first_pts_s for ticks in (pts, until))
            raise ParameterError(
                f"pts_s must rise by at least 1/{TICKS_PER_S} s, got {this_s:g} after {before_s:g}"
            )
        self._last_duration = self._durations[pts] = until - pts
        self._mux(self._waiting)

    def _mux(self, frame: av.VideoFrame | None) -> None:
        container = cast(OutputContainer, self._container)
        try:
            for packet in self._stream.encode(frame):
                if packet.pts is not None:
                    packet.duration = self._durations.pop(packet.pts, self._last_duration)
                container.mux(packet)
        except (av.FFmpegError, OSError) as error:
            raise self._failure(error) from None

    def _finish(self) -> None:
        if self._waiting is None or self._waiting.pts is None:
            raise OutputError(f"a video must hold at least one frame, got none for {self._path}")
        self._encode_waiting(until=self._waiting.pts + self._last_duration)
        self._mux(None)
        container, self._container = cast(OutputContainer, self._container), None
        container.close()
        os.replace(self._partial, self._path)

    def _discard(self) -> None:
        container, self._container = self._container, None
        if container is not None:
            with suppress(av.FFmpegError, OSError, ValueError):
                container.close()
        self._partial.unlink(missing_ok=True)

    def _failure(self, error: Exception) -> OutputError:
        cause = getattr(error, "strerror", None) or error
        return OutputError(f"a video must be writable, got {self._path}: {cause}")


def require_image(image: UInt8Image) -> None:
    """Check that an array is an image.

    Raises:
        ShapeError: It is not uint8 (H, W, 3).
    """
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
        raise ShapeError(f"an image must be uint8 (H, W, 3), got {image.dtype} {image.shape}")
