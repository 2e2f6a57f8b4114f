"""Is the verdict right? Predicted against reached on stages of known cost, with real threads and real time.

    python benchmarks/verdict.py --pipelines 40 --shared 8

Sleeping stages need no core, so that nothing is shared: each random pipeline runs stage after stage and
overlapped, in interleaved rounds. Two predictions are held against what the overlapped runs reached: from the
costs of the runs before (as `vidlab profile` predicts), and from the costs that the overlapped runs turned
out to have themselves, which a busy machine cannot spoil. The true bottleneck is the stage that was busiest.
Hashing stages share the cores; there, whatever else runs on the machine is in the numbers.
"""

import argparse
import hashlib
import json
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from vidlab.jobs.story import hardware
from vidlab.pipeline import Step, overlapped, sequential
from vidlab.profiling import StageCost, Timeline, available_cores, elapsed_s, judge, overlapped_s

WITHIN = 0.10  # what the prediction is held to
TIE = 0.03  # of the time at work: of two stages closer than this, either may be named
UNSHARED = 1e9  # cores: more than anybody wants
BLOCK = b"\0" * (1 << 16)  # hashlib lets other threads run while it hashes a block of this size


def main() -> None:
    """Measure, print, and write the figures if asked."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pipelines", type=int, default=40, help="random pipelines of sleeping stages")
    parser.add_argument(
        "--shared", type=int, default=8, help="random pipelines of stages that share the cores"
    )
    parser.add_argument("--items", type=int, default=24)
    parser.add_argument("--rounds", type=int, default=3, help="interleaved rounds; medians count")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    args = parser.parse_args()
    rng = np.random.default_rng(args.seed)
    print(f"{hardware(device='cpu')}, load of others before: {os.getloadavg()[0]:.1f}")
    asleep = [
        run_one(draw(rng, n_items=args.items), sleep, n_cores=UNSHARED, rounds=args.rounds)
        for _ in range(args.pipelines)
    ]
    show("sleeping stages, nothing shared", asleep)
    rate = blocks_per_s()
    cores = available_cores()

    def hash_for(seconds: float) -> None:
        work_through(round(seconds * rate))

    shared = [
        run_one(draw(rng, n_items=args.items), hash_for, n_cores=cores, rounds=args.rounds)
        for _ in range(args.shared)
    ]
    if shared:
        show(f"hashing stages on {cores:g} shared cores", shared)
    if args.json:
        figures = {"hardware": hardware(device="cpu"), "sleeping": asleep, "shared": shared}
        args.json.write_text(json.dumps(figures, indent=2) + "\n")


def draw(rng: np.random.Generator, *, n_items: int) -> tuple[np.ndarray, int]:
    """Return costs, float (stages, items) in seconds, and the size of the queues."""
    n_stages = int(rng.integers(2, 5))
    means = np.exp(rng.uniform(np.log(0.004), np.log(0.03), (n_stages, 1)))
    variation = rng.uniform(0.02, 0.5)
    costs = means * rng.gamma(variation**-2, variation**2, (n_stages, n_items))
    return costs, int(rng.integers(1, 5))


def run_one(
    drawn: tuple[np.ndarray, int], work: Callable[[float], None], *, n_cores: float, rounds: int
) -> dict[str, Any]:
    """Run a pipeline in both ways and return what was predicted and what was reached."""
    costs, queue_size = drawn
    in_turn, together = [], []
    for _ in range(rounds):
        in_turn.append(run_stages(costs, work, queue_size=None))
        together.append(run_stages(costs, work, queue_size=queue_size))
    rules = {"n_items": costs.shape[1], "queue_size": queue_size, "n_cores": n_cores}
    before = judge(costs_of(in_turn, len(costs)), **rules)
    reached = [elapsed_s(timeline.spans, n_warmup=0) for timeline in together]
    # Each run is held against its own costs; on shared cores those are stretched, and say nothing.
    own = [
        overlapped_s(costs_of([timeline], len(costs)), **{**rules, "n_cores": UNSHARED})
        for timeline in together
    ]
    busy = [stage.mean_s for stage in costs_of(together, len(costs))]
    return {
        "n_stages": len(costs),
        "queue_size": queue_size,
        "sequential_s": float(np.median([elapsed_s(timeline.spans, n_warmup=0) for timeline in in_turn])),
        "reached_s": float(np.median(reached)),
        "predicted_s": before.overlapped_s,
        "error": before.overlapped_s / float(np.median(reached)) - 1,
        "error_of_own_costs": float(np.median(np.array(own) / np.array(reached))) - 1,
        "right_bottleneck": bool(busy[int(before.bottleneck)] >= (1 - TIE) * max(busy)),
    }


def costs_of(timelines: Sequence[Timeline], n_stages: int) -> list[StageCost]:
    """Return what each stage took for each item: the median of the runs."""
    stages = []
    for place in range(n_stages):
        taken = [
            [span.elapsed_s for span in timeline.spans if span.stage == str(place)] for timeline in timelines
        ]
        stages.append(StageCost(str(place), tuple(np.median(taken, axis=0)), cores=1.0))
    return stages


def run_stages(costs: np.ndarray, work: Callable[[float], None], *, queue_size: int | None) -> Timeline:
    """Run stages of such costs, stage after stage or overlapped; the first one is the source."""
    timeline = Timeline()

    def source() -> Any:
        for item, seconds in enumerate(costs[0]):
            work(seconds)
            yield item

    def step(place: int) -> Step:
        def run(item: int) -> int:
            work(costs[place][item])
            return item

        return Step(str(place), run)

    steps = [step(place) for place in range(1, len(costs))]
    if queue_size is None:
        results = sequential(source(), steps, timeline=timeline, source_name="0")
    else:
        results = overlapped(source(), steps, timeline=timeline, queue_size=queue_size, source_name="0")
    for _ in results:
        pass
    return timeline


def sleep(seconds: float) -> None:
    """Take time, and no core."""
    time.sleep(seconds)


def work_through(n_blocks: int) -> None:
    """Take a core."""
    digest = hashlib.sha256()
    for _ in range(n_blocks):
        digest.update(BLOCK)


def blocks_per_s() -> float:
    """Return how many blocks a core hashes in a second: the fastest of some tries."""
    tries = []
    for _ in range(9):
        start_s = time.perf_counter()
        work_through(200)
        tries.append(200 / (time.perf_counter() - start_s))
    return max(tries)


def show(title: str, runs: Sequence[dict[str, Any]]) -> None:
    """Print how often and how far the prediction was right."""
    right = sum(run["right_bottleneck"] for run in runs)
    gained = [run["sequential_s"] / run["reached_s"] for run in runs]
    print(
        f"\n{title}: {len(runs)} random pipelines, overlap gave {min(gained):.2f} to {max(gained):.2f} times"
    )
    sources = {"the runs before": "error", "the overlapped runs' own costs": "error_of_own_costs"}
    for source, name in sources.items():
        errors = np.abs([run[name] for run in runs])
        held = f"within {WITHIN:.0%} of reached in {np.mean(errors <= WITHIN):.1%}"
        print(
            f"  predicted from {source}: {held} (median {np.median(errors):.1%}, largest {errors.max():.1%})"
        )
    print(f"  right bottleneck: {right} of {len(runs)} ({right / len(runs):.1%})")


if __name__ == "__main__":
    main()
