"""Pictures of a job as a video, and where it is asked for as PNGs in a zip: both appear when complete."""

import io
import zipfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np
from PIL import Image

from vidlab.errors import ParameterError
from vidlab.jobs.output import result_file
from vidlab.params import WriterParams
from vidlab.types import UInt8Image
from vidlab.video import VideoWriter, frame_name
from vidlab.video.frames import PNG_EFFORT

Show = Callable[[UInt8Image, float], None]
"""Takes the next picture, uint8 (H, W, 3), height and width even, and its time in seconds."""


@contextmanager
def film(
    out: Path, *, fps: float, params: WriterParams, force: bool, frames_zip: Path | None = None
) -> Iterator[Show]:
    """Give what takes the pictures, one after the other, all of one size.

    Args:
        out: The video, ending in .mp4.
        fps: Average rate, frames per second.
        params: How it is encoded.
        force: Replace `out` and `frames_zip`.
        frames_zip: Zip, ending in .zip, into which the same pictures go as PNGs; None for none.

    Raises:
        ParameterError: A name ends otherwise.
        OutputError: A file is there already, or cannot be written.
    """
    require_suffix(out, ".mp4", what="the overlay must be a video")
    if frames_zip is not None:
        require_suffix(frames_zip, ".zip", what="frames must go to an archive")
    with ExitStack() as stack:
        partial = stack.enter_context(result_file(out, force=force))
        archive = None
        if frames_zip is not None:
            packed = stack.enter_context(result_file(frames_zip, force=force))
            # PNGs do not shrink further
            archive = stack.enter_context(zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED))
        video: VideoWriter | None = None
        n_frames = 0

        def show(picture: UInt8Image, pts_s: float) -> None:
            nonlocal video, n_frames
            if video is None:  # only now the size is known
                size_hw = (picture.shape[0], picture.shape[1])
                opened = VideoWriter(partial, size_hw=size_hw, fps=fps, crf=params.crf, preset=params.preset)
                video = stack.enter_context(opened)
            video.write(picture, pts_s=pts_s)
            if archive is not None:
                archive.writestr(frame_name(n_frames, suffix=".png"), _png(picture))
            n_frames += 1

        yield show


def require_suffix(path: Path, suffix: str, *, what: str) -> None:
    """Check how a name ends.

    Raises:
        ParameterError: It ends otherwise.
    """
    if path.suffix.lower() != suffix:
        raise ParameterError(f"{what} ending in {suffix}, got {path}")


def _png(picture: UInt8Image) -> bytes:
    packed = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(picture)).save(packed, "PNG", compress_level=PNG_EFFORT)
    return packed.getvalue()
