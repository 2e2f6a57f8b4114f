"""Videos of several classes: contours of each in its color over a darkened frame, and how large each is."""

import csv
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vidlab.classes import class_name
from vidlab.errors import MaskError, VideoError
from vidlab.jobs.films import film, require_suffix
from vidlab.jobs.output import result_file
from vidlab.jobs.overlays import COLORS, MASKS, MAX_WIDTH_PX, RAW, STABLE, TRUTH
from vidlab.jobs.progress import Progress, silent
from vidlab.jobs.reading import expected
from vidlab.jobs.wanted import names_beside
from vidlab.jobs.writing import LABELS, RAW_LABELS
from vidlab.masks.labels import LabelFolder, classes_in
from vidlab.params import SourceParams, WriterParams
from vidlab.types import Frame, UInt8Image
from vidlab.video import open_source
from vidlab.viz.colors import distinct_colors
from vidlab.viz.outlines import draw_outlines
from vidlab.viz.overlay import TEXT_COLOR, font_px, panel_size, resize_image, side_by_side, stacked, text_bar

Labels = NDArray[np.uint8]
BRIGHTNESS = 0.45  # of the frame under the contours: they stand out, what they are around can be told


@dataclass(frozen=True, slots=True)
class ClassOverlayResult:
    """What was made.

    Attributes:
        path: The video.
        areas: CSV with the area of each class in each version, frame by frame.
        plot: Picture of the same.
        n_frames: Frames in the video.
        versions: What is shown: `raw` and `stable`, or `masks`; `truth`.
        names: Class → name.
        area_px: Version → float64 (T, K), pixels.
        losses: What the source could not give.
    """

    path: Path
    areas: Path
    plot: Path
    n_frames: int
    versions: tuple[str, ...]
    names: dict[int, str]
    area_px: dict[str, NDArray[np.float64]]
    losses: tuple[str, ...]


class ClassComposer:
    """Composes one picture per frame: a panel for each version, and one legend under all of them."""

    def __init__(
        self, versions: Sequence[str], *, names: Mapping[int, str], size_hw: tuple[int, int]
    ) -> None:
        """Choose what is shown.

        Args:
            versions: Names of the versions, out of `overlays.COLORS`, in the order they are shown.
            names: Label → name of every class that gets a contour; the legend is these, in every frame.
            size_hw: Height and width of the frames, in pixels.
        """
        self._versions, self._names = tuple(versions), dict(names)
        self._colors = distinct_colors(self._names)
        self._panel_hw = panel_size(size_hw, n_panels=len(self._versions), max_width_px=MAX_WIDTH_PX)

    def compose(self, frame: Frame, labels: Mapping[str, Labels]) -> UInt8Image:
        """Compose the picture of the next frame.

        Args:
            frame: The frame.
            labels: uint8 (H, W), the class of each pixel in each version.

        Returns:
            uint8 (H', W', 3), of one size for all frames, height and width even.
        """
        image = darkened(resize_image(frame.image, size_hw=self._panel_hw))
        when = f" · frame {frame.index} · {frame.pts_s:.2f} s"
        captions = [((name, COLORS[name]), (when, TEXT_COLOR)) for name in self._versions]
        panels = [self._panel(image, labels[name]) for name in self._versions]
        picture = side_by_side(panels, captions=captions)
        return stacked([picture, self._legend(picture.shape[1])])

    def _panel(self, image: UInt8Image, labels: Labels) -> UInt8Image:
        masks = labels == np.array(list(self._names), np.uint8)[:, np.newaxis, np.newaxis]
        return draw_outlines(image, masks, colors=self._colors)

    def _legend(self, width_px: int) -> UInt8Image:
        words = [
            (f"{name}   ", color) for name, color in zip(self._names.values(), self._colors, strict=True)
        ]
        return text_bar(words, width_px=width_px, size_px=font_px(self._panel_hw[1]))


def darkened(image: UInt8Image) -> UInt8Image:
    """Return a picture, uint8 (H, W, 3), less bright, so that contours stand out from it.

    >>> int(darkened(np.full((1, 1, 3), 200, np.uint8)).max())
    90
    """
    return np.asarray(image * np.float32(BRIGHTNESS) + np.float32(0.5), np.uint8)


def overlay_classes(
    masks: Path,
    *,
    video: Path,
    out: Path,
    truth: Path | None = None,
    source: SourceParams | None = None,
    writer: WriterParams | None = None,
    frames_zip: Path | None = None,
    force: bool = False,
    progress: Progress = silent,
) -> ClassOverlayResult:
    """Make a video of several classes, and beside it their areas as `NAME_areas.csv` and `NAME_areas.png`.

    Args:
        masks: Result folder of several classes (its `raw_labels/` and `labels/`), or folder of label PNGs.
        video: Video or folder of images that they belong to.
        out: The video, ending in .mp4.
        truth: Folder of label PNGs with the true classes, one per frame.
        source: How the video is read; None takes the defaults of `SourceParams`.
        writer: How `out` is encoded; None takes the defaults of `WriterParams`.
        frames_zip: Zip that gets the pictures as PNGs too; None for none.
        force: Replace what is there.
        progress: Told after every frame how many are done.

    Raises:
        ParameterError: `out` does not end in .mp4, or `frames_zip` in .zip.
        SourceError: Labels, video or truth cannot be used, or do not fit each other.
        OutputError: A result is there already, or cannot be written.
    """
    require_suffix(out, ".mp4", what="the overlay must be a video")
    rules = source or SourceParams()
    clip = open_source(video, fps=rules.fps)
    folders = {name: LabelFolder(path) for name, path in _versions(masks, truth).items()}
    names = _names(masks, folders)
    composer = ClassComposer(list(folders), names=names, size_hw=clip.info.size_hw)
    rows: dict[str, list[NDArray[np.float64]]] = {name: [] for name in folders}
    total = expected(clip.info, max_frames=rules.max_frames or None)
    areas, plot = (out.with_name(f"{out.stem}_areas{suffix}") for suffix in (".csv", ".png"))
    with ExitStack() as stack:
        partial = [stack.enter_context(result_file(path, force=force)) for path in (areas, plot)]
        show = stack.enter_context(
            film(out, fps=clip.info.fps, params=writer or WriterParams(), force=force, frames_zip=frames_zip)
        )
        for index, frame in enumerate(islice(clip, rules.max_frames or None)):
            labels = {name: each.read(index, size_hw=clip.info.size_hw) for name, each in folders.items()}
            for name, shown in labels.items():
                rows[name].append(np.bincount(shown.ravel(), minlength=256)[list(names)].astype(np.float64))
            show(composer.compose(frame, labels), frame.pts_s)
            progress(index + 1, total)
        n_frames = len(rows[next(iter(rows))])
        if not n_frames:
            raise VideoError(f"{video} must hold at least one frame, got none")
        if n_frames != rules.max_frames:
            for each in folders.values():
                each.require_end(n_frames)
        area_px = {name: np.stack(each) for name, each in rows.items()}
        _write_areas(partial[0], area_px, names=names)
        _plot_areas(partial[1], area_px, names=names)
    return ClassOverlayResult(out, areas, plot, n_frames, tuple(folders), names, area_px, tuple(clip.losses))


def _versions(masks: Path, truth: Path | None) -> dict[str, Path]:
    """Return what is shown, by name: of a result folder raw and stable labels, of another its labels."""
    shown = {MASKS: masks}
    if (masks / RAW_LABELS).is_dir() and (masks / LABELS).is_dir():
        shown = {RAW: masks / RAW_LABELS, STABLE: masks / LABELS}
    elif (masks / "masks").is_dir() and (masks / "raw").is_dir():
        raise MaskError(
            f"a result of several classes must have {LABELS}/, got {masks}, which shows fewer than two"
        )
    return shown if truth is None else {**shown, TRUTH: truth}


def _names(masks: Path, folders: Mapping[str, LabelFolder]) -> dict[int, str]:
    """Return every class that is somewhere, and its name: of a result as it says, else the number alone."""
    shown = classes_in(
        each.read(index, size_hw=None) for each in folders.values() for index in range(each.n_frames)
    )
    if not (masks / "params.json").is_file():
        return {label: f"class {label}" for label in shown}
    own = names_beside(masks)
    return {label: class_name(label, own) for label in shown}


def _write_areas(path: Path, area_px: Mapping[str, NDArray[np.float64]], *, names: Mapping[int, str]) -> None:
    header = [f"{version} {name}" for version in area_px for name in names.values()]
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["frame", *header])
        for index, row in enumerate(np.concatenate(list(area_px.values()), axis=1)):
            writer.writerow([index, *(int(area) for area in row)])


def _plot_areas(path: Path, area_px: Mapping[str, NDArray[np.float64]], *, names: Mapping[int, str]) -> None:
    from matplotlib.figure import Figure  # half a second: only when something is drawn

    from vidlab.viz.areas import plot_class_areas

    figure = Figure(figsize=(9, 3.6), dpi=110, layout="constrained")
    plot_class_areas(figure.add_subplot(), area_px, names=names)
    figure.savefig(path)
