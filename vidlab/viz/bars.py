"""Grouped bars with the spread of repeated measurements: a median, and a whisker from least to most."""

import statistics
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SERIES_COLORS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#999999")  # of Okabe and Ito's palette
_FILLED = 0.8  # of the height of a group


def plot_spread_bars(
    axes: "Axes",
    groups: Mapping[str, Mapping[str, Sequence[float]]],
    *,
    xlabel: str,
    title: str,
    decimals: int = 1,
    reference: float | None = None,
) -> "Axes":
    """Draw one horizontal bar for each group and series, in the order given, from the top.

    Args:
        axes: Where to draw.
        groups: Group → series → repeated values, at least one each; a series may be missing from a group.
        xlabel: What the values are, with their unit.
        title: What is shown, and the finding.
        decimals: Of the medians, which stand beside the bars.
        reference: A value that is marked by a line, such as 1 for ratios.

    Returns:
        The axes.
    """
    names = list(dict.fromkeys(series for group in groups.values() for series in group))
    height = _FILLED / max(1, len(names))
    for place, series in enumerate(names):
        rows = [row for row, group in enumerate(groups.values()) if series in group]
        values = [group[series] for group in groups.values() if series in group]
        medians = [statistics.median(each) for each in values]
        whiskers = [
            [middle - min(each) for middle, each in zip(medians, values, strict=True)],
            [max(each) - middle for middle, each in zip(medians, values, strict=True)],
        ]
        bars = axes.barh(
            [row + (place - (len(names) - 1) / 2) * height for row in rows],
            medians,
            height,
            xerr=whiskers,
            color=SERIES_COLORS[place % len(SERIES_COLORS)],
            ecolor="#444444",
            capsize=2,
            label=series,
        )
        axes.bar_label(bars, fmt=f"{{:,.{decimals}f}}", padding=4, fontsize="small")
    if reference is not None:
        axes.axvline(reference, color="#444444", linewidth=0.8, linestyle="--")
    axes.set_yticks(range(len(groups)), list(groups))
    axes.invert_yaxis()
    axes.margins(x=0.12)
    axes.set_xlabel(xlabel)
    axes.set_title(title, fontsize="medium", loc="left")
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    if len(names) > 1:
        axes.legend(frameon=False, fontsize="small")
    return axes
