"""Tiny clips with masks of their own, planned as a batch; serial results to compare with."""

import json
from pathlib import Path

import av
import numpy as np

from vidlab.batch.planning import plan_videos
from vidlab.batch.sources import find_sources
from vidlab.batch.videos import StabilizeSettings
from vidlab.batch.work import Task, run_task
from vidlab.jobs import MaskFile
from vidlab.masks.png import write_mask_png
from vidlab.params import method_params
from vidlab.video import VideoWriter

SIZE_HW = (36, 64)
METHOD = "median"
TIMES = ("seconds", "frames_per_s")  # of an outcome, which differ from run to run


def write_clip(root: Path, name: str, *, n_frames: int, seed: int) -> None:
    """Write clips/NAME.mp4 and masks/NAME/: a square that walks, and flickers."""
    background = np.random.default_rng(seed).integers(60, 120, (*SIZE_HW, 3), np.uint8)
    video, masks = root / "clips" / f"{name}.mp4", root / "masks" / name
    video.parent.mkdir(parents=True, exist_ok=True)
    masks.mkdir(parents=True)
    with VideoWriter(video, size_hw=SIZE_HW, fps=25.0, crf=10, preset="ultrafast") as writer:
        for index in range(n_frames):
            mask = np.zeros(SIZE_HW, bool)
            left = 2 + index % 40
            mask[8:24, left : left + 16] = True
            writer.write(np.where(mask[..., None], 255 - background, background), pts_s=index / 25)
            write_mask_png(masks / f"{index:05d}.png", mask & (index % 5 != 3))


def plan(root: Path, *, out: Path) -> list[Task]:
    """Plan all clips of a folder."""
    settings = StabilizeSettings(MaskFile(root / "masks"), method_params(METHOD), METHOD)
    return plan_videos(find_sources(root / "clips"), out=out, settings=settings)


def run_serially(root: Path, *, out: Path) -> dict[str, Path]:
    """Do all tasks in this process, one after the other; return name → folder of the result."""
    tasks = plan(root, out=out)
    for task in tasks:
        assert run_task(task).succeeded
    return {task.name: Path(task.folder) for task in tasks}


def assert_same_results(one: Path, other: Path) -> None:
    """Every file byte for byte, but for timings, and for what joining a resumed film changes of its file."""
    names = sorted(str(path.relative_to(one)) for path in one.rglob("*") if path.is_file())
    assert names == sorted(str(path.relative_to(other)) for path in other.rglob("*") if path.is_file())
    for name in names:
        if name in ("metrics.json", "outcome.json"):
            assert _timeless(one / name) == _timeless(other / name), name
        elif name == "overlay.mp4":
            assert _decoded(one / name) == _decoded(other / name)
        elif name != "thumbnail.jpg":  # a key frame of that film
            assert (one / name).read_bytes() == (other / name).read_bytes(), name


def _decoded(path: Path) -> list[tuple[float, bytes]]:
    with av.open(str(path)) as container:
        return [(frame.time, frame.to_ndarray().tobytes()) for frame in container.decode(video=0)]


def _timeless(path: Path) -> dict[str, object]:
    content = json.loads(path.read_text())
    return {name: value for name, value in content.items() if name not in ("timing", *TIMES)}


def half_finished(out: Path) -> list[Path]:
    """Return what lies under a final name and is not whole."""
    folders = (out / "results").iterdir() if (out / "results").is_dir() else ()
    return [folder for folder in folders if not (folder / "outcome.json").is_file()]
