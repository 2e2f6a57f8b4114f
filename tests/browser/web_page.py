"""The web page in a browser, as a person has it: choose, drop, start, look, type."""

import base64
import re
import time
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator

STEP_LIMIT_S = 30
WORK_LIMIT_S = 240  # half a minute on two busy cores; nothing waits so long unless it is broken

# A file in the hand of a mouse: an event of the browser's own cannot be made from outside.
HELD_FILE = """([name, content, type]) => {
    const bytes = Uint8Array.from(atob(content), (letter) => letter.charCodeAt(0));
    const held = new DataTransfer();
    held.items.add(new File([bytes], name, { type }));
    return held;
}"""
PIXELS = """image => {
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [image.naturalWidth, image.naturalHeight];
    canvas.getContext("2d").drawImage(image, 0, 0);
    return canvas.toDataURL("image/png");
}"""


class WebPage:
    """The page, open in a tab of its own that knows nothing of others.

    Attributes:
        failures: What the page's own scripts and its policy complained of.
        strangers: Addresses that were asked for and are not the page's own.
    """

    def __init__(
        self,
        browser: "Browser",
        *,
        address: str,
        size: tuple[int, int] = (1440, 1000),
        language: str = "en-GB",
    ) -> None:
        width, height = size
        self.context = browser.new_context(
            viewport={"width": width, "height": height}, locale=language, accept_downloads=True
        )
        page = self.page = self.context.new_page()
        page.set_default_timeout(1000 * STEP_LIMIT_S)
        self.failures: list[str] = []
        self.strangers: list[str] = []
        page.on("pageerror", lambda error: self.failures.append(str(error)))
        page.on("console", lambda said: said.type == "error" and self.failures.append(said.text))
        page.on("request", lambda asked: self._look(asked.url, address))
        page.goto(address)
        self.find("#run:not([hidden])")
        page.locator("#method option").first.wait_for(state="attached")

    def _look(self, url: str, address: str) -> None:
        if not url.startswith((address.partition("?")[0], "blob:")):
            self.strangers.append(url)

    def close(self) -> None:
        self.context.close()

    def find(self, css: str) -> "Locator":
        found = self.page.locator(css)
        found.first.wait_for()
        assert found.count() == 1, f"{css} must name one element, got {found.count()}"
        return found

    def text(self, css: str) -> str:
        return self.find(css).inner_text().strip()

    def wait_until(self, holds: Callable[[], bool], *, what: str, limit_s: float = STEP_LIMIT_S) -> None:
        deadline_s = time.monotonic() + limit_s
        while not holds():
            if time.monotonic() > deadline_s:
                said = self.page.locator("body").inner_text()[-2000:]
                raise TimeoutError(
                    f"{what} must come about within {limit_s:g} s, got a page that says:\n{said}"
                )
            self.page.wait_for_timeout(50)

    def speak(self, button: str, *, language: str) -> None:
        """Press the button of a language, and wait until the page speaks it: its texts are fetched first."""
        self.page.get_by_role("button", name=button).click()
        self.page.locator(f"html[lang={language}]").wait_for(state="attached")

    def choose_file(self, place: str, path: Path) -> None:
        """Choose a file as the dialog of the browser would."""
        self.page.locator(f"{place} input[type=file]").set_input_files(path)

    def drop_file(self, place: str, path: Path, *, kind: str) -> None:
        """Drop a file onto a place."""
        content = base64.b64encode(path.read_bytes()).decode()
        held = self.page.evaluate_handle(HELD_FILE, [path.name, content, kind])
        target = self.find(f"{place} .drop")
        for event in ("dragenter", "dragover", "drop"):
            target.dispatch_event(event, {"dataTransfer": held})

    def found_in(self, place: str) -> str:
        """What the page says of an uploaded file, once the server has looked into it."""
        return self.text(f"{place} .found-facts")

    def wait_for_result(self) -> None:
        done = self.page.locator("#result:not([hidden]), #alerts .alert, .row-error")
        done.first.wait_for(timeout=1000 * WORK_LIMIT_S)
        problems = self.page.locator("#alerts .alert, .row-error").all_inner_texts()
        assert problems == []

    @property
    def frame(self) -> int:
        """The frame that every picture on the page shows, once they agree."""
        shown: list[int] = []

        def agree() -> bool:
            wanted = int(re.findall(r"\d+", self.text("#viewer .where"))[0])
            numbers = self.page.locator("#viewer .panel img").evaluate_all(
                "all => all.map(i => +i.dataset.frame)"
            )
            shown[:] = [wanted]
            return set(numbers) == {wanted}

        self.wait_until(agree, what="pictures of one frame")
        return shown[0]

    def picture(self, kind: str) -> Image.Image:
        """The pixels of one view of the frame."""
        assert self.frame >= 0
        data = self.find(f"#viewer img[data-type={kind}]").evaluate(PIXELS)
        return Image.open(BytesIO(base64.b64decode(data.partition(",")[2]))).convert("RGB")

    def screenshot(self, to: Path) -> None:
        """Save what is seen as PNG, of 256 colors, as it goes into a page."""
        seen = Image.open(BytesIO(self.page.screenshot(animations="disabled"))).convert("RGB")
        to.parent.mkdir(parents=True, exist_ok=True)
        seen.quantize(256, Image.Quantize.MAXCOVERAGE, kmeans=5, dither=Image.Dither.NONE).save(
            to, optimize=True
        )
