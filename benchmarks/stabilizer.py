"""What does the causal stabilizer cost, as a multiple of one full-size DIS FAST flow in the same run?

    python benchmarks/stabilizer.py [--sizes 854x480 1920x1080] [--rounds 9] [--json OUT]

The clip is a synthetic scene held in memory, with one class of flickering masks; decoding is not counted.
Rounds of the rival and of each method are interleaved, so that a busy machine slows all of them alike, and
everything runs on one thread; the ratio is the median over the rounds, each against the rival's rounds before
and after it. Time is that of the processor, which other programs' turns do not count for.
"""

import argparse
import json
import os
import platform
import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"  # read when NumPy and OpenCV are loaded

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

LIMIT = 1.4  # the causal method must cost at most so many times the rival
RIVAL, CAUSAL = "DIS FAST, full size", "flow_fusion"
N_FRAMES = 24


@dataclass(frozen=True, slots=True)
class Cost:
    """What one method costs: median over the rounds, and the middle half of them.

    Attributes:
        ms: Processor time per frame.
        ratio: The same over that of the rival, round by round.
        ratio_low: First quartile.
        ratio_high: Third quartile.
    """

    ms: float
    ratio: float
    ratio_low: float
    ratio_high: float


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
    start = time.process_time()
    work()
    return (time.process_time() - start) * 1e3 / N_FRAMES


def measure(size_hw: tuple[int, int], *, rounds: int) -> dict[str, Cost]:
    """Return what the rival and the methods cost, rounds interleaved, after one to warm up."""
    images, evidence = make_clip(size_hw, seed=7)
    methods = (CAUSAL, "flow_fusion_two_pass")
    times: dict[str, list[float]] = {name: [] for name in (RIVAL, *methods)}
    ratios: dict[str, list[float]] = {name: [] for name in (RIVAL, *methods)}
    before = ms_per_frame(lambda: rival(images))
    for round_index in range(rounds + 1):
        for name in methods:
            elapsed = ms_per_frame(lambda name=name: stabilize(name, images, evidence))
            after = ms_per_frame(lambda: rival(images))
            if round_index:
                times[name].append(elapsed)
                ratios[name].append(2 * elapsed / (before + after))
                times[RIVAL].append(after)
                ratios[RIVAL].append(1.0)
            before = after
    return {name: _cost(times[name], ratios[name]) for name in times}


def _cost(times: list[float], ratios: list[float]) -> Cost:
    low, middle, high = statistics.quantiles(ratios, n=4, method="inclusive")
    return Cost(statistics.median(times), middle, low, high)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sizes", nargs="+", default=["854x480"], metavar="WxH")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    cv2.setNumThreads(1)
    console = Console()
    console.print(
        f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, OpenCV {cv2.__version__}"
    )
    results = {}
    for size in args.sizes:
        width, height = (int(part) for part in size.split("x"))
        costs = results[size] = measure((height, width), rounds=args.rounds)
        table = Table(
            title=f"{size}, median of {args.rounds} interleaved rounds, {N_FRAMES} frames, 1 thread"
        )
        for heading in ("method", "ms per frame", "frames/s", "× DIS FAST", "middle half"):
            table.add_column(heading, justify="left" if heading == "method" else "right")
        for name, cost in costs.items():
            spread = f"{cost.ratio_low:.2f} to {cost.ratio_high:.2f}"
            table.add_row(name, f"{cost.ms:.1f}", f"{1e3 / cost.ms:.0f}", f"{cost.ratio:.2f}", spread)
        console.print(table)
        ratio = costs[CAUSAL].ratio
        verdict = "held" if ratio <= LIMIT else "NOT held"
        console.print(f"limit for {CAUSAL}: {LIMIT:.1f} ×, {verdict} ({ratio:.2f} ×)")
    if args.json:
        args.json.write_text(
            json.dumps(
                {size: {n: asdict(c) for n, c in costs.items()} for size, costs in results.items()}, indent=1
            )
        )


if __name__ == "__main__":
    main()
