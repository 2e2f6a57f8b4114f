"""A small folder of videos in class folders, and one of them broken."""

from pathlib import Path

import numpy as np

from vidlab.video import VideoWriter

SIZE_HW = (32, 48)
N_FRAMES = 12
CLASSES = ("Archery", "Biking")


def image(number: int, index: int) -> np.ndarray:
    """A flat picture whose gray tells the video and the frame."""
    return np.full((*SIZE_HW, 3), 20 * number + 8 * index + 10, np.uint8)


def write_video(path: Path, *, number: int, n_frames: int = N_FRAMES) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with VideoWriter(path, size_hw=SIZE_HW, fps=25.0, crf=5, preset="ultrafast") as video:
        for index in range(n_frames):
            video.write(image(number, index), pts_s=index / 25)
    return path


def make_folder(root: Path, *, per_class: int = 2) -> list[Path]:
    """Write CLASS/v_N.mp4 for each class; return the files by class, then name."""
    names = [root / name / f"v_{number}.mp4" for name in CLASSES for number in range(per_class)]
    return [write_video(path, number=place) for place, path in enumerate(names)]
