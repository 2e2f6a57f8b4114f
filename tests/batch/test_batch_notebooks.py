"""Runs of a notebook over a grid: executed copies, a folder of their own, and failures that stop nothing."""

import json
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

import nbformat
import psutil
import pytest
from few_videos import Inline
from pyarrow import parquet

from vidlab import cli
from vidlab.batch.grid import read_grid
from vidlab.batch.local import LocalEngine
from vidlab.batch.planning import plan_notebook
from vidlab.batch.running import run_batch
from vidlab.jobs.notebook import notebook_parameters
from vidlab.params import BatchParams

CODE = """\
from pathlib import Path
assert word != "bad", "a bad word"
Path(out, "said.txt").write_text(word * n)
print(word * n)"""
STAYING = """\
import os, time
from pathlib import Path
Path(out).write_text(str(os.getpid()))
time.sleep(600)"""


def write_notebook(path: Path, code: str = CODE) -> Path:
    parameters = nbformat.v4.new_code_cell(
        'word = "a"\nn = 1  # times\nout = "runs"', metadata={"tags": ["parameters"]}
    )
    cells = [parameters, nbformat.v4.new_code_cell(code)]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=kernel), path)
    return path


def test_grid_of_a_notebook(tmp_path):
    notebook, out = write_notebook(tmp_path / "book.ipynb"), tmp_path / "out"
    (tmp_path / "grid.yaml").write_text("word: [good, bad]\nn: 2")
    points = read_grid(tmp_path / "grid.yaml", notebook_parameters(notebook))
    tasks = plan_notebook(notebook, out=out, points=points, own_folder=True)
    assert [task.name for task in tasks] == ["book-word=good-n=2", "book-word=bad-n=2"]
    engine = Inline()
    result = run_batch(tasks, out=out, engine=engine, params=BatchParams(disk_reserve=0))
    good, bad = result.outcomes
    assert (good.status, bad.status) == ("done", "failed")
    assert bad.error.endswith("got AssertionError: a bad word in cell 2")
    assert (Path(tasks[0].folder) / "files" / "said.txt").read_text() == "goodgood"
    executed = json.loads((Path(tasks[0].folder) / "notebook.ipynb").read_text())
    assert executed["cells"][-1]["outputs"][0]["text"] == ["goodgood\n"]
    assert not Path(tasks[1].folder).exists()
    assert list((out / "work").iterdir()) == []
    rows = parquet.read_table(result.table).to_pylist()
    assert rows[0]["notebook"] == f"results/{tasks[0].label}/notebook.ipynb"
    assert rows[1]["notebook"] == f"failures/{tasks[1].label}.ipynb"
    outputs = json.loads((out / rows[1]["notebook"]).read_text())["cells"][-1]["outputs"]
    assert outputs[0]["evalue"] == "a bad word"
    assert f'<a href="{quote(rows[1]["notebook"])}">notebook</a>' in result.report.read_text()
    assert [(row["param_word"], row["param_n"], row["status"]) for row in rows] == [
        ("good", 2, "done"), ("bad", 2, "failed"),
    ]  # fmt: skip
    run_batch(tasks, out=out, engine=engine, params=BatchParams(disk_reserve=0))
    assert engine.given == [tasks[0].name, tasks[1].name, tasks[1].name]


def test_names_are_short_and_differ(tmp_path):
    notebook = write_notebook(tmp_path / "book.ipynb")
    points = [{"word": "x" * 200 + end, "n": 1} for end in "ab"]
    tasks = plan_notebook(notebook, out=tmp_path / "out", points=points, own_folder=False)
    assert len({task.name for task in tasks}) == 2
    assert max(len(task.name) for task in tasks) <= 82
    (odd,) = plan_notebook(notebook, out=tmp_path, points=[{"word": "../a b/\n"}], own_folder=False)
    assert odd.name == "book-word=.._a_b__"


def test_changed_notebook_is_run_anew_and_its_place_does_not_count(tmp_path):
    notebook = write_notebook(tmp_path / "book.ipynb")
    moved = tmp_path / "elsewhere"
    moved.mkdir()

    def key(path: Path, **point: object) -> str:
        return plan_notebook(path, out=tmp_path / "out", points=[point], own_folder=True)[0].key

    before = key(notebook, n=1)
    assert key(notebook, n=2) != before
    assert key(write_notebook(moved / "book.ipynb"), n=1) != before  # cells get new ids
    (moved / "book.ipynb").write_bytes(notebook.read_bytes())
    assert key(moved / "book.ipynb", n=1) == before


def test_unknown_parameter_is_refused_before_anything_starts(capsys, tmp_path):
    notebook = write_notebook(tmp_path / "book.ipynb")
    (tmp_path / "grid.yaml").write_text("speed: [1]")
    words = [
        "batch",
        "run",
        str(notebook),
        "--grid",
        str(tmp_path / "grid.yaml"),
        "--out",
        str(tmp_path / "out"),
    ]
    assert cli.main(words) == 2
    said = capsys.readouterr().err
    assert said.startswith("vidlab: unknown notebook parameter 'speed' in ")
    assert said.endswith("choose from: word, n, out\n")
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_kernel_of_a_notebook_that_takes_too_long_is_killed(tmp_path):
    notebook, pid = write_notebook(tmp_path / "book.ipynb", STAYING), tmp_path / "pid"
    tasks = plan_notebook(notebook, out=tmp_path / "out", points=[{"out": str(pid)}], own_folder=False)
    engine = LocalEngine(BatchParams(jobs=1, time_limit=20))
    result = run_batch(tasks, out=tmp_path / "out", engine=engine, params=BatchParams(disk_reserve=0))
    assert result.count("timeout") == 1
    with suppress(psutil.NoSuchProcess):
        psutil.Process(int(pid.read_text())).wait(timeout=10)  # raises where it lives on
