"""Write notebooks/start.md anew, the page on which `make lab` opens: every notebook with question and answer.

    .venv/bin/python scripts/make_start.py

Nothing on it is typed by hand: questions are the notebooks' titles, answers the last lines they printed.
`make notebooks` calls it; a test compares the page with the notebooks.
"""

import sys
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

import nbformat

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = ROOT / "notebooks"
PAGE = NOTEBOOKS / "start.md"
PARTS = {
    "hw1": "Where does the time go?",
    "hw2": "Why do the masks flicker, and how do they stop?",
    "extra": "And beyond",
}
OPENING = """# vidlab: start here

Click a question to open its notebook, then choose **Run ▸ Run All Cells**. Each works as it is: its
first cell says what it asks, what will decide and how long it takes, the next holds its parameters, to be
changed. The answers are the last lines that the notebooks printed when they were last run in full.
"""
CLOSING = """
`quick = True` among the parameters tries a notebook in seconds. `vidlab run hw2_01 --set video=clip.mp4
--out runs/my.ipynb` runs one on your data without opening it, `make notebooks` all of them. More is in the
[README](../README.md), measurements in [results](../docs/results.md) and [speed](../docs/speed.md).
"""


class Listed(NamedTuple):
    """A notebook as it is listed: its file name, the question of its title, the last line that it printed."""

    name: str
    question: str
    answer: str


def listed() -> list[Listed]:
    """Return every notebook, by name."""
    found = []
    for path in sorted(NOTEBOOKS.glob("*.ipynb")):
        notebook = nbformat.read(path, as_version=4)
        question = notebook.cells[0].source.splitlines()[0].lstrip("# ")
        found.append(Listed(path.name, question, last_line(notebook)))
    return found


def last_line(notebook: nbformat.NotebookNode) -> str:
    """Return the last line of text that a notebook printed."""
    texts = [
        output.text
        for cell in notebook.cells
        if cell.cell_type == "code"
        for output in cell.outputs
        if output.output_type == "stream"
    ]
    return texts[-1].strip().splitlines()[-1] if texts else ""


def start_page(notebooks: list[Listed]) -> str:
    """Return the page in Markdown, a table for each part.

    >>> print(start_page([Listed("hw1_01_a.ipynb", "Why?", "So.")]).split("##")[1].split("`quick")[0].strip())
    HW1: Where does the time go?
    <BLANKLINE>
    | question | answer |
    |---|---|
    | [Why?](hw1_01_a.ipynb) | So. |
    """
    text = OPENING
    for part, members in groupby(notebooks, key=lambda each: each.name.partition("_")[0]):
        text += f"\n## {part.upper()}: {PARTS[part]}\n\n| question | answer |\n|---|---|\n"
        text += "".join(f"| [{each.question}]({each.name}) | {each.answer} |\n" for each in members)
    return text + CLOSING


def main() -> int:
    """Write the page."""
    PAGE.write_text(start_page(listed()), "utf-8")
    print(f"{PAGE.relative_to(ROOT)}: {len(listed())} notebooks")
    return 0


if __name__ == "__main__":
    sys.exit(main())
