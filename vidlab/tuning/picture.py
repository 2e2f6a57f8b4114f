"""The front of quality against flicker, drawn."""

from typing import TYPE_CHECKING, Any

from vidlab.tuning.fronts import front
from vidlab.tuning.search import Found
from vidlab.tuning.tune import Tuned
from vidlab.tuning.wording import FLICKER, QUALITY
from vidlab.viz.colors import METHOD_COLORS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLUMNS = 6  # of the legend, above the picture
SHOWN = 0.005  # beyond front and defaults, and as much again as they span: what lies further hides them


def plot_front(axes: "Axes", tuned: Tuned) -> "Axes":
    """Draw every trial near the front in its method's color, the front as steps, and mark knee and choice.

    Args:
        axes: Where to draw.
        tuned: What tuning found.

    Returns:
        The axes.
    """
    found = tuned.found
    for method in dict.fromkeys(trial.point.method for trial in found.trials):
        means = [trial.mean for trial in found.trials if trial.point.method == method]
        axes.scatter(
            [mean.flicker for mean in means],
            [mean.quality for mean in means],
            s=16, color=METHOD_COLORS.get(method, "#555555"), alpha=0.75, label=method, zorder=3,
        )  # fmt: skip
    # trials that are on the front for their short delay alone lie below the line
    pairs = [(trial.mean.quality, trial.mean.flicker) for trial in found.trials]
    qualities, flickers = zip(*(pairs[place] for place in reversed(front(pairs))), strict=True)
    axes.step(flickers, qualities, where="post", color="#444444", linewidth=0.9, label="front", zorder=2)
    marks = ((found.base, "s", 70, "defaults"), (found.knee, "D", 90, "knee"), (found.best, "*", 190, "best"))
    ring: dict[str, Any] = {"facecolors": "none", "edgecolors": "black", "linewidths": 1.3, "zorder": 4}
    for trial, marker, size, label in marks:
        axes.scatter(trial.mean.flicker, trial.mean.quality, s=size, marker=marker, label=label, **ring)
    _frame_front(axes, found)
    axes.set_xlabel(f"{FLICKER[tuned.by]}: less is better")
    axes.set_ylabel(f"{QUALITY[tuned.by]}: more is better")
    n_rows = -(-len(axes.get_legend_handles_labels()[0]) // COLUMNS)
    title = f"{len(found.trials)} trials, what was tuned on"
    axes.set_title(title, fontsize="medium", loc="left", pad=6 + 16 * n_rows)
    axes.grid(color="#dddddd", linewidth=0.6)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    axes.legend(
        loc="lower left", bbox_to_anchor=(0, 1), ncols=COLUMNS, frameon=False, fontsize="small",
        borderaxespad=0.2, borderpad=0.2, handletextpad=0.3, columnspacing=1.0,
    )  # fmt: skip
    return axes


def _frame_front(axes: "Axes", found: Found) -> None:
    """Show the front and the defaults, and the trials near them; far ones are cut off."""
    near = [trial.mean for trial in (*found.front, found.base, found.best)]
    flickers, qualities = [mean.flicker for mean in near], [mean.quality for mean in near]
    wide, high = max(flickers) - min(flickers), max(qualities) - min(qualities)
    axes.set_xlim(min(flickers) - 0.1 * wide - 0.002, max(flickers) + wide + SHOWN)
    axes.set_ylim(min(qualities) - high - SHOWN, max(qualities) + 0.1 * high + 0.002)
