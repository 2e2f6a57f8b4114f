"""Clips of videos as a map-style data set, for torch's loaders and anyone else who asks by number."""

import logging
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import accumulate
from pathlib import Path
from typing import Any, Literal

import numpy as np

from vidlab.errors import ParameterError, SourceError, VideoError
from vidlab.params import ClipParams
from vidlab.types import UInt8Image
from vidlab.video.clip_index import count_frames
from vidlab.video.clip_reader import OpenReader, OpenReaders, PyavClipReader
from vidlab.video.ucf101 import Catalog, LabeledVideo

logger = logging.getLogger(__name__)

Layout = Literal["thwc", "tchw"]
Transform = Callable[[UInt8Image], Any]


@dataclass(frozen=True, slots=True)
class Clip:
    """One clip.

    Attributes:
        frames: uint8 (T, H, W, 3) or (T, 3, H, W), RGB, by the layout; or what the transform made of it.
        label: Class, from 0.
        index: Number of the clip in the data set.
        path: The video.
        start: Number of its first frame.
    """

    frames: Any
    label: int
    index: int
    path: str
    start: int


@dataclass(frozen=True, slots=True)
class LostClip:
    """A clip that could not be read; it stands in the place of the clip, and whoever batches leaves it out.

    Attributes:
        index: Number of the clip in the data set.
        path: The video.
        start: Number of the first frame.
        reason: What is wrong, in a sentence.
    """

    index: int
    path: str
    start: int
    reason: str


def no_progress(done: int, total: int | None) -> None:
    """Tell nothing."""


class ClipDataset:
    """Clips of videos by number: `dataset[i]` is a `Clip`, or a `LostClip` where the file cannot be read.

    A torch `DataLoader` takes it as it is (map style), with any way of starting workers: nothing is open
    before the first clip is read, every process opens its own files, and pickling leaves them behind.
    Errors of a transform are not caught: they are mistakes, not damaged files.

    Attributes:
        classes: Name of each label.
        faults: What is wrong with each video that was left out, by path.
        n_short: Videos that were left out as they are too short for a clip.
        clips: How clips are cut.
    """

    def __init__(
        self,
        videos: Sequence[tuple[LabeledVideo, int]],
        *,
        clips: ClipParams,
        layout: Layout,
        transform: Transform | None = None,
        open_reader: OpenReader | None = None,
        classes: Sequence[str] = (),
        faults: dict[Path, str] | None = None,
    ) -> None:
        """Lay the clips out; no file is touched.

        Args:
            videos: Each video with its number of frames.
            clips: How clips are cut.
            layout: Axes of a clip: `thwc` (T, H, W, 3) as decoded, or `tchw` (T, 3, H, W), at the price of a
                copy.
            transform: Called with uint8 (T, H, W, 3) before the layout; its result is not laid out anew. Must
                be picklable where workers are spawned.
            open_reader: Opens a video for reading by frame numbers; None takes PyAV. Picklable, too.
            classes: Name of each label.
            faults: Videos that were left out, and why.

        Raises:
            SourceError: No video is long enough for a single clip.
        """
        self.clips, self._layout, self._transform = clips, layout, transform
        self.classes, self.faults = tuple(classes), dict(faults or {})
        opener = open_reader or partial(PyavClipReader, damaged=clips.damaged)
        self._readers = OpenReaders(opener, max_open=clips.max_open)
        span = (clips.clip_frames - 1) * clips.clip_stride + 1  # frames from the first to the last, inclusive
        self._step = clips.clip_step or clips.clip_frames * clips.clip_stride
        counted = [(video, max(0, (n - span) // self._step + 1)) for video, n in videos]
        self._videos = [video for video, n_clips in counted if n_clips]
        self.n_short = len(counted) - len(self._videos)
        self._ends = list(accumulate(n_clips for _, n_clips in counted if n_clips))
        if not self._videos:
            faulty = "".join(f"; {sentence}" for sentence in list(self.faults.values())[:1])
            raise SourceError(f"a video must hold at least {span} frames for a clip, got none{faulty}")

    def __len__(self) -> int:
        return self._ends[-1]

    def __getitem__(self, index: int) -> Clip | LostClip:
        if not -len(self) <= index < len(self):
            raise IndexError(f"clip must lie in [0, {len(self)}), got {index}")
        index %= len(self)
        video, start = self.locate(index)
        stride = self.clips.clip_stride
        numbers = range(start, start + self.clips.clip_frames * stride, stride)
        try:
            frames = self._readers.get(video.path).read(numbers)
        except (VideoError, OSError) as error:
            self._readers.drop(video.path)
            return LostClip(index, str(video.path), start, str(error))
        frames = square_from_middle(frames, size=self.clips.clip_size)
        return Clip(self._finished(frames), video.label, index, str(video.path), start)

    def locate(self, index: int) -> tuple[LabeledVideo, int]:
        """Return the video of a clip, and the number of its first frame."""
        place = bisect_right(self._ends, index)
        first = self._ends[place - 1] if place else 0
        return self._videos[place], (index - first) * self._step

    @property
    def videos(self) -> tuple[LabeledVideo, ...]:
        """The videos that give clips."""
        return tuple(self._videos)

    @property
    def open_paths(self) -> tuple[Path, ...]:
        """The videos that this process has open."""
        return self._readers.paths

    def close(self) -> None:
        """Close what this process has open; reading opens it again."""
        self._readers.close()

    def __enter__(self) -> "ClipDataset":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _finished(self, frames: UInt8Image) -> Any:
        if self._transform is not None:
            return self._transform(frames)
        if self._layout == "tchw":
            return np.ascontiguousarray(frames.transpose(0, 3, 1, 2))
        return frames


def open_clips(
    catalog: Catalog,
    *,
    clips: ClipParams,
    layout: Layout,
    cache: Path | None,
    transform: Transform | None = None,
    open_reader: OpenReader | None = None,
    progress: Callable[[int, int | None], None] = no_progress,
) -> ClipDataset:
    """Count the frames of a catalog's videos and make a data set of their clips.

    Videos that cannot be opened are left out, logged and kept in `faults`; those too short for a clip are
    counted in `n_short`.

    Args:
        catalog: From `list_folder` or `read_split`.
        clips: How clips are cut.
        layout: Axes of a clip.
        cache: File that remembers the counts, such as one in `runs/`; None counts anew each time.
        transform: See `ClipDataset`.
        open_reader: See `ClipDataset`.
        progress: Called with the number of videos counted and their total.

    Raises:
        SourceError: No video is long enough for a single clip.
    """
    counted = count_frames([video.path for video in catalog.videos], cache=cache, progress=progress)
    for sentence in counted.faults.values():
        logger.warning("left out: %s", sentence)
    faults = counted.faults | {path: f"{path} is in the split, but not there" for path in catalog.missing}
    if catalog.missing:
        more = len(catalog.missing)
        logger.warning("%d videos of the split are not there, such as %s", more, catalog.missing[0])
    return ClipDataset(
        [(video, counted.counts[video.path]) for video in catalog.videos if video.path in counted.counts],
        clips=clips,
        layout=layout,
        transform=transform,
        open_reader=open_reader,
        classes=catalog.classes,
        faults=faults,
    )


def square_from_middle(frames: UInt8Image, *, size: int) -> UInt8Image:
    """Scale the short side of frames and cut a square from their middle.

    Args:
        frames: uint8 (T, H, W, 3).
        size: Side of the square in pixels; 0 returns the frames as they are.

    Returns:
        uint8 (T, size, size, 3).
    """
    if size < 0:
        raise ParameterError(f"size must lie in [0, ∞), got {size}")
    height, width = frames.shape[1:3]
    side = min(height, width)
    if not size or (height, width) == (size, size):
        return frames
    import cv2  # only where frames are scaled

    top, left = (height - side) // 2, (width - side) // 2
    cut = frames[:, top : top + side, left : left + side]
    method = cv2.INTER_AREA if size < side else cv2.INTER_LINEAR
    scaled = np.empty((len(frames), size, size, 3), np.uint8)
    for frame, target in zip(cut, scaled, strict=True):
        cv2.resize(np.ascontiguousarray(frame), (size, size), dst=target, interpolation=method)
    return scaled
