"""The plots of a stabilizing job, as PNG files."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from vidlab.classes import class_name
from vidlab.jobs.curves import StateCurves
from vidlab.metrics.summary import ClipSummary
from vidlab.viz.plots import plot_class_curves, plot_cuts, plot_raw_and_stable

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_PAIRED = {  # file name: curve, axis, title
    "iou": ("iou_prev", "IoU (0 to 1)", "IoU of neighboring frames: higher is calmer"),
    "changed_pixels": (
        "changed_px",
        "changed pixels",
        "Pixels that change from frame to frame: lower is calmer",
    ),
    "consistency": (
        "consistency",
        "IoU along the flow (0 to 1)",
        "Consistency with the motion: higher is better",
    ),
    "truth_j": ("j", "J (0 to 1)", "Region similarity J to the truth: higher is better"),
    "truth_f": ("f", "F (0 to 1)", "Boundary accuracy F to the truth: higher is better"),
}
_STATES = {
    "threshold": ("probability", "Adaptive threshold: a pixel above it belongs to the mask"),
    "confidence": ("confidence (0 to 1)", "Running confidence that the object is there"),
    "miss_streak": ("frames", "Frames in a row in which the network did not find it"),
}
Values = Sequence[float | None]

# fixed, because matplotlib's layout engines draw every plot twice to find them
_MARGINS = {"left": 0.115, "right": 0.985, "bottom": 0.155, "top": 0.84}
_MAX_CLASSES = 6  # more lines cannot be told apart


def write_plots(
    folder: Path,
    *,
    raw: ClipSummary,
    stable: ClipSummary,
    states: StateCurves,
    method: str,
    class_names: Mapping[int, str],
) -> list[Path]:
    """Write `iou.png`, `changed_pixels.png`, `area.png` and so on into a folder; return their paths."""
    folder.mkdir()
    paths = []
    for name, (curve, ylabel, title) in _PAIRED.items():
        before, after = getattr(raw.curves, curve), getattr(stable.curves, curve)
        if name.startswith("truth") and all(value is None for value in after):
            continue
        paths.append(_write(folder / f"{name}.png", _pair(before, after, method, ylabel, title, states.cuts)))
    before, after = raw.curves.area_px, stable.curves.area_px
    title = "Area of the mask"
    paths.append(
        _write(folder / "area.png", _pair(before, after, method, "area (pixels)", title, states.cuts))
    )
    for name, (ylabel, title) in _STATES.items():
        paths.append(_write(folder / f"{name}.png", _classes(states, class_names, name, ylabel, title)))
    return paths


def _pair(
    before: Values, after: Values, method: str, ylabel: str, title: str, cuts: list[int]
) -> "Callable[[Axes], Axes]":
    def draw(axes: "Axes") -> "Axes":
        raw = [float("nan") if value is None else value for value in before]
        stable = [float("nan") if value is None else value for value in after]
        plot_raw_and_stable(axes, raw, stable, method=method, ylabel=ylabel, title=title)
        return plot_cuts(axes, cuts)

    return draw


def _classes(
    states: StateCurves, class_names: Mapping[int, str], name: str, ylabel: str, title: str
) -> "Callable[[Axes], Axes]":
    def draw(axes: "Axes") -> "Axes":
        shown = states.class_ids[:_MAX_CLASSES]
        curves = {class_name(class_id, class_names): states.of(name, class_id) for class_id in shown}
        plot_class_curves(axes, curves, class_ids=shown, ylabel=ylabel, title=title)
        return plot_cuts(axes, states.cuts)

    return draw


def _write(path: Path, draw: "Callable[[Axes], Axes]") -> Path:
    from matplotlib.figure import Figure  # half a second: only when something is drawn

    figure = Figure(figsize=(8, 3.2), dpi=120)
    figure.subplots_adjust(**_MARGINS)
    draw(figure.add_subplot())
    figure.savefig(path)
    return path
