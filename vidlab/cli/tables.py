"""Tables for people: raw against stable, tunables, versions."""

from collections.abc import Mapping, Sequence
from typing import Any

from vidlab.metrics.summary import ClipSummary, Comparison
from vidlab.viz.tables import comparison_rows, summary_rows

_PIPE_WIDTH = 200  # columns where there is no terminal to ask


def print_comparison(raw: ClipSummary, stable: ClipSummary, *, change: Comparison, title: str) -> None:
    """Print raw against stable; metrics that are undefined for both are left out."""
    rows = comparison_rows(raw, stable, change=change)
    print_table(("metric", "raw", "stable", "change"), rows, title=title, right=(1, 2, 3))


def print_summary(summary: ClipSummary, *, title: str) -> None:
    """Print the metrics of one clip; undefined ones are left out."""
    print_table(("metric", "value"), summary_rows(summary), title=title, right=(1,))


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
    lines = [line.rstrip() for line in captured.get().splitlines()]
    print("\n".join(lines).strip("\n") + "\n")


def print_paths(paths: Mapping[str, Any]) -> None:
    """Print where results are, one a line, never wrapped."""
    width = max(len(name) for name in paths)
    for name, path in paths.items():
        print(f"{name:<{width}}  {path}")
