"""Finds clocks around work of a GPU that nobody waits for: they measure how fast work is asked for.

A finding needs all of it: two readings of a clock whose difference is taken, work on something that lies on a
device between them, and nothing after that work that waits. Code that never touches a device is not reported;
neither are copies that wait, deadlines (`if clock() - start > limit`), and events read by `elapsed_time`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from vidlab.profiling.lint.events import Event, Kind
from vidlab.profiling.lint.names import Names
from vidlab.profiling.lint.scopes import Scopes
from vidlab.profiling.lint.sources import Code, TimedLines, parse_code, read_code
from vidlab.profiling.lint.values import Values

_ADVICE = "call torch.cuda.synchronize() before each reading of the clock, or use vidlab.profiling.measure"


@dataclass(frozen=True, slots=True)
class Finding:
    """A clock that does not measure what it seems to.

    Attributes:
        path: The file.
        place: Line, or `cell N:LINE` of a notebook.
        message: What is wrong, and what to do.
    """

    path: Path
    place: str
    message: str

    def __str__(self) -> str:
        """Say it as compilers do."""
        return f"{self.path}:{self.place}: {self.message}"


def lint_file(path: Path) -> list[Finding]:
    """Return what is wrong with the clocks of a script or notebook, by line.

    Raises:
        SourceError: It cannot be read, or is neither.
    """
    return lint_code(read_code(path), path=path)


def lint_text(text: str) -> list[Finding]:
    """Return what is wrong with the clocks of a piece of Python; see `lint_file`.

    Raises:
        SourceError: It is no Python.
    """
    return lint_code(parse_code(text, name="<text>"), path=Path("<text>"))


def lint_code(code: Code, *, path: Path) -> list[Finding]:
    """Return what is wrong with the clocks of code that was read; see `lint_file`."""
    events = Scopes(code.tree, Values(code.tree, Names(code.tree)))
    found: dict[int, str] = {}
    for listed in events.all_scopes():
        for stop in listed:
            if stop.kind is Kind.INTERVAL:
                _check(found, listed, stop, code)
            elif stop.kind is Kind.TIMED_CALL:
                found.setdefault(stop.line, f"{stop.text} stops before the device is done; {_ADVICE}")
    for lines in code.timed:
        _check_lines(found, events.of_module(), lines, code)
    return [Finding(path, code.place(line), found[line]) for line in sorted(found)]


def _check(found: dict[int, str], listed: Sequence[Event], stop: Event, code: Code) -> None:
    """Look at what happened between two readings of a clock."""
    between = listed[stop.first : stop.last]
    late = _unfinished(between)
    if late is not None:
        found.setdefault(
            stop.line, f"{stop.text} stops before the device is done with {_at(late, code)}; {_ADVICE}"
        )
        return
    early = _unfinished(listed[: stop.first])
    if early is not None and early.is_run and any(event.kind is Kind.WORK for event in between):
        line = listed[stop.first].line
        found.setdefault(
            line,
            f"{listed[stop.first].text} starts before the device is done with {_at(early, code)}, which is "
            f"counted too; {_ADVICE}",
        )


def _check_lines(found: dict[int, str], listed: Sequence[Event], timed: TimedLines, code: Code) -> None:
    late = _unfinished([event for event in listed if timed.first <= event.line <= timed.last])
    if late is not None:
        found.setdefault(
            timed.first,
            f"{timed.magic} stops before the device is done with {_at(late, code)}; "
            "end with torch.cuda.synchronize(), or use vidlab.profiling.measure",
        )


def _unfinished(events: Sequence[Event]) -> Event | None:
    """Return the last work that nothing after it waits for."""
    late: Event | None = None
    for event in events:
        if event.kind is Kind.WORK:
            late = event
        elif event.kind is Kind.WAIT:
            late = None
    return late


def _at(event: Event, code: Code) -> str:
    place = code.place(event.line)
    return f"{event.text} ({place if place.startswith('cell') else f'line {place}'})"
