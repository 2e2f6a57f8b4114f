"""Where frames come from: one protocol for video files and folders of images."""

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from vidlab.errors import VideoError
from vidlab.types import Frame, VideoInfo
from vidlab.video.images import ImageFolder
from vidlab.video.pyav import PyavReader


class Source(Protocol):
    """Frames in order of presentation; every loop starts again, and holds the file open only while it runs.

    A consumer that stops early or raises leaves nothing open behind it.
    """

    @property
    def info(self) -> VideoInfo:
        """What the source declares about itself."""

    @property
    def losses(self) -> tuple[str, ...]:
        """One sentence for each kind of loss in the last loop that ended; the same ones are logged."""

    def __iter__(self) -> Iterator[Frame]:
        """Start again at the first frame."""


def open_source(path: str | Path, *, fps: float) -> Source:
    """Open a video file, or a folder of numbered images.

    Args:
        path: File or folder.
        fps: Rate of a folder of images, frames per second; a file has its own clock.

    Raises:
        VideoError: The path is missing or unreadable, or holds no frames.
        ParameterError: `fps` is not positive.
    """
    if not Path(path).exists():
        raise VideoError(f"a video or folder of images must exist, got {path}; check the path")
    return ImageFolder(path, fps=fps) if Path(path).is_dir() else PyavReader(path)
