"""How a search went, and what of its gain is left where nobody tuned, drawn."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from vidlab.tuning.held_out import Compared
from vidlab.tuning.scoring import By
from vidlab.tuning.tune import Tuned
from vidlab.tuning.wording import FLICKER, QUALITY, SCORE
from vidlab.viz.colors import METHOD_COLORS
from vidlab.viz.plots import MARK_COLOR

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WORTH_COLORS = ("#999999", MARK_COLOR)  # of what was tuned on, and of what was held out
_APART = 0.3  # between the two in a row
_SHOWN = 0.1  # score below the defaults; worse trials would hide the others, and are drawn at the rim


def plot_course(axes: "Axes", tuned: Tuned, *, title: str) -> "Axes":
    """Draw the score of every trial in its method's color, the best so far as steps, the defaults dashed.

    Args:
        axes: Where to draw.
        tuned: What tuning found.
        title: What is shown, and the finding.

    Returns:
        The axes.
    """
    from matplotlib.ticker import MaxNLocator  # half a second: only when drawing

    trials, defaults = tuned.found.trials, tuned.found.base.mean.score
    least = defaults - _SHOWN
    for method in dict.fromkeys(trial.point.method for trial in trials):
        scores = {n: trial.mean.score for n, trial in enumerate(trials) if trial.point.method == method}
        for far, marker in ((False, "o"), (True, "v")):
            shown = {n: max(score, least) for n, score in scores.items() if (score < least) == far}
            color = METHOD_COLORS.get(method, "#555555")
            label = None if far and len(shown) < len(scores) else method
            if shown:
                axes.scatter([*shown], [*shown.values()], s=22, marker=marker, color=color, label=label)
    best = np.maximum.accumulate([trial.mean.score for trial in trials])
    axes.step(range(len(trials)), best, where="post", color="#444444", linewidth=1.2, label="best so far")
    axes.axhline(defaults, color="#444444", linewidth=0.9, linestyle="--", label="defaults")
    axes.set_xlabel("trial (▾: far below)")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_ylabel(f"{SCORE[tuned.by]} (0 to 1)")
    return _finish(axes, title=title)


def plot_worth(axes: "Axes", compared: Mapping[str, Compared], *, by: By, title: str) -> "Axes":
    """Draw what parameters change against the defaults, with intervals: a row for each aim.

    Args:
        axes: Where to draw.
        compared: What was tuned on, then what was held out, by the names that the legend gives them.
        by: What decided.
        title: What is shown, and the finding.

    Returns:
        The axes.
    """
    rows = {"score": SCORE[by], "quality": QUALITY[by], "flicker": f"{FLICKER[by]}, less is better"}
    for place, (name, each) in enumerate(compared.items()):
        drawn = [getattr(each, kind) for kind in rows]
        means = 100 * np.array([interval.mean for interval in drawn])
        ends = 100 * np.array([(interval.low, interval.high) for interval in drawn]).T
        axes.errorbar(
            means,
            np.arange(len(rows)) + (place - (len(compared) - 1) / 2) * _APART,
            xerr=np.maximum(ends * [[-1], [1]] + means * [[1], [-1]], 0),  # rounding may put a mean outside
            fmt="o",
            color=WORTH_COLORS[place % len(WORTH_COLORS)],
            capsize=3,
            label=name,
        )
    axes.axvline(0, color="#222222", linewidth=0.8)
    axes.set_yticks(range(len(rows)), list(rows.values()))
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_xlabel("change against the defaults (points, 95 % interval)")
    return _finish(axes, title=title)


def _finish(axes: "Axes", *, title: str) -> "Axes":
    axes.set_title(title, fontsize="medium", loc="left", pad=22)
    axes.grid(color="#dddddd", linewidth=0.6)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    axes.legend(
        loc="lower left", bbox_to_anchor=(0, 1), ncols=6, frameon=False, fontsize="small",
        borderaxespad=0.2, borderpad=0.2, handletextpad=0.3, columnspacing=1.0,
    )  # fmt: skip
    return axes
