"""The controls of one method, as ipywidgets."""

import math
import threading
from collections.abc import Callable
from typing import Any

from vidlab.params import MethodParams
from vidlab.schema import build
from vidlab.viz.widgets.controls import Control, controls_of, stops_with
from vidlab.viz.widgets.kit import widgets

LABEL_PX, WIDTH_PX = 170, 400
_STYLE = {"description_width": f"{LABEL_PX}px"}


class Silence(threading.local):
    """A stretch of a thread in which elements are moved by the program, not by a person.

    Attributes:
        on: This thread is in it.
    """

    on = False

    def __enter__(self) -> None:
        self.on = True

    def __exit__(self, *_: object) -> None:
        self.on = False


class Knobs:
    """One control for each tunable of a method.

    Attributes:
        box: All of them, one below the other.
    """

    def __init__(self, params: MethodParams, *, changed: Callable[[], None]) -> None:
        """Draw the controls at these values; `changed` is called when a person moved one."""
        self._model, self._changed = type(params), changed
        self._controls = {control.name: control for control in controls_of(self._model)}
        values = params.model_dump()
        self._widgets = {name: _widget(each, values[name]) for name, each in self._controls.items()}
        for name, widget in self._widgets.items():
            widget.add_class(f"vidlab-tunable-{name}")
            widget.observe(self._moved, names="value")
        self._silence = Silence()
        self.box = widgets.VBox(list(self._widgets.values()))

    @property
    def params(self) -> MethodParams:
        """The method as the controls stand.

        Raises:
            ParameterError: A value lies outside its range; only typed ones can.
        """
        return build(self._model, {name: widget.value for name, widget in self._widgets.items()})

    def set(self, params: MethodParams) -> None:
        """Move the controls to other values of the same method, and tell nobody."""
        with self._silence:
            for name, value in params.model_dump().items():
                widget, control = self._widgets[name], self._controls[name]
                if control.kind == "grid":
                    widget.options = _options(control, value)
                if control.kind == "slider":
                    widget.min, widget.max = min(widget.min, value), max(widget.max, value)
                widget.value = str(value) if control.kind == "text" else value

    def _moved(self, _: Any) -> None:
        if not self._silence.on:
            self._changed()


def _widget(control: Control, value: Any) -> Any:
    words = {
        "description": control.label,
        "tooltip": control.tooltip,
        "style": _STYLE,
        "layout": {"width": f"{WIDTH_PX}px"},
    }
    if control.kind == "toggle":
        return widgets.Checkbox(value=value, **words)
    if control.kind == "choice":
        return widgets.Dropdown(options=control.stops, value=value, **words)
    if control.kind == "grid":
        return widgets.SelectionSlider(options=_options(control, value), value=value, **words)
    if control.kind == "text":
        return widgets.Text(value=str(value), continuous_update=False, **words)
    if control.tunable.type is int:
        low, high, step = int(control.low), int(control.high), int(control.step)
        return widgets.IntSlider(value, min=low, max=high, step=step, **words)
    # a value between two stops, or beyond the last, comes from a search: it is shown as it is
    low, high = min(control.low, value), max(control.high, value)
    decimals = max(0, -math.floor(math.log10(control.step)))
    shape = {"step": control.step, "readout_format": f".{decimals}f"}
    return widgets.FloatSlider(value, min=low, max=high, **shape, **words)


def _options(control: Control, value: Any) -> list[tuple[str, Any]]:
    return [(f"{stop:.4g}", stop) for stop in stops_with(control, value)]
