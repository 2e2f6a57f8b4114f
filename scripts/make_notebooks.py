"""Run the notebooks in full, top to bottom, and keep their outputs: the only way outputs get committed.

    make notebooks                                   all of them
    .venv/bin/python scripts/make_notebooks.py hw2   those whose names start with hw2

A notebook is replaced only after it ran without an error and came out small enough; what belongs to this
machine (paths, versions, times of day) is taken out first.
"""

import os
import re
import sys
import time
from pathlib import Path
from typing import Any

import nbformat

from vidlab.errors import VidlabError
from vidlab.jobs.notebook import run_notebook

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = ROOT / "notebooks"
MAX_BYTES = 1_000_000  # what a reader's browser and a git history bear
# Where a warning says that a cell is: a temporary file. Bounded, as an embedded picture is a megabyte
# without a space.
CELL_FILE = re.compile(r"(?:/[\w.-]{1,64}){0,8}/ipykernel_\d+/\d+\.py")


def without_machine(value: Any) -> Any:
    """Return an output with every path of this machine shortened, at any depth."""
    if isinstance(value, str):
        value = CELL_FILE.sub("<cell>", value)
        return value.replace(f"{ROOT}/", "").replace(str(ROOT), ".").replace(str(Path.home()), "~")
    if isinstance(value, list):
        return [without_machine(part) for part in value]
    if isinstance(value, dict):
        return {key: without_machine(part) for key, part in value.items()}
    return value


def clean(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Return a copy without the traces of papermill and of this machine; sources and results stay."""
    metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    if "widgets" in notebook.metadata:
        metadata["widgets"] = without_machine(notebook.metadata["widgets"])
    cells = []
    for cell in notebook.cells:
        kept = {key: value for key, value in cell.metadata.items() if key in ("tags", "jupyter") and value}
        changes: dict[str, Any] = {"metadata": kept}
        if cell.cell_type == "code":
            changes["outputs"] = without_machine(cell.outputs)
        cells.append({**cell, **changes})
    return nbformat.from_dict({**notebook, "metadata": metadata, "cells": cells})


def make(source: Path, *, scratch: Path) -> str:
    """Run one notebook and put the result in its place; return a line that says how it went.

    Args:
        source: The notebook to replace.
        scratch: Folder of the same file system, where it runs first.

    Raises:
        VidlabError: A cell fails, or the result is too large; the source stays as it was.
    """
    scratch.mkdir(parents=True, exist_ok=True)
    executed = scratch / source.name
    start_s = time.perf_counter()
    run_notebook(source, out=executed, parameters={}, force=True)
    seconds = time.perf_counter() - start_s
    notebook = clean(nbformat.read(executed, as_version=4))
    nbformat.validate(notebook)
    text = nbformat.writes(notebook) + "\n"
    if len(text.encode()) > MAX_BYTES:
        raise VidlabError(
            f"{source.name} must stay under {MAX_BYTES} bytes, got {len(text.encode())}; "
            "make its figures smaller or link its videos instead of embedding them"
        )
    executed.write_text(text, "utf-8")
    os.replace(executed, source)
    return f"{source.name}: {seconds:.0f} s, {len(text.encode()) / 1000:.0f} kB"


def main(prefixes: list[str]) -> int:
    """Make every notebook whose name starts with one of the prefixes; 1 if any of them fails."""
    sources = [path for path in sorted(NOTEBOOKS.glob("*.ipynb")) if path.name.startswith(tuple(prefixes))]
    if not sources:
        print(f"no notebook in {NOTEBOOKS.name}/ starts with {' or '.join(prefixes)}", file=sys.stderr)
        return 1
    os.chdir(NOTEBOOKS)  # where JupyterLab runs them
    failed = 0
    for source in sources:
        try:
            print(make(source, scratch=ROOT / "runs" / "notebooks"), flush=True)
        except VidlabError as error:
            print(f"{source.name}: {error}", file=sys.stderr, flush=True)
            failed = 1
    return failed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:] or [""]))
