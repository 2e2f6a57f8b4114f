"""What the notebook and the benchmark of training need besides the jobs: pictures, an unseen clip, words."""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np
from numpy.typing import NDArray

from vidlab.errors import ParameterError
from vidlab.jobs.class_overlays import darkened
from vidlab.jobs.labels import LabelsResult, evaluate_labels
from vidlab.jobs.progress import silent
from vidlab.masks.labels import LabelFolder, classes_in
from vidlab.metrics.accuracy import Accuracy
from vidlab.params import EvidenceParams, SceneDataParams
from vidlab.synthetic import SceneSpec, iter_scene
from vidlab.training.scenes import class_indices, scene_spec, write_clip, write_scenes
from vidlab.types import UInt8Image
from vidlab.viz.learning import class_colors
from vidlab.viz.outlines import draw_outlines
from vidlab.viz.overlay import resize_image

if TYPE_CHECKING:
    from vidlab.models.semantic import SemanticSegmenter
    from vidlab.training.pairs import Pair
    from vidlab.training.pictures import Pictures
    from vidlab.training.scores import Scores

HELD_OUT = 900_000  # scenes from this number on are in no data set: they test
LOOKED_AT = 300  # of them, until one shows what a film needs
SEEN_SHARE = 0.01  # of the picture, that an object must fill to be seen
JUDGED_AT_ONCE = 16  # pictures
ENLARGED = 3  # times as large are small pictures shown, so that contours can be told apart


def draw_data(folder: Path, *, params: SceneDataParams, seed: int, workers: int = 0) -> Path:
    """Draw a data set of synthetic scenes anew; see `training.scenes.write_scenes`."""
    shutil.rmtree(folder, ignore_errors=True)
    write_scenes(folder, params=params, seed=seed, workers=workers, progress=silent)
    return folder


def draw_between(folder: Path, *, params: SceneDataParams, seed: int) -> "list[Pair]":
    """Draw the frames that lie midway between those of a data set, in the same scenes; see `draw_data`."""
    from vidlab.training.pairs import find_pairs

    closer = {"scene_every": params.scene_every // 2, "scene_frames": 2 * params.scene_frames - 1}
    pairs = find_pairs(draw_data(folder, params=params.model_copy(update=closer), seed=seed))
    return [pair for place, pair in enumerate(pairs) if place % closer["scene_frames"] % 2]


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
        pred = class_map(found, indices=range(1, len(names)), threshold=EvidenceParams().prob_threshold)
        rows[0].append(contours(image, labels, names=names))
        rows[1].append(contours(image, pred, names=names))
    return rows


def judge_weights(weights: Path, pairs: "Sequence[Pair]", *, names: Sequence[str]) -> "Scores":
    """Measure what a training wrote on pictures with masks, as its masks are used; see `training.judging`.

    Args:
        weights: Its `best.pt` or `last.pt`.
        pairs: The pictures.
        names: Name of each class index.

    Raises:
        WeightsError: The weights cannot be used.
        SourceError: A picture cannot be read.
    """
    from vidlab import models
    from vidlab.training.judging import judge
    from vidlab.training.pictures import Pictures

    evidence = EvidenceParams()
    built = models.create("unet", weights=str(weights), device="cpu", score_floor=evidence.drop_below)
    network = cast("SemanticSegmenter", built)  # which is what `unet` builds
    pictures = Pictures(pairs, binary=False, cache_mb=0)
    return judge(network, pictures, names=names, threshold=evidence.prob_threshold, batch=JUDGED_AT_ONCE)


def score_row(name: str, scores: "Scores") -> tuple[str, ...]:
    """Return a name, the mean Dice of the classes without background, and Dice of each, background first."""
    return (name, f"{scores.mean_dice:.3f}", *(f"{dice:.3f}" for dice in scores.dice))


@dataclass(frozen=True, slots=True)
class FilmScore:
    """What the labels of a clip are worth.

    Attributes:
        jf: Region similarity J and boundary F, mean of both over frames and classes, [0, 1].
        labels: IoU of each class, and how well the classes keep.
    """

    jf: float
    labels: LabelsResult


def judge_film(folder: Path, *, truth: Path, video: Path) -> FilmScore:
    """Measure the labels of a clip against the truth, and along its motion.

    Raises:
        SourceError: They cannot be read, or do not fit each other.
    """
    labels = evaluate_labels(folder, truth=truth, video=video)
    found, true = LabelFolder(folder), LabelFolder(truth)
    classes = classes_in(true.read(index, size_hw=None) for index in range(true.n_frames))
    each = {class_id: Accuracy() for class_id in classes}
    for index in range(true.n_frames):
        pred, target = (one.read(index, size_hw=None) for one in (found, true))
        for class_id, accuracy in each.items():
            accuracy.update(pred == class_id, target=target == class_id)
    return FilmScore(float(np.mean([accuracy.compute()["jf"] for accuracy in each.values()])), labels)


def film_rows(scores: Mapping[str, FilmScore]) -> list[tuple[str, ...]]:
    """Return a row for each version of a clip's labels: J&F, mIoU, TC, VC8 and the IoU of each class."""
    return [
        (
            name,
            f"{score.jf:.3f}",
            *(_share(value) for value in (summary.miou, summary.tc, summary.vc8_star)),
            ", ".join(f"{score.labels.names[index]} {iou:.2f}" for index, iou in summary.iou.items()),
        )
        for name, score in scores.items()
        for summary in (score.labels.summary,)
    ]


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"
