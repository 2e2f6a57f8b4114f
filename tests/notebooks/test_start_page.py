"""The page on which `make lab` opens lists the notebooks as they are."""

import re
import shlex
from runpy import run_path

import nbformat
import pytest
from conftest import ROOT

NOTEBOOKS = ROOT / "notebooks"
START = NOTEBOOKS / "start.md"


@pytest.fixture(scope="module")
def script() -> dict[str, object]:
    return run_path(str(ROOT / "scripts" / "make_start.py"))


def test_page_is_fresh(script) -> None:
    """It repeats what the notebooks ask and printed; `scripts/make_start.py` writes it anew."""
    assert START.read_text("utf-8") == script["start_page"](script["listed"]())


def test_every_notebook_is_linked_once_and_every_link_exists() -> None:
    links = re.findall(r"\]\(([^)]+)\)", START.read_text("utf-8"))
    assert [name for name in links if name.endswith(".ipynb")] == sorted(
        path.name for path in NOTEBOOKS.glob("*.ipynb")
    )
    assert [name for name in links if not (NOTEBOOKS / name).is_file()] == []


def test_last_line_is_the_last_that_was_printed(script) -> None:
    v4 = nbformat.v4
    printed = [v4.new_output("stream", text="one\ntwo\n"), v4.new_output("display_data", {"text/plain": "x"})]
    cells = [v4.new_code_cell("1", outputs=printed), v4.new_markdown_cell("three"), v4.new_code_cell("2")]
    assert script["last_line"](v4.new_notebook(cells=cells)) == "two"
    assert script["last_line"](v4.new_notebook(cells=cells[1:])) == ""


def test_parts_come_in_order_each_with_its_own_notebooks(script) -> None:
    listed = [script["Listed"](f"{part}_01_a.ipynb", f"{part}?", "So.") for part in ("extra", "hw1", "hw2")]
    sections = script["start_page"](listed).split("\n## ")[1:]
    assert [section.partition(":")[0] for section in sections] == ["EXTRA", "HW1", "HW2"]
    assert [section.count("So.") for section in sections] == [1, 1, 1]


def test_make_lab_opens_that_page_rendered() -> None:
    (recipe,) = re.findall(r"^lab:.*\n\t\S*jupyter lab (.*)$", (ROOT / "Makefile").read_text("utf-8"), re.M)
    options = dict(option.split("=", 1) for option in shlex.split(recipe))
    assert options["--LabApp.default_url"] == "/lab/tree/notebooks/start.md"
    settings = ROOT / options["--LabApp.app_settings_dir"] / "overrides.json"
    assert '"markdown": "Markdown Preview"' in settings.read_text("utf-8")
