"""Every tunable has a control whose every stop the model takes."""

import json
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vidlab.errors import OutputError
from vidlab.jobs.method_file import read_method
from vidlab.params import METHODS, MethodParams, PanelParams, method_params
from vidlab.schema import Params, build, tunable, tunables
from vidlab.viz.widgets.controls import Control, as_settings, changed, controls_of, stops_with
from vidlab.viz.widgets.keeping import as_papermill, save_best

MODELS = dict.fromkeys([*METHODS.values(), PanelParams])  # each once, in one order
ALL = [(model, control) for model in MODELS for control in controls_of(model)]
named = pytest.mark.parametrize(
    ("model", "control"), ALL, ids=[f"{model.__name__}.{control.name}" for model, control in ALL]
)


def stops_of(control: Control) -> list[object]:
    """Everything a person can set it to; of a fine slider, a hundred stops and both ends."""
    if control.kind == "toggle":
        return [False, True]
    if control.kind != "slider":
        return list(control.stops)
    n_steps = round((control.high - control.low) / control.step)
    chosen = {*range(0, n_steps + 1, max(1, n_steps // 100)), n_steps}
    kind = control.tunable.type
    return [kind(round(control.low + n * control.step, 10)) for n in sorted(chosen)]


@named
def test_every_stop_is_allowed(model: type[Params], control: Control) -> None:
    stops = stops_of(control)
    assert len(stops) >= 2
    for stop in stops:
        assert getattr(build(model, {control.name: stop}), control.name) == stop


@named
def test_default_is_a_stop(model: type[Params], control: Control) -> None:
    default = control.tunable.default
    if control.kind == "slider":
        steps = (default - control.low) / control.step
        assert steps == pytest.approx(round(steps), abs=1e-6)
        assert control.low <= default <= control.high
    elif control.kind != "toggle":
        assert default in control.stops


@named
def test_range_is_covered(model: type[Params], control: Control) -> None:
    if control.kind in ("slider", "grid"):
        low, high = control.tunable.low, control.tunable.high
        stops = [control.low, control.high] if control.kind == "slider" else control.stops
        opening, closing = control.tunable.range_text[:1], control.tunable.range_text[-1:]
        if opening == "[":
            assert stops[0] == low
        if closing == "]":
            assert stops[-1] == high
        assert stops[-1] >= 0.9 * high


@named
def test_tooltip_says_what_it_does_and_in_which_range(model: type[Params], control: Control) -> None:
    assert control.tunable.meaning in control.tooltip
    assert control.tunable.range_text in control.tooltip
    assert control.tunable.unit in control.label


class Model(Params):
    linear: float = tunable(0.5, "A share.", ge=0, le=1)
    wide: float = tunable(1.0, "Anything.", gt=0, le=1000)
    count: int = tunable(3, "Some.", unit="frames", ge=0, le=300)
    few: int = tunable(3, "Few.", ge=1, le=8)
    unbounded: float = tunable(3.0, "Any number.")
    on: bool = tunable(True, "Switch.")


def test_kind_follows_from_type_and_range() -> None:
    kinds = {control.name: control.kind for control in controls_of(Model)}
    assert kinds == {
        "linear": "slider",
        "wide": "grid",
        "count": "grid",
        "few": "slider",
        "unbounded": "text",
        "on": "toggle",
    }


def test_odd_windows_move_by_two() -> None:
    window = next(control for control in controls_of(METHODS["median"]) if control.name == "window")
    assert (window.kind, window.low, window.high, window.step) == ("slider", 3, 9, 2)


def test_grid_is_even_in_ratios_and_reaches_zero_where_it_may() -> None:
    stops = next(
        control for control in controls_of(METHODS["flow_fusion"]) if control.name == "lost_error"
    ).stops
    assert stops[0] == 0.0
    ratios = [after / before for before, after in pairwise(stops[1:-1])]
    assert max(ratios) < 1.35
    assert min(ratios) > 1.32


@given(st.floats(0.001, 900))
def test_value_between_two_stops_joins_them_in_order(value: float) -> None:
    control = controls_of(Model)[1]
    stops = stops_with(control, value)
    assert value in stops
    assert list(stops) == sorted({*control.stops, value})


# ── what is taken away ──────────────────────────────────────────────────────────────────────────────────────
CHANGED = method_params("flow_fusion", ["memory=0.9", "anti_ghost=false", "flow_preset=fast", "lag=2"])


@pytest.mark.parametrize("method", METHODS)
def test_defaults_have_nothing_changed(method: str) -> None:
    assert changed(method_params(method)) == {}


@pytest.mark.parametrize("params", [CHANGED, method_params("median", ["window=7", "follow_motion=true"])])
def test_settings_give_the_same_parameters_back(params: MethodParams) -> None:
    method = next(name for name, model in METHODS.items() if model is type(params))
    assert method_params(method, as_settings(changed(params))) == params


def test_text_to_copy_runs_in_a_parameters_cell() -> None:
    cell: dict[str, object] = {}
    options, *code = as_papermill(CHANGED).split("\n\n")
    exec("\n".join(code), cell)
    assert method_params(str(cell["method"]), cell["settings"]) == CHANGED  # type: ignore[arg-type]
    assert cell["parameters"] == {"method": cell["method"], "settings": cell["settings"]}
    words = options.split()
    assert words[:2] == ["--method", "flow_fusion"]
    assert [words[n + 1] for n, word in enumerate(words) if word == "--set"] == cell["settings"]


def test_saved_file_holds_every_tunable(tmp_path: Path) -> None:
    path = tmp_path / "new" / "best.json"
    save_best(CHANGED, path)
    record = json.loads(path.read_text("utf-8"))
    assert read_method(path) == CHANGED
    assert record["params"].keys() == {each.name for each in tunables(type(CHANGED))}


def test_saved_file_is_not_replaced(tmp_path: Path) -> None:
    path = tmp_path / "best.json"
    save_best(CHANGED, path)
    before = path.read_bytes()
    with pytest.raises(OutputError, match="already there"):
        save_best(method_params("median"), path)
    assert path.read_bytes() == before
