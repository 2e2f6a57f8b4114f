"""Who worked when: Gantt charts and stacked bars of a pipeline's stages, drawn and in plain text."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from vidlab.errors import ParameterError
from vidlab.profiling import Span

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# One color per stage in every figure; Okabe and Ito's palette, and gray for what has no name here.
STAGE_COLORS: Mapping[str, str] = {
    "decode": "#0072b2",
    "preprocess": "#e69f00",
    "copy": "#56b4e9",
    "infer": "#d55e00",
    "postprocess": "#009e73",
}
OTHER_COLOR = "#777777"
_BAR_HEIGHT = 0.72
_LABELED_SHARE = 0.06  # of the axis: a narrower bar has no room for its number
_EVEN, _ODD = "█", "▒"  # neighboring items, told apart in text


def stage_color(stage: str) -> str:
    """Return the color of a stage.

    >>> stage_color("decode")
    '#0072b2'
    """
    return STAGE_COLORS.get(stage, OTHER_COLOR)


def middle_of(spans: Sequence[Span], *, n_items: int) -> list[Span]:
    """Return the spans of a stretch of items from the middle of a run, where it has settled.

    Args:
        spans: What ran when.
        n_items: Items to show; all where there are fewer.
    """
    items = sorted({span.item for span in spans})
    first = max(0, (len(items) - n_items) // 2)
    shown = set(items[first : first + n_items])
    return [span for span in spans if span.item in shown]


def plot_gantt(axes: "Axes", spans: Sequence[Span], *, title: str) -> "Axes":
    """Draw a row for each stage, a bar for each item, over time.

    Args:
        axes: Where to draw.
        spans: What ran when, at least one span; time starts with the first of them.
        title: What is shown.

    Returns:
        The axes.

    Raises:
        ParameterError: There are no spans.
    """
    rows, origin_s, length_s = _frame_of(spans)
    for span in spans:
        row, left_ms = rows[span.stage], 1000 * (span.start_s - origin_s)
        width_ms = 1000 * span.elapsed_s
        shade = 1.0 if span.item % 2 == 0 else 0.62
        axes.barh(
            row, width_ms, left=left_ms, height=_BAR_HEIGHT, color=stage_color(span.stage), alpha=shade,
            edgecolor="white", linewidth=0.5,
        )  # fmt: skip
        if span.elapsed_s > _LABELED_SHARE * length_s / 2:
            axes.text(
                left_ms + width_ms / 2, row, str(span.item), ha="center", va="center", fontsize=7,
                color="white" if shade == 1.0 else "#222222",
            )  # fmt: skip
    axes.set_yticks(list(rows.values()), list(rows))
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.set_xlim(0, 1000 * length_s)
    axes.set_xlabel("time (ms)")
    return _plain(axes, title=title, grid="x")


def plot_stage_bars(
    axes: "Axes", bars: Mapping[str, Mapping[str, float]], *, title: str, xlabel: str = "time per item (ms)"
) -> "Axes":
    """Draw one stacked bar for each configuration, its stages side by side in their colors.

    Args:
        axes: Where to draw.
        bars: Configuration → stage → milliseconds.
        title: What is shown.
        xlabel: What the lengths are, with their unit.

    Returns:
        The axes.

    Raises:
        ParameterError: There are no bars.
    """
    if not bars:
        raise ParameterError("stage bars must show at least one configuration, got none")
    longest = max(sum(stages.values()) for stages in bars.values())
    named: set[str] = set()
    for row, stages in enumerate(bars.values()):
        left = 0.0
        for stage, width in stages.items():
            label = None if stage in named else stage
            named.add(stage)
            axes.barh(
                row, width, left=left, height=_BAR_HEIGHT, color=stage_color(stage), label=label,
                edgecolor="white", linewidth=0.5,
            )  # fmt: skip
            if width > _LABELED_SHARE * longest:
                axes.text(
                    left + width / 2, row, f"{width:.3g}", ha="center", va="center", fontsize=8, color="white"
                )
            left += width
    axes.set_yticks(range(len(bars)), list(bars))
    axes.set_ylim(len(bars) - 0.4, -0.6)
    axes.set_xlabel(xlabel)
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=6, frameon=False, fontsize="small")
    return _plain(axes, title=title, grid="x", pad=24)


def text_gantt(spans: Sequence[Span], *, width: int) -> list[str]:
    r"""Return a line of text for each stage, over time.

    A column is filled where the stage was at work for most of it; neighboring items differ in shade.

    Args:
        spans: What ran when, at least one span.
        width: Columns of the chart, without the names.

    Raises:
        ParameterError: There are no spans, or no columns.

    >>> spans = [Span("decode", 0, 0, 1), Span("infer", 0, 1, 3), Span("decode", 1, 1, 2)]
    >>> print("\n".join(text_gantt(spans, width=6)))
    decode  ██▒▒
    infer     ████
    """
    if width < 1:
        raise ParameterError(f"a chart must have at least 1 column, got {width}")
    rows, origin_s, length_s = _frame_of(spans)
    column_s = length_s / width
    filled = {stage: [(0.0, " ")] * width for stage in rows}
    for span in spans:
        for column in range(width):
            begin_s = origin_s + column * column_s
            here_s = min(span.end_s, begin_s + column_s) - max(span.start_s, begin_s)
            if here_s >= column_s / 2 and here_s > filled[span.stage][column][0]:
                filled[span.stage][column] = here_s, _EVEN if span.item % 2 == 0 else _ODD
    widest = max(len(stage) for stage in rows)
    return [
        f"{stage:<{widest}}  {''.join(mark for _, mark in columns)}".rstrip()
        for stage, columns in filled.items()
    ]


def _frame_of(spans: Sequence[Span]) -> tuple[dict[str, int], float, float]:
    """Return stage → row, and begin and length of the whole.

    Stages of known names come in the order of a pipeline, others after them in that of their first starts: a
    stretch from the middle of a run may begin with any of them.
    """
    if not spans:
        raise ParameterError("a timeline must hold spans to be drawn, got none")
    ordered = sorted(spans, key=lambda span: span.start_s)
    known = list(STAGE_COLORS)
    stages = sorted(
        dict.fromkeys(span.stage for span in ordered),
        key=lambda stage: known.index(stage) if stage in known else len(known),
    )
    rows = {stage: row for row, stage in enumerate(stages)}
    origin_s = ordered[0].start_s
    return rows, origin_s, max(max(span.end_s for span in spans) - origin_s, 1e-9)


def _plain(axes: "Axes", *, title: str, grid: str, pad: float = 6) -> "Axes":
    axes.set_title(title, fontsize="medium", loc="left", pad=pad)
    axes.grid(axis="x" if grid == "x" else "y", color="#dddddd", linewidth=0.6)
    axes.set_axisbelow(True)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.tick_params(axis="y", length=0)
    return axes
