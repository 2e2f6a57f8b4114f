"""The browser test itself: it sees what changed and only that, tells failures, and leaves nothing running."""

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import nbformat
import psutil
import pytest
from lab_page import LabPage, open_browser, require_browser
from lab_server import Lab, running_lab

pytestmark = pytest.mark.browser

TINY = """
import io
import ipywidgets
from PIL import Image

level = ipywidgets.IntSlider(value=40, min=0, max=200).add_class("vidlab-tunable-level")
idle = ipywidgets.IntSlider(value=3, min=0, max=9).add_class("vidlab-tunable-idle")
picture = ipywidgets.Image(format="png").add_class("vidlab-stable")
metrics = ipywidgets.HTML().add_class("vidlab-metrics")

def draw(change=None):
    buffer = io.BytesIO()
    Image.new("RGB", (64, 48), (level.value, 90, 90)).save(buffer, "PNG")
    picture.value = buffer.getvalue()
    metrics.value = f"level is {level.value}"

level.observe(draw, "value")
draw()
ipywidgets.VBox([level, idle, picture, metrics])
"""


def written(path: Path, *sources: str) -> None:
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in sources])
    notebook.metadata.kernelspec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(notebook, path)


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    require_browser()
    folder = tmp_path_factory.mktemp("notebooks")
    written(folder / "tiny.ipynb", TINY)
    written(folder / "broken.ipynb", "1 / 0", "print('never')")
    with running_lab(folder, home=tmp_path_factory.mktemp("home")) as running:
        yield running


def test_dragging_a_slider_changes_what_hangs_on_it_and_nothing_else(lab: Lab) -> None:
    with open_browser() as browser:
        seen = LabPage(browser, address=lab.address("tiny.ipynb", view="doc/tree"))
        seen.run_all(limit_s=60)
        before = seen.picture(".vidlab-stable")
        assert seen.text(".vidlab-metrics") == "level is 40"
        seen.drag(".vidlab-tunable-idle", by=0.4)
        assert int(seen.text(".vidlab-tunable-idle .widget-readout")) > 3
        assert seen.picture(".vidlab-stable") == before
        seen.drag(".vidlab-tunable-level", by=0.5)
        seen.wait_until(lambda: seen.picture(".vidlab-stable") != before, what="another picture")
        level = seen.text(".vidlab-tunable-level .widget-readout")
        seen.wait_until(lambda: seen.text(".vidlab-metrics") == f"level is {level}", what="its number")
        assert seen.failures == []


def test_cell_that_fails_is_told_with_its_error(lab: Lab) -> None:
    with open_browser() as browser:
        seen = LabPage(browser, address=lab.address("broken.ipynb", view="doc/tree"))
        with pytest.raises(AssertionError, match="division by zero"):
            seen.run_all(limit_s=60)


def test_lab_wants_its_token(lab: Lab) -> None:
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(f"{lab.url}api/sessions", timeout=30)
    with urllib.request.urlopen(f"{lab.url}api/sessions?token={lab.token}", timeout=30) as answer:
        assert isinstance(json.load(answer), list)


def test_nothing_is_left_running(tmp_path: Path) -> None:
    require_browser()
    (tmp_path / "home").mkdir()
    with running_lab(tmp_path, home=tmp_path / "home") as lab:
        ask = urllib.request.Request(f"{lab.url}api/kernels?token={lab.token}", data=b"{}", method="POST")
        urllib.request.urlopen(ask, timeout=60).close()
        started = [psutil.Process(lab.pid), *psutil.Process(lab.pid).children(recursive=True)]
        assert len(started) >= 2
    assert not any(process.is_running() for process in started)
