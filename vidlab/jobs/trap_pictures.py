"""What the traps for metrics look like: curves, bars and magnified outlines."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import ArrayLike

from vidlab.metrics.boundary import boundary_px
from vidlab.types import BoolMask, UInt8Image
from vidlab.viz.colors import METHOD_COLORS, RAW_COLOR, Color
from vidlab.viz.outlines import draw_outlines
from vidlab.viz.plots import MARK_COLOR, VERSION_COLORS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

TRUE_COLOR: Color = (255, 255, 255)
WRONG_COLOR: Color = (255, 134, 220)
TINT: Color = (60, 150, 255)
_TINTED = 0.45  # weight of a tint: the picture shows through
COLORS = {  # of versions, metrics and judges; the same in every plot
    "truth": VERSION_COLORS["truth"],
    "raw": RAW_COLOR,
    "median": METHOD_COLORS["median"],
    "EMA": METHOD_COLORS["exponential"],
    "wrong": MARK_COLOR,
}
Box = tuple[slice, slice]


def corner_box(mask: BoolMask, *, size_hw: tuple[int, int]) -> Box:
    """Return rows and columns of a window on the upper right corner of a mask's box, inside the picture."""
    x, y, width, _ = cv2.boundingRect(mask.view(np.uint8))
    middle = (y + size_hw[0] // 3, x + width - size_hw[1] // 3)
    starts = [
        int(np.clip(at - side // 2, 0, max(whole - side, 0)))
        for at, side, whole in zip(middle, size_hw, mask.shape, strict=True)
    ]
    return slice(starts[0], starts[0] + size_hw[0]), slice(starts[1], starts[1] + size_hw[1])


def draw_tolerance(
    image: UInt8Image, mask: BoolMask, *, target: BoolMask, tolerance_px: int, box: Box, zoom: int
) -> UInt8Image:
    """Magnify an outline over the true one, white, and over all that boundary F forgives, tinted.

    Args:
        image: uint8 (H, W, 3), RGB.
        mask: bool (H, W).
        target: bool (H, W), the truth.
        tolerance_px: Radius in which outlines match, pixels.
        box: Rows and columns to show.
        zoom: Pixels per pixel.
    """
    apart = np.uint8(1) - boundary_px(target).view(np.uint8)
    forgiven = np.asarray(cv2.distanceTransform(apart, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)) <= tolerance_px
    drawn = _tint(image, {TINT: forgiven})[box]
    big: UInt8Image = np.asarray(cv2.resize(drawn, None, fx=zoom, fy=zoom, interpolation=cv2.INTER_CUBIC))
    return draw_outlines(big, np.stack([target[box], mask[box]]), colors=(TRUE_COLOR, WRONG_COLOR))


def draw_areas(image: UInt8Image, areas: Mapping[Color, BoolMask]) -> UInt8Image:
    """Tint areas of a grey picture, uint8 (H, W, 3): color → bool (H, W)."""
    grey = cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    return _tint(np.asarray(grey, np.uint8), areas)


def plot_lines(
    axes: "Axes",
    x: ArrayLike,
    curves: Mapping[str, ArrayLike],
    *,
    colors: Sequence[str],
    xlabel: str,
    ylabel: str,
    title: str,
) -> "Axes":
    """Draw curves over anything.

    Args:
        axes: Where to draw.
        x: float (N,), where the values stand.
        curves: Name → float (N,).
        colors: One for each curve.
        xlabel: What `x` is, with its unit.
        ylabel: What the values are, with their unit.
        title: The finding.

    Returns:
        The axes.
    """
    for (name, values), color in zip(curves.items(), colors, strict=True):
        axes.plot(np.asarray(x), np.asarray(values, np.float64), color=color, label=name, linewidth=1.7)
    return _finish(axes, xlabel=xlabel, ylabel=ylabel, title=title, columns=len(curves))


def plot_bars(
    axes: "Axes",
    names: Sequence[str],
    series: Mapping[str, Sequence[float]],
    *,
    colors: Sequence[str],
    xlabel: str,
    title: str,
) -> "Axes":
    """Draw groups of horizontal bars, the first group on top, each bar with its value.

    Args:
        axes: Where to draw.
        names: One for each group.
        series: Name of a bar in every group → one value per group.
        colors: One for each series.
        xlabel: What the values are, with their unit.
        title: The finding.

    Returns:
        The axes.
    """
    thick = 0.8 / len(series)
    for place, ((name, values), color) in enumerate(zip(series.items(), colors, strict=True)):
        at = np.arange(len(names)) + (place - (len(series) - 1) / 2) * thick
        bars = axes.barh(at, values, height=thick * 0.9, color=color, label=name)
        labels = [f"{value:g}" if float(value).is_integer() else f"{value:.3f}" for value in values]
        axes.bar_label(bars, labels, padding=3, fontsize="small")
    axes.set_yticks(np.arange(len(names)), names)
    axes.invert_yaxis()
    axes.margins(x=0.12)
    return _finish(axes, xlabel=xlabel, ylabel="", title=title, columns=len(series))


def plot_points(
    axes: "Axes", points: Mapping[str, tuple[float, float]], *, xlabel: str, ylabel: str, title: str
) -> "Axes":
    """Draw named versions of masks as points; truth and raw have their colors, all others are wrong."""
    ordered = sorted(points.items(), key=lambda named: named[1])
    for place, (name, at) in enumerate(ordered):
        axes.scatter(*at, color=COLORS.get(name, COLORS["wrong"]), s=36, zorder=3)
        # by turns above and below: neighbors would write over each other
        shift_pt = -13 if place % 2 else 7
        axes.annotate(
            name, at, xytext=(0, shift_pt), textcoords="offset points", ha="center", fontsize="small"
        )
    axes.margins(0.1)
    return _finish(axes, xlabel=xlabel, ylabel=ylabel, title=title, columns=1)


def _tint(image: UInt8Image, areas: Mapping[Color, BoolMask]) -> UInt8Image:
    drawn = image.astype(np.float32)
    for color, area in areas.items():
        drawn[area] += _TINTED * (np.array(color, np.float32) - drawn[area])
    return np.rint(drawn).astype(np.uint8)


def _finish(axes: "Axes", *, xlabel: str, ylabel: str, title: str, columns: int) -> "Axes":
    axes.set_xlabel(xlabel)
    axes.set_ylabel(ylabel)
    named = bool(axes.get_legend_handles_labels()[0])
    axes.set_title(title, fontsize="medium", loc="left", pad=22 if named else 6)
    axes.grid(color="#dddddd", linewidth=0.6)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    if named:
        # one line between title and curves: inside the axes it would hide some of them
        axes.legend(
            loc="lower left", bbox_to_anchor=(0, 1), ncols=columns, frameon=False, fontsize="small",
            borderaxespad=0.2, borderpad=0.2, handlelength=1.5,
        )  # fmt: skip
    return axes
