"""The notebook of the sliders as a person has it: run all in JupyterLab, drag, and see what it does.

SCREENSHOT=figures/widgets.png make test-browser saves what is seen, on the sample scene.
"""

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from conftest import ROOT
from lab_page import LabPage, open_browser, require_browser
from lab_server import Lab, running_lab
from notebook_copies import NOTEBOOKS, copy_unrun

if TYPE_CHECKING:
    from playwright.sync_api import Browser

SLIDERS = NOTEBOOKS / "hw2_06_what_do_the_sliders_do.ipynb"
RUN_LIMIT_S = 400  # three minutes on two cores, and a margin for busy ones
READY_LIMIT_S = 120

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not SLIDERS.exists(), reason=f"{SLIDERS.name} does not exist yet"),
]


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    require_browser()
    folder = tmp_path_factory.mktemp("house")
    copy_unrun(SLIDERS, folder / "run" / SLIDERS.name, quick="SCREENSHOT" not in os.environ)
    (folder / "as_committed").mkdir()
    (folder / "as_committed" / SLIDERS.name).write_bytes(SLIDERS.read_bytes())
    with running_lab(folder, home=tmp_path_factory.mktemp("home")) as running:
        yield running


@pytest.fixture(scope="module")
def browser() -> Iterator["Browser"]:
    require_browser()
    with open_browser() as opened:
        yield opened


@pytest.fixture(scope="module")
def panel(lab: Lab, browser: "Browser") -> LabPage:
    """The notebook after Run All, once the panel has nothing left to do."""
    seen = LabPage(browser, address=lab.address(f"run/{SLIDERS.name}", view="doc/tree"))
    seen.run_all(limit_s=RUN_LIMIT_S)
    wait_until_ready(seen)
    return seen


def wait_until_ready(panel: LabPage) -> None:
    panel.wait_until(
        lambda: panel.text(".vidlab-status").startswith("ready"), what="ready", limit_s=READY_LIMIT_S
    )


def test_dragging_a_slider_changes_picture_and_metrics(panel: LabPage) -> None:
    picture, metrics = panel.picture(".vidlab-stable"), panel.text(".vidlab-metrics")
    assert "IoU" in metrics
    value = panel.text(".vidlab-tunable-memory .widget-readout")
    panel.drag(".vidlab-tunable-memory", by=-0.5)
    assert panel.text(".vidlab-tunable-memory .widget-readout") != value
    panel.wait_until(
        lambda: panel.picture(".vidlab-stable") != picture, what="another picture", limit_s=READY_LIMIT_S
    )
    panel.wait_until(lambda: panel.text(".vidlab-metrics") != metrics, what="other metrics")
    wait_until_ready(panel)
    assert "IoU" in panel.text(".vidlab-metrics")  # the table is whole again
    assert panel.text(".vidlab-metrics") != metrics
    assert panel.failures == []


def test_worst_frame_is_a_click_away(panel: LabPage) -> None:
    frame = panel.text(".vidlab-frame .widget-readout")
    picture = panel.picture(".vidlab-stable")
    buttons = {
        one.inner_text().partition(":")[0]: one for one in panel.page.locator(".vidlab-worst button").all()
    }
    wanted = next(number for number in buttons if number != frame)
    buttons[wanted].click()
    panel.wait_until(lambda: panel.picture(".vidlab-stable") != picture, what="another picture")
    panel.wait_until(lambda: panel.text(".vidlab-frame .widget-readout") == wanted, what=f"frame {wanted}")
    wait_until_ready(panel)
    if "SCREENSHOT" in os.environ:
        panel.find(".vidlab-save-path input").fill("runs/best.json")  # where it lies here is of no interest
        panel.screenshot(".vidlab-panel", to=ROOT / os.environ["SCREENSHOT"])


def test_scrubbing_shows_another_frame(panel: LabPage) -> None:
    raw, stable = (panel.picture(f".vidlab-{name}") for name in ("raw", "stable"))
    curves = panel.picture(".vidlab-curves")
    panel.drag(".vidlab-frame", by=0.3)
    for name, before in (("raw", raw), ("stable", stable), ("curves", curves)):
        panel.wait_until(
            lambda name=name, before=before: panel.picture(f".vidlab-{name}") != before,
            what=f"another picture in .vidlab-{name}",
            limit_s=READY_LIMIT_S,
        )


def test_another_method_brings_its_own_sliders(panel: LabPage) -> None:
    before = panel.picture(".vidlab-stable")
    panel.find(".vidlab-method select").select_option("exponential")
    panel.find(".vidlab-tunable-alpha")
    panel.wait_until(
        lambda: panel.picture(".vidlab-stable") != before, what="another picture", limit_s=READY_LIMIT_S
    )
    wait_until_ready(panel)


def test_committed_notebook_shows_a_picture_before_anything_runs(lab: Lab, browser: "Browser") -> None:
    seen = LabPage(browser, address=lab.address(f"as_committed/{SLIDERS.name}", view="doc/tree"))
    pictures = seen.page.locator(".jp-OutputArea-output img")
    assert max(pictures.evaluate_all("all => all.map(one => one.naturalWidth)"), default=0) >= 300
