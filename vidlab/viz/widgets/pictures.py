"""What the panel shows, drawn: the frame three ways, the curves with a cursor, the metrics as a table."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

from vidlab.jobs.stabilize import method_name
from vidlab.metrics.comparison import compare
from vidlab.metrics.overlap import iou
from vidlab.types import OBJECT_CLASS_ID, UInt8Image
from vidlab.viz import plots
from vidlab.viz.colors import Color, class_color
from vidlab.viz.overlay import (
    draw_difference,
    draw_masks,
    panel_size,
    resize_image,
    resize_masks,
    side_by_side,
)
from vidlab.viz.show import Picture, Table
from vidlab.viz.tables import comparison_rows
from vidlab.viz.widgets.shown import Shown, ShownFrame

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SHEET_IN = (12.4, 2.5)  # of the two curves, inches; together as wide as the three pictures
SHEET_DPI = 80  # at 100 they take longer to draw than the frame
CURSOR_COLOR: Color = (176, 48, 96)  # as `plots.MARK_COLOR`
MAX_WIDTH_PX = 1920  # of the three pictures together; larger ones shrink, tiny ones grow
PANELS = ("raw", "stable", "difference")
TABLE_HEADER = ("metric", "raw", "stable", "change")
_JPEG_QUALITY = 88


@dataclass(frozen=True, slots=True)
class FramePictures:
    """The current frame three ways, each uint8 (h, w, 3), RGB, and words for each.

    Attributes:
        raw: With the outline of the raw mask.
        stable: With that of the stable one.
        difference: Where they differ: red was removed, blue was added.
        captions: What to write over each.
    """

    raw: UInt8Image
    stable: UInt8Image
    difference: UInt8Image
    captions: tuple[str, str, str]

    @property
    def images(self) -> tuple[UInt8Image, UInt8Image, UInt8Image]:
        """All three, from left to right."""
        return self.raw, self.stable, self.difference


def draw_frame(frame: ShownFrame, *, method: str) -> FramePictures:
    """Draw the current frame; with truth the captions give J, the IoU with the true mask."""
    color = [class_color(OBJECT_CLASS_ID)]
    size_hw = panel_size(frame.raw.shape, n_panels=len(PANELS), max_width_px=MAX_WIDTH_PX)
    image = resize_image(frame.image, size_hw=size_hw)
    masks = resize_masks(np.stack([frame.raw, frame.stable]), size_hw=size_hw)
    raw, stable = (draw_masks(image, mask[np.newaxis], colors=color) for mask in masks)
    said = [f"raw · frame {frame.index}", f"stable, {method}"]
    if frame.truth is not None:
        said = [
            f"{words} · J {iou(mask, frame.truth):.3f}"
            for words, mask in zip(said, (frame.raw, frame.stable), strict=True)
        ]
    difference = draw_difference(image, masks[0], masks[1])
    return FramePictures(raw, stable, difference, (said[0], said[1], "red: removed · blue: added"))


def to_jpeg(image: UInt8Image) -> bytes:
    """Encode a picture, uint8 (h, w, 3), RGB; OpenCV takes a fifth of Pillow's time."""
    _, encoded = cv2.imencode(
        ".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY]
    )
    return encoded.tobytes()


def to_png(image: UInt8Image) -> bytes:
    """Encode a picture, uint8 (h, w, 3), RGB, without loss."""
    _, encoded = cv2.imencode(".png", cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
    return encoded.tobytes()


@dataclass(frozen=True, slots=True)
class Sheet:
    """The curves as a picture, on which a cursor is painted without drawing them again.

    Attributes:
        image: uint8 (h, w, 3), RGB.
        columns: int64 (axes, T): column of each frame in each axes, pixels.
        rows: First and last row of each axes, pixels.
    """

    image: UInt8Image
    columns: NDArray[np.int64]
    rows: Sequence[tuple[int, int]]

    def with_cursor(self, index: int) -> UInt8Image:
        """Return the picture with a cursor at a frame, uint8 (h, w, 3); without where there is none."""
        drawn = self.image.copy()
        if 0 <= index < self.columns.shape[1]:
            for column, (top, bottom) in zip(self.columns[:, index], self.rows, strict=True):
                drawn[top:bottom, column - 1 : column + 1] = CURSOR_COLOR
        return drawn


class CurvePlotter:
    """Draws overlap of neighboring frames, and area, again and again, as far as they are known.

    What is around the curves takes two thirds of the time and is seldom new: it is kept as a picture.
    """

    def __init__(self) -> None:
        """Begin with a blank sheet."""
        self._around: object = None  # what the kept picture depends on
        self._blank: NDArray[np.uint8] = np.zeros((0, 0, 4), np.uint8)

    def draw(self, shown: Shown) -> Sheet:
        """Draw raw and stable."""
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        figure = Figure(figsize=SHEET_IN, dpi=SHEET_DPI)
        canvas = FigureCanvasAgg(figure)
        both = figure.subplots(1, 2)
        figure.subplots_adjust(left=0.06, right=0.99, top=0.8, bottom=0.19, wspace=0.16)
        plot_shown(both, shown)
        changing = [artist for axes in both for artist in (*axes.lines, axes.get_legend()) if artist]
        for artist in changing:
            artist.set_animated(True)  # the canvas leaves them out
        around = [_around(axes) for axes in both]
        if around != self._around:
            canvas.draw()  # type: ignore[no-untyped-call]
            self._around, self._blank = around, np.array(canvas.buffer_rgba())  # type: ignore[no-untyped-call]
        pixels: NDArray[np.uint8] = np.asarray(canvas.get_renderer().buffer_rgba())  # type: ignore[no-untyped-call]
        pixels[:] = self._blank
        for artist in changing:
            artist.axes.draw_artist(artist)
        image = np.ascontiguousarray(pixels[:, :, :3])
        frames = np.arange(max(shown.n_frames, 1))
        columns = [axes.transData.transform(np.column_stack([frames, 0 * frames]))[:, 0] for axes in both]
        heights = [axes.get_window_extent() for axes in both]
        rows = [(round(image.shape[0] - box.y1), round(image.shape[0] - box.y0)) for box in heights]
        return Sheet(image, np.rint(np.array(columns)).astype(np.int64), rows)


def _around(axes: "Axes") -> tuple[object, ...]:
    """Return all that the surroundings of the curves are drawn from."""
    words = (axes.get_title(loc="left"), axes.get_xlabel(), axes.get_ylabel())
    ticks = (tuple(axes.get_xticks()), tuple(axes.get_yticks()))
    return (*words, axes.get_xlim(), axes.get_ylim(), *ticks)


def plot_shown(both: "Sequence[Axes]", shown: Shown) -> None:
    """Draw overlap of neighboring frames, and area, into two matplotlib axes; nothing without a clip."""
    if shown.raw_curves is None or shown.curves is None or shown.wish is None:
        return
    method = method_name(shown.wish.params)
    texts = {"iou_prev": ("IoU", "Overlap of neighboring frames"), "area_px": ("pixels", "Area")}
    for axes, (name, (ylabel, title)) in zip(both, texts.items(), strict=True):
        raw, stable = getattr(shown.raw_curves, name), getattr(shown.curves, name)
        plots.plot_raw_and_stable(axes, raw, stable, method=method, ylabel=ylabel, title=title)
        axes.set_xlim(-0.5, max(shown.n_frames - 0.5, 0.5))


def snapshot(shown: Shown) -> Picture:
    """Return the current frame three ways above the curves, for pages that cannot draw the panel."""
    sheet = CurvePlotter().draw(shown)
    if shown.frame is None or shown.wish is None:
        return Picture(sheet.image)
    drawn = draw_frame(shown.frame, method=method_name(shown.wish.params))
    curves = sheet.with_cursor(shown.frame.index)
    pictures = side_by_side(drawn.images, captions=drawn.captions)
    height, width = pictures.shape[:2]
    size_hw = (round(height * curves.shape[1] / width), curves.shape[1])
    return Picture(np.concatenate([resize_image(pictures, size_hw=size_hw), curves]))


def metrics_table(shown: Shown) -> Table | None:
    """Return raw against stable, None where either is not known."""
    if shown.raw is None or shown.stable is None:
        return None
    change = compare(shown.raw, shown.stable)
    return Table(TABLE_HEADER, comparison_rows(shown.raw, shown.stable, change=change))
