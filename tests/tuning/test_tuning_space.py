"""The search space follows from the schema, and from nothing else."""

import math

import numpy as np
import pytest

from vidlab.errors import ParameterError
from vidlab.flow import FLOWS
from vidlab.params import METHODS, TuneParams, method_model
from vidlab.schema import build, tunables
from vidlab.tuning.search import base_of, first_points
from vidlab.tuning.space import Axis, Point, axes_of, axis, near_defaults, space_of

EVERY_AXIS = [
    pytest.param(method, each, id=f"{method}.{each.name}")
    for method, model in METHODS.items()
    for each in tunables(model)
]


@pytest.mark.parametrize(("method", "tunable"), EVERY_AXIS)
def test_every_tunable_can_be_searched_and_the_ends_of_its_range_are_allowed(method, tunable):
    found = axis(tunable)
    ends = found.choices or (found.low, found.high)
    for value in (*ends, found.default):
        built = build(method_model(method), {tunable.name: int(value) if found.is_int else value})
        assert getattr(built, tunable.name) == value
    if not found.choices:
        assert found.low <= found.default <= found.high
        assert found.low > 0 or not found.log
        assert math.isfinite(found.high)
    if found.step is not None:
        assert math.isclose((found.default - found.low) / found.step % 1, 0, abs_tol=1e-9)


def test_only_what_is_worth_it_is_searched_unless_named():
    assert [each.name for each in axes_of("exponential")] == ["follow_motion", "alpha"]
    assert [each.name for each in axes_of("flow_fusion", ["memory", "lag"])] == ["memory", "lag"]
    assert {each.name for each in axes_of("median", ["all"])} == {
        each.name for each in tunables(METHODS["median"])
    }


def test_a_name_need_not_belong_to_every_method():
    space = space_of(["flow_fusion", "median"], ["memory", "window"])
    assert {method: [each.name for each in axes] for method, axes in space.items()} == {
        "flow_fusion": ["memory"],
        "median": ["window"],
    }


@pytest.mark.parametrize(
    ("methods", "names", "sentence"),
    [
        (["magic"], [], "unknown method 'magic'"),
        (["median", "median"], [], "methods must be different ones, got median, median"),
        ([], [], "methods must be different ones, got none"),
        (["median"], ["memory"], "unknown tunable 'memory'; choose from: flow, flow_preset"),
        (["none"], [], "method 'none' has nothing to search for"),
    ],
)
def test_what_cannot_be_searched_is_refused(methods, names, sentence):
    with pytest.raises(ParameterError, match=sentence):
        space_of(methods, names)


@pytest.mark.parametrize("method", METHODS)
def test_points_near_the_defaults_are_allowed_and_differ_in_little(method):
    axes, rng = axes_of(method, ["all"]), np.random.default_rng(0)
    defaults = method_model(method)()
    n_changed = []
    for _ in range(40):
        params = near_defaults(method, axes, rng=rng).params
        n_changed.append(sum(getattr(params, a.name) != getattr(defaults, a.name) for a in axes))
    assert 1 <= np.mean(n_changed) <= 4


def test_a_small_change_stays_in_range_and_on_the_grid():
    rng = np.random.default_rng(0)
    grid = Axis("flow_scale", 0.5, (), 0.25, 1.0, step=0.25)
    assert {0.25, 0.5, 0.75} <= {grid.near(rng) for _ in range(200)} <= {0.25, 0.5, 0.75, 1.0}
    logs = [Axis("x", 1.0, (), 0.01, 100.0, log=True).near(rng) for _ in range(200)]
    assert 0.01 <= min(logs) < 0.3
    assert 3 < max(logs) <= 100
    whole = [Axis("n", 3, (), 1, 9, is_int=True).near(rng) for _ in range(50)]
    assert all(isinstance(value, int) and 1 <= value <= 9 for value in whole)


def test_the_default_method_is_tried_first_and_then_the_other_defaults():
    space = space_of(["median", "flow_fusion_two_pass", "gaussian"], [])
    assert base_of(space).method == "flow_fusion_two_pass"
    points = first_points(space, params=TuneParams(trials=30, near=0.4))
    assert [point.method for point in points[:3]] == ["flow_fusion_two_pass", "median", "gaussian"]
    assert all(point.params == method_model(point.method)() for point in points[:3])
    assert len(points) == 3 + 12
    assert base_of(space_of(["median"], [])).params == method_model("median")()
    assert first_points(space_of(["median"], []), params=TuneParams(trials=1)) == [
        base_of(space_of(["median"], []))
    ]


def test_a_point_is_checked_as_any_setting_is():
    with pytest.raises(ParameterError, match=r"memory must lie in \[0, 1\), got 2"):
        _ = Point("flow_fusion", {"memory": 2}).params


def test_flows_that_need_weights_are_not_tried():
    flow = next(each for each in axes_of("flow_fusion", ["all"]) if each.name == "flow")
    assert flow.default == "dis"
    assert set(flow.choices) == {name for name, spec in FLOWS.items() if not spec.needs_torch}
