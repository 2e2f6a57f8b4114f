"""The elements of the panel on the page, and what is shown put into them."""

import html
from typing import Any

from vidlab.jobs.stabilize import method_name
from vidlab.jobs.worst import EACH
from vidlab.params import METHODS, PanelParams
from vidlab.viz.overlay import resize_image
from vidlab.viz.widgets.kit import widgets
from vidlab.viz.widgets.pictures import (
    PANELS,
    CurvePlotter,
    Sheet,
    draw_frame,
    metrics_table,
    to_jpeg,
    to_png,
)
from vidlab.viz.widgets.shown import Part, Shown

N_WORST = 2 * EACH  # by accuracy, and by flicker
THUMB_PX = 150
SETTINGS_PX, SETTINGS_HIGH_PX = 430, 560


class Page:
    """Elements without decisions: `show` fills them, the panel listens to them.

    Attributes:
        whole: All of it.
        clip, masks, method: Dropdowns.
        frame: Slider of the frame.
        knobs: Where the controls of the method go.
        reset, tune, copy, save: Buttons.
        copied: Text to copy.
        path: Where to save.
        worst: Buttons below the worst frames.
    """

    def __init__(self, settings: PanelParams, *, best: str) -> None:
        """Draw everything, empty."""
        self._plotter = CurvePlotter()
        self._sheet: Sheet | None = None
        self.clip, self.masks = _dropdown("clip"), _dropdown("masks")
        self.method = _dropdown("method", list(METHODS))
        self.reset = _button("reset", "defaults", "Back to the defaults of the method.")
        self.tune = _button(
            "tune", "tune for me", "Search for better values on this clip; a change stops it."
        )
        self.copy = _button("copy", "copy as papermill parameters", "Write the settings as text to copy.")
        self.copied = _named(widgets.Textarea(rows=5, layout={"width": "98%"}), "copied")
        self.save = _button("save", "save best.json", "Write the file that vidlab stabilize --params takes.")
        self.path = _named(widgets.Text(value=best, layout={"width": "230px"}), "save-path")
        self.knobs = _named(widgets.VBox(), "controls")
        self.knobs.layout = {"max_height": f"{SETTINGS_HIGH_PX}px", "overflow": "auto", "flex": "0 0 auto"}
        self.frame, self._play, self._link = _player(settings)
        self._pictures = [_picture(name, settings.width_px) for name in PANELS]
        self._captions = [widgets.HTML() for _ in PANELS]
        self._curves = _named(widgets.Image(format="png"), "curves")
        self._metrics = _named(widgets.HTML(), "metrics")
        self._status = _named(widgets.HTML(), "status")
        self._thumbs = [widgets.Image(format="jpeg", width=THUMB_PX) for _ in range(N_WORST)]
        self.worst = [_button(f"worst-{n}", "", "Go to this frame.") for n in range(1, N_WORST + 1)]
        columns = [widgets.VBox(list(pair)) for pair in zip(self._thumbs, self.worst, strict=True)]
        self._strip = _named(widgets.HBox(columns), "worst")
        self.whole = self._arranged()

    def show(self, shown: Shown, part: Part) -> None:
        """Fill the elements that a part concerns."""
        self.say(shown.status, failed=shown.failed)
        if part == "clip":
            if shown.n_frames:  # while it is being opened, the frame stays where it was
                self.frame.max = self._play.max = shown.n_frames - 1
            self._show_curves(shown)
            self._metrics.value = ""
        elif part == "frame":
            self._show_frame(shown)
        elif part == "curves":
            self._show_curves(shown)
        elif part == "table":
            self._show_table(shown)
        if not shown.worst:
            self._show_worst(shown)

    def say(self, words: str, *, failed: bool) -> None:
        """Write one line where the status stands."""
        self._status.value = _line(words, failed=failed)

    def _show_frame(self, shown: Shown) -> None:
        if shown.frame is None or shown.wish is None:
            return
        drawn = draw_frame(shown.frame, method=method_name(shown.wish.params))
        for picture, image in zip(self._pictures, drawn.images, strict=True):
            picture.value = to_jpeg(image)
        for words, caption in zip(self._captions, drawn.captions, strict=True):
            words.value = f"<small>{html.escape(caption)}</small>"
        self._show_cursor(shown)
        self._metrics.layout.opacity = "0.4" if shown.stable is None else "1"  # of the settings before

    def _show_curves(self, shown: Shown) -> None:
        self._sheet = self._plotter.draw(shown)
        self._show_cursor(shown)

    def _show_cursor(self, shown: Shown) -> None:
        if self._sheet is not None:
            index = -1 if shown.frame is None else shown.frame.index
            self._curves.value = to_png(self._sheet.with_cursor(index))

    def _show_table(self, shown: Shown) -> None:
        table = metrics_table(shown)
        self._metrics.value = "" if table is None else table._repr_html_()
        self._metrics.layout.opacity = "1"
        self._show_worst(shown)

    def _show_worst(self, shown: Shown) -> None:
        self._strip.layout.display = "flex" if shown.worst else "none"
        for place, (thumb, button) in enumerate(zip(self._thumbs, self.worst, strict=True)):
            there = place < len(shown.worst)
            thumb.layout.display = button.layout.display = "block" if there else "none"
            if there:
                worst, frame = shown.worst[place]
                image = draw_frame(frame, method="").stable
                height, width = image.shape[:2]
                small = (max(1, height * THUMB_PX // width), THUMB_PX)
                thumb.value = to_jpeg(resize_image(image, size_hw=small))
                button.description = f"{worst.index}: {worst.reason}"

    def _arranged(self) -> Any:
        buttons = widgets.HBox([self.reset, self.tune])
        left = widgets.VBox(
            [
                self.clip, self.masks, self.method, buttons, self.knobs,
                widgets.HBox([self.save, self.path]), self.copy, self.copied,
            ],
            layout={"width": f"{SETTINGS_PX}px", "flex": "0 0 auto"},
        )  # fmt: skip
        views = widgets.HBox(
            [widgets.VBox(list(p)) for p in zip(self._captions, self._pictures, strict=True)]
        )
        player = widgets.HBox([self._play, self.frame])
        right = widgets.VBox([self._status, views, player, self._curves, self._strip, self._metrics])
        return _named(widgets.HBox([left, right]), "panel")


def _named(widget: Any, name: str) -> Any:
    widget.add_class(f"vidlab-{name}")
    return widget


def _dropdown(name: str, options: list[str] | None = None) -> Any:
    return _named(widgets.Dropdown(options=options or [], description=name), name)


def _button(name: str, text: str, tooltip: str) -> Any:
    return _named(widgets.Button(description=text, tooltip=tooltip, layout={"width": "auto"}), name)


def _picture(name: str, width_px: int) -> Any:
    return _named(widgets.Image(format="jpeg", width=width_px), name)


def _player(settings: PanelParams) -> tuple[Any, Any, Any]:
    """The slider of the frame, the buttons that play, and what ties them together in the page."""
    frame = _named(widgets.IntSlider(0, min=0, max=0, description="frame", layout={"width": "70%"}), "frame")
    play = _named(widgets.Play(value=0, min=0, max=0, interval=settings.play_ms), "play")
    link = widgets.jslink((play, "value"), (frame, "value"))  # in the page: plays while the kernel is busy
    return frame, play, link


def _line(words: str, *, failed: bool) -> str:
    color = "#b00020" if failed else "inherit"
    return f'<span style="color: {color}">{html.escape(words)}</span>'
