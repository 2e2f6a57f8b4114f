"""Curves of a training, over its epochs."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from vidlab.classes import CUSTOM_IDS, known_class_id
from vidlab.viz.colors import Color, distinct_colors, to_hex

if TYPE_CHECKING:
    from matplotlib.axes import Axes

TRAIN_COLOR, VALID_COLOR = "#0072b2", "#d55e00"


def class_colors(names: Sequence[str]) -> list[Color]:
    """Return an RGB color for each class of a training: those that films of its classes show.

    The first, background, has one for curves alone; names that the vocabulary lacks go by their order.

    >>> class_colors(["background", "dog"])[1] == distinct_colors([18])[0]
    True
    """
    own = iter(CUSTOM_IDS)
    shown = distinct_colors(known_class_id(name) or next(own) for name in names[1:])
    palette = distinct_colors(range(len(names)))
    return [next((color for color in palette if color not in shown), palette[0]), *shown]


def plot_learning(
    axes: "Sequence[Axes]", rows: Sequence[Mapping[str, float]], *, names: Sequence[str]
) -> "Sequence[Axes]":
    """Draw the losses on the left, and Dice of each class and their mean on the right.

    Args:
        axes: Two of them.
        rows: Of each epoch: `epoch`, `train_loss`, `valid_loss`, `dice` and `dice NAME` of each class.
        names: Names of the classes, in the order of their index.

    Returns:
        The axes.
    """
    left, right = axes
    epochs = [row["epoch"] for row in rows]
    marker = "o" if len(rows) < 12 else None
    for key, line_color, label in (
        ("train_loss", TRAIN_COLOR, "train"),
        ("valid_loss", VALID_COLOR, "validation"),
    ):
        left.plot(epochs, [row[key] for row in rows], color=line_color, label=label, marker=marker)
    for name, color in zip(names, class_colors(names), strict=True):
        values = np.array([row.get(f"dice {name}", np.nan) for row in rows])
        right.plot(
            epochs, values, color=to_hex(color), label=name, linewidth=1.1, marker=marker, markersize=3
        )
    right.plot(epochs, [row["dice"] for row in rows], color="black", label="mean", linewidth=2)
    right.set_ylim(0, 1)
    for one, ylabel, title in (
        (left, "loss", "Loss: lower is better"),
        (right, "Dice (0 to 1)", "Dice on validation pictures: higher is better"),
    ):
        one.set(xlabel="epoch", ylabel=ylabel)
        one.set_title(title, fontsize="medium", loc="left")
        one.grid(color="#dddddd", linewidth=0.6)
        one.legend(frameon=False, fontsize="small")
    return axes
