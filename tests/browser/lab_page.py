"""A notebook in a browser, as a person has it before them: run all, look, drag."""

import hashlib
import os
import re
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PIL import Image

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
# No GPU, no sandbox (root in a container has none), and no address but this machine's own.
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run",
    "--disable-dev-shm-usage", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
]  # fmt: skip
SCREEN = {"width": 1600, "height": 1300}
OPEN_LIMIT_S = 120
STEP_LIMIT_S = 30

# The pixels that are seen, not the address they came from: each new picture has a new address.
PIXELS = """element => {
    const image = element.matches("img") ? element : element.querySelector("img");
    if (!image || !image.complete || !image.naturalWidth) return null;
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [image.naturalWidth, image.naturalHeight];
    canvas.getContext("2d").drawImage(image, 0, 0);
    return canvas.toDataURL("image/png");
}"""


def missing_browser() -> str:
    """Say why no browser can be driven here; nothing when one can."""
    for package in ("playwright", "jupyterlab"):
        if find_spec(package) is None:
            return f"{package} is not installed"
    return "" if _chromium() else f"none of {', '.join(BROWSERS)} is on PATH"


def require_browser() -> None:
    """Skip with a reason where no browser can be driven, or fail if REQUIRE_BROWSER=1."""
    reason = missing_browser()
    if reason and os.environ.get("REQUIRE_BROWSER") == "1":
        pytest.fail(f"REQUIRE_BROWSER=1, but {reason}")
    if reason:
        pytest.skip(reason)


def _chromium() -> str | None:
    return next(filter(None, map(shutil.which, BROWSERS)), None)


@contextmanager
def open_browser() -> Iterator["Browser"]:
    """Yield a headless Chromium of its own; it and its pages are gone at the end. Only one at a time."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=_chromium(), args=FLAGS, timeout=1000 * OPEN_LIMIT_S)
        try:
            yield browser
        finally:
            browser.close()


def new_page(browser: "Browser") -> "Page":
    """Open an empty page that knows nothing of the others."""
    page = browser.new_page(viewport=SCREEN, device_scale_factor=1)
    page.set_default_timeout(1000 * STEP_LIMIT_S)
    return page


class LabPage:
    """A notebook that is open in JupyterLab.

    Widgets are found by CSS, such as `.vidlab-stable`, and each wait is bounded.
    """

    def __init__(self, browser: "Browser", *, address: str) -> None:
        page = self.page = new_page(browser)
        self.failures: list[str] = []  # of the page's own scripts
        page.on("pageerror", lambda error: self.failures.append(str(error)))
        page.goto(address, timeout=1000 * OPEN_LIMIT_S)
        page.locator(".jp-Notebook .jp-Cell").first.wait_for(timeout=1000 * OPEN_LIMIT_S)
        # before its kernel answers, a notebook drops what it is told to run, or asks what to do
        answers = page.locator("#jp-main-statusbar", has_text=re.compile(r"\| Idle"))
        answers.wait_for(timeout=1000 * OPEN_LIMIT_S)

    def run_all(self, *, limit_s: float) -> None:
        """Choose Run ▸ Run All Cells, and wait until the last cell has run.

        Raises:
            AssertionError: A cell fails; the text is its error's.
            TimeoutError: The notebook takes longer than `limit_s`.
        """
        self.page.locator(".lm-MenuBar-itemLabel", has_text=re.compile(r"^Run$")).click()
        self.page.locator(".lm-Menu-item[data-command='runmenu:run-all']").click()
        self.wait_until(self._has_run, what="Run All Cells", limit_s=limit_s)

    def _has_run(self) -> bool:
        error = self.page.locator(".jp-OutputArea-output", has_text="Traceback (most recent call last)")
        if error.count():
            raise AssertionError(f"a cell failed:\n{error.first.inner_text()[-2000:]}")
        return all(re.fullmatch(r"\[\d+\]:", prompt) for prompt in self._prompts())

    def _prompts(self) -> list[str]:
        """What stands before the code cells: [ ] never run, [*] is to run, or a number."""
        found = self.page.locator(".jp-CodeCell .jp-InputPrompt").all_inner_texts()
        return [prompt.strip() for prompt in found]

    def wait_until(self, holds: Callable[[], bool], *, what: str, limit_s: float = STEP_LIMIT_S) -> None:
        """Look again and again until something holds.

        Raises:
            TimeoutError: It does not hold within `limit_s`.
        """
        deadline_s = time.monotonic() + limit_s
        while not holds():
            if time.monotonic() > deadline_s:
                raise TimeoutError(
                    f"{what} must come about within {limit_s:g} s, got a page that says:\n"
                    f"{self.page.locator('.jp-Notebook').inner_text()[-2000:]}"
                )
            self.page.wait_for_timeout(100)  # milliseconds; lets the page go on meanwhile

    def find(self, css: str) -> "Locator":
        """Return the one visible element, once it is there."""
        found = self.page.locator(css).locator("visible=true")
        found.first.wait_for()
        assert found.count() == 1, f"{css} must name one element, got {found.count()}"
        return found

    def picture(self, css: str) -> str:
        """Return a digest of the pixels of a picture, once it is loaded."""
        seen: list[str] = []

        def loaded() -> bool:
            data = self.find(css).evaluate(PIXELS)
            seen.extend([data] if data else [])
            return bool(seen)

        self.wait_until(loaded, what=f"a picture in {css}")
        return hashlib.sha256(seen[-1].encode()).hexdigest()

    def text(self, css: str) -> str:
        """Return the text that is seen in an element."""
        return self.find(css).inner_text().strip()

    def drag(self, css: str, *, by: float) -> None:
        """Drag a slider's handle with the mouse, by a share of the slider's length; right is positive."""
        handle = self.find(f"{css} .noUi-handle")
        handle.scroll_into_view_if_needed()
        track, grip = self.find(f"{css} .noUi-base").bounding_box(), handle.bounding_box()
        assert track is not None
        assert grip is not None
        x, y = grip["x"] + grip["width"] / 2, grip["y"] + grip["height"] / 2
        self.page.mouse.move(x, y)
        self.page.mouse.down()
        self.page.mouse.move(x + by * track["width"], y, steps=8)
        self.page.mouse.up()

    def screenshot(self, css: str, *, to: Path) -> None:
        """Save what is seen of an element as PNG, of 256 colors, as it goes into a page."""
        target = self.find(css)
        target.scroll_into_view_if_needed()
        seen = Image.open(BytesIO(target.screenshot(animations="disabled"))).convert("RGB")
        to.parent.mkdir(parents=True, exist_ok=True)
        few = seen.quantize(256, Image.Quantize.MAXCOVERAGE, kmeans=5, dither=Image.Dither.NONE)
        few.save(to, optimize=True)  # by the default way thin yellow lines turn orange
