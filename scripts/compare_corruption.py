"""Compare corrupted synthetic masks with what two real networks gave: recall, scores, areas, overlaps.

    python scripts/compare_corruption.py ../shared/real/sequences

The real folder holds one folder per sequence (frames, truth, yolov8n_seg.json, deeplabv3_probs); the printed
figures are means over sequences and over synthetic clips. Presets are set so that the two columns agree.
"""

import argparse
import json
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from pycocotools import mask as coco_mask

from vidlab.classes import class_id
from vidlab.metrics.accuracy import region_j
from vidlab.metrics.area import area_cv, area_px
from vidlab.metrics.boundary import boundary_f, davis_tolerance_px
from vidlab.metrics.stability import adjacent_iou
from vidlab.synthetic import (
    CLASS_IDS,
    PROFILES,
    SceneSpec,
    corrupt_instances,
    corrupt_probs,
    iter_scene,
    random_scene,
)
from vidlab.types import Instances

MIN_SCORE, PROB_THRESHOLD, FOUND_IOU = 0.25, 0.5, 0.5
ROWS = (
    "recall", "score p10", "score p50", "score p90", "score step", "J", "J p10", "F", "F/J",
    "adjacent IoU, raw/true", "area CV, raw−true", "miss run, frames", "false per frame",
)  # fmt: skip


def measure(
    truth: list[np.ndarray], raw: list[np.ndarray], *, scores: list[float], n_false: float
) -> dict[str, float]:
    """Summarize one clip of masks, bool (H, W) each, against its truth."""
    target, pred = np.stack(truth), np.stack(raw)
    tolerance_px = davis_tolerance_px(target.shape[1:])
    j = np.array([region_j(p, t) for p, t in zip(pred, target, strict=True)])
    f = np.array([boundary_f(p, t, tolerance_px=tolerance_px) for p, t in zip(pred, target, strict=True)])
    missed = "".join("1" if value <= FOUND_IOU else "0" for value in j).split("0")
    runs = [len(run) for run in missed if run]
    quantiles = np.quantile(scores, [0.1, 0.5, 0.9]) if scores else [np.nan] * 3
    steps = np.abs(np.diff(scores)).mean() if len(scores) > 1 else np.nan
    return dict(
        zip(
            ROWS,
            (
                (j > FOUND_IOU).mean(), *quantiles, steps, j.mean(), np.quantile(j, 0.1), f.mean(),
                f.mean() / j.mean(),
                np.nanmean(adjacent_iou(pred)) / np.nanmean(adjacent_iou(target)),
                area_cv(area_px(pred)) - area_cv(area_px(target)), np.mean(runs) if runs else 0.0,
                n_false / len(truth),
            ),
            strict=True,
        )
    )  # fmt: skip


def summarize_instances(truth: list[np.ndarray], seen: list[Instances], wanted: int) -> dict[str, float]:
    """Measure the union of the wanted detections, and the best score that truly fits in each frame."""
    raw, scores, n_false = [], [], 0
    for target, frame in zip(truth, seen, strict=True):
        mine = frame.where(frame.class_ids == wanted)
        fits = np.array([region_j(mask, target) > FOUND_IOU for mask in mine.masks], bool)
        if fits.any():
            scores.append(float(mine.scores[fits].max()))
        small = np.array([(mask & ~target).sum() > 0.5 * mask.sum() for mask in mine.masks], bool)
        n_false += int((small & (mine.scores >= MIN_SCORE)).sum())
        raw.append(mine.masks[mine.scores >= MIN_SCORE].any(axis=0))
    return measure(truth, raw, scores=scores, n_false=n_false)


def real_clips(root: Path) -> Iterator[tuple[str, dict[str, float], dict[str, float]]]:
    """Yield name, figures of the instance network, figures of the semantic one."""
    for folder in sorted(path.parent for path in root.glob("*/sequence.json")):
        wanted = class_id(json.loads((folder / "sequence.json").read_text())["target_classes"][0])
        truth = [cv2.imread(str(path), 0) > 127 for path in sorted((folder / "truth").glob("*.png"))]
        listed: list[list[dict]] = [[] for _ in truth]
        for found in json.loads((folder / "yolov8n_seg.json").read_text()):
            listed[found["image_id"]].append(found)
        seen = [_instances(found, truth[0].shape) for found in listed]
        paths = sorted((folder / "deeplabv3_probs").glob("*.png"))
        soft = [cv2.imread(str(path), 0) > PROB_THRESHOLD * 255 for path in paths]
        yield (
            folder.name,
            summarize_instances(truth, seen, wanted),
            measure(truth, soft, scores=[], n_false=np.nan),
        )


def _instances(found: list[dict], size_hw: tuple[int, int]) -> Instances:
    if not found:
        return Instances.empty(size_hw)
    return Instances(
        np.stack([coco_mask.decode(each["segmentation"]).astype(bool) for each in found]),
        np.array([each["score"] for each in found], np.float32),
        np.array([each["category_id"] for each in found], np.int64),
    )


def scenes(n_clips: int) -> Iterator[tuple[SceneSpec, int]]:
    """Yield specs with one object that stays in view, as in the real sequences, and its class."""
    for seed in range(n_clips):
        wanted = CLASS_IDS[seed % len(CLASS_IDS)]
        yield random_scene(
            seed + 500, size_hw=(270, 480), n_frames=40, classes=(wanted,), n_objects=1, enter_leave=0.0,
            speed_px=(1.0, 3.0, 6.0)[seed % 3], min_size=0.4, max_size=0.7, occlusion=0, clutter=0.0,
        ), wanted  # fmt: skip


def synthetic_clips(n_clips: int) -> Iterator[tuple[dict[str, float], dict[str, float]]]:
    """Yield figures of the two presets, one clip at a time."""
    for spec, wanted in scenes(n_clips):
        truth = [frame.instances for frame in iter_scene(spec)]
        union = [frame.masks.any(axis=0) for frame in truth]
        rng = np.random.default_rng([spec.seed, 1])
        seen = list(corrupt_instances(truth, profile=PROFILES["yolo_like"], rng=rng))
        soft = corrupt_probs(truth, class_ids=(wanted,), profile=PROFILES["deeplab_like"], rng=rng)
        raw = [frame.probs[0] > PROB_THRESHOLD for frame in soft]
        yield summarize_instances(union, seen, wanted), measure(union, raw, scores=[], n_false=np.nan)


def main() -> None:
    """Print the comparison."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("real", type=Path, help="folder of real sequences")
    parser.add_argument("--clips", type=int, default=18, help="number of synthetic clips")
    options = parser.parse_args()
    real = list(real_clips(options.real))
    drawn = list(synthetic_clips(options.clips))
    for number, title in enumerate(("instance network and yolo_like", "semantic network and deeplab_like")):
        print(f"\n{title}: mean of {len(real)} real sequences and {len(drawn)} synthetic clips")
        print(f"{'':26}{'real':>8}{'drawn':>8}   real, each")
        for row in ROWS:
            each = [clip[number + 1][row] for clip in real]
            own = [clip[number][row] for clip in drawn]
            if not np.isfinite(each).any():
                continue
            cells = " ".join(f"{value:6.2f}" for value in each)
            print(f"{row:26}{np.nanmean(each):8.3f}{np.nanmean(own):8.3f}   {cells}")


if __name__ == "__main__":
    main()
