"""Data sets that are quick to train on: squares of two colors on dark ground, a clip for each scene."""

from pathlib import Path

import numpy as np
from PIL import Image

from vidlab.masks.png import write_labels_png

SIDE_PX, N_CLIPS, N_FRAMES = 32, 5, 4
NAMES = "background,red thing,blue thing"


def draw(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """A red and a blue square at random places; what is red has class 1, what is blue class 2."""
    labels = np.zeros((SIDE_PX, SIDE_PX), np.uint8)
    image = rng.integers(0, 60, (SIDE_PX, SIDE_PX, 3), np.uint8)
    for index, color in ((1, (230, 40, 40)), (2, (40, 40, 230))):
        top, left = rng.integers(0, SIDE_PX - 14, 2)
        labels[top : top + 14, left : left + 14] = index
        image[top : top + 14, left : left + 14] = color
    return image, labels


def write_set(root: Path, *, n_clips: int = N_CLIPS, flat: bool = False) -> Path:
    """Write `images/` and `masks/`, a folder for each clip, or all together with the clip in the name."""
    rng = np.random.default_rng(0)
    for clip in range(n_clips):
        for index in range(N_FRAMES):
            image, labels = draw(rng)
            name = f"clip{clip}_{index:03d}" if flat else f"clip{clip}/{index:03d}"
            for kind in ("images", "masks"):
                (root / kind / name).parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(image).save(root / "images" / f"{name}.png")
            write_labels_png(root / "masks" / f"{name}.png", labels)
    return root
