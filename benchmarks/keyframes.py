"""What running the network on fewer frames costs: J&F lost against network calls, as a curve.

    python benchmarks/keyframes.py              every way on drawn and real clips, and figures/keyframes.png
    python benchmarks/keyframes.py --quick      the first frames of fewer clips: a look, no result
    python benchmarks/keyframes.py --only real --json runs/keyframes.json

The given masks of a clip are used on keyframes only, and carried along the flow to the others. Change is that
of (J + F) / 2 in points, mean of the clips, against the masks of every frame put through the same stabilizer,
with a 95 % interval from drawing clips and blocks of frames; "of raw" is the change against raw masks of
every frame. Calls are the network's, in % of the frames; the last frame of a short clip is a keyframe too,
which every=4 pays for with more than a quarter. The goal: 4 times fewer calls, at most 1 point lost. ms is
time of the processor per frame for carrying; flows that another way has followed before are looked up, so
that it is whole for the first way of either direction only. The figure goes to figures/ only where everything
was measured, else to runs/keyframes.
"""

import sys
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any

import contest_films as films
import cv2
import numpy as np
from contest_clips import Clip
from keyframes_figure import draw
from keyframes_ways import RAW, Measured, Way, measure, ways
from rich.console import Console
from rich.progress import track
from rich.table import Table
from versions import ROOT

from vidlab.jobs.story import hardware
from vidlab.metrics.bootstrap import Interval, paired_clips

GOAL_CALLS, GOAL_LOST = 0.25, 1.0  # share of the frames, points
RESAMPLES = 2000
Found = dict[str, dict[str, Measured]]  # clip → way → what it gave
Row = dict[str, Any]


def measure_all(clips: list[Clip], entries: list[Way]) -> Found:
    """Measure every way on every clip, one process per core."""
    with ProcessPoolExecutor(films.N_PROCESSES, mp_context=get_context("spawn")) as pool:
        waiting = {clip.name: pool.submit(measured, clip, entries) for clip in clips}
        said = f"{len(entries)} ways on {len(clips)} clips"
        shown = track(waiting.items(), said, console=Console(stderr=True))
        return {name: done.result() for name, done in shown}


def measured(clip: Clip, entries: list[Way]) -> dict[str, Measured]:
    """Measure every way on one clip, in a process of its own."""
    cv2.setNumThreads(1)
    return measure(clip, entries)


def row_of(found: Found, way: Way, *, seed: int) -> Row:
    """Reduce what a way gave on some clips to a row of the table."""
    against = {name: clip[way.every_frame].curve for name, clip in found.items()}
    raw = {name: clip[RAW].curve for name, clip in found.items()}
    curves = {name: clip[way.name].curve for name, clip in found.items()}
    here = [clip[way.name] for clip in found.values()]
    change = _interval(against, curves, seed=seed)
    each = {name: float(np.mean(curves[name]) - np.mean(against[name])) for name in found}
    return {
        "family": way.family,
        "jf": float(np.mean([np.mean(curve) for curve in curves.values()])),
        "change": change.mean,
        "low": change.low,
        "high": change.high,
        "worst": min(each.values()),
        "worst_clip": min(each, key=lambda name: each[name]),
        "of_raw": _interval(raw, curves, seed=seed).mean,
        "calls": float(np.mean([one.n_calls / len(one.curve) for one in here])),
        "delay": max(one.delay for one in here),
        "ms": float(np.mean([one.ms_per_frame for one in here])),
    }


def _interval(before: Mapping[str, Any], after: Mapping[str, Any], *, seed: int) -> Interval:
    return paired_clips(before, after, rng=np.random.default_rng(seed), resamples=RESAMPLES)


def verdict(group: str, rows: Mapping[str, Row]) -> str:
    """Say which way with so few calls loses least, and whether that is little enough."""
    few = {name: row for name, row in rows.items() if row["calls"] <= GOAL_CALLS + 0.01 and name != RAW}
    if not few:
        return f"{group}: no way has at most {GOAL_CALLS:.0%} of the calls"
    best = max(few, key=lambda name: few[name]["change"])
    row = few[best]
    goal = f"goal ≥ {-GOAL_LOST:+.0f}: {'held' if row['change'] >= -GOAL_LOST else 'NOT held'}"
    return f"{group}: {best} changes J&F by {row['change']:+.2f} with {row['calls']:.1%} of the calls; {goal}"


def table_of(group: str, rows: Mapping[str, Row], *, n_clips: int) -> Table:
    """Make the table of a group of clips."""
    table = Table(title=f"{group}, {n_clips} clips")
    for heading in ("way", "calls", "J&F", "change", "95 %", "worst", "of raw", "late", "ms"):
        table.add_column(heading, justify="left" if heading == "way" else "right", no_wrap=True)
    for name, row in rows.items():
        interval = f"{row['low']:+.2f} to {row['high']:+.2f}"
        table.add_row(
            name, f"{row['calls']:.1%}", f"{row['jf']:.1f}", f"{row['change']:+.2f}", interval,
            f"{row['worst']:+.1f} {row['worst_clip']}", f"{row['of_raw']:+.2f}", str(row["delay"]),
            f"{row['ms']:.1f}",
        )  # fmt: skip
    return table


def main() -> int:
    """Measure, print, draw."""
    args = films.command(__doc__).parse_args()
    console, entries = Console(width=150), ways(quick=args.quick)
    made: dict[str, Any] = {"hardware": hardware(device="cpu"), "seed": args.seed, "frames": args.frames}
    console.print(f"on {made['hardware']}, {films.N_PROCESSES} processes")
    made |= {"groups": {}, "verdicts": []}
    for part in [args.only] if args.only else films.PARTS:
        clips = films.clips_of(part, n_frames=args.frames, seed=args.seed, quick=args.quick)
        if not clips:
            print(f"{part}: no clips here, left out", file=sys.stderr)
            continue
        found = measure_all(clips, entries)
        names = {clip.name: clip.group if part == films.REAL else "drawn scenes" for clip in clips}
        for group in dict.fromkeys(names.values()):
            own = {clip: seen for clip, seen in found.items() if names[clip] == group}
            rows = {way.name: row_of(own, way, seed=args.seed) for way in entries}
            made["groups"][group] = rows
            made["verdicts"].append(verdict(group, rows))
            console.print(table_of(group, rows, n_clips=len(own)), made["verdicts"][-1])
    if groups := made["groups"]:
        whole = not (args.only or args.quick) and len(groups) > 1
        drawn = draw(groups, ROOT / "figures" if whole else ROOT / "runs" / "keyframes")
        print(f"drawn: {drawn.relative_to(ROOT)}", file=sys.stderr)
    films.write_json(args.json, made)
    return 0


if __name__ == "__main__":
    films.run(main)
