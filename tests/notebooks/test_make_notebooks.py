"""The script behind `make notebooks`: what it takes out of an executed notebook, and what it leaves."""

from pathlib import Path
from runpy import run_path

import nbformat
import pytest
from conftest import ROOT

from vidlab.errors import VidlabError

SCRIPT = ROOT / "scripts" / "make_notebooks.py"


@pytest.fixture(scope="module")
def script() -> dict[str, object]:
    return run_path(str(SCRIPT))


def executed() -> nbformat.NotebookNode:
    """A notebook as papermill leaves it."""
    v4 = nbformat.v4
    text = f"{ROOT}/runs/a.png {Path.home()}/.cache /tmp/ipykernel_12/345.py:3: UserWarning"
    table = v4.new_output("display_data", {"text/html": f"<b>{ROOT}</b>", "image/png": "aGk="})
    cell = v4.new_code_cell(
        "quick = False", execution_count=1, outputs=[v4.new_output("stream", text=text), table]
    )
    cell.metadata.update(tags=["parameters"], papermill={"duration": 1.0}, execution={"iopub": "now"})
    notebook = v4.new_notebook(cells=[v4.new_markdown_cell("# Why?"), cell])
    notebook.metadata.update(papermill={"input_path": str(ROOT)}, language_info={"version": "3.11.7"})
    return notebook


def test_clean_takes_out_every_trace_of_the_machine(script) -> None:
    text = nbformat.writes(script["clean"](executed()))
    for trace in (str(ROOT), str(Path.home()), "papermill", "iopub", "3.11.7", "ipykernel_12"):
        assert trace not in text


def test_clean_leaves_sources_tags_and_results(script) -> None:
    before = executed()
    after = script["clean"](before)
    assert [cell.source for cell in after.cells] == [cell.source for cell in before.cells]
    cell = after.cells[1]
    assert (cell.metadata, cell.execution_count) == ({"tags": ["parameters"]}, 1)
    assert cell.outputs[0].text == "runs/a.png ~/.cache <cell>:3: UserWarning"
    assert cell.outputs[1].data == {"text/html": "<b>.</b>", "image/png": "aGk="}
    nbformat.validate(after)


def test_clean_does_not_modify_its_input(script) -> None:
    before = executed()
    script["clean"](before)
    assert before == {**executed(), "cells": before.cells}
    assert "papermill" in before.cells[1].metadata


def written(path: Path, *sources: str) -> Path:
    cells = [nbformat.v4.new_code_cell(source) for source in sources]
    notebook = nbformat.v4.new_notebook(cells=cells)
    notebook.metadata.kernelspec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(notebook, path)
    return path


@pytest.mark.notebook
def test_notebook_gets_the_outputs_of_a_full_run(script, tmp_path: Path) -> None:
    source = written(tmp_path / "a.ipynb", "x = 6", "print(x * 7)")
    assert script["make"](source, scratch=tmp_path / "scratch").startswith("a.ipynb: ")
    cells = nbformat.read(source, as_version=4).cells
    assert [cell.execution_count for cell in cells] == [1, 2]
    assert cells[1].outputs[0].text == "42\n"


@pytest.mark.notebook
@pytest.mark.parametrize(
    ("code", "message"), [("1 / 0", "ZeroDivisionError"), ("print('x' * 1_000_001)", "must stay under")]
)
def test_notebook_that_fails_or_is_too_large_stays_as_it_was(
    script, tmp_path: Path, code: str, message: str
) -> None:
    source = written(tmp_path / "a.ipynb", code)
    before = source.read_bytes()
    with pytest.raises(VidlabError, match=message):
        script["make"](source, scratch=tmp_path / "scratch")
    assert source.read_bytes() == before
