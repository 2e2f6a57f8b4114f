import json
from pathlib import Path

import pytest

from vidlab import cli
from vidlab.errors import OutputError, ParameterError, SourceError
from vidlab.jobs.notebook import (
    find_notebook,
    notebook_parameters,
    parse_parameters,
    run_notebook,
    with_absolute_paths,
)

DEFAULTS = {"n": 3, "share": 0.5, "name": "x", "quick": False, "anything": None, "sizes": [1, 2]}


def write_notebook(path: Path, code: str) -> Path:
    def cell(source: str, *tags: str) -> dict[str, object]:
        return {
            "cell_type": "code",
            "id": f"cell-{len(source)}",
            "metadata": {"tags": list(tags)},
            "source": source,
            "outputs": [],
            "execution_count": None,
        }

    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    content = {
        "cells": [cell("n = 3  # pieces\nname = 'x'", "parameters"), cell(code)],
        "metadata": {"kernelspec": kernel, "language_info": {"name": "python"}},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    path.write_text(json.dumps(content))
    return path


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("n=7", 7),
        ("share=2", 2.0),
        ("name=7", "7"),
        ("quick=true", True),
        ("anything=1.5", 1.5),
        ("sizes=[3]", [3]),
    ],
)
def test_values_take_the_type_of_the_default(text, value):
    got = parse_parameters([text], DEFAULTS)
    assert got == {text.split("=")[0]: value}
    assert type(next(iter(got.values()))) is type(value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("n", "must have the form name=value, got 'n'"),
        ("m=1", "unknown notebook parameter 'm'; choose from: n, share"),
        ("n=many", "n must be of type int, got 'many'"),
        ("n=1.5", "n must be of type int"),
        ("quick=1", "quick must be of type bool"),
    ],
)
def test_wrong_values_are_named(text, words):
    with pytest.raises(ParameterError, match=words):
        parse_parameters([text], DEFAULTS)


def test_notebook_runs_with_parameters(tmp_path, capsys):
    notebook = write_notebook(tmp_path / "nb.ipynb", "print('result', n * 2, name)")
    out = tmp_path / "runs" / "done.ipynb"
    assert notebook_parameters(notebook) == {"n": 3, "name": "x"}
    assert cli.main(["run", str(notebook), "--set", "n=21", "-p", "name=y", "--out", str(out)]) == 0
    assert "result 42 y" in out.read_text()
    assert capsys.readouterr().out == f"{out}\n"
    with pytest.raises(OutputError, match="already there"):
        run_notebook(notebook, out=out, parameters={})


def test_notebook_runs_in_its_own_folder_with_paths_from_the_callers(tmp_path, monkeypatch):
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "clip.mp4").touch()
    monkeypatch.chdir(tmp_path)
    notebook = write_notebook(Path("notebooks/nb.ipynb"), "from pathlib import Path; print(Path.cwd().name)")
    assert "notebooks" in run_notebook(notebook, out=Path("out.ipynb"), parameters={}).read_text()
    given = {"video": "clip.mp4", "other": "none.mp4", "method": "none", "n": 1}
    assert with_absolute_paths(given) == {**given, "video": str(tmp_path / "clip.mp4")}


def test_failing_cell_is_named_and_leaves_nothing(tmp_path):
    notebook = write_notebook(tmp_path / "nb.ipynb", "raise RuntimeError('no such luck')")
    with pytest.raises(SourceError, match="must run to its end, got RuntimeError: no such luck in cell"):
        run_notebook(notebook, out=tmp_path / "runs" / "out.ipynb", parameters={})
    assert [path.name for path in tmp_path.iterdir()] == ["nb.ipynb"]


def test_unknown_parameter_exits_2(tmp_path, capsys):
    notebook = write_notebook(tmp_path / "nb.ipynb", "pass")
    code = cli.main(["run", str(notebook), "--set", "m=1", "--out", str(tmp_path / "out.ipynb")])
    assert code == 2
    assert "unknown notebook parameter 'm'; choose from: n, name" in capsys.readouterr().err


def test_source_is_never_replaced(tmp_path):
    notebook = write_notebook(tmp_path / "nb.ipynb", "pass")
    with pytest.raises(OutputError, match="must not replace its source"):
        run_notebook(notebook, out=notebook, parameters={}, force=True)
    with pytest.raises(OutputError, match=r"must end in \.ipynb"):
        run_notebook(notebook, out=tmp_path / "out.html", parameters={})


def test_unknown_notebook_is_named():
    with pytest.raises(SourceError, match="got 'no_such_notebook'"):
        find_notebook("no_such_notebook")


def test_damaged_notebook_is_named(tmp_path):
    (tmp_path / "nb.ipynb").write_text("{")
    with pytest.raises(SourceError, match=r"nb\.ipynb must be a notebook"):
        notebook_parameters(tmp_path / "nb.ipynb")
