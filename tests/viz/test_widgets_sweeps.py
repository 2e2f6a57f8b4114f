"""What one slider does: its stops, what each is worth, and how that is put into words."""

import pytest
from fake_rehearsal import FakeRehearsal
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure

from vidlab.errors import ParameterError
from vidlab.params import METHODS, ExponentialParams, method_params
from vidlab.schema import Params, tunable
from vidlab.viz.widgets.controls import controls_of
from vidlab.viz.widgets.sweeps import (
    SWEEP_HEADER,
    Sweep,
    answer,
    plot_sweeps,
    spread_stops,
    sweep,
    sweep_rows,
)

LONG = Sweep("memory", (0.0, 0.5, 0.9), (0.5, 0.6, 0.625), 1)
IDLE = Sweep("fade_after (frames)", (0, 6, 300), (0.6, 0.6, 0.6), 1)


@given(st.sampled_from(list(METHODS)), st.integers(2, 9))
def test_stops_lead_from_end_to_end_through_rest(method: str, n_stops: int) -> None:
    params = method_params(method)
    for control in controls_of(type(params)):
        at_rest = getattr(params, control.name)
        stops = spread_stops(control, n_stops=n_stops, at_rest=at_rest)
        assert at_rest in stops
        assert len(set(stops)) == len(stops)
        if control.kind in ("slider", "grid"):
            assert list(stops) == sorted(stops)
            assert len(stops) <= max(n_stops, 3)
            ends = (control.low, control.high) if control.kind == "slider" else control.stops
            assert (stops[0], stops[-1]) == (ends[0], ends[-1])


def test_every_stop_is_measured_on_the_whole_clip() -> None:
    clip = FakeRehearsal(6)
    found = sweep(clip, ExponentialParams(alpha=0.5), name="alpha", n_stops=3)
    assert found.stops == (0.1, 0.5, 0.9)
    assert found.rest == 1
    judged = [clip.judge(clip.run(ExponentialParams(alpha=alpha))) for alpha in found.stops]
    assert list(found.scores) == [summary.headline or 0.0 for summary in judged]
    assert len({round(score, 6) for score in found.scores}) > 1


def test_without_truth_the_proxy_ranks() -> None:
    clip = FakeRehearsal(6, with_truth=False)
    found = sweep(clip, ExponentialParams(alpha=0.5), name="alpha", n_stops=3)
    judged = [clip.judge(clip.run(ExponentialParams(alpha=alpha))) for alpha in found.stops]
    assert [summary.headline for summary in judged] == [None, None, None]
    assert list(found.scores) == [summary.quality_proxy or 0.0 for summary in judged]


def test_rest_has_no_gain_and_reach_spans_all() -> None:
    assert LONG.gains == [-10.0, 0.0, 2.5]
    assert LONG.reach == 12.5


def test_rows_begin_with_the_slider_that_does_the_most() -> None:
    rows = sweep_rows([IDLE, LONG])
    assert rows[0] == ("memory", "0.5", "0 to 0.9", "0.9", "+2.5", "0", "-10.0")
    assert all(len(row) == len(SWEEP_HEADER) for row in rows)


def test_answer_names_the_longest_and_the_idle() -> None:
    said = answer([IDLE, LONG])
    assert said.startswith("memory does the most, 12.5 points")
    assert "fade_after (frames) does nothing here" in said
    assert said.endswith("gains more than +2.5 points over rest.")


def test_plot_rings_where_each_slider_rests() -> None:
    axes = plot_sweeps(Figure().add_subplot(), [IDLE, LONG], title="what it does")
    rings = [line for line in axes.get_lines() if line.get_marker() == "o"]
    assert [float(ring.get_ydata()[0]) for ring in rings] == [0.0, 0.0]
    assert {text.get_text() for text in axes.get_legend().get_texts()} == {LONG.label, IDLE.label}


class Endless(Params):
    any_number: float = tunable(1.0, "Anything.")


def test_what_cannot_be_swept_says_why() -> None:
    with pytest.raises(ParameterError, match=r"unknown setting 'sigma'; choose from: .*alpha"):
        sweep(FakeRehearsal(), ExponentialParams(), name="sigma", n_stops=3)
    with pytest.raises(ParameterError, match="n_stops must be 2 or more, got 1"):
        sweep(FakeRehearsal(), ExponentialParams(), name="alpha", n_stops=1)
    with pytest.raises(ParameterError, match="a slider must have two ends, got any_number"):
        spread_stops(controls_of(Endless)[0], n_stops=3, at_rest=1.0)
