"""How good optical flows are, and what they cost, in one picture."""

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

from vidlab.metrics.flow_error import SPEED_CLASSES, FlowErrorSummary

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FLOW_COLORS: Mapping[str, str] = {
    "dis": "#0072b2",
    "farneback": "#e69f00",
    "lucas_kanade": "#009e73",
    "horn_schunck": "#cc79a7",
    "block_matching": "#8a6d3b",
    "raft_small": "#d55e00",
    "raft_large": "#56b4e9",
}  # Okabe and Ito's palette, as that of the methods


def flow_color(name: str) -> str:
    """Return the color of a flow, by its name or one that begins with it, such as `dis fast`.

    >>> flow_color("dis fast") == flow_color("dis")
    True
    """
    return FLOW_COLORS.get(name.partition(" ")[0], "#555555")


def plot_flows(
    axes: "Axes",
    points: Mapping[str, tuple[float, float]],
    *,
    xlabel: str,
    ylabel: str,
    title: str,
    xscale: Literal["linear", "log"] = "linear",
) -> "Axes":
    """Draw one point per flow, each beside its name.

    Args:
        axes: Where to draw.
        points: Name of a flow, perhaps with a preset behind it → where.
        xlabel: What is across, with its unit.
        ylabel: What is up, with its unit.
        title: What is shown, and which way is better.
        xscale: `log` where ratios count, such as those of cost.

    Returns:
        The axes.
    """
    for place, name in enumerate(sorted(points, key=lambda name: points[name])):
        color, above = flow_color(name), place % 2 == 0  # names of neighbors do not hide each other
        axes.plot(*points[name], "o", color=color, markersize=7)
        axes.annotate(
            name, points[name], xytext=(0, 8 if above else -8), textcoords="offset points", fontsize="small",
            ha="center", va="bottom" if above else "top", color=color,
        )  # fmt: skip
    axes.set_xscale(xscale)
    axes.margins(x=0.12, y=0.18)
    axes.set_xlabel(xlabel)
    axes.set_ylabel(ylabel)
    axes.set_title(title, fontsize="medium", loc="left")
    axes.grid(color="#dddddd", linewidth=0.6)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    return axes


def error_rows(errors: FlowErrorSummary) -> list[tuple[str, str, str]]:
    """Return name, value and unit of each error of a flow that is defined, as a table shows them.

    >>> from vidlab.metrics.flow_error import FlowError
    >>> error_rows(FlowError().compute())
    []
    """
    speeds = {name: f"end-point error, {_speed_words(name)}" for name in SPEED_CLASSES}
    values = [
        ("end-point error, mean", errors.epe, 1.0, "px"),
        *((words, errors.by_speed[name], 1.0, "px") for name, words in speeds.items()),
        ("end-point error, both frames show it", errors.matched, 1.0, "px"),
        ("end-point error, occluded", errors.unmatched, 1.0, "px"),
        ("outliers, Fl-all", errors.fl_all, 100.0, "%"),
        ("angular error", errors.angle_deg, 1.0, "°"),
    ]
    return [
        (name, f"{factor * value:.3f}", unit) for name, value, factor, unit in values if value is not None
    ]


def _speed_words(name: str) -> str:
    low, high = SPEED_CLASSES[name]
    return f"{low:g} px per frame and faster" if math.isinf(high) else f"{low:g} to {high:g} px per frame"
