"""What does the causal stabilizer cost, as a multiple of one full-size DIS FAST flow in the same run?

    python benchmarks/stabilizer.py [--sizes 854x480 1920x1080] [--rounds 5] [--json OUT]

The clip is a synthetic scene held in memory, with one class of flickering masks; decoding is not counted.
Rounds of the rival and of each method are interleaved, so that a busy machine slows all of them alike.
"""

import argparse
import json
import os
import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from rich.console import Console
from rich.table import Table

from vidlab.flow import DisFlow, to_gray
from vidlab.params import EvidenceParams, method_params
from vidlab.synthetic import PROFILES, corrupt_instances, iter_scene, random_scene
from vidlab.temporal import create_stabilizer
from vidlab.temporal.evidence import to_evidence
from vidlab.temporal.protocol import Evidence
from vidlab.types import UInt8Image

LIMIT = 2.0  # the causal method must cost at most twice the rival
N_FRAMES = 24


def make_clip(size_hw: tuple[int, int], *, seed: int) -> tuple[list[UInt8Image], list[Evidence]]:
    """Render a scene and the evidence that a flickering network gives on it."""
    scene = list(iter_scene(random_scene(seed, size_hw=size_hw, n_frames=N_FRAMES)))
    found = corrupt_instances(
        (frame.instances for frame in scene), profile=PROFILES["yolo_like"], rng=np.random.default_rng(seed)
    )
    main_class = int(scene[0].instances.class_ids[0])
    evidence = [
        to_evidence(instances, class_ids=(main_class,), **EvidenceParams().model_dump())
        for instances in found
    ]
    return [frame.image for frame in scene], evidence


def rival(images: list[UInt8Image]) -> None:
    """One full-size DIS FAST flow per frame."""
    flow = DisFlow(preset="fast", scale=1.0)
    grays = [to_gray(image) for image in images]
    for this, previous in zip(grays[1:], grays, strict=False):
        flow(this, previous)


def stabilize(method: str, images: list[UInt8Image], evidence: list[Evidence]) -> None:
    """Run one method over the clip, flow included."""
    stabilizer = create_stabilizer(method_params(method))
    stabilizer.reset()
    for image, one in zip(images, evidence, strict=True):
        stabilizer.step(image, one)
    list(stabilizer.flush())


def ms_per_frame(work: Callable[[], None]) -> float:
    """Time one round."""
    start = time.perf_counter()
    work()
    return (time.perf_counter() - start) * 1e3 / N_FRAMES


def measure(size_hw: tuple[int, int], *, rounds: int) -> dict[str, float]:
    """Return the median ms per frame of the rival and of the methods, rounds interleaved, one warm-up."""
    images, evidence = make_clip(size_hw, seed=7)
    runs: dict[str, Callable[[], None]] = {
        "DIS FAST, full size": lambda: rival(images),
        "flow_fusion": lambda: stabilize("flow_fusion", images, evidence),
        "flow_fusion_two_pass": lambda: stabilize("flow_fusion_two_pass", images, evidence),
    }
    times: dict[str, list[float]] = {name: [] for name in runs}
    for round_index in range(rounds + 1):
        for name, work in runs.items():
            elapsed = ms_per_frame(work)
            if round_index:
                times[name].append(elapsed)
    return {name: statistics.median(values) for name, values in times.items()}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sizes", nargs="+", default=["854x480"], metavar="WxH")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    console = Console()
    console.print(
        f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, OpenCV {cv2.__version__}"
    )
    results = {}
    for size in args.sizes:
        width, height = (int(part) for part in size.split("x"))
        times = results[size] = measure((height, width), rounds=args.rounds)
        base = times["DIS FAST, full size"]
        table = Table(title=f"{size}, median of {args.rounds} interleaved rounds, {N_FRAMES} frames")
        for heading in ("method", "ms per frame", "frames/s", "× DIS FAST"):
            table.add_column(heading, justify="left" if heading == "method" else "right")
        for name, ms in times.items():
            table.add_row(name, f"{ms:.1f}", f"{1e3 / ms:.0f}", f"{ms / base:.2f}")
        console.print(table)
        ratio = times["flow_fusion"] / base
        verdict = "held" if ratio <= LIMIT else "NOT held"
        console.print(f"limit for flow_fusion: {LIMIT:.1f} ×, {verdict} ({ratio:.2f} ×)")
    if args.json:
        args.json.write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
