"""The per-frame files of a stabilizing job, written as frames come."""

import shutil
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

import numpy as np

from vidlab.classes import class_name
from vidlab.jobs.packing import ClassMasks
from vidlab.jobs.resume import damaged
from vidlab.jobs.segments import Segment, SegmentWriter, checksum
from vidlab.jobs.unfinished import Unfinished
from vidlab.masks.png import write_labels_png, write_mask_png
from vidlab.params import WriterParams
from vidlab.types import Frame, Instances, UInt8Image, VideoInfo
from vidlab.video import frame_name, write_image
from vidlab.viz.colors import class_color
from vidlab.viz.overlay import draw_masks, panel_size, resize_image, resize_masks, side_by_side

_MAX_WIDTH_PX = 1920  # of the side-by-side video: what browsers and screens take without scaling
BACKGROUND = 0  # in labels/; every other value is a COCO id
LABELS, RAW_LABELS = "labels", "raw_labels"  # of stable and raw masks


@dataclass
class Written:
    """How far the files of a run are.

    Attributes:
        n_frames: Frames written.
        n_closed: Those of them whose segment is closed.
        classes: COCO ids that any stable mask showed.
        has_instances: Whether the network gives instances.
        checksums: For each folder, the CRC-32 of its files in a row.
        segments: The closed segments of overlay and instances.
    """

    n_frames: int = 0
    n_closed: int = 0
    classes: set[int] = field(default_factory=set)
    has_instances: bool = False
    checksums: dict[str, int] = field(default_factory=dict)
    segments: list[Segment] = field(default_factory=list)


class StableWriter:
    """Writes `masks/`, `raw/`, `overlay.mp4`, and as asked labels, `frames/` and `instances.json`.

    A context manager. `labels/`, `raw_labels/` and `instances.json` are left out at the end if they turn out
    to say nothing: fewer than two classes were seen, or the network gives no instances.
    """

    def __init__(
        self,
        folders: Unfinished,
        *,
        written: Written,
        info: VideoInfo,
        method: str,
        writer: WriterParams,
        save_frames: bool,
        one_class: bool,
        class_names: Mapping[int, str],
    ) -> None:
        """Go on after what is written; entering the block checks that it is still there."""
        self._folders, self._folder = folders, folders.result
        self._info, self._method, self._class_names = info, method, class_names
        self._kinds = ["masks", "raw"] + ["frames"] * save_frames + [LABELS, RAW_LABELS] * (not one_class)
        self._panel_hw = panel_size(info.size_hw, n_panels=2, max_width_px=_MAX_WIDTH_PX)
        self.written = written
        self._segments = SegmentWriter(folders.work, closed=written.segments, fps=info.fps, params=writer)

    def __enter__(self) -> "StableWriter":
        """Make the folders, or take up those that are there.

        Raises:
            OutputError: What is there is not what was written.
        """
        if self.written.n_frames:
            self._take_up()
        else:
            for kind in self._kinds:
                (self._folder / kind).mkdir()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            self._segments.__exit__(kind, error, trace)
            return
        self.end_segment()
        self._segments.join_overlay(self._folder / "overlay.mp4")
        if self.written.has_instances:
            self._segments.join_instances(self._folder / "instances.json")
        if LABELS in self._kinds and len(self.written.classes) < 2:
            for name in (LABELS, RAW_LABELS):
                (self._folder / name).rename(self._folders.work / name)  # until the run is over

    def end_segment(self) -> None:
        """Close the segment: a run that is killed can go on from here."""
        self._segments.close()
        self.written.n_closed = self.written.n_frames

    def _take_up(self) -> None:
        for kind in (LABELS, RAW_LABELS):
            with suppress(OSError):  # it was set aside by a run that was killed after its last frame
                (self._folders.work / kind).rename(self._folder / kind)
        self._segments.check(out=self._folders.out)
        for path in self._folder.iterdir():
            if path.name not in self._kinds:  # the end of a run that was killed there
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        for kind in self._kinds:
            self._check_frames(self._folder / kind)

    def _check_frames(self, folder: Path) -> None:
        """Make sure that the frames of one kind are as they were written, and drop those that came after."""
        names = [frame_name(index, suffix=".png") for index in range(self.written.n_frames)]
        found = 0
        try:
            for name in names:
                found = checksum(folder / name, found)
            for surplus in {path.name for path in folder.iterdir()}.difference(names):
                (folder / surplus).unlink()
        except OSError as error:
            raise damaged(self._folders.out, str(error)) from None
        if found != self.written.checksums[folder.name]:
            raise damaged(self._folders.out, f"{folder}, whose content has changed")

    @property
    def n_frames(self) -> int:
        """Frames written."""
        return self.written.n_frames

    @property
    def class_ids(self) -> list[int]:
        """Classes that any stable mask showed."""
        return sorted(self.written.classes)

    def write(
        self, frame: Frame, *, raw: ClassMasks, stable: ClassMasks, instances: Instances | None
    ) -> None:
        """Write what belongs to the next frame; `instances` are the tracked ones."""
        write_mask_png(self._path("raw"), raw.union)
        write_mask_png(self._path("masks"), stable.union)
        if LABELS in self._kinds:
            write_labels_png(self._path(LABELS), labels_of(stable, size_hw=self._info.size_hw))
            write_labels_png(self._path(RAW_LABELS), labels_of(raw, size_hw=self._info.size_hw))
        if "frames" in self._kinds:
            write_image(self._path("frames"), frame.image)
        written = self.written
        for kind in self._kinds:
            written.checksums[kind] = checksum(self._path(kind), written.checksums.get(kind, 0))
        picture = self._picture(frame, raw, stable)
        self._segments.write(picture, pts_s=frame.pts_s, instances=instances, image_id=written.n_frames)
        written.has_instances |= instances is not None
        written.classes.update(
            class_id for class_id, mask in zip(stable.class_ids, stable.masks, strict=True) if mask.any()
        )
        written.n_frames += 1

    def _path(self, kind: str) -> Path:
        return self._folder / kind / frame_name(self.written.n_frames, suffix=".png")

    def _picture(self, frame: Frame, raw: ClassMasks, stable: ClassMasks) -> UInt8Image:
        image = resize_image(frame.image, size_hw=self._panel_hw)
        captions = [
            f"{name} · frame {frame.index} · {_names(masks, self._class_names)}"
            for name, masks in (("raw", raw), (f"stable: {self._method}", stable))
        ]
        return side_by_side([self._drawn(image, masks) for masks in (raw, stable)], captions=captions)

    def _drawn(self, image: UInt8Image, layers: ClassMasks) -> UInt8Image:
        masks = resize_masks(layers.masks, size_hw=self._panel_hw)
        return draw_masks(image, masks, colors=[class_color(class_id) for class_id in layers.class_ids])


def labels_of(layers: ClassMasks, *, size_hw: tuple[int, int]) -> UInt8Image:
    """Return one class per pixel, uint8 (H, W): the COCO id, or BACKGROUND; later classes win."""
    labels = np.full(size_hw, BACKGROUND, np.uint8)
    for class_id, mask in zip(layers.class_ids, layers.masks, strict=True):
        labels[mask] = class_id
    return labels


def _names(layers: ClassMasks, own: Mapping[int, str]) -> str:
    shown = [class_id for class_id, mask in zip(layers.class_ids, layers.masks, strict=True) if mask.any()]
    return ", ".join(class_name(class_id, own) for class_id in shown) or "nothing"
