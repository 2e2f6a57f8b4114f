"""Drawn films in class folders: a small data set of our own, laid out as UCF101 is."""

import json
from collections.abc import Sequence
from pathlib import Path

from vidlab.classes import class_ids
from vidlab.jobs.output import result_folder
from vidlab.jobs.progress import Progress, silent
from vidlab.params import WriterParams
from vidlab.synthetic import iter_scene, random_scene
from vidlab.video import VideoWriter

RECORD = "films.json"


def draw_films(
    folder: Path,
    *,
    classes: Sequence[str],
    per_class: int,
    n_frames: int,
    size_hw: tuple[int, int],
    seed: int,
    progress: Progress = silent,
) -> list[Path]:
    """Draw films with objects of one class each, `folder/CLASS/film_00.mp4` and so on; those there are kept.

    Args:
        folder: Where to; replaced if it holds films drawn to another order.
        classes: Names of classes that can be drawn.
        per_class: Films of each.
        n_frames: Frames of each film.
        size_hw: Their height and width, even, pixels.
        seed: Seed of the scenes.
        progress: Called with the number of films done and their total.

    Raises:
        OutputError: They cannot be written.
        ParameterError: A class is unknown, or cannot be drawn.
    """
    order = {"classes": list(classes), "per_class": per_class, "n_frames": n_frames, "size_hw": list(size_hw)}
    order["seed"] = seed
    films = [(name, place) for name in classes for place in range(per_class)]
    paths = [folder / name / f"film_{place:02d}.mp4" for name, place in films]
    if _recorded(folder / RECORD) == order and all(path.is_file() for path in paths):
        return paths
    with result_folder(folder, force=_recorded(folder / RECORD) is not None, inputs=[]) as partial:
        for number, (name, place) in enumerate(films):
            progress(number, len(films))
            (partial / name).mkdir(exist_ok=True)
            path = partial / name / f"film_{place:02d}.mp4"
            _draw(path, classes=class_ids([name]), n_frames=n_frames, size_hw=size_hw, seed=seed + number)
        progress(len(films), len(films))
        (partial / RECORD).write_text(json.dumps(order), "utf-8")
    return paths


def copy_with_damage(films: Sequence[Path], folder: Path, *, damaged: int) -> list[Path]:
    """Copy films in their class folders, one of them with its second half overwritten by zeros.

    Args:
        films: Files that lie in class folders.
        folder: Where to; replaced if it is there.
        damaged: Which of the films.

    Raises:
        OutputError: They cannot be written.
    """
    with result_folder(folder, force=True, inputs=list(films)) as partial:
        for number, film in enumerate(films):
            data = film.read_bytes()
            if number == damaged:  # the index stands in front: the file still opens
                data = data[: len(data) // 2] + bytes(len(data) - len(data) // 2)
            target = partial / film.parent.name / film.name
            target.parent.mkdir(exist_ok=True)
            target.write_bytes(data)
    return [folder / film.parent.name / film.name for film in films]


def _draw(path: Path, *, classes: Sequence[int], n_frames: int, size_hw: tuple[int, int], seed: int) -> None:
    scene = random_scene(seed, size_hw=size_hw, n_frames=n_frames, classes=tuple(classes))
    with VideoWriter(path, size_hw=size_hw, fps=scene.fps, **WriterParams().model_dump()) as video:
        for frame in iter_scene(scene):
            video.write(frame.image, pts_s=frame.pts_s)


def _recorded(record: Path) -> object:
    try:
        return json.loads(record.read_text("utf-8"))
    except (OSError, ValueError):
        return None
