import json
import math
import warnings
from array import array

import numpy as np
import pytest
from conftest import REAL, needs_real
from hypothesis import given
from hypothesis import strategies as st

from vidlab.errors import ParameterError, ShapeError
from vidlab.metrics.statistics import decay, mean, recall, sequence_statistics

MODES = ("strict", "davis2017", "davis2017_numpy1")
SCORES = st.lists(st.floats(0, 1), min_size=1, max_size=40)


def falling(n_frames):
    """The curve of the golden file."""
    i = np.arange(n_frames)
    return 0.9 - 0.4 * i / (n_frames - 1) + 0.05 * np.sin(i)


def slow_decay(values):
    """First quarter minus last, by the published rule, with borders that are whole numbers of any size."""
    borders = [int(np.round(border + 1e-10)) - 1 for border in np.linspace(1, len(values), 5)]
    first, last = values[borders[0] : borders[1] + 1], values[borders[3] : borders[4] + 1]
    return sum(first) / len(first) - sum(last) / len(last)


def golden(value):
    return math.nan if value is None else value


@needs_real
def test_every_length_decays_as_the_official_code_does_or_as_it_should():
    rows = json.loads((REAL / "golden" / "davis_decay_lengths.json").read_text())["rows"]
    assert {255, 256, 500, 1000} <= {row["n"] for row in rows}
    columns = ("decay_correct", "decay_official_numpy2", "decay_official_numpy1")
    for row in rows:
        values = falling(row["n"])
        assert mean(values) == pytest.approx(row["mean"], abs=1e-9)
        assert recall(values) == pytest.approx(row["recall"], abs=1e-9)
        for mode, column in zip(MODES, columns, strict=True):
            ours = decay(values, compat=mode)
            assert ours == pytest.approx(golden(row[column]), abs=1e-9, nan_ok=True), (row["n"], mode)


@needs_real
def test_every_sequence_equals_the_official_code_with_and_without_its_ends():
    sequences = json.loads((REAL / "golden" / "davis_jf.json").read_text())["sequences"]
    curves = [
        network[score] for sequence in sequences.values() for network in sequence.values() for score in "JF"
    ]
    assert len(curves) == 20
    for curve in curves:
        for values, expected in (
            (curve["per_frame"], curve),
            (curve["per_frame"][1:-1], curve["without_first_and_last"]),
        ):
            for mode in MODES:
                ours = sequence_statistics(values, compat=mode)
                assert ours.mean == pytest.approx(expected["mean"], abs=1e-9)
                assert ours.recall == pytest.approx(expected["recall"], abs=1e-9)
                assert ours.decay == pytest.approx(expected["decay"], abs=1e-9)


@given(SCORES)
def test_statistics_equal_a_slow_reference(values):
    ours = sequence_statistics(values, compat="strict")
    assert ours.mean == pytest.approx(sum(values) / len(values), abs=1e-12)
    assert ours.recall == sum(value > 0.5 for value in values) / len(values)
    assert ours.decay == pytest.approx(slow_decay(values), abs=1e-12)


@pytest.mark.parametrize("n_frames", [*range(1, 30), 254, 255, 256, 257, 258, 500, 1000, 1025, 9999])
def test_strict_decay_is_right_for_any_length(n_frames):
    values = np.random.default_rng(n_frames).random(n_frames).tolist()
    assert decay(values, compat="strict") == pytest.approx(slow_decay(values), abs=1e-12)


@given(SCORES)
def test_statistics_are_bounded_and_of_a_constant_there_is_no_decay(values):
    ours = sequence_statistics(values, compat="strict")
    assert min(values) - 1e-12 <= ours.mean <= max(values) + 1e-12
    assert 0 <= ours.recall <= 1
    assert -1 <= ours.decay <= 1
    assert decay(values[:1] * len(values), compat="strict") == pytest.approx(0, abs=1e-12)


def test_modes_agree_up_to_255_frames_and_part_at_256():
    for n_frames in range(2, 256):
        strict, numpy2, numpy1 = (decay(falling(n_frames), compat=mode) for mode in MODES)
        assert strict == numpy2 == numpy1
    strict, numpy2, numpy1 = (decay(falling(256), compat=mode) for mode in MODES)
    assert math.isnan(numpy2)
    assert numpy1 == strict


def test_hand_worked_statistics():
    ours = sequence_statistics(array("d", [1.0, 0.8, 0.5, 0.6, 0.2]), compat="strict")
    assert ours.mean == pytest.approx(0.62)
    assert ours.recall == 3 / 5  # 0.5 itself is not above 0.5
    assert ours.decay == pytest.approx((1.0 + 0.8) / 2 - (0.6 + 0.2) / 2)


@pytest.mark.parametrize("mode", MODES)
def test_undefined_is_nan_and_no_warning_leaks(mode):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        nothing = sequence_statistics([], compat=mode)
        undefined = sequence_statistics([math.nan] * 8, compat=mode)
        one = sequence_statistics([0.25], compat=mode)
        for n_frames in (256, 257, 500, 512, 1000, 1024):
            decay(np.ones(n_frames), compat=mode)
    for empty in (nothing, undefined):
        assert all(math.isnan(value) for value in (empty.mean, empty.recall, empty.decay))
    assert (one.mean, one.recall, one.decay) == (0.25, 0, 0)


def test_frames_without_a_value_are_left_out():
    values = [0.9, math.nan, 0.6, math.nan, 0.3]
    ours = sequence_statistics(values, compat="strict")
    assert ours.mean == pytest.approx(0.6)
    assert ours.recall == 2 / 3
    assert ours.decay == pytest.approx(0.6)
    assert math.isnan(decay([math.nan, math.nan, 0.5, 0.5, 0.5], compat="strict"))


def test_inputs_are_left_alone_and_may_grow_afterwards():
    values = array("d", [0.5, 0.7])
    sequence_statistics(values, compat="strict")
    values.append(0.9)
    assert values.tolist() == [0.5, 0.7, 0.9]


def test_wrong_input_is_refused():
    with pytest.raises(
        ParameterError, match="unknown compat 'numpy2'; choose from: strict, davis2017, davis2017"
    ):
        decay([0.5], compat="numpy2")
    with pytest.raises(ShapeError, match=r"values must have one number per frame, got \(2, 3\)"):
        mean(np.zeros((2, 3)))
    with pytest.raises(ShapeError, match=r"values must have one number per frame, got \(\)"):
        recall(np.float64(0.5))
