"""Overlay and instances of a run, written in segments: what is closed is safe; all are joined at the end."""

import shutil
import zlib
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from vidlab.errors import OutputError
from vidlab.jobs.resume import damaged
from vidlab.masks.coco import CocoResultsWriter, join_results
from vidlab.params import WriterParams
from vidlab.types import Instances, UInt8Image
from vidlab.video import VideoWriter
from vidlab.video.joining import join_videos


@dataclass(frozen=True, slots=True)
class Segment:
    """A closed segment.

    Attributes:
        start_s: Time of its first frame, in seconds.
        checksums: CRC-32 of its files, by name.
    """

    start_s: float
    checksums: dict[str, int]


class SegmentWriter:
    """Writes segments into a folder; use it in a `with` block, and `close` where a segment shall end."""

    def __init__(self, folder: Path, *, closed: list[Segment], fps: float, params: WriterParams) -> None:
        """Go on after some closed segments.

        Args:
            folder: Where segments lie.
            closed: Those that are there already; the list grows as more are closed.
            fps: Average rate of the video, frames per second.
            params: How it is encoded.
        """
        self._folder, self._closed = folder, closed
        self._fps, self._params = fps, params
        self._open: ExitStack | None = None

    def __enter__(self) -> "SegmentWriter":
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if self._open is not None:
            stack, self._open = self._open, None
            stack.__exit__(None if error is None else type(error), error, None)

    def write(self, picture: UInt8Image, *, pts_s: float, instances: Instances | None, image_id: int) -> None:
        """Write the next frame: its picture in the overlay, and its instances if there are any to write."""
        if self._open is None:
            self._begin(picture.shape[:2], pts_s)
        self._overlay.write(picture, pts_s=pts_s)
        if instances is not None:
            self._instances.append(instances, image_id=image_id)

    def close(self) -> None:
        """End the segment: what was written so far is complete."""
        if self._open is None:
            return
        stack, self._open = self._open, None
        stack.close()
        names = [path.name for path in self._paths(len(self._closed))]
        self._closed.append(Segment(self._start_s, {name: checksum(self._folder / name) for name in names}))

    def check(self, *, out: Path) -> None:
        """Make sure that closed segments are there as they were written; `out` is for the error.

        Raises:
            OutputError: One is missing or damaged.
        """
        for segment in self._closed:
            for name, wanted in segment.checksums.items():
                try:
                    found = checksum(self._folder / name)
                except OSError as error:
                    raise damaged(out, str(error)) from None
                if found != wanted:
                    raise damaged(out, f"{self._folder / name}, whose content has changed")

    def join_overlay(self, path: Path) -> None:
        """Make one video of all segments.

        Raises:
            OutputError: It cannot be written.
        """
        parts = [(self._paths(i)[0], segment.start_s) for i, segment in enumerate(self._closed)]
        if len(parts) == 1:
            _copy(parts[0][0], path)
        elif parts:
            join_videos(parts, out=path)

    def join_instances(self, path: Path) -> None:
        """Make one list of the instances of all segments.

        Raises:
            OutputError: It cannot be written.
        """
        join_results([self._paths(i)[1] for i in range(len(self._closed))], out=path)

    def _begin(self, size_hw: tuple[int, ...], pts_s: float) -> None:
        overlay, instances = self._paths(len(self._closed))
        self._start_s = pts_s
        with ExitStack() as stack:
            self._overlay = stack.enter_context(
                VideoWriter(
                    overlay,
                    size_hw=(size_hw[0], size_hw[1]),
                    fps=self._fps,
                    crf=self._params.crf,
                    preset=self._params.preset,
                )
            )
            self._instances = stack.enter_context(CocoResultsWriter(instances))
            self._open = stack.pop_all()

    def _paths(self, number: int) -> tuple[Path, Path]:
        return self._folder / f"overlay-{number:05d}.mp4", self._folder / f"instances-{number:05d}.json"


def checksum(path: Path, before: int = 0) -> int:
    """Return the CRC-32 of a file, or of several in a row, `before` being that of those that went ahead."""
    return zlib.crc32(path.read_bytes(), before)


def _copy(source: Path, target: Path) -> None:
    try:
        shutil.copyfile(source, target)
    except OSError as error:
        raise OutputError(f"{target} must be writable, got: {error.strerror or error}") from None
