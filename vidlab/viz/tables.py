"""Metrics as rows of text: one wording for the command line and the notebooks."""

from collections.abc import Mapping

from vidlab.metrics.summary import ClipSummary, Comparison

_METRICS = {  # what people call it, decimals
    "iou_prev_mean": ("IoU of neighboring frames ↑", 4),
    "instability": ("instability (1 − IoU) ↓", 4),
    "dice_prev_mean": ("Dice of neighboring frames ↑", 4),
    "changed_px_mean": ("changed pixels per frame ↓", 0),
    "probs_l1_mean": ("L1 between probability maps ↓", 5),
    "area_px_mean": ("area, pixels", 0),
    "area_cv": ("area variation (CV)", 4),
    "consistency_mean": ("consistency along the flow, MC ↑", 4),
    "j_mean": ("truth: region J ↑", 4),
    "f_mean": ("truth: boundary F ↑", 4),
    "jf_mean": ("truth: (J + F) / 2 ↑", 4),
    "dice_mean": ("truth: Dice ↑", 4),
}
_LESS = {  # fields of a comparison that are percentages removed
    "instability": "improvement_percent",
    "changed_px_mean": "changed_px_improvement_percent",
    "probs_l1_mean": "probs_l1_improvement_percent",
    "area_cv": "area_cv_improvement_percent",
}
_POINTS = {
    "consistency_mean": "consistency_gain_points",
    "j_mean": "j_gain_points",
    "f_mean": "f_gain_points",
    "jf_mean": "jf_gain_points",
    "dice_mean": "dice_gain_points",
}


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
    for name, (label, decimals) in _METRICS.items():
        before, after = getattr(raw, name), getattr(stable, name)
        if before is not None or after is not None:
            rows.append((label, number(before, decimals), number(after, decimals), _change(name, change)))
    return rows


def summary_rows(summary: ClipSummary) -> list[tuple[str, str]]:
    """Return metric and value of one clip; undefined ones are left out."""
    values = {name: getattr(summary, name) for name in _METRICS}
    return [
        (label, number(values[name], decimals))
        for name, (label, decimals) in _METRICS.items()
        if values[name] is not None
    ]


def variant_rows(summaries: Mapping[str, ClipSummary]) -> list[tuple[str, ...]]:
    """Return name, adjacent IoU, changed pixels, MC, J and F of several versions of one clip's masks.

    Args:
        summaries: Name of a version → its metrics.
    """
    names = ("iou_prev_mean", "changed_px_mean", "consistency_mean", "j_mean", "f_mean")
    return [
        (version, *(number(getattr(summary, name), _METRICS[name][1]) for name in names))
        for version, summary in summaries.items()
    ]


VARIANT_HEADER = ("version", "IoU ↑", "changed px ↓", "MC ↑", "J ↑", "F ↑")


def number(value: float | None, decimals: int) -> str:
    """Write a value with so many decimals; a dash where it is undefined.

    >>> number(1234.56, 1), number(None, 1)
    ('1,234.6', '–')
    """
    return "–" if value is None else f"{value:,.{decimals}f}"


def percent_less(removed: float | None) -> str:
    """Word a share that was removed, in percent; empty where it is undefined.

    >>> percent_less(75.0), percent_less(-2.5)
    ('75.0 % less', '2.5 % more')
    """
    if removed is None:
        return ""
    return f"{removed:.1f} % less" if removed >= 0 else f"{-removed:.1f} % more"


def _change(name: str, change: Comparison) -> str:
    if name in _LESS:
        removed = getattr(change, _LESS[name])
        return percent_less(removed)
    gain = getattr(change, _POINTS[name]) if name in _POINTS else None
    return "" if gain is None else f"{gain:+.1f} points"
