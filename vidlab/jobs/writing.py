"""The per-frame files of a stabilizing job, written as frames come."""

import shutil
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType

import numpy as np

from vidlab.classes import class_name
from vidlab.jobs.packing import ClassMasks
from vidlab.masks.coco import CocoResultsWriter
from vidlab.masks.png import write_labels_png, write_mask_png
from vidlab.params import WriterParams
from vidlab.types import Frame, Instances, UInt8Image, VideoInfo
from vidlab.video import VideoWriter, frame_name, write_image
from vidlab.viz.colors import class_color
from vidlab.viz.overlay import draw_masks, panel_size, resize_image, resize_masks, side_by_side

_MAX_WIDTH_PX = 1920  # of the side-by-side video: what browsers and screens take without scaling
BACKGROUND = 0  # in labels/; every other value is a COCO id


class StableWriter:
    """Writes `masks/`, `raw/`, `overlay.mp4`, and as asked `labels/`, `frames/` and `instances.json`.

    A context manager. `labels/` and `instances.json` are removed at the end if they turn out to say nothing:
    fewer than two classes were seen, or the network gives no instances.
    """

    def __init__(
        self,
        folder: Path,
        *,
        info: VideoInfo,
        method: str,
        writer: WriterParams,
        save_frames: bool,
        one_class: bool,
    ) -> None:
        self._folder, self._info, self._method, self._params = folder, info, method, writer
        self._kinds = ["masks", "raw"] + ["frames"] * save_frames + ["labels"] * (not one_class)
        self._panel_hw = panel_size(info.size_hw, n_panels=2, max_width_px=_MAX_WIDTH_PX)
        self._classes: set[int] = set()
        self._stack = ExitStack()
        self.n_frames = 0
        self.has_instances = False

    def __enter__(self) -> "StableWriter":
        for kind in self._kinds:
            (self._folder / kind).mkdir()
        blank = np.zeros((*self._panel_hw, 3), np.uint8)
        height, width = side_by_side([blank, blank], captions=["", ""]).shape[:2]
        with ExitStack() as stack:
            self._overlay = stack.enter_context(
                VideoWriter(
                    self._folder / "overlay.mp4",
                    size_hw=(height, width),
                    fps=self._info.fps,
                    crf=self._params.crf,
                    preset=self._params.preset,
                )
            )
            self._instances = stack.enter_context(CocoResultsWriter(self._folder / "instances.json"))
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.__exit__(kind, error, trace)
        if not self.has_instances:
            (self._folder / "instances.json").unlink(missing_ok=True)
        if "labels" in self._kinds and len(self._classes) < 2:
            shutil.rmtree(self._folder / "labels")

    @property
    def class_ids(self) -> list[int]:
        """Classes that any stable mask showed."""
        return sorted(self._classes)

    def write(
        self, frame: Frame, *, raw: ClassMasks, stable: ClassMasks, instances: Instances | None
    ) -> None:
        """Write what belongs to the next frame; `instances` are the tracked ones."""
        write_mask_png(self._path("raw"), raw.union)
        write_mask_png(self._path("masks"), stable.union)
        if "labels" in self._kinds:
            write_labels_png(self._path("labels"), labels_of(stable, size_hw=self._info.size_hw))
        if "frames" in self._kinds:
            write_image(self._path("frames"), frame.image)
        if instances is not None:
            self.has_instances = True
            self._instances.append(instances, image_id=self.n_frames)
        self._write_overlay(frame, raw, stable)
        self._classes.update(
            class_id for class_id, mask in zip(stable.class_ids, stable.masks, strict=True) if mask.any()
        )
        self.n_frames += 1

    def _path(self, kind: str) -> Path:
        return self._folder / kind / frame_name(self.n_frames, suffix=".png")

    def _write_overlay(self, frame: Frame, raw: ClassMasks, stable: ClassMasks) -> None:
        image = resize_image(frame.image, size_hw=self._panel_hw)
        captions = [
            f"{name} · frame {frame.index} · {_names(masks)}"
            for name, masks in (("raw", raw), (f"stable: {self._method}", stable))
        ]
        panels = [self._drawn(image, masks) for masks in (raw, stable)]
        self._overlay.write(side_by_side(panels, captions=captions), pts_s=frame.pts_s)

    def _drawn(self, image: UInt8Image, layers: ClassMasks) -> UInt8Image:
        masks = resize_masks(layers.masks, size_hw=self._panel_hw)
        return draw_masks(image, masks, colors=[class_color(class_id) for class_id in layers.class_ids])


def labels_of(layers: ClassMasks, *, size_hw: tuple[int, int]) -> UInt8Image:
    """Return one class per pixel, uint8 (H, W): the COCO id, or BACKGROUND; later classes win."""
    labels = np.full(size_hw, BACKGROUND, np.uint8)
    for class_id, mask in zip(layers.class_ids, layers.masks, strict=True):
        labels[mask] = class_id
    return labels


def _names(layers: ClassMasks) -> str:
    shown = [class_id for class_id, mask in zip(layers.class_ids, layers.masks, strict=True) if mask.any()]
    return ", ".join(class_name(class_id) for class_id in shown) or "nothing"
