"""What `make lab` shows: the start page, rendered, whose links open notebooks."""

import re
import shlex
from pathlib import Path

import pytest
from conftest import ROOT
from lab_page import OPEN_LIMIT_S, new_page, open_browser, require_browser
from lab_server import running_lab
from notebook_copies import copy_house

pytestmark = pytest.mark.browser


def lab_arguments() -> list[str]:
    """What the Makefile gives to JupyterLab."""
    (recipe,) = re.findall(r"^lab:.*\n\t\S*jupyter lab (.*)$", (ROOT / "Makefile").read_text("utf-8"), re.M)
    return shlex.split(recipe)


def test_make_lab_opens_on_a_page_that_leads_to_every_notebook(tmp_path: Path) -> None:
    require_browser()
    (tmp_path / "home").mkdir()
    house = copy_house(tmp_path / "house")
    with (
        running_lab(house, home=tmp_path / "home", arguments=lab_arguments()) as lab,
        open_browser() as browser,
    ):
        page = new_page(browser)
        page.goto(lab.address("", view=""), timeout=1000 * OPEN_LIMIT_S)
        links = page.locator(".jp-MarkdownViewer table a")
        links.first.wait_for(timeout=1000 * OPEN_LIMIT_S)
        assert links.count() == (house / "notebooks" / "start.md").read_text("utf-8").count(".ipynb)")
        question = links.last.inner_text()
        links.last.click()
        page.locator(".jp-NotebookPanel:not(.lm-mod-hidden) .jp-MarkdownOutput h1").first.wait_for(
            timeout=1000 * OPEN_LIMIT_S
        )
        assert question in page.locator(".jp-NotebookPanel .jp-MarkdownOutput h1").first.inner_text()
