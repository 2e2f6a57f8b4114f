"""Tables for people: raw against stable, tunables, versions."""

from collections.abc import Mapping, Sequence
from typing import Any

from vidlab.metrics.summary import ClipSummary, Comparison

_PIPE_WIDTH = 200  # columns where there is no terminal to ask
_ROWS = {  # curve's mean: what people call it, decimals
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
_CHANGES = {
    "instability": ("improvement_percent", "{:+.1f} % less"),
    "changed_px_mean": ("changed_px_improvement_percent", "{:+.1f} % less"),
    "probs_l1_mean": ("probs_l1_improvement_percent", "{:+.1f} % less"),
    "area_cv": ("area_cv_improvement_percent", "{:+.1f} % less"),
    "consistency_mean": ("consistency_gain_points", "{:+.1f} points"),
    "j_mean": ("j_gain_points", "{:+.1f} points"),
    "f_mean": ("f_gain_points", "{:+.1f} points"),
    "jf_mean": ("jf_gain_points", "{:+.1f} points"),
    "dice_mean": ("dice_gain_points", "{:+.1f} points"),
}


def print_comparison(raw: ClipSummary, stable: ClipSummary, *, change: Comparison, title: str) -> None:
    """Print raw against stable; metrics that are undefined for both are left out."""
    rows = []
    for name, (label, decimals) in _ROWS.items():
        before, after = getattr(raw, name), getattr(stable, name)
        if before is None and after is None:
            continue
        field, wording = _CHANGES.get(name, ("", ""))
        gain = getattr(change, field) if field else None
        rows.append((label, _number(before, decimals), _number(after, decimals), _worded(gain, wording)))
    print_table(("metric", "raw", "stable", "change"), rows, title=title, right=(1, 2, 3))


def print_summary(summary: ClipSummary, *, title: str) -> None:
    """Print the metrics of one clip; undefined ones are left out."""
    values = {name: getattr(summary, name) for name in _ROWS}
    rows = [
        (label, _number(values[name], decimals))
        for name, (label, decimals) in _ROWS.items()
        if values[name] is not None
    ]
    print_table(("metric", "value"), rows, title=title, right=(1,))


def print_table(
    header: Sequence[str], rows: Sequence[Sequence[str]], *, title: str, right: Sequence[int] = ()
) -> None:
    """Print a table to stdout; in a pipe it is as wide as it needs to be."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    if title:
        print(title)  # not as the table's own: that would be folded to the width of a narrow table
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column, name in enumerate(header):
        table.add_column(name, justify="right" if column in right else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    console = Console()
    if not console.is_terminal:
        console = Console(width=_PIPE_WIDTH)
    with console.capture() as captured:
        console.print(table)
    print("\n".join(line.rstrip() for line in captured.get().splitlines()))


def print_paths(paths: Mapping[str, Any]) -> None:
    """Print where results are, one a line, never wrapped."""
    width = max(len(name) for name in paths)
    for name, path in paths.items():
        print(f"{name:<{width}}  {path}")


def _number(value: float | None, decimals: int) -> str:
    return "–" if value is None else f"{value:,.{decimals}f}"


def _worded(gain: float | None, wording: str) -> str:
    if gain is None or not wording:
        return ""
    if wording.endswith("less") and gain < 0:
        return f"{-gain:.1f} % more"
    return wording.replace("{:+.1f} % less", "{:.1f} % less").format(gain)
