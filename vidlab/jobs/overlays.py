"""Videos in which a person can judge masks: side by side, outlines on one picture, where they flicker."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from vidlab.errors import ParameterError, VideoError
from vidlab.flow import FarnebackFlow, occluded, resize_map, to_gray
from vidlab.flow.motion import similarity
from vidlab.jobs.films import film, require_suffix
from vidlab.jobs.progress import Progress, silent
from vidlab.jobs.reading import expected
from vidlab.jobs.truth import MaskFolder
from vidlab.jobs.worst import MASK_COLOR, TRUTH_COLOR
from vidlab.metrics.overlap import iou
from vidlab.params import FusionParams, SourceParams, WriterParams
from vidlab.types import BoolMask, Float32Array, Frame, UInt8Image
from vidlab.video import open_source
from vidlab.viz.colors import Color
from vidlab.viz.heat import FlickerHeat, draw_heat, heat_legend
from vidlab.viz.outlines import draw_outlines
from vidlab.viz.overlay import (
    TEXT_COLOR,
    Caption,
    fill_masks,
    font_px,
    panel_size,
    resize_image,
    resize_masks,
    side_by_side,
    stacked,
)

View: TypeAlias = Literal["panels", "contours", "heat", "all"]
VIEWS: tuple[View, ...] = get_args(View)

RAW, STABLE, MASKS, TRUTH = "raw", "stable", "masks", "truth"
RAW_COLOR: Color = (255, 146, 85)  # the orange of the plots, brighter: it has to stand out from a picture
COLORS: Mapping[str, Color] = {RAW: RAW_COLOR, STABLE: MASK_COLOR, MASKS: MASK_COLOR, TRUTH: TRUTH_COLOR}
MAX_WIDTH_PX = 1920  # what screens and browsers show without scaling
MAX_HEIGHT_PX = 1080


@dataclass(frozen=True, slots=True)
class OverlayResult:
    """What an overlay job made.

    Attributes:
        path: The video.
        n_frames: Frames in it.
        versions: What is shown: `raw` and `stable`, or `masks`; `truth`.
        losses: What the source could not give.
    """

    path: Path
    n_frames: int
    versions: tuple[str, ...]
    losses: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Step:
    """How a frame came out of the one before: flow and hidden pixels, both None where a shot starts."""

    flow_to_prev: Float32Array | None
    hidden: BoolMask | None
    elapsed_s: float


class OverlayComposer:
    """Composes one picture per frame from several versions of its masks; holds a small frame and its heat.

    Views: `panels` shows the versions side by side, each with its outline and fill; `contours` the outlines
    of all over one picture; `heat` where each version flickers, in changes per second that motion does not
    explain; `all` the panels above the heat.
    """

    def __init__(self, versions: Sequence[str], *, view: View, size_hw: tuple[int, int]) -> None:
        """Choose what is shown.

        Args:
            versions: Names of the versions, out of `COLORS`, in the order they are shown.
            view: One of `VIEWS`.
            size_hw: Height and width of the frames, in pixels.

        Raises:
            ParameterError: There is no such view or version.
        """
        if view not in VIEWS:
            raise ParameterError(f"unknown view {view!r}; choose from: {', '.join(VIEWS)}")
        if not versions or not set(versions) <= set(COLORS):
            raise ParameterError(f"versions must be out of {', '.join(COLORS)}, got {', '.join(versions)}")
        self._versions, self._view = tuple(versions), view
        self._panel_hw = panel_size(size_hw, n_panels=len(self._versions), max_width_px=MAX_WIDTH_PX)
        if view == "contours":
            self._panel_hw = whole_picture(size_hw)
        self._work_hw = min(self._panel_hw, size_hw)  # enlarged pictures move in whole blocks
        self._flow = FarnebackFlow(scale=1.0)
        self._heats = {name: FlickerHeat() for name in self._versions}
        self._previous: tuple[NDArray[np.uint8], float] | None = None  # small gray frame, its time

    def compose(self, frame: Frame, masks: Mapping[str, BoolMask]) -> UInt8Image:
        """Compose the picture of the next frame.

        Args:
            frame: The frame.
            masks: bool (H, W), the mask of each version.

        Returns:
            uint8 (H', W', 3), of one size for all frames, height and width even.
        """
        image = resize_image(frame.image, size_hw=self._panel_hw)
        when = f"frame {frame.index} · {frame.pts_s:.2f} s"
        rows: list[UInt8Image] = []
        if self._view in ("panels", "all"):
            panels = [self._panel(image, masks[name], name) for name in self._versions]
            captions = [_caption(name, when, masks=masks) for name in self._versions]
            rows.append(side_by_side(panels, captions=captions))
        if self._view in ("heat", "all"):
            captions = [
                ((name, COLORS[name]), (f" · flicker · {when}", TEXT_COLOR)) for name in self._versions
            ]
            rows.append(side_by_side(self._heat_panels(frame, image, masks), captions=captions))
            rows.append(heat_legend(width_px=rows[0].shape[1], size_px=font_px(self._panel_hw[1])))
        if self._view == "contours":
            rows.append(self._contours(image, masks, when))
        return stacked(rows)

    def _panel(self, image: UInt8Image, mask: BoolMask, name: str) -> UInt8Image:
        layer, colors = mask[np.newaxis], [COLORS[name]]
        filled = fill_masks(image, resize_masks(layer, size_hw=self._panel_hw), colors=colors)
        return draw_outlines(filled, layer, colors=colors)

    def _contours(self, image: UInt8Image, masks: Mapping[str, BoolMask], when: str) -> UInt8Image:
        order = sorted(self._versions, key=lambda name: name != TRUTH)  # the truth lies under what is judged
        layers = np.stack([masks[name] for name in order])
        drawn = draw_outlines(image, layers, colors=[COLORS[name] for name in order])
        words = [(f"{name}   ", COLORS[name]) for name in self._versions]
        return side_by_side([drawn], captions=[[*words, (when, TEXT_COLOR)]])

    def _heat_panels(
        self, frame: Frame, image: UInt8Image, masks: Mapping[str, BoolMask]
    ) -> list[UInt8Image]:
        step = self._moved(frame)
        panels = []
        for name in self._versions:
            (small,) = resize_masks(masks[name][np.newaxis], size_hw=self._work_hw)
            heat = self._heats[name].update(
                small, flow_to_prev=step.flow_to_prev, hidden=step.hidden, elapsed_s=step.elapsed_s
            )
            panels.append(draw_heat(image, resize_map(heat, self._panel_hw), mask=masks[name]))
        return panels

    def _moved(self, frame: Frame) -> _Step:
        gray, previous = to_gray(resize_image(frame.image, size_hw=self._work_hw)), self._previous
        self._previous = gray, frame.pts_s
        if previous is None:
            return _Step(None, None, 0.0)
        before, before_s = previous
        to_prev = self._flow(gray, before)
        if similarity(gray, before, to_prev=to_prev) < FusionParams().cut_similarity:
            return _Step(None, None, 0.0)
        return _Step(to_prev, occluded(to_prev, self._flow(before, gray)), frame.pts_s - before_s)


def overlay(
    masks: Path,
    *,
    video: Path,
    out: Path,
    truth: Path | None = None,
    view: View = "panels",
    source: SourceParams | None = None,
    writer: WriterParams | None = None,
    frames_zip: Path | None = None,
    force: bool = False,
    progress: Progress = silent,
) -> OverlayResult:
    """Make a video of masks that are already there, in one pass.

    Args:
        masks: Result folder (its `raw/` and `masks/`), or folder of PNGs.
        video: Video or folder of images that the masks belong to.
        out: The video, ending in .mp4; appears when it is complete.
        truth: Folder of PNGs with true masks, one per frame.
        view: One of `VIEWS`, as `OverlayComposer` describes them.
        source: How the video is read; None takes the defaults of `SourceParams`.
        writer: How `out` is encoded; None takes the defaults of `WriterParams`.
        frames_zip: Zip that gets the pictures as PNGs too; None for none.
        force: Replace `out` and `frames_zip`.
        progress: Told after every frame how many are done.

    Raises:
        ParameterError: `out` does not end in .mp4 or `frames_zip` in .zip, or there is no such view.
        SourceError: Masks, video or truth cannot be used, or do not fit each other.
        OutputError: `out` is there already, or cannot be written.
    """
    require_suffix(out, ".mp4", what="the overlay must be a video")
    rules, encoding = source or SourceParams(), writer or WriterParams()
    clip = open_source(video, fps=rules.fps)
    folders = {
        name: MaskFolder(path, size_hw=clip.info.size_hw) for name, path in _versions(masks, truth).items()
    }
    composer = OverlayComposer(list(folders), view=view, size_hw=clip.info.size_hw)
    total, n_done = expected(clip.info, max_frames=rules.max_frames or None), 0
    with film(out, fps=clip.info.fps, params=encoding, force=force, frames_zip=frames_zip) as show:
        for n_done, frame in enumerate(islice(clip, rules.max_frames or None), start=1):
            picture = composer.compose(frame, {name: folder.next_mask() for name, folder in folders.items()})
            show(picture, frame.pts_s)
            progress(n_done, total)
        if not n_done:
            raise VideoError(f"{video} must hold at least one frame, got none")
        if n_done != rules.max_frames:
            for folder in folders.values():
                folder.finish()
    return OverlayResult(out, n_done, tuple(folders), tuple(clip.losses))


def whole_picture(size_hw: tuple[int, int]) -> tuple[int, int]:
    """Return the size at which outlines are told apart best: larger by a whole factor if there is room."""
    height, width = panel_size(size_hw, n_panels=1, max_width_px=MAX_WIDTH_PX)
    factor = max(1, min(MAX_WIDTH_PX // width, MAX_HEIGHT_PX // height))
    return height * factor, width * factor


def _versions(masks: Path, truth: Path | None) -> dict[str, Path]:
    """Return what is shown, by name: of a result folder raw and stable masks, of another its masks."""
    shown = {MASKS: masks}
    if (masks / "raw").is_dir() and (masks / "masks").is_dir():
        shown = {RAW: masks / "raw", STABLE: masks / "masks"}
    return shown if truth is None else {**shown, TRUTH: truth}


def _caption(name: str, when: str, *, masks: Mapping[str, BoolMask]) -> Caption:
    """Say which version and frame it is, and where there is truth how well it is met."""
    j = f" · J {iou(masks[name], masks[TRUTH]):.2f}" if TRUTH in masks and name != TRUTH else ""
    return ((name, COLORS[name]), (f"{j} · {when}", TEXT_COLOR))
