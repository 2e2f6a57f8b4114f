"""The frames in which masks are worst, found in the curves, and shown as pictures."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np

from vidlab.jobs.clips import ClipPaths
from vidlab.masks.folder import numbered_pngs
from vidlab.masks.png import read_mask_png
from vidlab.masks.source import open_png_masks
from vidlab.metrics.summary import ClipSummary
from vidlab.metrics.verdict import CALM_NOISE
from vidlab.params import SourceParams
from vidlab.types import OBJECT_CLASS_ID, BoolMask, UInt8Image
from vidlab.video import open_source
from vidlab.viz.colors import Color
from vidlab.viz.overlay import draw_difference, draw_masks, panel_size, resize_image, resize_masks

EACH = 3  # frames of each kind: with six rows the sheet still fits a screen
APART_FRAMES = 5  # at least so far from one another: neighbors of a bad frame show the same mistake
SHEET_WIDTH_PX = 1920
ROOM = 1.6  # a zoom shows the masks with so much around them
MAX_ZOOM = 8.0  # of a tiny mask more would show pixels, and nothing to know the place by
MAX_SHARE = 0.75  # of the picture's side: a zoom that shows more is not worth the loss of the whole
MASK_COLOR: Color = (255, 210, 0)
TRUTH_COLOR: Color = (0, 220, 255)
AGAINST_COLOR: Color = (255, 90, 200)


@dataclass(frozen=True, slots=True)
class WorstFrame:
    """A frame worth looking at.

    Attributes:
        number: What it is called in plots and pictures, from 1, in the order of time.
        index: Frame, from 0.
        reason: What is bad there, with its value.
    """

    number: int
    index: int
    reason: str


@dataclass(frozen=True, slots=True)
class WorstPicture:
    """A worst frame as panels of one size.

    Attributes:
        frame: Which it is.
        panels: uint8 (H, W, 3), RGB.
        captions: One for each panel.
    """

    frame: WorstFrame
    panels: list[UInt8Image]
    captions: list[str]


@dataclass(frozen=True, slots=True)
class _Layer:
    """One mask over one picture."""

    caption: str
    image: UInt8Image | None
    mask: BoolMask
    color: Color


def find_worst(summary: ClipSummary) -> list[WorstFrame]:
    """Return the frames with the smallest J and those with the most flicker, in the order of time.

    Where there is truth, flicker is what exceeds the truth's own; without a video, it is instability. A
    perfect J and flicker within the noise of its measure are never worst.

    Args:
        summary: Metrics of the masks, with their curves.
    """
    curves = summary.curves
    reasons: dict[int, str] = {}
    misses = [None if value is None else 1.0 - value for value in curves.j]
    for index in _extremes(misses, above=0.0, taken=()):
        reasons[index] = f"J {curves.j[index]:.2f}"
    said, flicker = _flicker(summary)
    for index in _extremes(flicker, above=CALM_NOISE, taken=tuple(reasons)):
        reason = f"{said} {flicker[index]:.2f}"
        reasons[index] = f"{reasons[index]} · {reason}" if index in reasons else reason
    return [WorstFrame(n, index, reasons[index]) for n, index in enumerate(sorted(reasons), start=1)]


def draw_worst(
    frames: Sequence[WorstFrame], *, paths: ClipPaths, source: SourceParams
) -> Iterator[WorstPicture]:
    """Draw the worst frames one after the other, in the order of time.

    Panels show the frame before, the masks, the rival's and the true ones, and where masks and truth differ
    (without truth: where masks differ from the frame before), all zoomed to where the masks are. Masks are
    read for these frames only; a video is decoded again up to the last of them. Two pictures are held.

    Args:
        frames: What `find_worst` returned.
        paths: Where masks, truth, video and rival lie; without a video the background is black.
        source: How the video was read.

    Raises:
        SourceError: Something can no longer be read.
    """
    masks, truth, against = (_files(path) for path in (paths.masks, paths.truth, paths.against))
    for frame, before, image in _images(frames, paths.video, source=source):
        index = frame.index
        now = read_mask_png(masks[index], size_hw=None)
        layers = [_Layer(f"#{frame.number} · frame {index} · {frame.reason}", image, now, MASK_COLOR)]
        if index:
            past = read_mask_png(masks[index - 1], size_hw=None)
            layers.insert(0, _Layer(f"the frame before, {index - 1}", before, past, MASK_COLOR))
        else:
            layers.insert(0, _Layer("no frame before", None, np.zeros_like(now), MASK_COLOR))
        if against:
            layers.append(
                _Layer("against", image, read_mask_png(against[index], size_hw=None), AGAINST_COLOR)
            )
        if truth:
            layers.append(_Layer("truth", image, read_mask_png(truth[index], size_hw=None), TRUTH_COLOR))
        yield _picture(frame, layers, reference=layers[-1 if truth else 0].mask, has_truth=bool(truth))


def _picture(
    frame: WorstFrame, layers: Sequence[_Layer], *, reference: BoolMask, has_truth: bool
) -> WorstPicture:
    now = layers[1]
    full_hw = (now.mask.shape[0], now.mask.shape[1])
    size_hw = panel_size(full_hw, n_panels=len(layers) + 1, max_width_px=SHEET_WIDTH_PX)
    window, zoom = window_around([layer.mask for layer in layers])
    images, masks = [], []
    for layer in layers:
        image = np.zeros((*full_hw, 3), np.uint8) if layer.image is None else layer.image
        images.append(resize_image(np.ascontiguousarray(image[window]), size_hw=size_hw))
        masks.append(resize_masks(layer.mask[window][np.newaxis], size_hw=size_hw))
    panels = [
        draw_masks(image, mask, colors=[layer.color])
        for image, mask, layer in zip(images, masks, layers, strict=True)
    ]
    target = resize_masks(reference[window][np.newaxis], size_hw=size_hw)[0]
    panels.append(draw_difference(images[1], masks[1][0], target))
    said = "red: too much, blue: missed" if has_truth else "red: came, blue: went"
    captions = [layer.caption for layer in layers]
    return WorstPicture(frame, panels, [*captions, said if zoom == 1 else f"{said} · zoom {zoom:.1f} x"])


def window_around(masks: Sequence[BoolMask]) -> tuple[tuple[slice, slice], float]:
    """Find the part of the picture, of the same shape, that shows all masks with some room around them.

    Args:
        masks: bool (H, W), at least one.

    Returns:
        Rows and columns, and how much the part is magnified; the whole picture, 1, where the masks fill most
        of it, or are empty.
    """
    height, width = masks[0].shape
    y, x = np.nonzero(np.logical_or.reduce(masks))
    share = 1.0 if not y.size else ROOM * max((np.ptp(y) + 1) / height, (np.ptp(x) + 1) / width)
    if share > MAX_SHARE:
        return np.s_[:, :], 1.0
    share = max(share, 1 / MAX_ZOOM)
    sides = []
    for places, length in ((y, height), (x, width)):
        shown = max(1, round(share * length))
        start = int(np.clip((places.min() + places.max() + 1 - shown) // 2, 0, length - shown))
        sides.append(slice(start, start + shown))
    return (sides[0], sides[1]), 1.0 / share


def _flicker(summary: ClipSummary) -> tuple[str, Sequence[float | None]]:
    curves = summary.curves
    if summary.excess_flicker is not None:
        return "excess flicker", curves.excess_flicker
    if summary.flicker_mean is not None:
        return "flicker", curves.flicker
    return "instability", [None if value is None else 1.0 - value for value in curves.iou_prev]


def _extremes(badness: Iterable[float | None], *, above: float, taken: Sequence[int]) -> list[int]:
    """Return the frames that are worst, far enough from one another and from those taken, or among these."""
    known = [(value, index) for index, value in enumerate(badness) if value is not None and value > above]
    found: list[int] = []
    for _, index in sorted(known, key=lambda pair: (-pair[0], pair[1])):
        others = [other for other in (*found, *taken) if other != index]
        if len(found) < EACH and all(abs(index - other) >= APART_FRAMES for other in others):
            found.append(index)
    return found


def _files(folder: Path | None) -> list[Path]:
    if folder is None:
        return []
    return numbered_pngs(open_png_masks(folder, size_hw=None, class_id=OBJECT_CLASS_ID).path)


def _images(
    frames: Sequence[WorstFrame], video: Path | None, *, source: SourceParams
) -> Iterator[tuple[WorstFrame, UInt8Image | None, UInt8Image | None]]:
    """Give every frame the picture before it and its own."""
    if video is None:
        yield from ((frame, None, None) for frame in frames)
        return
    by_place = {frame.index: frame for frame in frames}
    before: UInt8Image | None = None
    clip = open_source(video, fps=source.fps)
    for place, read in enumerate(islice(clip, max(by_place, default=-1) + 1)):
        if place in by_place:
            yield by_place[place], before, read.image
        before = read.image
