"""The built-in data set: synthetic scenes with exact masks of several classes, a folder like any other."""

from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from functools import partial
from itertools import islice
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vidlab.classes import class_ids, class_name
from vidlab.masks.labels import BACKGROUND
from vidlab.masks.png import write_labels_png
from vidlab.models.outputs import BACKGROUND_NAME
from vidlab.params import SceneDataParams
from vidlab.synthetic import SceneFrame, SceneSpec, iter_scene, random_scene
from vidlab.video import frame_name, write_image

PLAIN: dict[str, Any] = {  # fields of `SceneSpec` that `random_scene` would draw from a wide range
    "n_objects": 3, "min_size": 0.5, "max_size": 0.75, "occlusion": 0, "distractors": 0, "clutter": 0.1,
    "deformation": 0.3, "articulation": 0.8, "motion_blur": 0.2, "defocus_px": 0.0, "noise": 2.0,
    "light_change": 0.1, "enter_leave": 0.0, "camera_pan_px": 0.2, "camera_zoom": 0.0,
}  # fmt: skip
SCENES_AT_ONCE = 8  # that a worker is given: a scene takes hundredths of a second
SEEDS_APART = 1_000_003  # two data sets of different seeds share no scene


def scene_names(params: SceneDataParams) -> tuple[str, ...]:
    """Return the names of the classes, background first.

    Raises:
        ParameterError: Nobody knows a name, or can draw its class.
    """
    scene_spec(0, params=params, seed=0)
    return (BACKGROUND_NAME, *(class_name(each) for each in _ids(params)))


def scene_spec(number: int, *, params: SceneDataParams, seed: int, n_frames: int | None = None) -> SceneSpec:
    """Return one scene of the data set, or one that it does not hold: `number` may be beyond.

    Args:
        number: Its number, from 0.
        params: What is drawn.
        seed: Seed of the data set.
        n_frames: Its length; None takes as many as training frames span.

    Raises:
        ParameterError: A class cannot be drawn.
    """
    span = (params.scene_frames - 1) * params.scene_every + 1
    return random_scene(
        seed * SEEDS_APART + number,
        size_hw=(params.scene_px, params.scene_px),
        n_frames=n_frames or span,
        classes=_ids(params),
        **(PLAIN if params.scene_kind == "plain" else {}),
    )


def class_indices(frame: SceneFrame, *, classes: tuple[int, ...]) -> NDArray[np.uint8]:
    """Return the class of each pixel of a drawn frame, uint8 (H, W): place in `classes` + 1, background 0."""
    labels = np.full(frame.image.shape[:2], BACKGROUND, np.uint8)
    for mask, class_id in zip(frame.instances.masks, frame.instances.class_ids.tolist(), strict=True):
        labels[mask] = 1 + classes.index(class_id)
    return labels


def write_scenes(
    folder: Path, *, params: SceneDataParams, seed: int, workers: int, progress: Callable[[int, int], None]
) -> None:
    """Draw the data set: `images/SCENE/NNNNN.png` and `masks/SCENE/NNNNN.png`, a clip for each scene.

    Equal parameters and seeds draw equal files, whoever draws them.

    Args:
        folder: Where to write; is made.
        params: What is drawn.
        seed: Another one draws other scenes.
        workers: Processes that draw; 0 draws here.
        progress: Told after every scene how many are done, of how many.

    Raises:
        ParameterError: A class cannot be drawn.
        OutputError: A file cannot be written.
    """
    scene_names(params)  # what cannot be drawn is said here, not by a worker
    draw = partial(_write_scene, folder, params=params, seed=seed)
    with ExitStack() as stack:
        drawn: Iterable[None] = map(draw, range(params.scenes))
        if workers:
            pool = ProcessPoolExecutor(workers, mp_context=get_context("spawn"))
            stack.callback(pool.shutdown, cancel_futures=True)
            drawn = pool.map(draw, range(params.scenes), chunksize=SCENES_AT_ONCE)
        for number, _ in enumerate(drawn):
            progress(number + 1, params.scenes)


def _write_scene(folder: Path, number: int, *, params: SceneDataParams, seed: int) -> None:
    classes = _ids(params)
    images, masks = (folder / kind / f"scene_{number:06d}" for kind in ("images", "masks"))
    images.mkdir(parents=True)
    masks.mkdir(parents=True)
    spec = scene_spec(number, params=params, seed=seed)
    for frame in islice(iter_scene(spec), 0, None, params.scene_every):
        name = frame_name(frame.index, suffix=".png")
        write_image(images / name, frame.image)
        write_labels_png(masks / name, class_indices(frame, classes=classes))


def write_clip(folder: Path, *, spec: SceneSpec) -> None:
    """Draw one scene as a clip to be segmented: `frames/NNNNN.png`, and `truth/NNNNN.png` with COCO ids.

    Args:
        folder: Where to write; is made.
        spec: The scene, as `scene_spec` returns it.

    Raises:
        OutputError: A file cannot be written.
    """
    for kind in ("frames", "truth"):
        (folder / kind).mkdir(parents=True)
    for frame in iter_scene(spec):
        name = frame_name(frame.index, suffix=".png")
        write_image(folder / "frames" / name, frame.image)
        truth = np.full(frame.image.shape[:2], BACKGROUND, np.uint8)
        for mask, class_id in zip(frame.instances.masks, frame.instances.class_ids.tolist(), strict=True):
            truth[mask] = class_id
        write_labels_png(folder / "truth" / name, truth)


def _ids(params: SceneDataParams) -> tuple[int, ...]:
    return class_ids(name for name in params.scene_classes.split(",") if name.strip())
