"""Scripts and notebooks as one tree of code, with the way back from its lines to the file's own."""

import ast
import json
import re
import textwrap
import warnings
from dataclasses import dataclass, field
from pathlib import Path

from vidlab.errors import SourceError

_CELL_TIMERS = ("time", "timeit")
_MAGIC = re.compile(r"^(?P<indent>\s*)(?P<mark>%%?|!|\?)(?P<name>\w*)(?P<rest>.*)$")
_OPTIONS = re.compile(r"^(\s*-\w+(\s*\d+)?)+\s")  # of %timeit, such as -n 10 -r3


@dataclass(frozen=True, slots=True)
class TimedLines:
    """Lines that a magic of the notebook times.

    Attributes:
        magic: `%%time`, `%timeit` and so on.
        first: First line, in lines of the tree.
        last: Last line, included.
    """

    magic: str
    first: int
    last: int


@dataclass(slots=True)
class Code:
    """What a file holds.

    Attributes:
        tree: All of it as one module.
        timed: Stretches that magics time.
        skipped: Cells that are no Python, from 1.
    """

    tree: ast.Module
    timed: list[TimedLines] = field(default_factory=list)
    skipped: list[int] = field(default_factory=list)
    _cells: list[tuple[int, int]] = field(default_factory=list)  # first line in the tree, cell from 1

    def place(self, line: int) -> str:
        """Say where a line of the tree is in the file: `12`, or `cell 3:2` of a notebook."""
        for first, cell in reversed(self._cells):
            if line >= first:
                return f"cell {cell}:{line - first + 1}"
        return str(line)


def read_code(path: Path) -> Code:
    """Read a Python script or a notebook.

    Raises:
        SourceError: It is missing, or is no Python and no notebook.
    """
    try:
        text = path.read_text("utf-8")
    except OSError as error:
        raise SourceError(f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise SourceError(f"{path} must be a Python script or a notebook, got no text") from None
    if path.suffix == ".ipynb":
        return _read_notebook(path, text)
    return parse_code(text, name=str(path))


def parse_code(text: str, *, name: str) -> Code:
    """Read Python from a text; `name` stands in the error.

    Raises:
        SourceError: It is no Python.
    """
    try:
        return Code(_parsed(text))
    except (SyntaxError, ValueError, RecursionError) as error:
        line = f" (line {error.lineno})" if isinstance(error, SyntaxError) else ""
        raise SourceError(f"{name} must be a Python script, got something else{line}") from None


def _read_notebook(path: Path, text: str) -> Code:
    try:
        cells = json.loads(text)["cells"]
        sources = ["".join(cell["source"]) if cell["cell_type"] == "code" else None for cell in cells]
    except (ValueError, KeyError, TypeError):
        raise SourceError(f"{path} must be a notebook of format 4, got something else") from None
    code, lines = Code(ast.Module([], [])), list[str]()
    numbered = enumerate((source for source in sources if source is not None), start=1)
    for number, source in numbered:
        first = len(lines) + 1
        cleaned, timed = _without_magics(source, first=first)
        try:
            _parsed("\n".join(cleaned))
        except (SyntaxError, ValueError):
            code.skipped.append(number)
            continue
        code._cells.append((first, number))
        code.timed += timed
        lines += cleaned
    code.tree = _parsed("\n".join(lines))
    return code


def _without_magics(source: str, *, first: int) -> tuple[list[str], list[TimedLines]]:
    """Replace what is no Python line by line, keeping what magics time; `first` is its line in the tree."""
    lines, timed = source.splitlines() or [""], list[TimedLines]()
    cleaned: list[str] = []
    for offset, line in enumerate(lines):
        found = _MAGIC.match(line)
        if found is None or _is_continued(cleaned):
            cleaned.append(re.sub(r"=\s*[%!].*$", "= None", line) if re.search(r"=\s*[%!]\w", line) else line)
            continue
        mark, name, here = found["mark"], found["name"], first + offset
        body = _OPTIONS.sub("", found["rest"] + " ").strip()
        if mark == "%%" and name in _CELL_TIMERS:
            timed.append(TimedLines(f"%%{name}", here, first + len(lines) - 1))
        elif mark == "%%":
            return ["pass"] + ["" for _ in lines[1:]], []  # another language, or a file
        elif mark == "%" and name in _CELL_TIMERS and body:
            timed.append(TimedLines(f"%{name}", here, here))
            cleaned.append(found["indent"] + body)
            continue
        cleaned.append(found["indent"] + "pass")
    return cleaned, timed


def _is_continued(lines: list[str]) -> bool:
    """Whether the line after these belongs to a bracket or string that is still open: `%` divides there."""
    if not lines:
        return False
    try:
        _parsed(textwrap.dedent("\n".join(lines)))
    except SyntaxError as error:
        return "was never closed" in str(error) or "unterminated" in str(error)
    return False


def _parsed(text: str) -> ast.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about the user's own escapes and comparisons
        return ast.parse(text)
