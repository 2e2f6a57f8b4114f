"""Our stabilizers beside what others use, on drawn scenes by speed and on real ones by network.

    python benchmarks/leaderboard.py                            the tables, and figures/leaderboard.png
    python benchmarks/leaderboard.py --quick                    the first frames of a part of the clips
    python benchmarks/leaderboard.py --only real --methods raw prototype flow_fusion:lag=2,memory=0.7
    python benchmarks/leaderboard.py --claims                   what is claimed for such methods, checked

Rivals are written from their published definitions (`rivals.py`). Every method has one set of settings for
all clips. Gain is the change of (J + F) / 2 in points against the raw masks of a clip; MC is consistency
along DIS FAST; excess flicker is judged along Farneback, which stabilizes nothing here; headline is what
`vidlab evaluate` prints. ms is time of the processor per frame, everything included. Results are kept in
runs/leaderboard: a second run measures only what has changed since.
"""

import argparse
import sys
from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path
from statistics import fmean
from typing import Any

import contest_films as films
import rivals
from claims import check_claims
from contest_clips import Clip
from contest_films import N_PROCESSES, RAW, TRUTH, Results, gain, measure, ours
from contest_methods import Method
from leaderboard_figure import draw
from rich.console import Console
from rich.table import Table

from vidlab.jobs.story import hardware

ROOT = Path(__file__).resolve().parents[1]
N_FRAMES, SEED = 48, 7  # another seed than any that parameters were chosen on
WORSE_BY = 0.5  # points: a clip that loses more counts as harmed


def rival(name: str, kind: Any, **settings: float) -> Method:
    """Enter a class of `rivals.py`."""
    return Method(name, partial(kind, **settings), settings)


def contestants() -> dict[str, Method]:
    """Return all methods of the table by name, in its order."""
    methods = (
        ours(RAW, "none"),
        rival("mediapipe", rivals.MediapipeSmoothing, ratio=0.7),
        rival("obs_ema", rivals.ObsEma, factor=0.85),
        rival("supervision_mean", rivals.SupervisionMean, length=5),
        ours("ema", "exponential", "alpha=0.4"),
        ours("gaussian", "gaussian", "sigma=1.5"),
        ours("median", "median", "window=5"),
        rival("flow_ema", rivals.FlowEma, alpha=0.3),
        rival("prototype", rivals.Prototype, memory=0.85),
        ours("flow_fusion", "flow_fusion"),
        ours("flow_fusion lag=4", "flow_fusion", "lag=4"),
        ours("flow_fusion_two_pass", "flow_fusion_two_pass"),
    )
    return {method.name: method for method in methods}


def chosen(names: Iterable[str] | None) -> list[Method]:
    """Find methods by name, or make them: `METHOD:setting=value,…`; raw is always among them."""
    known = contestants()
    if not names:
        return list(known.values())
    methods = {RAW: known[RAW]}
    for name in names:
        method, _, settings = name.partition(":")
        methods[name] = (
            known[name] if name in known else ours(name, method, *filter(None, settings.split(",")))
        )
    return list(methods.values())


# ── tables ──────────────────────────────────────────────────────────────────────────────────────────────────
def summarize(results: Results) -> dict[str, dict[str, float]]:
    """Reduce the records of some clips to a row per method."""
    rows = {}
    for method in next(iter(results.values())):
        records = {clip: found[method] for clip, found in results.items()}
        gains = [gain(results[clip], method) for clip in results]
        means = {name: fmean(record[name] or 0.0 for record in records.values()) for name in MEANS}
        rows[method] = {
            **means,
            "gain": fmean(gains),
            "worst": min(gains),
            "worse": float(sum(value < -WORSE_BY for value in gains)),
            "clips": float(len(gains)),
            "delay": max(record["delay"] or 0.0 for record in records.values()),
            "n_frames": max(record["n_frames"] or 0.0 for record in records.values()),
        }
    return rows


MEANS = ("j", "f", "f_2px", "mc", "excess_flicker", "headline", "ms")
HEADINGS = (
    "method", "J", "F", "F 2px", "gain (worst)", "MC", "excess flicker", "headline", "harmed", "delay", "ms",
)  # fmt: skip


def full_table(title: str, rows: Mapping[str, Mapping[str, float]]) -> Table:
    """Make the table with all columns."""
    table = Table(title=title)
    for heading in HEADINGS:
        table.add_column(heading, justify="left" if heading == "method" else "right", no_wrap=True)
    for method, row in rows.items():
        change = f"{row['gain']:+.1f} ({row['worst']:+.1f})"
        delay = "all" if row["delay"] >= row["n_frames"] else f"{row['delay']:.0f}"
        is_method = method not in (RAW, TRUTH)
        table.add_row(
            method, *(f"{row[name]:.3f}" for name in ("j", "f", "f_2px")),
            change if is_method else "", f"{row['mc']:.3f}", f"{row['excess_flicker']:+.3f}",
            f"{row['headline']:.3f}", f"{row['worse']:.0f} of {row['clips']:.0f}" if is_method else "",
            delay if is_method else "", f"{row['ms']:.1f}" if is_method else "",
        )  # fmt: skip
    return table


def by_group(title: str, groups: Mapping[str, Mapping[str, Mapping[str, float]]]) -> Table:
    """Make a table with one column per group: gain, worst gain, excess flicker."""
    table = Table(title=title)
    table.add_column("gain (worst) / excess flicker", no_wrap=True)
    for group in groups:
        table.add_column(group, justify="right", no_wrap=True)
    for method in next(iter(groups.values())):
        rows = [rows[method] for rows in groups.values()]
        is_method = method not in (RAW, TRUTH)
        table.add_row(
            method,
            *(
                (f"{r['gain']:+.1f} ({r['worst']:+.1f}) / " if is_method else "")
                + f"{r['excess_flicker']:+.3f}"
                for r in rows
            ),
        )
    return table


def grouped(clips: list[Clip], results: Results) -> dict[str, dict[str, dict[str, float]]]:
    """Summarize the clips of each group."""
    groups = dict.fromkeys(clip.group for clip in clips)
    return {g: summarize({c.name: results[c.name] for c in clips if c.group == g}) for g in groups}


def print_part(console: Console, part: str, clips: list[Clip], results: Results) -> dict[str, Any]:
    """Print the tables of a part and return what they were made of."""
    groups, overall = grouped(clips, results), summarize(results)
    if part == "real":
        for group, rows in groups.items():
            console.print(full_table(f"real, {group}, mean of {len(clips) // len(groups)} sequences", rows))
    console.print(full_table(f"{part}, all {len(clips)} clips", overall))
    console.print(by_group(f"{part}, by {'network' if part == 'real' else 'speed'}", groups))
    return {"overall": overall, "groups": groups, "clips": results}


def main() -> int:
    """Measure, print, draw."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", choices=("synthetic", "real"), help="one part")
    parser.add_argument("--methods", nargs="+", metavar="NAME[:SETTING=VALUE,…]", help="some methods")
    parser.add_argument("--quick", action="store_true", help="first frames of fewer clips: a look, no result")
    parser.add_argument("--claims", action="store_true", help="check claims instead")
    parser.add_argument("--json", type=Path, help="write everything here, clip by clip")
    args = parser.parse_args()
    console = Console(width=150)
    parts = [args.only] if args.only else ["synthetic", "real"]
    made: dict[str, Any] = {"hardware": hardware(device="cpu")}
    console.print(f"on {made['hardware']}, {N_PROCESSES} processes")
    if args.claims:
        made["claims"] = check_claims(console, contestants(), measure=measure, quick=args.quick)
        parts = []
    for part in parts:
        clips = films.clips_of(part, n_frames=N_FRAMES, seed=SEED, quick=args.quick)
        if not clips:
            print(f"{part}: no clips here, left out", file=sys.stderr)
            continue
        made[part] = print_part(console, part, clips, measure(clips, chosen(args.methods)))
    if parts:
        whole = not (args.only or args.methods or args.quick) and "real" in made
        folder = ROOT / "figures" if whole else ROOT / "runs" / "leaderboard"
        drawn = draw({part: made[part]["overall"] for part in parts if part in made}, folder)
        print(f"drawn: {drawn.name}", file=sys.stderr)
    films.write_json(args.json, made)
    return 0


if __name__ == "__main__":
    films.run(main)
