"""A tiny clip with a moving square, its true masks, and masks that flicker."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from vidlab.masks.coco import CocoResultsWriter
from vidlab.masks.png import write_mask_png, write_probs_png
from vidlab.types import Instances
from vidlab.video import VideoWriter

SIZE_HW = (48, 80)
N_FRAMES = 12
MISSED = (4, 8)  # frames in which the flickering masks lose the object
DOG, PERSON = 18, 1


@dataclass(frozen=True)
class Clip:
    video: Path
    masks: Path
    truth: Path
    detections: Path
    probs: Path


def true_mask(index: int) -> np.ndarray:
    mask = np.zeros(SIZE_HW, bool)
    mask[12:36, 8 + 2 * index : 32 + 2 * index] = True
    return mask


def image(index: int) -> np.ndarray:
    rng = np.random.default_rng(5)
    background = rng.integers(60, 120, (*SIZE_HW, 3), np.uint8)
    patch = rng.integers(150, 250, (24, 24, 3), np.uint8)
    background[true_mask(index)] = patch.reshape(-1, 3)
    return background


def make_clip(root: Path) -> Clip:
    """Write all of it into a folder."""
    made = Clip(*(root / name for name in ("clip.mp4", "masks", "truth", "detections.json", "probs")))
    for folder in (made.masks, made.truth, made.probs):
        folder.mkdir()
    with (
        VideoWriter(made.video, size_hw=SIZE_HW, fps=25.0, crf=10, preset="ultrafast") as video,
        CocoResultsWriter(made.detections) as detections,
    ):
        for index in range(N_FRAMES):
            video.write(image(index), pts_s=index / 25)
            truth = true_mask(index)
            found = truth & (index not in MISSED)
            write_mask_png(made.truth / f"{index:05d}.png", truth)
            write_mask_png(made.masks / f"{index:05d}.png", found)
            write_probs_png(made.probs / f"{index:05d}.png", np.where(found, 0.9, 0.1).astype(np.float32))
            detections.append(detected(index, truth), image_id=index)
    return made


def detected(index: int, truth: np.ndarray) -> Instances:
    """A dog that is found or missed, and a person in the corner with a low score now and then."""
    corner = np.zeros(SIZE_HW, bool)
    corner[40:, 60:] = True
    score = 0.1 if index in MISSED else 0.9
    scores = np.array([score, 0.3 if index % 3 else 0.06], np.float32)
    return Instances(np.stack([truth, corner]), scores, np.array([DOG, PERSON], np.int64))
