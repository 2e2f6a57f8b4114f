"""What the page shows: videos of the picture alone and of each version of its masks, and single frames."""

import json
import shutil
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

import numpy as np

from vidlab.errors import VideoError
from vidlab.jobs.overlays import RAW, RAW_COLOR, STABLE
from vidlab.jobs.progress import Progress
from vidlab.jobs.truth import MaskFolder
from vidlab.params import SourceParams, WriterParams
from vidlab.types import BoolMask, UInt8Image
from vidlab.video import VideoWriter, open_source
from vidlab.viz.colors import Color
from vidlab.viz.outlines import draw_outlines
from vidlab.viz.overlay import fill_masks, panel_size, resize_image, resize_masks
from vidlab.web.schemas import VideoType

COLORS: Mapping[str, Color] = {
    RAW: RAW_COLOR,
    STABLE: (60, 225, 160),  # the green of the page's plots, brighter: it has to stand out from a picture
}
ORIGINAL: VideoType = "original"
VIEW = "view.json"  # sizes and times of what is shown
KEY_EVERY = 12  # frames: a jump to any frame decodes no more than these


def view_size(size_hw: tuple[int, int], *, width_px: int) -> tuple[int, int]:
    """Return height and width, even, at which frames are shown; tiny ones grow by a whole factor.

    >>> view_size((1080, 1920), width_px=1280), view_size((49, 81), width_px=1280)
    ((720, 1280), (196, 324))
    """
    height, width = panel_size(size_hw, n_panels=1, max_width_px=width_px)
    return (height + height % 2, width + width % 2)


def drawn(image: UInt8Image, mask: BoolMask, *, version: str) -> UInt8Image:
    """Draw a mask of any size over a picture: tinted, with an outline, in the color of its version."""
    layer, colors = mask[np.newaxis], [COLORS[version]]
    filled = fill_masks(image, resize_masks(layer, size_hw=image.shape[:2]), colors=colors)
    return draw_outlines(filled, layer, colors=colors)


def outlined(image: UInt8Image, masks: Mapping[str, BoolMask]) -> UInt8Image:
    """Draw the outlines of several versions over one picture, each in its color, later ones on top."""
    layers = np.stack(list(masks.values()))
    return draw_outlines(image, layers, colors=[COLORS[version] for version in masks])


def draw_films(
    video: Path,
    folder: Path,
    *,
    masks: Mapping[VideoType, Path],
    with_original: bool,
    width_px: int,
    progress: Progress,
) -> int:
    """Write `NAME.mp4` for each version of the masks, in one pass, and `view.json`.

    Args:
        video: Video that the masks are of.
        folder: Where to; appears when all of it is complete.
        masks: Version → folder of PNGs, one per frame.
        with_original: Write `original.mp4` too.
        width_px: Width to which wider frames are scaled.
        progress: Told after every frame how many are done.

    Returns:
        The number of frames.

    Raises:
        SourceError: Video or masks cannot be read, or do not fit each other.
        OutputError: A video cannot be written.
    """
    clip = open_source(video, fps=SourceParams().fps)
    view_hw, encoding = view_size(clip.info.size_hw, width_px=width_px), WriterParams().model_dump()
    folders = {name: MaskFolder(path, size_hw=None) for name, path in masks.items()}
    names = [*folders, *([ORIGINAL] if with_original else [])]
    partial = folder.with_name(f".{folder.name}.part")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    times_s: list[float] = []
    with ExitStack() as stack:
        writers = {
            name: stack.enter_context(
                VideoWriter(
                    partial / f"{name}.mp4",
                    size_hw=view_hw,
                    fps=clip.info.fps,
                    key_every=KEY_EVERY,
                    **encoding,
                )
            )
            for name in names
        }
        for frame in clip:
            image = resize_image(frame.image, size_hw=view_hw)
            for name, writer in writers.items():
                shown = image if name == ORIGINAL else drawn(image, folders[name].next_mask(), version=name)
                writer.write(shown, pts_s=frame.pts_s)
            times_s.append(frame.pts_s)
            progress(len(times_s), clip.info.n_frames)
        for masks_of in folders.values():
            masks_of.finish()
        if not times_s:
            raise VideoError(f"{video} must hold at least one frame, got none")
    view = {
        "n_frames": len(times_s),
        "fps": clip.info.fps,
        "size_hw": list(clip.info.size_hw),
        "view_hw": list(view_hw),
        "pts_s": [round(time_s - times_s[0], 6) for time_s in times_s],
        "losses": list(clip.losses),
    }
    (partial / VIEW).write_text(json.dumps(view), "utf-8")
    shutil.rmtree(folder, ignore_errors=True)
    partial.rename(folder)
    return len(times_s)
