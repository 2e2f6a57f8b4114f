"""The panel as a person moves it: without a page, every element can be set and read all the same."""

import io
import json
import threading
import time
from pathlib import Path

import ipywidgets as widgets
import numpy as np
import pytest
from conftest import ROOT
from fake_rehearsal import FakeRehearsal
from PIL import Image

from vidlab.errors import ParameterError
from vidlab.jobs.reading import MaskFile
from vidlab.jobs.rehearsal import Rehearsal
from vidlab.params import (
    METHODS,
    ExponentialParams,
    FlowFusionParams,
    MethodParams,
    PanelParams,
    SourceParams,
    method_params,
)
from vidlab.schema import tunables
from vidlab.viz.widgets.clips import Clip
from vidlab.viz.widgets.knobs import Knobs
from vidlab.viz.widgets.panel import WIDGET_MIME, Panel

MASKS = {"net": MaskFile(Path("net.json")), "blind": MaskFile(Path("blind.json"))}
CLIPS = {"long": Clip(Path("long.mp4"), MASKS), "short": Clip(Path("short.mp4"), {"net": MASKS["net"]})}
FAST = PanelParams(rest_ms=0, curves_ms=10000)  # drawing curves takes longer than all else


def find(panel: Panel, name: str) -> widgets.Widget:
    """The element of this class in the page; there is exactly one."""
    found = [each for each in every(panel.page.whole) if f"vidlab-{name}" in each._dom_classes]
    (element,) = found
    return element


def every(widget: widgets.Widget) -> list[widgets.Widget]:
    return [widget, *(each for child in getattr(widget, "children", ()) for each in every(child))]


def picture(panel: Panel, name: str) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(find(panel, name).value)))


def settled(panel: Panel) -> Panel:
    assert panel.settle(30)
    return panel


@pytest.fixture
def make(tmp_path: Path):
    panels = []

    def panel_of(**options: object) -> Panel:
        def open_clip(wish: object, tell: object) -> FakeRehearsal:
            return FakeRehearsal(12 if wish.clip == "long" else 5, with_truth=wish.masks == "net")  # type: ignore[attr-defined]

        given = {
            "params": ExponentialParams(),
            "settings": FAST,
            "best": tmp_path / "best.json",
            "open_clip": open_clip,
        }
        panels.append(Panel(CLIPS, **(given | options)))  # type: ignore[arg-type]
        return settled(panels[-1])

    yield panel_of
    for panel in panels:
        panel.close()


def test_every_element_of_the_list_is_there_once(make) -> None:
    panel = make()
    listed = """panel clip masks method controls reset frame play raw stable difference curves metrics status
        worst worst-1 worst-6 tune copy copied save save-path tunable-alpha tunable-follow_motion"""
    for name in listed.split():
        assert find(panel, name) is not None


def test_slider_changes_picture_curves_and_metrics(make) -> None:
    panel = make()
    before = {name: find(panel, name).value for name in ("raw", "stable", "difference", "curves", "metrics")}
    assert "<table" in before["metrics"]
    find(panel, "tunable-alpha").value = 0.9
    settled(panel)
    after = {name: find(panel, name).value for name in before}
    assert after["raw"] == before["raw"]
    for name in ("stable", "difference", "curves", "metrics"):
        assert after[name] != before[name], name
    assert "ready: 12 frames" in find(panel, "status").value


def test_slider_back_where_it_was_gives_the_same_panel(make) -> None:
    panel = make()
    names = ("stable", "difference", "curves", "metrics")
    before = {name: find(panel, name).value for name in names}
    for alpha in (0.9, 0.2, 0.4):
        find(panel, "tunable-alpha").value = alpha
        settled(panel)
    assert {name: find(panel, name).value for name in names} == before


def test_frame_slider_moves_pictures_and_cursor_and_keeps_the_metrics(make) -> None:
    panel = make()
    names = ("raw", "stable", "curves", "metrics")
    before = {name: find(panel, name).value for name in names}
    find(panel, "frame").value = 7
    settled(panel)
    changed = {name for name in names if find(panel, name).value != before[name]}
    assert changed == {"raw", "stable", "curves"}
    assert panel.shown.frame.index == 7


def test_frame_slider_ends_with_the_clip(make) -> None:
    panel = make()
    assert find(panel, "frame").max == find(panel, "play").max == 11
    find(panel, "frame").value = 11
    find(panel, "clip").value = "short"
    settled(panel)
    assert (find(panel, "frame").max, find(panel, "frame").value) == (4, 4)
    assert panel.shown.frame.index == 4


def test_other_masks_leave_the_frame_where_it_is(make) -> None:
    panel = make()
    find(panel, "frame").value = 9
    find(panel, "masks").value = "blind"
    settled(panel)
    assert panel.shown.frame.index == 9
    assert panel.shown.frame.truth is None


def test_clip_offers_its_own_masks(make) -> None:
    panel = make()
    find(panel, "masks").value = "blind"
    find(panel, "clip").value = "short"
    assert (find(panel, "masks").options, find(panel, "masks").value) == (("net",), "net")


def test_another_method_swaps_the_controls_and_comes_back_as_it_was_left(make) -> None:
    panel = make()
    find(panel, "tunable-alpha").value = 0.7
    find(panel, "method").value = "median"
    assert [each for each in every(panel.page.whole) if "vidlab-tunable-alpha" in each._dom_classes] == []
    assert find(panel, "tunable-window").value == 5
    find(panel, "method").value = "exponential"
    assert find(panel, "tunable-alpha").value == 0.7
    assert settled(panel).shown.wish.params == ExponentialParams(alpha=0.7)


def test_error_of_a_method_stands_in_the_status_line(make) -> None:
    panel = make()
    find(panel, "method").value = "median"
    settled(panel)
    assert "the fake knows exponential, got MedianParams" in find(panel, "status").value
    find(panel, "method").value = "exponential"
    settled(panel)
    assert "ready" in find(panel, "status").value


def test_defaults_button_takes_everything_back(make) -> None:
    panel = make(params=ExponentialParams(alpha=0.8, track_iou=0.5))
    find(panel, "reset").click()
    assert settled(panel).params == ExponentialParams()
    assert panel.shown.wish.params == ExponentialParams()


def test_worst_frame_is_gone_to_by_a_click(make) -> None:
    panel = make()
    button = find(panel, "worst-1")
    worst, _ = panel.shown.worst[0]
    assert button.description.startswith(f"{worst.index}: ")
    find(panel, "frame").value = (worst.index + 1) % 12
    button.click()
    assert settled(panel).shown.frame.index == worst.index


def test_tune_moves_the_controls(make) -> None:
    panel = make(tune=lambda rehearsal, method: METHODS[method].model_validate({"alpha": 0.333}))
    find(panel, "tune").click()
    settled(panel)
    assert find(panel, "tunable-alpha").value == 0.333
    assert panel.shown.wish.params == ExponentialParams(alpha=0.333)
    assert "ready" in panel.shown.status


def test_copy_and_save_take_what_the_controls_say(make, tmp_path: Path) -> None:
    panel = make()
    find(panel, "tunable-alpha").value = 0.7
    find(panel, "copy").click()
    assert "--method exponential --set alpha=0.7" in find(panel, "copied").value
    find(panel, "save").click()
    record = json.loads((tmp_path / "best.json").read_text("utf-8"))
    assert (record["method"], record["params"]["alpha"]) == ("exponential", 0.7)
    find(panel, "save").click()
    assert "already there" in find(panel, "status").value


def test_pictures_show_the_frame_in_its_colors(make) -> None:
    panel = make()
    clip = FakeRehearsal()
    shown = picture(panel, "raw")
    factor = shown.shape[1] // clip.images[0].shape[1]
    assert shown.shape == (24 * factor, 32 * factor, 3)
    outside = np.abs(
        shown[18 * factor :].astype(int) - clip.images[0][18:].repeat(factor, 0).repeat(factor, 1)
    )
    assert outside.mean() < 12  # JPEG; red and blue swapped would be 60 off


def test_cell_shows_the_widget_and_words_for_pages_without_one(make, monkeypatch) -> None:
    outputs: list[dict[str, object]] = []
    monkeypatch.setattr("vidlab.viz.widgets.panel.show_bundle", outputs.append)
    panel = make()
    panel._ipython_display_()
    (bundle,) = outputs
    assert bundle[WIDGET_MIME]["model_id"] == panel.page.whole.model_id  # type: ignore[index]
    assert "VBox" not in str(bundle["text/plain"])


def test_snapshot_is_a_picture_and_the_table(make) -> None:
    image, table = make().snapshot()
    assert Image.open(io.BytesIO(image.to_jpeg())).size == image.image.shape[1::-1]
    assert table.header[0] == "metric"


def test_close_ends_the_thread_in_the_midst_of_a_run(make) -> None:
    inside = threading.Event()

    class Slow(FakeRehearsal):
        def run(self, params, *, stop=lambda: False):
            inside.set()
            while not stop():
                time.sleep(0.001)
            yield from ()

    panel = Panel(CLIPS, params=ExponentialParams(), settings=FAST, open_clip=lambda wish, tell: Slow())
    assert inside.wait(30)
    panel.close()
    assert not panel.settle(0.01)


def test_panel_needs_a_clip_and_a_clip_needs_masks() -> None:
    with pytest.raises(ParameterError, match="clips must hold at least one"):
        Panel({})
    with pytest.raises(ParameterError, match=r"a clip must have masks, got none for a\.mp4"):
        Clip(Path("a.mp4"), {})


def test_real_clip_is_shown_as_it_is_measured_elsewhere(tmp_path: Path) -> None:
    sample = ROOT / "data" / "sample"
    masks, few = {"detections": MaskFile(sample / "detections.json")}, SourceParams(max_frames=8)
    clip = Clip(sample / "video.mp4", masks, truth=sample / "truth", class_ids=(18,), source=few)
    params = method_params("flow_fusion", ["memory=0.6"])
    rules = PanelParams(rest_ms=0, scale=0.5, memory_mb=100)
    panel = Panel({"sample": clip}, params=params, settings=rules, best=tmp_path / "best.json")
    try:
        settled(panel)
        find(panel, "frame").value = 5
        find(panel, "tunable-memory").value = 0.9
        settled(panel)
    finally:
        panel.close()
    rehearsal = Rehearsal.open(
        clip.video,
        masks_from=masks["detections"],
        truth=clip.truth,
        class_ids=(18,),
        source=few,
        scale=0.5,
        memory_mb=100,
        flow_dtype="float16",
    )
    wanted = method_params("flow_fusion", ["memory=0.9"])
    assert panel.shown.stable == rehearsal.measure(wanted)
    assert panel.shown.raw == rehearsal.judge(rehearsal.raw)
    assert panel.shown.frame.index == 5
    np.testing.assert_array_equal(panel.shown.frame.stable, list(rehearsal.run(wanted))[5])


# ── the controls ────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("method", METHODS)
def test_controls_say_the_defaults_back(method: str) -> None:
    params = method_params(method)
    assert Knobs(params, changed=lambda: None).params == params


def test_values_between_the_stops_are_kept_as_they_are() -> None:
    told = []
    knobs = Knobs(FlowFusionParams(), changed=lambda: told.append(1))
    found = FlowFusionParams(memory=0.99499, motion_px=123.456, fade_after=17, lag=3, anti_ghost=False)
    knobs.set(found)
    assert knobs.params == found
    assert told == []


def test_every_tunable_has_a_control_with_its_help() -> None:
    knobs = Knobs(FlowFusionParams(), changed=lambda: None)
    for each, widget in zip(tunables(FlowFusionParams), knobs.box.children, strict=True):
        assert each.meaning in widget.tooltip
        assert f"vidlab-tunable-{each.name}" in widget._dom_classes


def test_moving_any_control_is_told_once() -> None:
    told: list[MethodParams] = []
    knobs = Knobs(FlowFusionParams(), changed=lambda: told.append(knobs.params))
    for widget in knobs.box.children:
        n_told = len(told)
        if isinstance(widget, widgets.Checkbox):
            widget.value = not widget.value
        elif isinstance(widget, widgets.Dropdown | widgets.SelectionSlider):
            widget.index = len(widget.options) - 1
        else:
            widget.value = widget.max
        assert len(told) == n_told + 1
    values = FlowFusionParams().model_dump()
    assert all(value != values[name] for name, value in told[-1].model_dump().items())
