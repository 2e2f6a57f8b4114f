"""Latency at a glance: how late results come, how that spreads, and what was due when."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from vidlab.pipeline.latency import LatencyReport

if TYPE_CHECKING:
    from matplotlib.axes import Axes

RUN_COLORS: Mapping[str, str] = {
    "offline, sequential": "#999999",
    "offline, overlapped": "#56b4e9",
    "streamed, latest": "#0072b2",
    "streamed, block": "#d55e00",
    "streamed, every_n": "#009e73",
}  # of Okabe and Ito's palette
_OTHER_COLOR = "#444444"
_BINS = 40
WIDE = 12.0  # times the shortest latency: beyond that, equal bins would hold all but one run in one of them
_BUDGET_COLOR = "#b03060"


def plot_latency_histogram(axes: "Axes", reports: Mapping[str, LatencyReport], *, title: str) -> "Axes":
    """Draw how often each latency came, one outline per run, and the budget as a line.

    Args:
        axes: Where to draw.
        reports: Name of a run → its report; runs without results are left out.
        title: What is shown, and the finding.

    Returns:
        The axes.
    """
    known = {name: one for name, one in reports.items() if one.n_shown}
    edges, is_wide = _edges([one.latencies_ms for one in known.values()])
    for name, one in known.items():
        color = RUN_COLORS.get(name, _OTHER_COLOR)
        weights = np.full(one.n_shown, 100 / one.n_shown)
        label = f"{name}, p50 {one.percentile_ms(50):,.0f}, p99 {one.percentile_ms(99):,.0f} ms"
        axes.hist(one.latencies_ms, edges, weights=weights, histtype="stepfilled", color=color, alpha=0.25)
        axes.hist(one.latencies_ms, edges, weights=weights, histtype="step", color=color, label=label)
    _mark_budget(axes, known, vertical=True)
    if is_wide:
        from matplotlib.ticker import LogLocator, NullFormatter

        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.xaxis.set_major_formatter("{x:,.0f}")
        axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel("latency (ms, logarithmic)" if is_wide else "latency (ms)")
    axes.set_ylabel("share of the results (%)")
    return _finish(axes, title=title)


def plot_latency_over_time(axes: "Axes", reports: Mapping[str, LatencyReport], *, title: str) -> "Axes":
    """Draw each result's latency at the moment it came, one line per run, and the budget as a line.

    Args:
        axes: Where to draw.
        reports: Name of a run → its report.
        title: What is shown, and the finding.

    Returns:
        The axes.
    """
    for name, one in reports.items():
        if one.n_shown:
            begun_s = one.done_s[0] - one.latencies_ms[0] / 1000
            color = RUN_COLORS.get(name, _OTHER_COLOR)
            axes.plot(
                one.done_s - begun_s, one.latencies_ms, color=color, label=name, marker=".", linewidth=1.2
            )
    _mark_budget(axes, reports, vertical=False)
    axes.set_xlabel("time since the first frame (s)")
    axes.set_ylabel("latency (ms)")
    axes.set_ylim(bottom=0)
    return _finish(axes, title=title)


def _edges(latencies_ms: Sequence[NDArray[np.float64]]) -> tuple[list[float], bool]:
    """Return edges of bins for all latencies, and whether they are spaced by ratio, so wide is the range."""
    values = np.concatenate([np.zeros(0), *latencies_ms])
    low, high = (float(values.min()), float(values.max())) if len(values) else (0.0, 1.0)
    if low > 0 and high > WIDE * low:
        return np.geomspace(0.9 * low, 1.1 * high, _BINS + 1).tolist(), True
    return np.linspace(0, 1.02 * max(high, 1e-3), _BINS + 1).tolist(), False


def _mark_budget(axes: "Axes", reports: Mapping[str, LatencyReport], *, vertical: bool) -> None:
    budgets = {one.budget_ms for one in reports.values() if one.budget_ms is not None}
    for budget_ms in sorted(budgets):
        draw = axes.axvline if vertical else axes.axhline
        draw(budget_ms, color=_BUDGET_COLOR, linestyle="--", linewidth=1, label=f"budget, {budget_ms:g} ms")


def _finish(axes: "Axes", *, title: str) -> "Axes":
    axes.set_title(title, fontsize="medium", loc="left")
    axes.grid(color="#dddddd", linewidth=0.6)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(frameon=False, fontsize="small")
    return axes
