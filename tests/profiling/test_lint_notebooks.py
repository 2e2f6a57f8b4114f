"""Notebooks cell by cell: magics, other languages, places; and files that are neither."""

import json

import pytest

from vidlab.errors import SourceError
from vidlab.profiling.lint import lint_file, read_code

SETUP = 'import time, torch\nmodel = Net().to("cuda")\nx = torch.rand(3, device="cuda")'


def notebook(path, *cells, kind="code"):
    made = [{"cell_type": "markdown", "source": ["# Why?"]}]
    made += [{"cell_type": kind, "source": cell.splitlines(keepends=True)} for cell in cells]
    path.write_text(json.dumps({"cells": made, "nbformat": 4, "nbformat_minor": 5, "metadata": {}}))
    return path


def places(path):
    return [one.place for one in lint_file(path)]


@pytest.mark.parametrize(
    ("cell", "found"),
    [
        ("t = time.time()\nmodel(x)\nprint(time.time() - t)", ["cell 2:3"]),
        ("%%time\ny = model(x)", ["cell 2:1"]),
        ("%%timeit -n 10 -r3\ny = model(x)", ["cell 2:1"]),
        ("n = 3\n%time y = model(x)", ["cell 2:2"]),
        ("for _ in range(3):\n    %timeit -n 10 model(x)", ["cell 2:2"]),
        ("%%time\ny = model(x).cpu()", []),
        ("%%time\ny = model(x)\ntorch.cuda.synchronize()", []),
        ("%timeit model(x).cpu()", []),
        ("%%time\nlines = open('a').read()", []),
        ("%matplotlib inline\n!nvidia-smi\nfiles = !ls\nhere = %pwd\nx.shape\n?x\nmodel??", []),
        ("%%bash\ntime ls", []),
        ("this is no Python", []),
        ("k = (7\n% 3)", []),
    ],
)
def test_cells_are_read_with_their_magics(tmp_path, cell, found):
    assert places(notebook(tmp_path / "a.ipynb", SETUP, cell)) == found


def test_intervals_reach_over_cells(tmp_path):
    path = notebook(tmp_path / "a.ipynb", SETUP, "t = time.time()", "y = model(x)", "\nd = time.time() - t")
    (one,) = lint_file(path)
    assert one.place == "cell 4:2"
    assert "model(x) (cell 3:1)" in one.message
    assert str(one).startswith(f"{path}:cell 4:2: time.time() stops")


def test_cells_that_are_no_python_are_named(tmp_path):
    code = read_code(notebook(tmp_path / "a.ipynb", SETUP, "for in in", "%%html\n<b>", "x = 1"))
    assert code.skipped == [2]


def test_text_cells_are_not_read(tmp_path):
    assert places(notebook(tmp_path / "a.ipynb", SETUP, "%%time\nmodel(x)", kind="raw")) == []


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("a.py", b"def (", r"must be a Python script, got something else \(line 1\)"),
        ("a.py", b"\xff\xfe\x00", "got no text"),
        ("a.py", b"a\x00b", "must be a Python script"),
        ("a.ipynb", b"{}", "must be a notebook of format 4"),
        ("a.ipynb", b"[1]", "must be a notebook of format 4"),
        ("a.ipynb", b"not json", "must be a notebook of format 4"),
        ("a.ipynb", b'{"cells": [1]}', "must be a notebook of format 4"),
        ("b.py", None, "cannot be read: No such file"),
    ],
)
def test_files_that_are_neither_are_named(tmp_path, name, content, sentence):
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SourceError, match=sentence):
        lint_file(path)


@pytest.mark.parametrize("text", ["", "\n", "%%time", "%time", "%", "!", "%%", "?"])
def test_empty_cells_are_nothing(tmp_path, text):
    assert places(notebook(tmp_path / "a.ipynb", text)) == []
