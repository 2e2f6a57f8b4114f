"""What waiting buys: gain by the number of frames that each result of the stream may come late.

    python benchmarks/lag.py                  lag 0 to 8 and two-pass, real and synthetic, and figures/lag.png
    python benchmarks/lag.py --quick          the first frames of fewer clips: a look, no result
    python benchmarks/lag.py --only synthetic --json runs/lag.json

Gain is the change of (J + F) / 2 against raw in points, mean of the clips; share is that of the gain which
two-pass has, which sees everything. The goal: with a lag of 4 frames at least 90 % of it. The figure goes to
figures/ only where everything was measured, else to runs/lag. Results are kept in runs/leaderboard.
"""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import contest_films as films
from contest_films import RAW, entered, ours, row_of
from contest_methods import Method
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from rich.console import Console
from rich.table import Table
from versions import ROOT

from vidlab.jobs.story import hardware
from vidlab.params import FlowFusionParams, method_params
from vidlab.schema import tunables
from vidlab.viz.colors import METHOD_COLORS

STREAM, OFFLINE = "flow_fusion", "flow_fusion_two_pass"
GOAL_LAG, GOAL_SHARE = 4, 0.9
TITLES = {films.SYNTHETIC: "drawn scenes"}

Row = dict[str, float]


def lags() -> range:
    """Return every lag that the stream can be set to, in frames."""
    (lag,) = (tunable for tunable in tunables(FlowFusionParams) if tunable.name == "lag")
    return range(int(lag.low or 0), int(lag.high or 0) + 1)


def name_of(lag: int) -> str:
    """Return the name under which the stream enters the contest, as on the leaderboard."""
    return f"{STREAM} lag={lag}" if lag else STREAM


def versions() -> list[Method]:
    """Enter raw masks, the stream at every lag, and two-pass."""
    streams = [entered(name_of(lag), FlowFusionParams(lag=lag)) for lag in lags()]
    return [ours(RAW, "none"), *streams, entered(OFFLINE, method_params(OFFLINE))]


def shares(gains: Mapping[str, float]) -> dict[str, float]:
    """Return method → its part of the gain of two-pass; NaN where two-pass gains nothing.

    >>> shares({"flow_fusion": 4.5, "flow_fusion_two_pass": 5.0})
    {'flow_fusion': 0.9, 'flow_fusion_two_pass': 1.0}
    """
    whole = gains[OFFLINE]
    return {name: value / whole if whole > 0 else float("nan") for name, value in gains.items()}


def verdict(group: str, rows: Mapping[str, Row]) -> str:
    """Say whether the goal is held in a group of clips."""
    share = rows[name_of(GOAL_LAG)]["share"]
    goal = f"goal ≥ {GOAL_SHARE:.0%}: {held(share)}"
    return f"{group}: lag {GOAL_LAG} has {share:.0%} of the offline gain; {goal}"


def in_words(groups: Mapping[str, Mapping[str, Row]]) -> str:
    """Say in one sentence what waiting keeps of the offline gain in each group."""
    kept = (rows[name_of(GOAL_LAG)]["share"] for rows in groups.values())
    return f"Waiting {GOAL_LAG} frames keeps {' / '.join(f'{share:.0%}' for share in kept)} of that gain"


def held(share: float) -> str:
    """Say whether a share of the offline gain reaches the goal; where nothing is gained, it does not."""
    return "held" if share >= GOAL_SHARE else "NOT held"


def rows_of(results: films.Results) -> dict[str, Row]:
    """Reduce the records of some clips to a row for each method."""
    rows = {name: row_of(results, name) for name in (*map(name_of, lags()), OFFLINE)}
    parts = shares({name: row["gain"] for name, row in rows.items()})
    return {name: row | {"share": parts[name]} for name, row in rows.items()}


def table_of(groups: Mapping[str, Mapping[str, Row]]) -> Table:
    """Make the table: a row for each lag, a column for each group of clips."""
    table = Table(title="gain in points (worst clip), share of the offline gain")
    table.add_column("method", no_wrap=True)
    for group in groups:
        table.add_column(group, justify="right", no_wrap=True)
    for method in next(iter(groups.values())):
        rows = [rows[method] for rows in groups.values()]
        table.add_row(
            method, *(f"{row['gain']:+.2f} ({row['worst']:+.1f}) {row['share']:4.0%}" for row in rows)
        )
    return table


# ── figure ──────────────────────────────────────────────────────────────────────────────────────────────────
def draw(groups: Mapping[str, Mapping[str, Row]], folder: Path) -> Path:
    """Write lag.png into a folder, one panel per group, and return its path."""
    figure = Figure(figsize=(3.4 * len(groups), 3.3), dpi=100, layout="constrained")
    FigureCanvasAgg(figure)
    for number, (group, rows) in enumerate(groups.items(), start=1):
        _panel(figure.add_subplot(1, len(groups), number), rows, group=TITLES.get(group, group))
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "lag.png"
    figure.savefig(path)
    return path


def _panel(axes: Axes, rows: Mapping[str, Row], *, group: str) -> None:
    late, whole = lags(), rows[OFFLINE]["gain"]
    gains = [rows[name_of(lag)]["gain"] for lag in late]
    axes.plot(late, gains, "o-", color=METHOD_COLORS[STREAM], markersize=5, label=f"{STREAM}, so late")
    axes.axhline(whole, color=METHOD_COLORS[OFFLINE], label="both ways, offline")
    axes.axhline(GOAL_SHARE * whole, color="#777777", linestyle=":", label=f"{GOAL_SHARE:.0%} of it: goal")
    axes.axvline(GOAL_LAG, color="#cccccc", linewidth=1, zorder=0)
    share = rows[name_of(GOAL_LAG)]["share"]
    words = f"{group}\nlag {GOAL_LAG}: {share:.0%} of the offline gain; goal {held(share)}"
    axes.set_title(words, loc="left", fontsize=10)
    axes.set_ylim(0, 1.1 * max(whole, *gains))
    axes.set_xlabel("lag, frames")
    axes.set_ylabel("gain of (J + F) / 2, points")
    axes.set_xticks([*late])
    axes.legend(loc="lower right", fontsize=8.5, frameon=False)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


def main() -> int:
    """Measure, print, draw."""
    args = films.command(__doc__).parse_args()
    console = Console(width=150)
    made: dict[str, Any] = {"hardware": hardware(device="cpu"), "seed": args.seed, "frames": args.frames}
    made |= {"groups": {}, "in_words": "", "clips": {}}
    for group, results in films.measured(args, versions()):
        made["clips"] |= results
        made["groups"][group] = rows_of(results)
    if groups := made["groups"]:
        console.print(table_of(groups))
        console.print(*(verdict(group, rows) for group, rows in groups.items()), sep="\n")
        made["in_words"] = in_words(groups)
        whole = not (args.only or args.quick) and len(groups) > 1
        drawn = draw(groups, ROOT / "figures" if whole else ROOT / "runs" / "lag")
        print(f"drawn: {drawn.relative_to(ROOT)}", file=sys.stderr)
    films.write_json(args.json, made)
    return 0


if __name__ == "__main__":
    films.run(main)
