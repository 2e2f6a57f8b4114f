"""Draw the leaderboard: accuracy gained against flicker left over, one point per method."""

from collections.abc import Mapping
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from matplotlib.ticker import FuncFormatter

from vidlab.viz.colors import METHOD_COLORS

Rows = Mapping[str, Mapping[str, float]]
LABELS = {
    "mediapipe": "MediaPipe smoothing", "obs_ema": "OBS EMA", "supervision_mean": "supervision-style mean",
    "ema": "EMA", "gaussian": "Gaussian", "median": "median of 5", "flow_ema": "EMA along flow",
    "flow_fusion": "flow_fusion (causal)", "flow_fusion lag=4": "flow_fusion, 4 frames late",
}  # fmt: skip
OURS, OTHERS = ("flow_fusion",), "#777777"
SAME_AS = {
    "raw": "none",
    "ema": "exponential",
    "gaussian": "gaussian",
    "median": "median",
}  # a method of ours
TITLES = {"real": "real sequences, two networks", "synthetic": "drawn scenes, 0 to 12 px/frame"}
PLACES = [(dx, dy) for dy in (0, 12, -12, 24, -24) for dx in (8, -8)]  # points around a mark for its label
FAR_PX2 = 0.5  # overlap, in square pixels, that is worth a label one point farther from its mark
LINEAR_TO = (
    2.0  # points: gains beyond are drawn on a logarithmic scale, or the worst rival would hide the rest
)


def draw(parts: Mapping[str, Rows], folder: Path) -> Path:
    """Write leaderboard.png into a folder, one panel per part, and return its path."""
    figure = Figure(figsize=(8, 3.9 * len(parts)), dpi=100, layout="constrained")
    FigureCanvasAgg(figure)
    for number, (part, rows) in enumerate(sorted(parts.items())):
        _panel(figure.add_subplot(len(parts), 1, number + 1), rows, title=TITLES[part])
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "leaderboard.png"
    figure.savefig(path)
    return path


def _panel(axes: Axes, rows: Rows, *, title: str) -> None:
    shown = {method: row for method, row in rows.items() if method != "truth"}
    axes.set_title(f"{title}: up is more accurate, left is calmer", loc="left", fontsize=11)
    axes.set_xlabel("excess flicker (0 = as calm as the truth)")
    axes.set_ylabel("gain of (J + F) / 2, points")
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:+g}" if value else "raw"))
    axes.axhline(0, color="#bbbbbb", linewidth=1, zorder=0)
    axes.axvline(0, color="#bbbbbb", linewidth=1, zorder=0)
    points = {method: (row["excess_flicker"], row["gain"]) for method, row in shown.items()}
    for method, (x, y) in points.items():
        axes.plot(x, y, "o", color=_color(method), markersize=9 if method.startswith(OURS) else 7)
    axes.margins(x=0.1, y=0.1)
    left, right = axes.get_xlim()
    axes.set_xlim(left, right + 0.12 * (right - left))  # the right-most names need room
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    _label(axes, points)


def _color(method: str) -> str:
    if method.startswith(OURS):
        return METHOD_COLORS["flow_fusion_two_pass" if "two_pass" in method else "flow_fusion"]
    return METHOD_COLORS[SAME_AS[method]] if method in SAME_AS else OTHERS


def _label(axes: Axes, points: Mapping[str, tuple[float, float]]) -> None:
    """Name every point where its name hides neither a point nor another name, as far as that can be."""
    figure = axes.get_figure(root=True)
    assert isinstance(figure, Figure)
    figure.draw_without_rendering()
    renderer = figure.canvas.get_renderer()  # type: ignore[attr-defined]
    marks = [axes.transData.transform(point) for point in points.values()]
    taken: list[tuple[float, float, float, float]] = [(x - 6, y - 6, x + 6, y + 6) for x, y in marks]
    frame = axes.get_window_extent(renderer)
    for method, point in sorted(points.items(), key=lambda item: -item[1][1]):
        tries = []
        for dx, dy in PLACES:
            text = axes.annotate(
                LABELS.get(method, method), point, (dx, dy), textcoords="offset points", va="center",
                ha="left" if dx > 0 else "right", fontsize=9.5, color=_color(method),
                weight="bold" if method.startswith(OURS) else "normal",
                path_effects=[withStroke(linewidth=2, foreground="white")],
            )  # fmt: skip
            box = text.get_window_extent(renderer).extents
            text.remove()
            hidden = sum(_overlap(tuple(box), other) for other in taken)
            beyond = (box[2] - frame.x1, frame.x0 - box[0], box[3] - frame.y1, frame.y0 - box[1])
            outside = sum(max(0.0, by_px) for by_px in beyond)
            tries.append((hidden + 50 * outside + FAR_PX2 * abs(dy), len(tries), tuple(box), text))
        _, number, box, text = min(tries, key=lambda entry: entry[:2])
        axes.add_artist(text)
        if PLACES[number][1]:  # a line leads from a mark to a name that is not beside it
            line = {"arrowstyle": "-", "color": _color(method), "lw": 0.7, "shrinkA": 0, "shrinkB": 3}
            axes.annotate("", point, PLACES[number], textcoords="offset points", arrowprops=line)
        taken.append(box)


def _overlap(a: tuple[float, ...], b: tuple[float, ...]) -> float:
    width, height = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    return max(width, 0.0) * max(height, 0.0)
