"""What every committed notebook keeps to, read from its cells without running it."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from conftest import ROOT

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
MAX_CELL_LINES = 15
MAX_FUNCTION_LINES = 10
OUTSIDE = re.compile(r"/\w|~/|(\.\./){2}|(\.\./)+shared\b")


def python_of(cell: Any) -> str:
    """The cell without its magics, which are no Python."""
    return "\n".join("" if re.match(r"\s*[%!]", line) else line for line in cell.source.splitlines())


def assigned_names(source: str) -> set[str]:
    """Every name that the source binds, however it does so."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store | ast.Del):
            names.add(node.id)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            names.update((alias.asname or alias.name).partition(".")[0] for alias in node.names)
    return names


def faults(notebook: Any) -> list[str]:
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    found = [*opening_faults(notebook), *run_faults(code), *parameter_faults(code)]
    for number, cell in enumerate(code, 1):
        found.extend(f"code cell {number}: {text}" for text in cell_faults(cell))
    return found


def opening_faults(notebook: Any) -> Iterator[str]:
    first = notebook.cells[0] if notebook.cells else None
    if first is None or first.cell_type != "markdown" or not re.match(r"# .*\?", first.source):
        yield "the first cell must be a heading that asks the question"
    if notebook.metadata.get("kernelspec", {}).get("name") != "python3":
        yield "the kernel must be python3, which every environment has"


def run_faults(code: list[Any]) -> Iterator[str]:
    if [cell.execution_count for cell in code] != list(range(1, len(code) + 1)):
        yield "the cells were not run once each from top to bottom"
    if not any(cell.outputs for cell in code):
        yield "there are no outputs"
    if any(output.output_type == "error" for cell in code for output in cell.outputs):
        yield "a cell ended in an error"


def parameter_faults(code: list[Any]) -> Iterator[str]:
    tagged = [cell for cell in code if "parameters" in cell.metadata.get("tags", [])]
    if len(tagged) != 1:
        yield f"one cell must be tagged parameters, got {len(tagged)}"
        return
    names = assigned_names(python_of(tagged[0]))
    if "quick" not in names:
        yield "quick must be among the parameters"
    for statement in ast.parse(python_of(tagged[0])).body:
        if not (isinstance(statement, ast.Assign | ast.AnnAssign) and is_literal(statement.value)):
            yield f"parameters must be literals, got {ast.unparse(statement)}"
    for cell in code[code.index(tagged[0]) + 1 :]:
        for name in sorted(assigned_names(python_of(cell)) & names):
            yield f"a later cell assigns the parameter {name}"


def is_literal(value: ast.expr | None) -> bool:
    try:
        ast.literal_eval(value or ast.Constant(None))
    except ValueError:
        return False
    return True


def cell_faults(cell: Any) -> Iterator[str]:
    if re.search(r"^\s*[%!]+\s*pip\b", cell.source, flags=re.M):
        yield "installs packages"
    source = python_of(cell)
    lines = [line for line in source.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    if len(lines) > MAX_CELL_LINES:
        yield f"{len(lines)} lines of code, at most {MAX_CELL_LINES}"
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length > MAX_FUNCTION_LINES:
                yield f"function {node.name} has {length} lines, at most {MAX_FUNCTION_LINES}"
        if isinstance(node, ast.Constant) and OUTSIDE.match(str(node.value)):
            yield f"path outside the repository: {node.value}"
    for statement in tree.body:
        if isinstance(statement, ast.Assign) and feeds_itself(statement):
            yield f"cannot run twice: {ast.unparse(statement)}"


def feeds_itself(statement: ast.Assign) -> bool:
    targets = {target.id for target in statement.targets if isinstance(target, ast.Name)}
    return any(isinstance(node, ast.Name) and node.id in targets for node in ast.walk(statement.value))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_keeps_to_the_rules(path: Path) -> None:
    assert faults(nbformat.read(path, as_version=4)) == []


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_is_named_as_a_question_in_its_part(path: Path) -> None:
    assert re.fullmatch(r"(hw1|hw2|extra)_\d\d_[a-z0-9_]+", path.stem)
    assert path.stat().st_size <= 1_000_000


def notebook_of(*sources: str, title: str = "# Why?", run: bool = True, kernel: str = "python3") -> Any:
    """A notebook of code cells, the first of them tagged `parameters`."""
    v4 = nbformat.v4
    cells = [v4.new_markdown_cell(title)]
    for number, source in enumerate(sources, 1):
        outputs = [v4.new_output("stream", text="1")] if run else []
        cell = v4.new_code_cell(source, execution_count=number if run else None, outputs=outputs)
        cell.metadata.tags = ["parameters"] if number == 1 else []
        cells.append(cell)
    return v4.new_notebook(cells=cells, metadata={"kernelspec": {"name": kernel, "display_name": ""}})


def test_notebook_that_keeps_to_the_rules_has_no_faults() -> None:
    notebook = notebook_of("quick = False\nalpha = 0.4  # weight", "%matplotlib inline\nx = alpha\nprint(x)")
    assert faults(notebook) == []


LONG_FUNCTION = "def f():\n" + "    pass\n" * 10


@pytest.mark.parametrize(
    ("later", "culprit"),
    [
        ("quick = True", "assigns the parameter quick"),
        ("for quick in (1, 2): pass", "assigns the parameter quick"),
        ("import os as quick", "assigns the parameter quick"),
        ("def quick(): pass", "assigns the parameter quick"),
        ("%pip install vidlab", "installs packages"),
        ("!pip install vidlab", "installs packages"),
        ("print(1)\n" * 16, "16 lines of code"),
        (LONG_FUNCTION, "function f has 11 lines"),
        ("x = 1\nx = abs(x)", "cannot run twice"),
        ("open('/tmp/a.txt')", "path outside the repository"),
        ("open('../../shared/real/a.txt')", "path outside the repository"),
    ],
)
def test_breach_in_a_later_cell_is_reported(later: str, culprit: str) -> None:
    (message,) = faults(notebook_of("quick = False", later))
    assert culprit in message


@pytest.mark.parametrize(
    ("notebook", "culprit"),
    [
        (notebook_of("alpha = 1"), "quick must be among the parameters"),
        (notebook_of("quick = False\nn = len('a')"), "parameters must be literals"),
        (notebook_of("quick = False", title="Masks"), "heading that asks the question"),
        (notebook_of("quick = False", run=False), "not run once each"),
        (notebook_of("quick = False", kernel="conda-env-ada"), "kernel must be python3"),
        (nbformat.v4.new_notebook(cells=notebook_of().cells), "one cell must be tagged parameters, got 0"),
    ],
)
def test_breach_of_the_whole_is_reported(notebook: Any, culprit: str) -> None:
    assert any(culprit in message for message in faults(notebook))


def test_error_in_an_output_is_reported() -> None:
    notebook = notebook_of("quick = False")
    failure = nbformat.v4.new_output("error", ename="ValueError", evalue="no", traceback=[])
    notebook.cells[1].outputs.append(failure)
    assert faults(notebook) == ["a cell ended in an error"]
