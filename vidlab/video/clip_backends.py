"""Clips through any of the decoding libraries, for data sets."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np

from vidlab.errors import VideoError
from vidlab.params.decoding import DecodingParams
from vidlab.types import UInt8Image
from vidlab.video.backends import AUTO, open_backend
from vidlab.video.clip_reader import OpenReader


class BackendClipReader:
    """Frames of a video by their numbers through a library; the file is open only while it reads."""

    def __init__(self, path: str | Path, *, rules: DecodingParams) -> None:
        """Open the file once to see what it holds.

        Raises:
            VideoError: It cannot be read.
            MissingExtraError: The library is not installed.
        """
        self._path = Path(path)
        self._decoder = open_backend(path, rules=rules)

    def read(self, indices: Sequence[int]) -> UInt8Image:
        """Return uint8 (T, H, W, 3), RGB, upright: the frames of these numbers, which rise, from 0.

        Raises:
            VideoError: A frame is not there, or cannot be decoded.
        """
        n_frames = len(self._decoder)
        beyond = [index for index in indices if not 0 <= index < n_frames]
        if beyond:
            raise VideoError(f"{self._path} holds {n_frames} frames, got a wish for frame {beyond[0]}")
        return np.stack([frame.image for frame in self._decoder.frames_at(indices)])

    def close(self) -> None:
        """Do nothing: nothing is open between two readings."""


def opener(rules: DecodingParams, *, sample: Path) -> OpenReader:
    """Return a way to open the videos of a data set through a library; it can be pickled.

    Args:
        rules: Which library, and how; `auto` is measured once, on the sample.
        sample: One of the videos.

    Raises:
        VideoError: The sample cannot be read, so that nothing can be measured on it.
    """
    if rules.backend == AUTO:
        from vidlab.video.auto import choose_backend

        rules = rules.model_copy(update={"backend": choose_backend(sample, rules=rules).backend})
    return partial(BackendClipReader, rules=rules)
