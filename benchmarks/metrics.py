"""How much faster than the public formulation are J and F of a 480p clip, on one core, to the same digits?

    python benchmarks/metrics.py [--size 854x480] [--rounds 5] [--json OUT]

The rival is J and F as davis2017-evaluation computes them: boundary maps of the full pictures, both dilated
with a full disk of 8 px by OpenCV, J by logic on the full pictures. It is written lean: no void pixels, no
conversions, counts instead of sums of booleans, all of which favours it. Beside it stand J and F as
functions, and `Accuracy`, which also gives Dice and F at 1 and 2 px. J and F of every frame are checked to be
the rival's.

Clips are synthetic (flickering masks) and, where they are, the sequences of ../shared/real with two real
networks. Rounds are interleaved, and the time is the processor's, so that a busy machine matters little.
"""

import os

os.environ["OMP_NUM_THREADS"] = "1"  # before NumPy and OpenCV are loaded: one core for all

import argparse
import json
import platform
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
from rich.console import Console
from rich.table import Table

from vidlab.classes import class_ids
from vidlab.masks.coco import CocoMasks
from vidlab.masks.png import read_mask_png, read_probs_png
from vidlab.metrics.accuracy import Accuracy, region_j
from vidlab.metrics.boundary import boundary_f, davis_tolerance_px
from vidlab.synthetic import PROFILES, corrupt_instances, iter_scene, random_scene
from vidlab.types import BoolMask, Instances

LIMIT = 3.0  # J and F must be at least this many times faster than the rival, on every clip
SEEDS = (7, 8, 9)
N_FRAMES = 24
MIN_SCORE, PROB_THRESHOLD = 0.25, 0.5
SEQUENCES = Path(__file__).resolve().parents[2] / "shared" / "real" / "sequences"

Clip = list[tuple[BoolMask, BoolMask]]  # prediction and truth of each frame
Scores = list[tuple[float, float]]  # J and F of each frame


def full_boundary(mask: BoolMask) -> BoolMask:
    """Boundary map of the full picture: differs from the right, lower or lower right neighbour."""
    edge = np.zeros_like(mask)
    edge[:, :-1] |= mask[:, :-1] != mask[:, 1:]
    edge[:-1] |= mask[:-1] != mask[1:]
    edge[:-1, :-1] |= mask[:-1, :-1] != mask[1:, 1:]
    return edge


def rival(clip: Clip) -> Scores:
    """J and F of each frame in the public formulation."""
    radius = davis_tolerance_px(clip[0][0].shape)
    dy, dx = np.mgrid[-radius : radius + 1, -radius : radius + 1]
    disk = (dx**2 + dy**2 <= radius**2).astype(np.uint8)
    scores = []
    for pred, target in clip:
        both, either = np.count_nonzero(pred & target), np.count_nonzero(pred | target)
        edges = full_boundary(pred), full_boundary(target)
        near_pred, near_target = (cv2.dilate(edge.view(np.uint8), disk).view(bool) for edge in edges)
        n_pred, n_target = (np.count_nonzero(edge) for edge in edges)
        if not n_pred or not n_target:
            f = float(not n_pred and not n_target)
        else:
            precision = np.count_nonzero(edges[0] & near_target) / n_pred
            recall = np.count_nonzero(edges[1] & near_pred) / n_target
            f = 2 * precision * recall / (precision + recall) if precision + recall else 0.0
        scores.append((both / either if either else 1.0, f))
    return scores


def ours_jf(clip: Clip) -> Scores:
    """J and F alone, by their functions."""
    tolerance_px = davis_tolerance_px(clip[0][0].shape)
    return [
        (region_j(pred, target), boundary_f(pred, target, tolerance_px=tolerance_px)) for pred, target in clip
    ]


def ours_all(clip: Clip) -> Scores:
    """J, Dice and F at three tolerances, streamed, with the clip's means, recalls and decays."""
    metric = Accuracy()
    frames = [metric.update(pred, target=target) for pred, target in clip]
    metric.compute()
    return [(frame.j, frame.f) for frame in frames]


RIVAL = "public formulation"
OURS = {"J and F": ours_jf, "Accuracy": ours_all}
RUNS: dict[str, Callable[[Clip], Scores]] = {RIVAL: rival, **OURS}


def union(found: Instances, wanted: tuple[int, ...]) -> BoolMask:
    """Everything of the wanted classes that the network was sure of."""
    keep = found.where((found.scores >= MIN_SCORE) & np.isin(found.class_ids, wanted))
    return np.logical_or.reduce(keep.masks, axis=0)


def synthetic_clips(size_hw: tuple[int, int]) -> Iterator[tuple[str, Clip]]:
    """Yield scenes of one main class, with masks as a flickering network gives them."""
    for seed in SEEDS:
        scene = [
            frame.instances for frame in iter_scene(random_scene(seed, size_hw=size_hw, n_frames=N_FRAMES))
        ]
        found = corrupt_instances(scene, profile=PROFILES["yolo_like"], rng=np.random.default_rng(seed))
        wanted = (int(scene[0].class_ids[0]),)
        pairs = zip(found, scene, strict=True)
        yield f"synthetic {seed}", [(union(pred, wanted), union(truth, wanted)) for pred, truth in pairs]


def real_clips() -> Iterator[tuple[str, Clip]]:
    """Yield every real sequence with the masks of both networks; none where they are not."""
    for folder in sorted(SEQUENCES.iterdir()) if SEQUENCES.is_dir() else []:
        wanted = class_ids(json.loads((folder / "sequence.json").read_text("utf-8"))["target_classes"])
        truth = [read_mask_png(file, size_hw=None) for file in sorted((folder / "truth").glob("*.png"))]
        size_hw = truth[0].shape
        yolo = [union(found, wanted) for found in CocoMasks(folder / "yolov8n_seg.json", size_hw=size_hw)]
        yolo += [np.zeros(size_hw, bool)] * (len(truth) - len(yolo))
        files = sorted((folder / "deeplabv3_probs").glob("*.png"))
        deeplab = [read_probs_png(file, size_hw=None) > PROB_THRESHOLD for file in files]
        for network, pred in (("YOLOv8n-seg", yolo), ("DeepLabV3", deeplab)):
            yield f"{folder.name}, {network}", list(zip(pred, truth, strict=True))


def measure(clip: Clip, *, rounds: int) -> dict[str, float]:
    """Return the median ms per frame of each run, rounds interleaved, one warm-up; check that all agree."""
    times: dict[str, list[float]] = {name: [] for name in RUNS}
    for round_index in range(rounds + 1):
        scores = {}
        for name, work in RUNS.items():
            start = time.process_time()
            scores[name] = work(clip)
            if round_index:
                times[name].append((time.process_time() - start) * 1e3 / len(clip))
        for name, found in scores.items():
            if not np.allclose(found, scores[RIVAL], rtol=0, atol=1e-12):
                raise SystemExit(f"{name} must equal the public formulation, got another value")
    return {name: statistics.median(values) for name, values in times.items()}


def print_table(console: Console, results: dict[str, dict[str, float]], *, rounds: int) -> None:
    """Print a row per clip, and whether the limit held."""
    table = Table(
        title=f"ms per frame on one core, median of {rounds} interleaved rounds; × faster than public"
    )
    for heading in ("clip", "frames", *RUNS, *(f"{run}, ×" for run in OURS)):
        table.add_column(heading, justify="left" if heading == "clip" else "right")
    for name, row in results.items():
        times, ratios = (f"{row[run]:.2f}" for run in RUNS), (f"{row[run + ', ×']:.1f}" for run in OURS)
        table.add_row(name, f"{row['frames']:.0f}", *times, *ratios)
    console.print(table)
    for run in OURS:
        faster = [row[run + ", ×"] for row in results.values()]
        mean, lowest = statistics.geometric_mean(faster), min(faster)
        verdict = "held" if lowest >= LIMIT else "NOT held"
        console.print(f"{run}: {mean:.1f} ×, lowest {lowest:.1f} ×; limit {LIMIT:.0f} ×, {verdict}")


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--size", default="854x480", metavar="WxH", help="size of the synthetic clips")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    cv2.setNumThreads(1)
    width, height = (int(part) for part in args.size.split("x"))
    results = {}
    for clips in (synthetic_clips((height, width)), real_clips()):
        for name, clip in clips:
            times = measure(clip, rounds=args.rounds)
            ratios = {run + ", ×": times[RIVAL] / times[run] for run in OURS}
            results[name] = {"frames": float(len(clip)), **times, **ratios}
    console = Console(width=120)
    console.print(
        f"{platform.processor() or platform.machine()}, one of {os.cpu_count()} cores, "
        f"OpenCV {cv2.__version__}, NumPy {np.__version__}"
    )
    print_table(console, results, rounds=args.rounds)
    if args.json:
        args.json.write_text(json.dumps(results, indent=1, ensure_ascii=False))


if __name__ == "__main__":
    main()
