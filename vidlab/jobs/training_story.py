"""What the notebook and the benchmark of training need besides the jobs: pictures, an unseen clip, words."""

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from vidlab.errors import ParameterError
from vidlab.jobs.class_overlays import darkened
from vidlab.jobs.labels import LabelsResult
from vidlab.jobs.progress import silent
from vidlab.params import SceneDataParams
from vidlab.synthetic import SceneSpec, iter_scene
from vidlab.training.scenes import class_indices, scene_spec, write_clip, write_scenes
from vidlab.types import UInt8Image
from vidlab.viz.learning import class_colors
from vidlab.viz.outlines import draw_outlines
from vidlab.viz.overlay import resize_image

if TYPE_CHECKING:
    from vidlab.models.semantic import SemanticSegmenter
    from vidlab.training.pictures import Pictures

HELD_OUT = 900_000  # scenes from this number on are in no data set: they test
LOOKED_AT = 300  # of them, until one shows what a film needs
SEEN_SHARE = 0.01  # of the picture, that an object must fill to be seen
ENLARGED = 3  # times as large are small pictures shown, so that contours can be told apart


def draw_data(folder: Path, *, params: SceneDataParams, seed: int, workers: int = 0) -> Path:
    """Draw a data set of synthetic scenes anew; see `training.scenes.write_scenes`."""
    shutil.rmtree(folder, ignore_errors=True)
    write_scenes(folder, params=params, seed=seed, workers=workers, progress=silent)
    return folder


def draw_unseen(folder: Path, *, params: SceneDataParams, seed: int, n_frames: int) -> Path:
    """Draw a clip in which every class is always to be seen; see `training.scenes.write_clip`.

    It is the first such scene among those that no data set of this seed holds; what a network makes of it has
    no say.

    Raises:
        ParameterError: There is none among as many as are looked at.
    """
    shutil.rmtree(folder, ignore_errors=True)
    for number in range(HELD_OUT, HELD_OUT + LOOKED_AT):
        spec = scene_spec(number, params=params, seed=seed, n_frames=n_frames)
        if shows_all(spec):
            write_clip(folder, spec=spec)
            return folder
    raise ParameterError(
        f"every class must be in every frame of one of {LOOKED_AT} scenes, got none with "
        f"{params.scene_classes}; take fewer classes or frames"
    )


def shows_all(spec: SceneSpec) -> bool:
    """Whether every class of a scene is to be seen in each of its frames, and not only a speck of it."""
    least_px = SEEN_SHARE * spec.size_hw[0] * spec.size_hw[1]
    for frame in iter_scene(spec):
        area_px = np.bincount(class_indices(frame, classes=spec.classes).ravel(), minlength=256)
        if area_px[1 : 1 + len(spec.classes)].min() < least_px:
            return False
    return True


def contours(image: UInt8Image, labels: NDArray[np.uint8], *, names: Sequence[str]) -> UInt8Image:
    """Draw the contour of each class but 0 over a darkened picture, enlarged.

    Args:
        image: uint8 (H, W, 3), RGB.
        labels: uint8 (H, W), class indices.
        names: Name of each class index.
    """
    indices = np.arange(1, len(names), dtype=np.uint8)
    size_hw = (ENLARGED * image.shape[0], ENLARGED * image.shape[1])
    large = resize_image(darkened(image), size_hw=size_hw)
    return draw_outlines(large, labels == indices[:, None, None], colors=class_colors(names)[1:])


def truth_and_predictions(
    network: "SemanticSegmenter", pictures: "Pictures", *, chosen: Sequence[int], names: Sequence[str]
) -> list[list[UInt8Image]]:
    """Return two rows of pictures: the true contours above, those of a network below."""
    from vidlab.training.judging import class_map

    rows: list[list[UInt8Image]] = [[], []]
    for index in chosen:
        image, labels = pictures.read(index)
        (found,) = network.segment([image])
        pred = class_map(found, indices=range(1, len(names)), threshold=0.5)
        rows[0].append(contours(image, labels, names=names))
        rows[1].append(contours(image, pred, names=names))
    return rows


def label_rows(results: Mapping[str, LabelsResult]) -> list[tuple[str, ...]]:
    """Return a row for each version of a clip's labels: mIoU, TC, VC8 and the IoU of each class."""
    return [
        (
            name,
            *(_share(value) for value in (each.summary.miou, each.summary.tc, each.summary.vc8_star)),
            ", ".join(f"{each.names[index]} {iou:.2f}" for index, iou in each.summary.iou.items()),
        )
        for name, each in results.items()
    ]


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"
