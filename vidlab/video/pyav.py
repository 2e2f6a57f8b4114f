"""Video files through PyAV: upright RGB frames with the container's own time stamps."""

import logging
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
from av.container import InputContainer
from av.video.stream import VideoStream

from vidlab.errors import VideoError
from vidlab.types import Frame, UInt8Image, VideoInfo
from vidlab.video.decode import RgbConverter, codec_name, iter_decoded, open_container, pick_stream
from vidlab.video.losses import Tally
from vidlab.video.orientation import Orientation, orientation_of
from vidlab.video.stamps import RisingStamps, tick_of

logger = logging.getLogger(__name__)

UNKNOWN_RATE = Fraction(25)  # for the rare file that declares no rate at all
EARLY_END = 0.5  # of the usual distance of two frames: rounding of the declared end
AV_TIME_BASE = 1_000_000  # FFmpeg's unit of a container's duration, per second


class PyavReader:
    """Reads a video file, as often as it is iterated over.

    Frames are upright RGB in the size of the pixel grid (no pixel aspect is applied, nothing is
    deinterlaced); their times are the container's, start offset and edit list included. Damaged files give
    every frame that can be decoded; what was lost is logged as a warning at the end of the loop and kept in
    `losses`.

    Attributes:
        info: What the file declares, with the size of its first decoded frame.
        losses: One sentence for each kind of loss in the last loop that ended; empty for sound files.
        damaged: The last loop met frames that were damaged or could not be decoded.
        stored_hw: Height and width of the frames as stored, before turning, in pixels.
        orientation: How a stored frame becomes upright.
    """

    def __init__(self, path: str | Path, *, threads: int = 0) -> None:
        """Open the file once to decode its first frame.

        Args:
            path: Video file.
            threads: Decoding threads; 0 lets FFmpeg choose.

        Raises:
            VideoError: The file is missing or unreadable, has no video stream, or no frame can be decoded.
        """
        self._path = Path(path)
        self._threads = threads
        self.losses: tuple[str, ...] = ()
        self.damaged = False
        with open_container(self._path) as container:
            frames = iter_decoded(self._path, container, tally=Tally(), threads="NONE")
            first = next(frames, None)
            if first is None:
                raise VideoError(f"a video must hold frames, got {path}, of which no frame can be decoded")
            stream = pick_stream(container, path=self._path)
            if len(container.streams.video) > 1:
                logger.info("%s: of several video streams, stream %d is read", path, stream.index)
            self.stored_hw = (first.height, first.width)
            self.orientation = orientation_of(first)
            self._declared_end_s = _declared_end_s(container)
            self.info = _info(str(path), container, stream, self.orientation, self.stored_hw)

    def __iter__(self) -> Iterator[Frame]:
        """Decode the file from its start; it is open only while the loop runs."""
        tally = Tally()
        stamps = RisingStamps(tick_of(self.info))
        self.losses = ()
        at_end = False
        try:
            with open_container(self._path) as container:
                decoded = iter_decoded(
                    self._path, container, tally=tally, threads="AUTO", n_threads=self._threads
                )
                yield from self._iter_upright(decoded, stamps=stamps, tally=tally)
                at_end = True
        finally:
            self.damaged = bool(tally.n_damaged or tally.reason or tally.stopped)
            self.losses = self.losses_of(tally, stamps, at_end=at_end)
            for loss in self.losses:
                logger.warning("%s: %s", self._path, loss)

    def read_first(self) -> UInt8Image:
        """Decode the first frame alone, on one thread: uint8 (H, W, 3), upright."""
        with open_container(self._path) as container:
            frames = iter_decoded(self._path, container, tally=Tally(), threads="NONE")
            return self.orientation.upright(RgbConverter(self.stored_hw).to_rgb(next(frames)))

    def _iter_upright(
        self, decoded: Iterator[av.VideoFrame], *, stamps: RisingStamps, tally: Tally
    ) -> Iterator[Frame]:
        converter = RgbConverter(self.stored_hw)
        for index, (frame, stamp) in enumerate(stamps.over(decoded)):
            tally.see_frame(
                stamp,
                tick=stamps.tick,
                damaged=frame.is_corrupt,
                resized=(frame.height, frame.width) != self.stored_hw,
            )
            image = self.orientation.upright(converter.to_rgb(frame))
            yield Frame(image, index, float(stamp * self.info.time_base))

    def losses_of(self, tally: Tally, stamps: RisingStamps, *, at_end: bool) -> tuple[str, ...]:
        """Word what one pass over the file missed, `at_end` with what only its end can tell."""
        losses = tally.damage()
        if at_end:
            losses += tally.missing(self.info.n_frames, ended_early_s=self._ended_early_s(tally, stamps))
        of_all = f"of {tally.n_frames} frames"
        if stamps.n_missing:
            assumed = f"{self.info.fps:g} frames/s was assumed"
            losses += (f"{stamps.n_missing} {of_all} have no time stamp; {assumed}",)
        elif stamps.n_moved:
            losses += (f"time stamps step back; those of {stamps.n_moved} {of_all} were repaired to rise",)
        return losses

    def _ended_early_s(self, tally: Tally, stamps: RisingStamps) -> float:
        if self._declared_end_s is None or tally.last_stamp is None:
            return 0.0
        # How long the last frame is shown is not known; no longer than any other, in a whole file.
        video_end_s = float((tally.last_stamp + tally.longest) * self.info.time_base)
        early_s = self._declared_end_s - max(video_end_s, tally.sound_end_s)
        return early_s if early_s > EARLY_END * stamps.tick * self.info.time_base else 0.0


def _declared_end_s(container: InputContainer) -> float | None:
    if not container.duration:
        return None
    return ((container.start_time or 0) + container.duration) / AV_TIME_BASE


def _info(
    path: str,
    container: InputContainer,
    stream: VideoStream,
    orientation: Orientation,
    stored_hw: tuple[int, int],
) -> VideoInfo:
    rate = stream.average_rate or stream.guessed_rate or UNKNOWN_RATE
    time_base = stream.time_base or Fraction(1, AV_TIME_BASE)
    duration_s = None
    if stream.duration:
        duration_s = float(stream.duration * time_base)
    elif container.duration:
        duration_s = container.duration / AV_TIME_BASE
    return VideoInfo(
        path=path,
        codec=codec_name(stream),
        size_hw=orientation.size_hw(stored_hw),
        fps=float(rate),
        n_frames=stream.frames or None,
        duration_s=duration_s,
        rotation_deg=90 * orientation.quarter_turns,
        time_base=time_base,
    )
