"""How good optical flows are, and what they cost, in one picture."""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from vidlab.errors import ShapeError
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


def plot_against_cost(
    axes: "Axes",
    names: Sequence[str],
    *,
    cost: Sequence[float],
    values: Sequence[float],
    ylabel: str,
    title: str,
) -> "Axes":
    """Draw one point per flow over what it costs, on a logarithmic axis, each beside its name.

    Args:
        axes: Where to draw.
        names: Names of the flows, perhaps with a preset or a scale behind them.
        cost: Time of each, as a multiple of that of DIS ultrafast.
        values: What each is worth.
        ylabel: What the values are, with their unit.
        title: What is shown, and which way is better.

    Raises:
        ShapeError: The lengths differ.

    Returns:
        The axes.
    """
    if not len(names) == len(cost) == len(values):
        raise ShapeError(f"there must be one cost and value per name, got {len(cost)} and {len(values)} for "
                         f"{len(names)}")  # fmt: skip
    for name, x, y in zip(names, cost, values, strict=True):
        axes.plot(x, y, "o", color=flow_color(name), markersize=7)
        axes.annotate(
            name, (x, y), xytext=(6, 4), textcoords="offset points", fontsize="small", color=flow_color(name)
        )
    axes.set_xscale("log")
    axes.margins(x=0.18, y=0.12)
    axes.set_xlabel("time per frame, as a multiple of DIS ultrafast")
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
