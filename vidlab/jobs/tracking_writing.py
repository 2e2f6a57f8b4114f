"""What a tracking job writes: boxes as text, masks as COCO, a video in which everybody has a color."""

from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Literal, Self, TextIO

from vidlab.jobs.overlays import MAX_WIDTH_PX
from vidlab.jobs.tracking_files import write_mot
from vidlab.masks.coco import CocoResultsWriter
from vidlab.params import WriterParams
from vidlab.tracking import ids_of
from vidlab.types import Frame, Instances, UInt8Image, VideoInfo
from vidlab.video import VideoWriter
from vidlab.viz.overlay import panel_size, resize_image, resize_masks, side_by_side
from vidlab.viz.tracks import draw_tracks

Kind = Literal["boxes", "masks", "video"]
NAMES: dict[Kind, str] = {"boxes": "tracks.txt", "masks": "instances.json", "video": "overlay.mp4"}
SUFFIXES: dict[str, Kind] = {".txt": "boxes", ".json": "masks", ".mp4": "video"}


class TrackWriter:
    """Writes one kind of result into a file, or all of them into a folder; a context manager.

    Attributes:
        n_frames: Frames written.
        n_detections: Detections written, at most one for each identity and frame.
        n_tracks: Identities that were written: they count from 1, so the largest says how many.
    """

    def __init__(self, out: Path, *, kind: Kind | None, info: VideoInfo, params: WriterParams) -> None:
        """Name what is written.

        Args:
            out: The file, or with no `kind` a folder that exists.
            kind: What the file is.
            info: What the source declares.
            params: How the video is encoded.
        """
        paths = {kind: out} if kind else {each: out / name for each, name in NAMES.items()}
        self._paths, self._info, self._params = paths, info, params
        self._stack = ExitStack()
        self._boxes: TextIO | None = None
        self._masks: CocoResultsWriter | None = None
        self._video: VideoWriter | None = None
        self.n_frames = self.n_detections = 0
        self._seen: set[int] = set()

    @property
    def n_tracks(self) -> int:
        """How many identities were written."""
        return len(self._seen)

    def __enter__(self) -> Self:
        if "boxes" in self._paths:
            self._boxes = self._stack.enter_context(self._paths["boxes"].open("w", encoding="ascii"))
        if "masks" in self._paths:
            self._masks = self._stack.enter_context(CocoResultsWriter(self._paths["masks"]))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.__exit__(kind, error, trace)

    def write(self, frame: Frame, tracked: Instances) -> None:
        """Write the identities of the next frame, one instance each."""
        if self._boxes is not None:
            write_mot(tracked, index=self.n_frames, to=self._boxes)
        if self._masks is not None:
            self._masks.append(tracked, image_id=self.n_frames)
        if "video" in self._paths:
            self._film(self._paths["video"], _picture(frame, tracked), pts_s=frame.pts_s)
        self.n_frames += 1
        self.n_detections += len(tracked)
        self._seen.update(ids_of(tracked).tolist())

    def _film(self, path: Path, picture: UInt8Image, *, pts_s: float) -> None:
        if self._video is None:  # only now its size is known
            size_hw = (picture.shape[0], picture.shape[1])
            video = VideoWriter(path, size_hw=size_hw, fps=self._info.fps, **self._params.model_dump())
            self._video = self._stack.enter_context(video)
        self._video.write(picture, pts_s=pts_s)


def _picture(frame: Frame, tracked: Instances) -> UInt8Image:
    size_hw = panel_size(frame.image.shape[:2], n_panels=1, max_width_px=MAX_WIDTH_PX)
    masks = resize_masks(tracked.masks, size_hw=size_hw)
    shown = Instances(masks, tracked.scores, tracked.class_ids, tracked.track_ids)
    image = draw_tracks(resize_image(frame.image, size_hw=size_hw), shown)
    caption = f"frame {frame.index} · {frame.pts_s:.2f} s · {len(tracked)} tracked"
    return side_by_side([image], captions=[caption])
