"""Draw the keyframe curves: J&F lost against network calls, one panel per group of clips."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullLocator

from vidlab.viz.colors import METHOD_COLORS, RAW_COLOR

Rows = Mapping[str, Mapping[str, Any]]
STYLES = {  # family → color, line, label
    "forward": ("#777777", ":", "carried forward, no delay"),
    "both sides": (RAW_COLOR, "--", "carried from both sides"),
    "adaptive": (RAW_COLOR, "-", "adaptive"),
    "both sides, flow_fusion_two_pass": (METHOD_COLORS["flow_fusion_two_pass"], "--", "both sides, two-pass"),
    "adaptive, flow_fusion_two_pass": (METHOD_COLORS["flow_fusion_two_pass"], "-", "adaptive, two-pass"),
}
GOAL = (25.0, -1.0)  # calls in %, points
TICKS = (100, 50, 33, 25, 17, 12.5, 6)


def draw(groups: Mapping[str, Rows], folder: Path) -> Path:
    """Write keyframes.png into a folder and return its path."""
    figure = Figure(figsize=(4.2 * len(groups), 4.2), dpi=100, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(1, len(groups), squeeze=False)[0]
    for one, (group, rows) in zip(axes, groups.items(), strict=True):
        _panel(one, rows, title=group)
    axes[0].set_ylabel("change of (J + F) / 2, points")
    axes[0].legend(loc="lower left", fontsize=8.5, frameon=False)
    figure.suptitle("What fewer network calls cost (bands: 95 %; dot: the goal)", fontsize=11)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "keyframes.png"
    figure.savefig(path)
    return path


def _panel(axes: Axes, rows: Rows, *, title: str) -> None:
    start = {"calls": 1.0, "change": 0.0, "low": 0.0, "high": 0.0}
    for family, (color, line, label) in STYLES.items():
        points = [start, *(row for row in rows.values() if row["family"] == family)]
        points.sort(key=lambda row: -row["calls"])
        calls = [100 * row["calls"] for row in points]
        axes.plot(
            calls, [row["change"] for row in points], marker="o", markersize=4, color=color, linestyle=line,
            label=label,
        )  # fmt: skip
        if line == "-":
            low, high = ([row[end] for row in points] for end in ("low", "high"))
            axes.fill_between(calls, low, high, color=color, alpha=0.12, linewidth=0)
    axes.plot(*GOAL, marker="D", color="black", markersize=5, zorder=5)
    axes.axhline(0, color="#bbbbbb", linewidth=1, zorder=0)
    axes.set_xscale("log", base=2)
    axes.set_xlim(105, 6)  # fewer calls to the right
    axes.set_xticks(TICKS)
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.set_title(title, loc="left", fontsize=10)
    axes.set_xlabel("network calls, % of frames")
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
