"""Tables for people: raw against stable, tunables, versions."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from vidlab.metrics.comparison import Comparison
from vidlab.metrics.summary import ClipSummary
from vidlab.viz.tables import Section, comparison_rows

if TYPE_CHECKING:
    from rich.table import Table

_PIPE_WIDTH = 200  # columns where there is no terminal to ask
_TEXT_WIDTH = 110  # longer lines are hard to follow


def print_comparison(raw: ClipSummary, stable: ClipSummary, *, change: Comparison, title: str) -> None:
    """Print raw against stable; metrics that are undefined for both are left out."""
    rows = comparison_rows(raw, stable, change=change)
    print_table(("metric", "raw", "stable", "change"), rows, title=title, right=(1, 2, 3))


def print_table(
    header: Sequence[str], rows: Iterable[Sequence[str]], *, title: str, right: Sequence[int] = ()
) -> None:
    """Print a table to stdout; in a pipe it is as wide as it needs to be."""
    print_sections(header, [Section("", [tuple(row) for row in rows])], title=title, right=right)


def print_sections(
    header: Sequence[str], sections: Sequence[Section], *, title: str, right: Sequence[int] = ()
) -> None:
    """Print a table whose rows stand in sections, each below its title, to stdout, as `print_table` does."""
    from rich import box
    from rich.table import Table

    if title:
        print(title)  # not as the table's own: that would be folded to the width of a narrow table
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column, name in enumerate(header):
        table.add_column(name, justify="right" if column in right else "left", overflow="fold")
    for section in sections:
        _add_section(table, section)
    _print(table)


def print_lines(title: str, lines: Iterable[str]) -> None:
    """Print sentences as a list, folded to the width of the terminal; nothing if there are none."""
    from rich.console import Console
    from rich.text import Text

    lines = list(lines)
    if not lines:
        return
    print(title)
    console = Console(highlight=False)
    width = min(console.width, _TEXT_WIDTH) if console.is_terminal else _PIPE_WIDTH
    for line in lines:
        folded = Text(line).wrap(console, width - 2)
        print("\n".join(f"{'  ' if place else '- '}{part}".rstrip() for place, part in enumerate(folded)))
    print()


def print_paths(paths: Mapping[str, Any]) -> None:
    """Print where results are, one a line, never wrapped."""
    width = max(len(name) for name in paths)
    for name, path in paths.items():
        print(f"{name:<{width}}  {path}")


def _add_section(table: "Table", section: Section) -> None:
    from rich.text import Text

    indent = ""
    if section.title:
        if table.rows:
            table.add_row()
        table.add_row(Text(section.title, style="bold"))
        indent = "  "
    for label, *cells in section.rows:
        table.add_row(Text(indent + label), *(Text(cell) for cell in cells))


def _print(table: "Table") -> None:
    from rich.console import Console

    console = Console()
    if not console.is_terminal:
        console = Console(width=_PIPE_WIDTH)
    with console.capture() as captured:
        console.print(table)
    lines = [line.rstrip() for line in captured.get().splitlines()]
    print("\n".join(lines).strip("\n") + "\n")
