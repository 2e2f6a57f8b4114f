"""Frames on which an exported network is compared and calibrated: the user's own, or drawn scenes."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from vidlab.params import ExportParams, SourceParams
from vidlab.synthetic import iter_scene, random_scene
from vidlab.types import UInt8Image
from vidlab.video import open_source

FIRST_SEED = 7_000_000  # beyond every seed of scripts/train_demo.py
DRAWN_HW, DRAWN_OBJECTS, SCENE_FRAMES = (180, 320), 3, 4


@dataclass(frozen=True, slots=True)
class ExportFrames:
    """Pictures of one clip, uint8 (H, W, 3), RGB.

    Attributes:
        checked: On these the file is compared.
        calibration: On these quantization sees which values occur; others than `checked`, if there are.
        source: Where they come from, for outputs.
    """

    checked: list[UInt8Image]
    calibration: list[UInt8Image]
    source: str


def read_frames(video: Path | None, *, params: ExportParams) -> ExportFrames:
    """Take frames from all over a clip, or of drawn scenes, at the only size that the file is to take.

    Args:
        video: Video, or folder of images; None draws.
        params: How many, and their size.

    Raises:
        VideoError: The frames cannot be read.
    """
    n_calibration = params.calibration_frames if params.quantize == "static" else 0
    n_wanted = params.check_frames + n_calibration
    images = list(_draw(n_wanted, params.size_hw) if video is None else _spread(video, n_wanted))
    if params.size_hw is not None:
        images = [_at_size(image, params.size_hw) for image in images]
    checked = set(np.linspace(0, len(images) - 1, min(params.check_frames, len(images))).round().astype(int))
    others = [image for place, image in enumerate(images) if place not in checked]
    return ExportFrames(
        [images[place] for place in sorted(checked)],
        others or images,
        "drawn scenes" if video is None else video.name,
    )


def _spread(video: Path, n_wanted: int) -> Iterator[UInt8Image]:
    """Yield frames at equal distances, from the first; all where there are not enough."""
    source = open_source(video, fps=SourceParams().fps)
    step = max(1, (source.info.n_frames or n_wanted) // n_wanted)
    for place, frame in enumerate(source):
        if place % step == 0:
            yield frame.image
        if place // step == n_wanted - 1:
            return


def _draw(n_wanted: int, size_hw: tuple[int, int] | None) -> Iterator[UInt8Image]:
    for start in range(0, n_wanted, SCENE_FRAMES):
        scene = random_scene(
            FIRST_SEED + start,
            size_hw=size_hw or DRAWN_HW,
            n_frames=min(SCENE_FRAMES, n_wanted - start),
            n_objects=DRAWN_OBJECTS,
        )
        yield from (frame.image for frame in iter_scene(scene))


def _at_size(image: UInt8Image, size_hw: tuple[int, int]) -> UInt8Image:
    if image.shape[:2] == size_hw:
        return image
    scaled = cv2.resize(image, size_hw[::-1], interpolation=cv2.INTER_AREA)
    return np.asarray(scaled, np.uint8)
