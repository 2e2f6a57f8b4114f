"""The README says what is so: its Python runs and prints what it shows, its commands and files exist."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from conftest import ROOT

from vidlab.cli.parser import build_parser

TEXT = (ROOT / "README.md").read_text("utf-8")
EXAMPLE = re.compile(r"```python\n(.*?)```\n\n```text\n(.*?)```", re.DOTALL)
NUMBER = re.compile(r"\d+\.\d+")
TOLERANCE = 0.01  # other processors round the flow differently; a retuned method moves more than this
COMMANDS = re.findall(r"^    (vidlab .*?)(?: {2,}#.*)?$", TEXT, re.M)
TARGETS = re.findall(r"^    make ([a-z-]+)", TEXT, re.M)
LINKS = re.findall(r"\]\(([^)#:]+)\)", TEXT)
RESULTS = (ROOT / "docs" / "results.md").read_text("utf-8")
SCRIPTS = sorted(set(re.findall(r"(?:scripts|benchmarks)/\w+\.py", TEXT + RESULTS)))


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A folder that looks like the repository from inside, so that results go elsewhere."""
    (tmp_path / "data").symlink_to(ROOT / "data")
    return tmp_path


def test_example_prints_what_is_shown(clone: Path) -> None:
    found = EXAMPLE.search(TEXT)
    assert found is not None
    run = subprocess.run(
        [sys.executable, "-c", found[1]], cwd=clone, capture_output=True, text=True, check=True
    )
    assert NUMBER.sub("#", run.stdout) == NUMBER.sub("#", found[2])
    printed, shown = ([float(n) for n in NUMBER.findall(text)] for text in (run.stdout, found[2]))
    assert printed == pytest.approx(shown, abs=TOLERANCE)


@pytest.mark.parametrize("command", COMMANDS)
def test_command_is_understood(command: str) -> None:
    build_parser().parse_args(shlex.split(command)[1:])


def test_there_are_commands_to_check() -> None:
    assert len(COMMANDS) >= 5
    assert {"demo", "test", "check", "notebooks"} <= set(TARGETS)


@pytest.mark.parametrize("target", TARGETS)
def test_make_target_exists(target: str) -> None:
    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text("utf-8"), re.M)


@pytest.mark.parametrize("path", [*LINKS, *SCRIPTS])
def test_file_exists(path: str) -> None:
    assert (ROOT / path).is_file()


def test_links_of_the_results_exist() -> None:
    for path in re.findall(r"\]\(([^)#:]+)\)", RESULTS):
        assert (ROOT / "docs" / path).is_file()


def test_every_notebook_is_listed_with_the_answer_it_printed() -> None:
    for path in (ROOT / "notebooks").glob("*.ipynb"):
        cells = nbformat.read(path, as_version=4).cells
        row = next(line for line in TEXT.splitlines() if f"(notebooks/{path.name})" in line)
        assert cells[0].source.splitlines()[0].lstrip("# ") in row
        texts = [
            o.text for c in cells if c.cell_type == "code" for o in c.outputs if o.output_type == "stream"
        ]
        assert row.endswith(f"| {texts[-1].strip().splitlines()[-1]} |")


def test_readme_is_short_and_its_picture_light() -> None:
    assert len(TEXT.splitlines()) < 200
    pictures = [path for path in LINKS if path.startswith("figures/")]
    assert pictures
    for path in pictures:
        assert (ROOT / path).stat().st_size < 300_000
