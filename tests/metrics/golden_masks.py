"""The masks that the golden values of ../shared/real belong to: of real clips, or rebuilt from names."""

import json
import re

import numpy as np
from conftest import REAL
from PIL import Image
from pycocotools import mask as coco_mask

from vidlab.classes import class_id


def read_gray(path):
    return np.asarray(Image.open(path)) > 127


def golden_clip(name, source, n_frames=None):
    """The first frames (None: all) of a sequence: the truth, or what a network found."""
    folder = REAL / "sequences" / name
    n_frames = n_frames or len(list((folder / "truth").glob("*.png")))
    if source != "yolo":
        png = folder / {"truth": "truth", "deeplab": "deeplabv3_probs"}[source]
        return [read_gray(png / f"{i:05d}.png") for i in range(n_frames)]
    wanted = [class_id(text) for text in json.loads((folder / "sequence.json").read_text())["target_classes"]]
    masks = np.zeros((n_frames, 480, 854), bool)
    for found in json.loads((folder / "yolov8n_seg.json").read_text()):
        at = found["image_id"]
        if at < n_frames and found["category_id"] in wanted and found["score"] >= 0.25:
            masks[at] |= coco_mask.decode(found["segmentation"]) > 0
    return list(masks)


def golden_mask(name):
    """Rebuild a mask of a golden file from its name, by the rules of its README."""
    yy, xx = np.mgrid[:120, :160]
    n = [int(text) for text in re.findall(r"\d+", name)]

    def rect(r0, r1, c0, c1):
        return (yy >= r0) & (yy < r1) & (xx >= c0) & (xx < c1)

    def disk(cy, cx, r):
        return (yy - cy) ** 2 + (xx - cx) ** 2 <= r * r

    fixed = {
        "empty": lambda: rect(0, 0, 0, 0),
        "full": lambda: rect(0, 120, 0, 160),
        "L": lambda: rect(20, 100, 30, 60) | rect(70, 100, 30, 120),
        "two_rects_touching_diagonally": lambda: rect(20, 60, 30, 80) | rect(60, 100, 80, 130),
        "big_plus_speck": lambda: disk(60, 80, 30) | rect(5, 11, 5, 11),
        "rect_1x10": lambda: rect(60, 61, 70, 80),
        "rect_2x2": lambda: rect(60, 62, 70, 72),
        "rect_5x5": lambda: rect(60, 65, 70, 75),
    }
    shapes = {
        "rect": lambda: rect(*n),
        "disk": lambda: disk(*n),
        "ellipse": lambda: ((yy - n[0]) / n[2]) ** 2 + ((xx - n[1]) / n[3]) ** 2 <= 1,
        "pixel": lambda: (yy == n[-2]) & (xx == n[-1]),
        "annulus": lambda: disk(*n[:3]) & ~disk(*n[:2], n[3]),
    }
    return fixed[name]() if name in fixed else shapes[name.split("_")[0]]()
