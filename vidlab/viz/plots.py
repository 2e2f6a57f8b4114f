"""Curves over a clip: each function draws into a matplotlib axes and returns it.

The same functions serve the command line and the notebooks. They use no pyplot: the caller owns the figure.
"""

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vidlab.errors import ShapeError
from vidlab.viz.colors import METHOD_COLORS, RAW_COLOR, class_hex

if TYPE_CHECKING:
    from matplotlib.axes import Axes

VERSION_COLORS = {"truth": "#999999", "against": "#e69f00", "masks": "#0072b2"}  # drawn in this order
VERSION_WIDTHS = {"truth": 1.1, "against": 1.4, "masks": 1.9}
MARK_COLOR = "#b03060"
_STRETCHES = 1024  # of a long curve; more than our plots have pixels
_MARKED = 12  # up to so many frames a marker shows each value; a single frame would otherwise draw nothing


def plot_raw_and_stable(
    axes: "Axes", raw: ArrayLike, stable: ArrayLike, *, method: str, ylabel: str, title: str
) -> "Axes":
    """Draw one quantity before and after stabilizing, over the frames.

    Args:
        axes: Where to draw.
        raw: float (T,), one value per frame; NaN where there is none.
        stable: float (T,), the same after stabilizing.
        method: Name of the method; gives the color and the legend.
        ylabel: What the values are, with their unit.
        title: What is shown, and which way is better.

    Raises:
        ShapeError: The two curves differ in length.

    Returns:
        The axes.
    """
    before, after = np.asarray(raw, np.float64), np.asarray(stable, np.float64)
    if before.shape != after.shape:
        raise ShapeError(f"curves must have one length, got raw {before.shape} and stable {after.shape}")
    _line(axes, before, color=RAW_COLOR, label=f"raw, mean {_mean_text(before)}", width=1.1)
    label = f"stable ({method}), mean {_mean_text(after)}"
    _line(axes, after, color=_stable_color(method), label=label, width=1.9)
    return _finish(axes, ylabel=ylabel, title=title)


def plot_class_curves(
    axes: "Axes", curves: Mapping[str, ArrayLike], *, class_ids: Sequence[int], ylabel: str, title: str
) -> "Axes":
    """Draw one curve per class, over the frames.

    Args:
        axes: Where to draw.
        curves: Name of a class → float (T,); NaN in frames where the class is neither seen nor remembered.
        class_ids: COCO id of each curve, for its color.
        ylabel: What the values are, with their unit.
        title: What is shown.

    Returns:
        The axes.
    """
    for (name, values), class_id in zip(curves.items(), class_ids, strict=True):
        _line(axes, np.asarray(values, np.float64), color=class_hex(class_id), label=name, width=1.6)
    return _finish(axes, ylabel=ylabel, title=title)


def plot_methods(axes: "Axes", curves: Mapping[str, ArrayLike], *, ylabel: str, title: str) -> "Axes":
    """Draw one curve per method, over the frames, each in the color of its method.

    Args:
        axes: Where to draw.
        curves: Name of a method → float (T,).
        ylabel: What the values are, with their unit.
        title: What is shown.

    Returns:
        The axes.
    """
    for name, curve in curves.items():
        values = np.asarray(curve, np.float64)
        label = f"{name}, mean {_mean_text(values)}"
        _line(axes, values, color=METHOD_COLORS.get(name, "#555555"), label=label, width=1.6)
    return _finish(axes, ylabel=ylabel, title=title)


def plot_versions(axes: "Axes", curves: Mapping[str, ArrayLike], *, ylabel: str, title: str) -> "Axes":
    """Draw one quantity of several versions of a clip's masks, over the frames.

    Args:
        axes: Where to draw.
        curves: `masks`, `against` or `truth` → float (T,), one value per frame; None or NaN where undefined.
        ylabel: What the values are, with their unit.
        title: What is shown, and which way is better.

    Returns:
        The axes.
    """
    for name in sorted(curves, key=list(VERSION_COLORS).index):
        values = np.asarray(curves[name], np.float64)
        label = f"{name}, mean {_mean_text(values)}"
        _line(axes, values, color=VERSION_COLORS[name], label=label, width=VERSION_WIDTHS[name])
    return _finish(axes, ylabel=ylabel, title=title)


def plot_marks(axes: "Axes", marks: Mapping[int, str]) -> "Axes":
    """Mark frames by thin vertical lines, each with a short text at its head, above the curves.

    Args:
        axes: Where curves were drawn.
        marks: Frame → text, such as a number.
    """
    low, high = axes.get_ylim()
    axes.set_ylim(low, high + 0.1 * (high - low))
    for frame, text in marks.items():
        axes.axvline(frame, color=MARK_COLOR, linewidth=0.8, zorder=1)
        axes.annotate(
            text,
            (frame, 1),
            xycoords=("data", "axes fraction"),
            xytext=(0, -2),
            textcoords="offset points",
            ha="center",
            va="top",
            fontsize="small",
            color="white",
            bbox={"boxstyle": "round,pad=0.2", "facecolor": MARK_COLOR, "edgecolor": "none"},
        )
    return axes


def plot_cuts(axes: "Axes", cuts: Sequence[int]) -> "Axes":
    """Mark frames that start a new shot by dotted vertical lines."""
    for position, frame in enumerate(cuts):
        axes.axvline(
            frame, color="#666666", linestyle=":", linewidth=1, label=None if position else "shot cut"
        )
    return _legend(axes)


def _line(axes: "Axes", values: NDArray[np.float64], *, color: str, label: str, width: float) -> None:
    frames = _drawn(values)
    values = values[frames]
    marked = None if len(values) <= _MARKED else _alone(values)
    axes.plot(
        frames,
        values,
        color=color,
        label=label,
        linewidth=width,
        marker="o" if marked is None or marked else None,
        markersize=4 if marked is None else width + 1,
        markevery=marked,
    )


def _drawn(values: NDArray[np.float64]) -> NDArray[np.int64]:
    """Choose the frames of a curve to draw: all, or of a long one the lowest and highest in each stretch.

    A stretch is narrower than a pixel, so that the picture is the same; drawing 100,000 points takes 200 MB.
    """
    if len(values) <= 2 * _STRETCHES:
        return np.arange(len(values))
    edges = np.linspace(0, len(values), _STRETCHES + 1).astype(np.int64)
    lowest, highest = np.where(np.isnan(values), np.inf, values), np.where(np.isnan(values), -np.inf, values)
    chosen = [
        first + pick(side[first:last])
        for first, last in pairwise(edges)
        for pick, side in ((np.argmin, lowest), (np.argmax, highest))
    ]
    return np.unique(np.array(chosen, np.int64))


def _alone(values: NDArray[np.float64]) -> list[int]:
    """Frames whose neighbors on both sides are undefined: no line goes through them."""
    known = np.pad(~np.isnan(values), 1)
    return [int(i) for i in np.flatnonzero(known[1:-1] & ~known[:-2] & ~known[2:])]


def _finish(axes: "Axes", *, ylabel: str, title: str) -> "Axes":
    from matplotlib.ticker import MaxNLocator, StrMethodFormatter  # half a second: only when drawing

    axes.set_xlabel("frame")
    axes.set_ylabel(ylabel)
    axes.set_title(title, fontsize="medium", loc="left", pad=22)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10]))
    values = np.concatenate([np.zeros(0), *(np.asarray(line.get_ydata(), float) for line in axes.lines)])
    known = values[~np.isnan(values)]
    if np.array_equal(known, np.rint(known)):  # counts have no halves
        axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    axes.yaxis.set_major_formatter(StrMethodFormatter("{x:,.7g}"))
    axes.grid(color="#dddddd", linewidth=0.6)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    return _legend(axes)


def _legend(axes: "Axes") -> "Axes":
    # one line between title and curves: inside the axes it would hide some of them
    if axes.get_legend_handles_labels()[0]:
        axes.legend(
            loc="lower left",
            bbox_to_anchor=(0, 1),
            ncols=6,
            frameon=False,
            fontsize="small",
            borderaxespad=0.2,
            borderpad=0.2,
            handlelength=1.5,
        )
    return axes


def _stable_color(method: str) -> str:
    # with the method "none" both curves coincide; black under orange shows it
    return "#222222" if method == "none" else METHOD_COLORS.get(method, "#222222")


def _mean_text(values: NDArray[np.float64]) -> str:
    known = values[~np.isnan(values)]
    if not known.size:
        return "–"
    mean = float(known.mean())
    return f"{mean:.3f}" if abs(mean) < 10 else f"{mean:,.0f}" if math.isfinite(mean) else "∞"
