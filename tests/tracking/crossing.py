"""Two textured discs of one class that meet: where identities are hardest to keep."""

from collections.abc import Iterator

import cv2
import numpy as np

from vidlab.types import Instances

SIZE_HW = (128, 224)
RADIUS, MARGIN = 16, 22
DOG = 18
LEAST_PX = 20  # a sliver smaller than this no network reports


def crossing(
    speed_px: float, *, seed: int, apart_px: int = 0, dropouts: float = 0.0, front: int = 0
) -> Iterator[tuple[np.ndarray, dict[int, np.ndarray]]]:
    """Yield pictures and what a network finds: disc 0 walks right, disc 1 left, `front` hides the other."""
    rng = np.random.default_rng(seed)
    ground = cv2.GaussianBlur(rng.integers(60, 120, (*SIZE_HW, 3), np.uint8), (0, 0), 2)
    side = 2 * RADIUS + 1
    skins = [cv2.GaussianBlur(rng.integers(0, 255, (side, side, 3), np.uint8), (0, 0), 1.5) for _ in range(2)]
    y, x = np.mgrid[: SIZE_HW[0], : SIZE_HW[1]]
    for index in range(int((SIZE_HW[1] - 2 * MARGIN) / speed_px) + 1):
        left = (round(MARGIN + speed_px * index), SIZE_HW[0] // 2 - apart_px // 2)
        right = (round(SIZE_HW[1] - MARGIN - speed_px * index), SIZE_HW[0] // 2 + apart_px - apart_px // 2)
        image, masks = ground.copy(), {}
        for disc in (1 - front, front):
            center = (left, right)[disc]
            inside = (x - center[0]) ** 2 + (y - center[1]) ** 2 <= RADIUS**2
            image[inside] = skins[disc][y[inside] - center[1] + RADIUS, x[inside] - center[0] + RADIUS]
            masks = {other: mask & ~inside for other, mask in masks.items()} | {disc: inside}
        order = rng.permutation(2)
        found = {int(d): masks[d] for d in order if masks[d].sum() >= LEAST_PX and rng.random() >= dropouts}
        yield image, found


def as_instances(masks: dict[int, np.ndarray], *, score: float = 0.9) -> Instances:
    """Return detections of one class, in the order in which they are given."""
    stacked = np.stack([*masks.values()]) if masks else np.zeros((0, *SIZE_HW), bool)
    n = len(stacked)
    return Instances(stacked, np.full(n, score, np.float32), np.full(n, DOG, np.int64))
