"""Synthetic pictures for training the demo network: drawn once into a memory-mapped cache, then varied."""

import hashlib
import itertools
import json
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

import vidlab.synthetic
from vidlab.synthetic import iter_scene, random_scene

MAX_OBJECTS = 16  # more than any scene shows
SCENES_PER_TASK = 20
MIN_CLOSE_VIEW_PX = 60  # objects with fewer visible pixels are not worth a close view
MAX_CLOSE_VIEW_ZOOM = 2.5  # beyond that a view is only blur
PARTS = ("images", "objects", "class_ids")  # files of a drawn split


@dataclass(frozen=True)
class Split:
    """A range of scene seeds; no two splits share one.

    Attributes:
        name: Names the files of the cache.
        first_seed: Seed of the first scene.
        n_scenes: Scenes in it, one picture each.
        min_objects: Scenes drawn with fewer objects get this many; more objects teach more per picture.
    """

    name: str
    first_seed: int
    n_scenes: int
    min_objects: int = 1


@dataclass(frozen=True)
class Pictures:
    """A drawn split.

    Attributes:
        images: uint8 (N, H, W, 3), RGB.
        objects: uint8 (N, H, W), number of the object seen at each pixel from 1, 0 for none.
        class_ids: int64 (N, MAX_OBJECTS), COCO id of each object, 0 beyond the last.
    """

    images: NDArray[np.uint8]
    objects: NDArray[np.uint8]
    class_ids: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.images)


def drawn_by() -> str:
    """Return a hash of the code that draws, so that a cache never outlives it."""
    digest = hashlib.sha256()
    for file in sorted(Path(vidlab.synthetic.__path__[0]).glob("*.py")):
        digest.update(file.read_bytes())
    return digest.hexdigest()[:12]


def draw_split(split: Split, *, cache_dir: Path, size_hw: tuple[int, int], n_processes: int) -> Path:
    """Draw a split into the cache unless it is there, and return the folder for `open_pictures`."""
    folder = cache_dir / f"{split.name}_{split.first_seed}_{split.n_scenes}_{size_hw[0]}px_{drawn_by()}"
    if not (folder / "split.json").exists():
        folder.mkdir(parents=True, exist_ok=True)
        _draw(split, folder, size_hw=size_hw, n_processes=n_processes)
        (folder / "split.json").write_text(json.dumps({"size_hw": size_hw, "n": split.n_scenes}))
    return folder


def open_pictures(folder: Path) -> Pictures:
    """Map a drawn split into memory."""
    return Pictures(*(np.load(folder / f"{part}.npy", mmap_mode="r") for part in PARTS))


def _draw(split: Split, folder: Path, *, size_hw: tuple[int, int], n_processes: int) -> None:
    n = split.n_scenes
    shapes = ((n, *size_hw, 3), (n, *size_hw), (n, MAX_OBJECTS))
    images, objects, classes = (
        np.lib.format.open_memmap(folder / f"{part}.npy", mode="w+", dtype=dtype, shape=shape)
        for part, dtype, shape in zip(PARTS, (np.uint8, np.uint8, np.int64), shapes, strict=True)
    )
    starts = range(0, n, SCENES_PER_TASK)
    tasks = [(split, start, min(SCENES_PER_TASK, n - start), size_hw) for start in starts]
    with ProcessPoolExecutor(n_processes, mp_context=get_context("spawn")) as pool:
        for (_, start, count, _), part in zip(tasks, pool.map(_draw_some, tasks), strict=True):
            here = slice(start, start + count)
            images[here], objects[here], classes[here] = part
            if (start // SCENES_PER_TASK) % 10 == 0 or start + count == n:
                print(f"drawing {split.name}: {start + count} of {n} scenes", flush=True)


def _draw_some(task: tuple[Split, int, int, tuple[int, int]]) -> tuple[NDArray[Any], ...]:
    split, start, count, size_hw = task
    cv2.setNumThreads(1)
    images = np.zeros((count, *size_hw, 3), np.uint8)
    objects = np.zeros((count, *size_hw), np.uint8)
    classes = np.zeros((count, MAX_OBJECTS), np.int64)
    for row in range(count):
        seed = split.first_seed + start + row
        spec = random_scene(seed, size_hw=size_hw, n_frames=1)
        if spec.n_objects < split.min_objects:
            spec = random_scene(seed, size_hw=size_hw, n_frames=1, n_objects=split.min_objects)
        frame = next(iter(iter_scene(spec)))
        images[row] = frame.image
        for number, mask in enumerate(frame.instances.masks[:MAX_OBJECTS]):
            objects[row][mask] = number + 1
            classes[row, number] = frame.instances.class_ids[number]
    return images, objects, classes


def vary(
    pictures: Pictures, *, size_hw: tuple[int, int], rng: np.random.Generator
) -> tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.int64]]:
    """Pick a picture; scale, shift, flip and recolor it; its objects move along.

    Returns:
        uint8 (H, W, 3) image; uint8 (H, W) object numbers; int64 (256,) COCO id of each object number.
    """
    index = int(rng.integers(len(pictures)))
    height, width = size_hw
    source_hw = pictures.images.shape[1:3]
    zoom = height / source_hw[0] * float(np.exp(rng.uniform(np.log(0.8), np.log(1.35))))
    slack = (width - zoom * source_hw[1], height - zoom * source_hw[0])
    shift = [rng.uniform(min(0.0, room), max(0.0, room)) for room in slack]
    center = [(side / 2 - offset) / zoom for side, offset in zip((width, height), shift, strict=True)]
    image, objects = _view(pictures, index, center=center, zoom=zoom, size_hw=size_hw, rng=rng)
    class_of = np.zeros(256, np.int64)
    class_of[1 : MAX_OBJECTS + 1] = pictures.class_ids[index]
    return image, objects, class_of


def mosaic(
    pictures: Pictures, *, size_hw: tuple[int, int], rng: np.random.Generator
) -> tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.int64]]:
    """Tile a picture with close views of objects: three times as many to learn from as in a scene.

    Returns:
        As `vary` does.
    """
    rows, columns = [(2, 3), (2, 4), (1, 2), (3, 4)][rng.integers(4)]
    image, objects = np.zeros((*size_hw, 3), np.uint8), np.zeros(size_hw, np.uint8)
    class_of = np.zeros(256, np.int64)
    n_numbers = 0
    ys, xs = (
        np.linspace(0, side, n + 1).astype(int) for side, n in zip(size_hw, (rows, columns), strict=True)
    )
    for top, bottom in itertools.pairwise(ys):
        for left, right in itertools.pairwise(xs):
            cell_hw = (int(bottom - top), int(right - left))
            tile, found, ids = _close_view(pictures, size_hw=cell_hw, rng=rng)
            image[top:bottom, left:right] = tile
            objects[top:bottom, left:right] = np.where(found > 0, found + n_numbers, 0)
            class_of[n_numbers + 1 : n_numbers + 1 + MAX_OBJECTS] = ids
            n_numbers += MAX_OBJECTS
    return image, objects, class_of


def _close_view(
    pictures: Pictures, *, size_hw: tuple[int, int], rng: np.random.Generator
) -> tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.int64]]:
    index = int(rng.integers(len(pictures)))
    areas = np.bincount(pictures.objects[index].ravel(), minlength=2)
    numbers = np.flatnonzero(areas[1:] >= MIN_CLOSE_VIEW_PX) + 1
    if len(numbers):
        shown = np.argwhere(pictures.objects[index] == rng.choice(numbers))
        low, high = shown.min(axis=0), shown.max(axis=0) + 1
    else:
        low, high = np.zeros(2), np.array(pictures.images.shape[1:3])
    fill = rng.uniform(0.5, 1.05)  # share of the cell that the object fills, along its longer side
    zoom = min(MAX_CLOSE_VIEW_ZOOM, fill * float(np.min(np.array(size_hw) / (high - low))))
    jitter = rng.uniform(-0.1, 0.1, 2) * np.array(size_hw) / zoom
    center = ((low + high) / 2 + jitter)[::-1]
    image, objects = _view(pictures, index, center=list(center), zoom=zoom, size_hw=size_hw, rng=rng)
    return image, objects, pictures.class_ids[index]


def _view(
    pictures: Pictures, index: int, *, center: list[float], zoom: float, size_hw: tuple[int, int],
    rng: np.random.Generator,
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:  # fmt: skip
    """Cut a view around a point (x, y), perhaps mirrored, in other colors."""
    height, width = size_hw
    across = -zoom if rng.random() < 0.5 else zoom
    matrix = np.array([[across, 0, width / 2 - across * center[0]], [0, zoom, height / 2 - zoom * center[1]]])
    outside = rng.uniform(0, 255, 3).tolist()
    image = cv2.warpAffine(
        pictures.images[index], matrix, (width, height), flags=cv2.INTER_LINEAR, borderValue=outside
    )
    objects = cv2.warpAffine(pictures.objects[index], matrix, (width, height), flags=cv2.INTER_NEAREST)
    gain = rng.uniform(0.75, 1.25) * rng.uniform(0.9, 1.1, 3)
    channels = rng.permutation(3) if rng.random() < 0.3 else np.arange(3)
    recolored = image[..., channels] * gain.astype(np.float32) + np.float32(rng.uniform(-20, 20))
    return np.clip(recolored, 0, 255).astype(np.uint8), np.asarray(objects, np.uint8)
