"""How many frame pairs per second does the temporal stability T of DAVIS 2016 judge, on one core?

    python benchmarks/davis_t.py [--size 854x480] [--rounds 3] [--json OUT]

Clips are synthetic and, where they are, the sequences of ../shared/real: the true masks and those of two
networks. A clip's time is that of `TemporalStability` over all its frames, and only pairs with a value are
counted (a pair with an empty mask costs next to nothing). Time is the processor's, all threads together, so
that a busy machine matters little; rounds of all clips are interleaved.
"""

import os

os.environ["OMP_NUM_THREADS"] = "1"  # before NumPy and OpenCV are loaded: one core for all

import argparse
import json
import math
import platform
import statistics
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from metrics import real_clips, synthetic_clips  # the neighbour in this folder
from rich.console import Console
from rich.table import Table

from vidlab.metrics.contours import main_contour
from vidlab.metrics.davis_t import TemporalStability
from vidlab.metrics.shape_context import resample
from vidlab.types import BoolMask

LIMIT = 20.0  # frame pairs per second, on every clip


def all_clips(size_hw: tuple[int, int]) -> Iterator[tuple[str, list[BoolMask]]]:
    """Yield predictions and truth of every clip, the truth once."""
    named = set()
    for clips in (synthetic_clips(size_hw), real_clips()):
        for name, clip in clips:
            truth_name = f"{name.partition(',')[0]}, truth"
            if truth_name not in named:
                named.add(truth_name)
                yield truth_name, [truth for _, truth in clip]
            yield (name if "," in name else f"{name}, prediction"), [pred for pred, _ in clip]


def judge(masks: list[BoolMask]) -> tuple[float, int]:
    """Return the processor's time in seconds, and the number of pairs with a value."""
    metric = TemporalStability()
    start = time.process_time()
    values = [metric.update(mask) for mask in masks]
    return time.process_time() - start, sum(not math.isnan(value) for value in values)


def mean_points(masks: list[BoolMask]) -> float:
    """Return how many points a contour has, on average over the frames that have one."""
    contours = [main_contour(mask) for mask in masks]
    return statistics.fmean(len(resample(contour.vertices)) for contour in contours if contour is not None)


def measure(clips: dict[str, list[BoolMask]], *, rounds: int) -> dict[str, dict[str, float]]:
    """Return pairs, points per contour and pairs per second of each clip, the median of the rounds."""
    rates: dict[str, list[float]] = {name: [] for name in clips}
    n_pairs = {}
    for _ in range(rounds):
        for name, masks in clips.items():
            elapsed_s, n_pairs[name] = judge(masks)
            rates[name].append(n_pairs[name] / elapsed_s)
    return {
        name: {
            "pairs": float(n_pairs[name]),
            "points": mean_points(masks),
            "pairs/s": statistics.median(rates[name]),
        }
        for name, masks in clips.items()
    }


def print_table(console: Console, results: dict[str, dict[str, float]], *, rounds: int) -> None:
    """Print a row per clip, and whether the limit held."""
    table = Table(title=f"T on one core, median of {rounds} interleaved rounds")
    for heading in ("clip", "pairs", "points per contour", "pairs/s", f"× limit of {LIMIT:.0f}"):
        table.add_column(heading, justify="left" if heading == "clip" else "right")
    for name, row in results.items():
        rate = row["pairs/s"]
        table.add_row(
            name, f"{row['pairs']:.0f}", f"{row['points']:.0f}", f"{rate:.1f}", f"{rate / LIMIT:.2f}"
        )
    console.print(table)
    slowest = min(results, key=lambda name: results[name]["pairs/s"])
    lowest = results[slowest]["pairs/s"]
    verdict = "held" if lowest >= LIMIT else "NOT held"
    console.print(f"slowest: {slowest}, {lowest:.1f} pairs/s; limit {LIMIT:.0f}, {verdict}")


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--size", default="854x480", metavar="WxH", help="size of the synthetic clips")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    cv2.setNumThreads(1)
    width, height = (int(part) for part in args.size.split("x"))
    results = measure(dict(all_clips((height, width))), rounds=args.rounds)
    console = Console(width=120)
    console.print(
        f"{platform.processor() or platform.machine()}, one of {os.cpu_count()} cores, NumPy {np.__version__}"
    )
    print_table(console, results, rounds=args.rounds)
    if args.json:
        args.json.write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
