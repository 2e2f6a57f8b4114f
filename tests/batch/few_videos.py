"""A few tiny videos with masks of their own, a broken one among them, and an engine in this process."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from vidlab.batch.planning import plan_videos
from vidlab.batch.sources import find_sources
from vidlab.batch.videos import StabilizeSettings
from vidlab.batch.work import Event, Outcome, Report, Task, run_task
from vidlab.jobs.reading import MaskFile
from vidlab.masks.coco import CocoResultsWriter
from vidlab.params import method_params
from vidlab.types import Instances
from vidlab.video import VideoWriter

SIZE_HW = (48, 80)
DOG = 18
GOOD = ("ant", "bee", "cat")


@dataclass(frozen=True)
class Few:
    videos: Path
    masks: Path


def make_few(root: Path, *, n_frames: int = 6, names: Sequence[str] = GOOD, broken: bool = True) -> Few:
    few = Few(root / "videos", root / "masks")
    few.videos.mkdir(parents=True)
    few.masks.mkdir()
    for seed, name in enumerate(names):
        make_video(few, name, seed=seed, n_frames=n_frames)
    if broken:
        (few.videos / "broken.mp4").write_bytes(b"")
    return few


def make_video(few: Few, name: str, *, seed: int, n_frames: int) -> None:
    rng = np.random.default_rng(seed)
    background = rng.integers(60, 120, (*SIZE_HW, 3), np.uint8)
    patch = rng.integers(150, 250, (24 * 24, 3), np.uint8)
    with (
        VideoWriter(
            few.videos / f"{name}.mp4", size_hw=SIZE_HW, fps=25.0, crf=10, preset="ultrafast"
        ) as video,
        CocoResultsWriter(few.masks / f"{name}.json") as detections,
    ):
        for index in range(n_frames):
            mask = np.zeros(SIZE_HW, bool)
            left = 4 + 2 * (index % 20)
            mask[12:36, left : left + 24] = True
            image = background.copy()
            image[mask] = patch
            video.write(image, pts_s=index / 25)
            score = 0.1 if index % 5 == 3 else 0.9  # missed now and then
            found = Instances(mask[None], np.array([score], np.float32), np.array([DOG], np.int64))
            detections.append(found, image_id=index)


def plan(few: Few, out: Path, *, method: str = "median", **changes: object) -> list[Task]:
    settings = StabilizeSettings(
        masks_from=MaskFile(few.masks), method=method_params(method, []), method_name=method, class_ids=(DOG,)
    )
    return plan_videos(find_sources(few.videos), out=out, settings=settings, **changes)


class Inline:
    """Runs tasks one after the other, here."""

    n_workers, is_detached = 1, False

    def __init__(self) -> None:
        self.given: list[str] = []

    def run(self, tasks: Sequence[Task], *, report: Report) -> Iterator[Outcome]:
        for task in tasks:
            self.given.append(task.name)
            report(Event(0, task.key, task.name))
            yield run_task(task)


def content(folder: Path) -> dict[str, bytes]:
    """Every file of a folder by its inner path."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
