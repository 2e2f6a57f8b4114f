"""Metrics as rows of text: one wording for the command line and the notebooks."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from vidlab.metrics.bootstrap import Interval
from vidlab.metrics.comparison import Comparison
from vidlab.metrics.label_clip import LabelSummary
from vidlab.metrics.proxy import rank_correlation
from vidlab.metrics.summary import ClipSummary
from vidlab.viz.wording import GROUPS, LABEL_METRICS, METRICS, Group, Metric

CLIP_METRICS = ("headline", "j_mean", "f_mean", "f_2px_mean", "excess_flicker", "consistency_mean")
CLIP_HEADER = ("clip", "frames", "headline ↑", "J ↑", "F ↑", "F at 2 px ↑", "excess flicker ↓", "MC ↑")
VARIANT_HEADER = ("version", "IoU ↑", "changed px ↓", "MC ↑", "J ↑", "F ↑")
INTERVAL_HEADER = ("metric", "mean difference", "95 % interval", "masks better in", "n")
UNDEFINED = "–"


class Section(NamedTuple):
    """Rows that belong together.

    Attributes:
        title: What they have in common.
        rows: One text per column and row.
    """

    title: str
    rows: list[tuple[str, ...]]


def comparison_rows(
    raw: ClipSummary, stable: ClipSummary, *, change: Comparison
) -> list[tuple[str, str, str, str]]:
    """Return metric, raw, stable and change in words; metrics undefined for both are left out.

    Args:
        raw: Metrics before.
        stable: Metrics after.
        change: What `compare` says of the two.
    """
    rows = []
    for metric in METRICS.values():
        before, after = getattr(raw, metric.name), getattr(stable, metric.name)
        if metric.compared and (before is not None or after is not None):
            values = number(before, metric.decimals), number(after, metric.decimals)
            rows.append((metric.long_label, *values, _change(metric, change)))
    return rows


def summary_rows(summary: ClipSummary, *, truth: ClipSummary | None, judge: str) -> list[Section]:
    """Return metric, value and, if there is one, the truth's own value, in sections; undefined: left out.

    Args:
        summary: Metrics of the masks.
        truth: What the truth itself measures, a yardstick for what depends on the motion in the clip.
        judge: Name of the optical flow that judges.
    """

    def cells(metric: Metric) -> tuple[str, ...] | None:
        value = getattr(summary, metric.name)
        if value is None:
            return None
        if truth is None:
            return (number(value, metric.decimals),)
        own = getattr(truth, metric.name) if metric.yardstick else None
        return number(value, metric.decimals), "" if own is None else number(own, metric.decimals)

    return _sections(cells, judge=judge)


def against_rows(masks: ClipSummary, against: ClipSummary, *, judge: str) -> list[Section]:
    """Return metric, masks, against and masks − against, in sections; undefined for both: left out.

    Args:
        masks: Metrics of the masks.
        against: Metrics of those that they are compared with.
        judge: Name of the optical flow that judges.
    """

    def cells(metric: Metric) -> tuple[str, ...] | None:
        one, other = getattr(masks, metric.name), getattr(against, metric.name)
        if one is None and other is None:
            return None
        values = number(one, metric.decimals), number(other, metric.decimals)
        return *values, signed(_minus(one, other), metric.decimals)

    return _sections(cells, judge=judge)


def interval_rows(intervals: Mapping[str, Interval]) -> list[tuple[str, ...]]:
    """Return what `INTERVAL_HEADER` names, a row for each metric; those without a frame are left out.

    Args:
        intervals: Name of a metric → its mean difference, `p_better` counting what is better.
    """
    rows: list[tuple[str, ...]] = []
    for name, drawn in intervals.items():
        if drawn.n:
            metric = METRICS.get(name) or LABEL_METRICS[name]
            mean, low, high = (
                signed(value, metric.decimals) for value in (drawn.mean, drawn.low, drawn.high)
            )
            share = f"{drawn.p_better:.1%}".replace("%", " %")
            rows.append((metric.long_label, mean, f"{low} to {high}", f"{share} of draws", str(drawn.n)))
    return rows


def clip_rows(
    clips: Mapping[str, ClipSummary],
    *,
    mean: Mapping[str, float | None],
    against: Mapping[str, ClipSummary],
    against_mean: Mapping[str, float | None],
) -> list[tuple[str, ...]]:
    """Return what `CLIP_HEADER` names for each clip, and the mean over clips last.

    Args:
        clips: Name of a clip → its metrics.
        mean: Name of a metric → its mean over clips.
        against: As `clips`, the masks that they are compared with; then the difference stands in brackets.
        against_mean: As `mean`.
    """
    rows = []
    for name, summary in clips.items():
        other = against.get(name)
        cells = [
            _with_difference(
                metric, getattr(summary, metric), None if other is None else getattr(other, metric)
            )
            for metric in CLIP_METRICS
        ]
        rows.append((name, str(summary.n_frames), *cells))
    n_frames = sum(summary.n_frames for summary in clips.values())
    cells = [_with_difference(metric, mean.get(metric), against_mean.get(metric)) for metric in CLIP_METRICS]
    return [*rows, (f"mean of {len(clips)}", str(n_frames), *cells)]


def label_rows(versions: Sequence[LabelSummary], *, names: Mapping[int, str]) -> list[Section]:
    """Return the metrics of class labels, in sections; what is undefined is left out.

    Args:
        versions: Metrics of one set of labels, or of two that are compared; then the difference comes last.
        names: Class index → its name.
    """

    def of(group: Group) -> dict[str, list[float | None]]:
        metrics = {name: metric for name, metric in LABEL_METRICS.items() if metric.group == group}
        return {m.short_label: [getattr(one, name) for one in versions] for name, m in metrics.items()}

    classes = {f"{index} {name}": [one.iou.get(index) for one in versions] for index, name in names.items()}
    sections = {
        GROUPS["accuracy"]: of("accuracy"),
        "IoU of each class ↑": classes,
        GROUPS["published"]: of("published"),
    }
    made = [
        Section(title, [_label_row(*row) for row in rows.items() if any(v is not None for v in row[1])])
        for title, rows in sections.items()
    ]
    return [section for section in made if section.rows]


def variant_rows(summaries: Mapping[str, ClipSummary]) -> list[tuple[str, ...]]:
    """Return name, adjacent IoU, changed pixels, MC, J and F of several versions of one clip's masks.

    Args:
        summaries: Name of a version → its metrics.
    """
    names = ("iou_prev_mean", "changed_px_mean", "consistency_mean", "j_mean", "f_mean")
    return [
        (version, *(number(getattr(summary, name), METRICS[name].decimals) for name in names))
        for version, summary in summaries.items()
    ]


def number(value: float | None, decimals: int) -> str:
    """Write a value with so many decimals; a dash where it is undefined.

    >>> number(1234.56, 1), number(None, 1)
    ('1,234.6', '–')
    """
    return UNDEFINED if value is None or math.isnan(value) else f"{value:,.{decimals}f}"


def signed(value: float | None, decimals: int) -> str:
    """Write a difference with its sign; what rounds to nothing has none.

    >>> signed(0.125, 2), signed(-0.001, 2), signed(None, 2)
    ('+0.12', '0.00', '–')
    """
    text = number(value, decimals)
    if value is None or text == UNDEFINED:
        return text
    if not text.strip("-0.,"):
        return text.lstrip("-")
    return text if value < 0 else f"+{text}"


def percent_less(removed: float | None) -> str:
    """Word a share that was removed, in percent; empty where it is undefined.

    >>> percent_less(75.0), percent_less(-2.5)
    ('75.0 % less', '2.5 % more')
    """
    if removed is None:
        return ""
    return f"{removed:.1f} % less" if removed >= 0 else f"{-removed:.1f} % more"


def _sections(cells: Callable[[Metric], tuple[str, ...] | None], *, judge: str) -> list[Section]:
    """Give each group its rows, in the order of the declaration; groups without any are left out."""
    sections = []
    rho = rank_correlation()
    for group, title in GROUPS.items():
        metrics = [metric for metric in METRICS.values() if metric.group == group]
        found = [(metric.short_label, cells(metric)) for metric in metrics]
        rows = [(label, *texts) for label, texts in found if texts is not None]
        if rows:
            sections.append(Section(title.format(judge=judge, synthetic=rho.synthetic, real=rho.real), rows))
    return sections


def _label_row(label: str, values: Sequence[float | None]) -> tuple[str, ...]:
    cells = [number(value, 4) for value in values]
    return (label, *cells) if len(values) == 1 else (label, *cells, signed(_minus(*values), 4))


def _with_difference(name: str, value: float | None, other: float | None) -> str:
    decimals = METRICS[name].decimals
    difference = _minus(value, other)
    return number(value, decimals) + ("" if difference is None else f" ({signed(difference, decimals)})")


def _minus(one: float | None, other: float | None) -> float | None:
    return None if one is None or other is None else one - other


def _change(metric: Metric, change: Comparison) -> str:
    value = getattr(change, metric.change) if metric.change else None
    if value is None:
        return ""
    return f"{value:+.1f} points" if metric.change.endswith("points") else percent_less(value)
