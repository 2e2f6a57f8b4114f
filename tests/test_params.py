"""One declaration of every tunable: complete, consistent with itself, and readable from text."""

import inspect
import math
import re

import pytest
from pydantic import ValidationError

from vidlab import params
from vidlab.errors import ParameterError
from vidlab.params import (
    DEFAULT_METHOD,
    METHODS,
    ExponentialParams,
    GaussianParams,
    MedianParams,
    MethodParams,
    SegmentParams,
    SourceParams,
    WriterParams,
    method_model,
    method_params,
)
from vidlab.schema import MAX_LISTED, Params, Tunable, build, parse_settings, tunables

MODELS = [
    model
    for _, model in inspect.getmembers(params, inspect.isclass)
    if issubclass(model, Params) and model is not Params
]
FIELDS = [(model, tunable) for model in MODELS for tunable in tunables(model)]
NUMBERS = [(model, tunable) for model, tunable in FIELDS if tunable.type in (int, float)]


def field_id(value: object) -> str:
    return value.name if isinstance(value, Tunable) else getattr(value, "__name__", str(value))


every_model = pytest.mark.parametrize("model", MODELS, ids=field_id)
every_field = pytest.mark.parametrize(("model", "tunable"), FIELDS, ids=field_id)
every_number = pytest.mark.parametrize(("model", "tunable"), NUMBERS, ids=field_id)


# ── every declaration is complete ───────────────────────────────────────────────────────────────────────────
@every_model
def test_group_says_what_it_is_for(model: type[Params]) -> None:
    assert model.__doc__
    assert model.__doc__ != Params.__doc__


@every_field
def test_field_has_a_meaning_in_one_sentence(model: type[Params], tunable: Tunable) -> None:
    assert re.fullmatch(r"[A-Z][^\n]{10,}\.", tunable.meaning)


@every_field
def test_field_has_a_type_that_a_face_can_draw(model: type[Params], tunable: Tunable) -> None:
    assert tunable.type in (int, float, bool, str)
    if tunable.default is not None:
        assert type(tunable.default) is tunable.type


@every_number
def test_number_has_a_range_around_its_default(model: type[Params], tunable: Tunable) -> None:
    assert tunable.low is not None
    assert tunable.range_text
    if tunable.default is not None:
        assert tunable.low <= tunable.default <= (math.inf if tunable.high is None else tunable.high)


@every_field
def test_choices_hold_the_default(model: type[Params], tunable: Tunable) -> None:
    if tunable.choices:
        assert tunable.default in tunable.choices
        listed = ", ".join(map(str, tunable.choices))
        odd = f"odd, {tunable.choices[0]} to {tunable.choices[-1]}"
        assert tunable.range_text == (listed if len(tunable.choices) <= MAX_LISTED else odd)


# ── reading the schema and building from it are inverse ─────────────────────────────────────────────────────
@every_model
def test_defaults_pass_their_own_checks(model: type[Params]) -> None:
    assert build(model, {tunable.name: tunable.default for tunable in tunables(model)}) == model()


@every_model
def test_defaults_survive_being_written_as_text(model: type[Params]) -> None:
    settings = [
        f"{tunable.name}={tunable.default}" for tunable in tunables(model) if tunable.default is not None
    ]
    assert parse_settings(model, settings) == model()


@every_model
def test_values_survive_a_round_trip_through_json(model: type[Params]) -> None:
    assert model.model_validate_json(model().model_dump_json()) == model()


@every_field
def test_every_choice_is_accepted(model: type[Params], tunable: Tunable) -> None:
    for choice in tunable.choices:
        assert getattr(build(model, {tunable.name: choice}), tunable.name) == choice


@every_number
def test_ends_of_the_range_are_in_or_out_as_written(model: type[Params], tunable: Tunable) -> None:
    if tunable.choices:
        return
    ends = {tunable.low: tunable.range_text[0] == "[", tunable.high: tunable.range_text[-1] == "]"}
    for end, inside in ends.items():
        if end is None:
            continue
        if inside:
            assert getattr(build(model, {tunable.name: end}), tunable.name) == end
        else:
            with pytest.raises(ParameterError):
                build(model, {tunable.name: end})


@every_number
def test_value_beyond_the_range_is_refused_with_the_range(model: type[Params], tunable: Tunable) -> None:
    below = (tunable.low or 0) - 1
    verb = "be" if len(tunable.choices) > MAX_LISTED else "be one of" if tunable.choices else "lie in"
    expected = f"{tunable.name} must {verb} {tunable.range_text}, got {below}"
    with pytest.raises(ParameterError, match=f"^{re.escape(expected)}$"):
        build(model, {tunable.name: below})


@every_field
def test_nonsense_is_refused_by_name(model: type[Params], tunable: Tunable) -> None:
    with pytest.raises(ParameterError, match=rf"^{tunable.name} must .*, got '?@nonsense"):
        parse_settings(model, [f"{tunable.name}=@nonsense"])


@every_number
@pytest.mark.parametrize("value", ["nan", "inf", "-inf", ""])
def test_value_that_is_no_finite_number_is_refused(model: type[Params], tunable: Tunable, value: str) -> None:
    with pytest.raises(ParameterError, match=tunable.name):
        parse_settings(model, [f"{tunable.name}={value}"])


# ── errors, word for word ───────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize(
    ("model", "setting", "message"),
    [
        (ExponentialParams, "alpha=1.2", "alpha must lie in [0.1, 0.9], got 1.2"),
        (ExponentialParams, "alpha=much", "alpha must lie in [0.1, 0.9], got much"),
        (GaussianParams, "sigma=0", "sigma must lie in (0, 10], got 0"),
        (MedianParams, "window=4", "window must be one of 3, 5, 7, 9, got 4"),
        (MedianParams, "window=11", "window must be one of 3, 5, 7, 9, got 11"),
        (SourceParams, "max_frames=-1", "max_frames must lie in [0, ∞), got -1"),
        (SourceParams, "fps=0", "fps must lie in (0, 1000], got 0"),
        (SegmentParams, "device=tpu", "device must have another form, got 'tpu'; Where networks run"),
        (WriterParams, "preset=slowest", "preset must be one of ultrafast, superfast, veryfast"),
        (ExponentialParams, "sigma=1", "unknown setting 'sigma'; choose from: track_iou"),
        (ExponentialParams, "alpha", "a setting must have the form name=value, got 'alpha'"),
        (ExponentialParams, "=0.3", "a setting must have the form name=value, got '=0.3'"),
        (ExponentialParams, "", "a setting must have the form name=value, got ''"),
    ],
)
def test_mistake_is_worded_in_one_line(model: type[Params], setting: str, message: str) -> None:
    with pytest.raises(ParameterError, match=f"^{re.escape(message)}") as caught:
        parse_settings(model, [setting])
    assert "\n" not in str(caught.value)


def test_first_of_two_mistakes_is_told_in_the_order_of_declaration() -> None:
    with pytest.raises(ParameterError, match=r"^track_iou must"):
        parse_settings(ExponentialParams, ["alpha=7", "track_iou=7"])


# ── settings ────────────────────────────────────────────────────────────────────────────────────────────────
def test_settings_ignore_spaces_and_the_last_one_wins() -> None:
    assert parse_settings(ExponentialParams, [" alpha = 0.3 ", "alpha=0.5"]).alpha == 0.5


def test_no_settings_give_the_defaults() -> None:
    assert parse_settings(GaussianParams, []) == GaussianParams()


@pytest.mark.parametrize("device", ["auto", "cpu", "cuda", "cuda:1", "mps"])
def test_known_devices_are_accepted(device: str) -> None:
    assert build(SegmentParams, {"device": device}).device == device


def test_parameters_cannot_change() -> None:
    with pytest.raises(ValidationError):
        GaussianParams().sigma = 2.0  # type: ignore[misc]


# ── methods ─────────────────────────────────────────────────────────────────────────────────────────────────
def test_the_promised_methods_are_there() -> None:
    smoothing = ["moving_average", "median", "gaussian", "exponential"]
    assert list(METHODS) == ["none", *smoothing, "flow_fusion", "flow_fusion_two_pass"]
    assert DEFAULT_METHOD in METHODS


@pytest.mark.parametrize("method", METHODS)
def test_every_method_has_parameters_of_its_own_kind(method: str) -> None:
    chosen = method_params(method)
    assert type(chosen) is method_model(method)
    assert isinstance(chosen, MethodParams)


def test_settings_reach_the_method() -> None:
    assert method_params("median", ["window=7", "track_iou=0.5"]).model_dump() == {
        **MedianParams().model_dump(),
        "window": 7,
        "track_iou": 0.5,
    }


def test_unknown_method_is_refused_with_the_choices() -> None:
    with pytest.raises(ParameterError, match=r"^unknown method 'mean'; choose from: none, moving_average, "):
        method_params("mean")


def test_inherited_fields_come_first() -> None:
    assert [tunable.name for tunable in tunables(GaussianParams)][-2:] == ["window", "sigma"]
