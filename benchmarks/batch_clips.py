"""Clips with masks of their own for the benchmarks of batches, made on the fly and planned as tasks."""

import shutil
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np

from vidlab.batch.planning import plan_videos
from vidlab.batch.sources import find_sources
from vidlab.batch.videos import StabilizeSettings
from vidlab.batch.work import Task
from vidlab.jobs import MaskFile
from vidlab.masks.png import write_mask_png
from vidlab.params import method_params
from vidlab.synthetic import PROFILES, corrupt_instances, iter_scene, random_scene
from vidlab.video import VideoWriter

FPS = 25.0
LOOP_FRAMES = 48  # drawn, then played there and back; drawing an hour would take longer than the hour
MIN_SCORE = 0.25
CLIPS, MASKS = "clips", "masks"


def write_clip(
    root: Path,
    name: str,
    *,
    size_hw: tuple[int, int],
    n_frames: int,
    seed: int,
    progress: Callable[[int], object] = lambda _: None,
) -> None:
    """Write `clips/NAME.mp4` of a drawn scene, and masks as a network like YOLO finds them in `masks/NAME/`.

    Args:
        root: Folder of both.
        name: What the clip is called.
        size_hw: Height and width, pixels.
        n_frames: Frames; a short scene is played there and back as often as it takes.
        seed: Another seed is another scene.
        progress: Told how many frames are written.
    """
    spec = random_scene(seed, size_hw=size_hw, n_frames=min(n_frames, LOOP_FRAMES), fps=FPS)
    scene = list(iter_scene(spec))
    rng = np.random.default_rng([seed, 1])
    found = corrupt_instances((one.instances for one in scene), profile=PROFILES["yolo_like"], rng=rng)
    masks = [each.masks[each.scores >= MIN_SCORE].any(axis=0) for each in found]
    played = [*range(len(scene)), *range(len(scene) - 2, 0, -1)]
    folder = root / MASKS / name
    folder.mkdir(parents=True)
    (root / CLIPS).mkdir(exist_ok=True)
    video = root / CLIPS / f"{name}.mp4"
    with VideoWriter(video, size_hw=size_hw, fps=FPS, crf=23, preset="ultrafast") as writer:
        for index in range(n_frames):
            place = played[index % len(played)]
            writer.write(scene[place].image, pts_s=index / FPS)
            write_mask_png(folder / f"{index:06d}.png", masks[place])
            progress(index + 1)


def copy_clip(root: Path, name: str, *, n_copies: int) -> None:
    """Write copies that share everything but some bytes after the video: each a task of its own."""
    video, masks = root / CLIPS / f"{name}.mp4", root / MASKS / name
    content = video.read_bytes()
    for number in range(n_copies):
        copy = f"{name}_{number:06d}"
        tail = struct.pack(">I4sQ", 16, b"free", number)
        (root / CLIPS / f"{copy}.mp4").write_bytes(content + tail)
        (root / MASKS / copy).symlink_to(masks.absolute())
    video.unlink()


def plan(root: Path, *, out: Path, method: str) -> list[Task]:
    """Plan all clips, with a method's defaults."""
    settings = StabilizeSettings(MaskFile(root / MASKS), method_params(method), method)
    return plan_videos(find_sources(root / CLIPS), out=out, settings=settings)


def emptied(folder: Path) -> Path:
    """Return the folder, empty."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder
