"""Gantt charts and stacked bars: every span is drawn where it belongs."""

import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from vidlab.errors import ParameterError
from vidlab.profiling import Span
from vidlab.viz.timeline import STAGE_COLORS, middle_of, plot_gantt, plot_stage_bars, stage_color, text_gantt

SPANS = [
    Span("decode", 0, 10.0, 11.0),
    Span("infer", 0, 11.0, 14.0),
    Span("decode", 1, 11.0, 12.0),
    Span("infer", 1, 14.0, 17.0),
]


def axes():
    return Figure().add_subplot()


def test_gantt_has_a_row_per_stage_and_a_bar_per_span_in_milliseconds():
    drawn = plot_gantt(axes(), SPANS, title="two items")
    assert [label.get_text() for label in drawn.get_yticklabels()] == ["decode", "infer"]
    bars = [
        (bar.get_x(), bar.get_width(), round(bar.get_y() + bar.get_height() / 2)) for bar in drawn.patches
    ]
    assert bars == [(0.0, 1000.0, 0), (1000.0, 3000.0, 1), (1000.0, 1000.0, 0), (4000.0, 3000.0, 1)]
    assert {to_hex(bar.get_facecolor()) for bar in drawn.patches} == {
        STAGE_COLORS["decode"],
        STAGE_COLORS["infer"],
    }
    assert drawn.get_xlim() == (0, 7000)
    assert (drawn.get_xlabel(), drawn.get_title(loc="left")) == ("time (ms)", "two items")


def test_stage_bars_stack_stages_and_name_each_once():
    bars = {"sequential": {"decode": 2.0, "infer": 5.0}, "half size": {"decode": 2.0, "infer": 1.5}}
    drawn = plot_stage_bars(axes(), bars, title="what it buys")
    assert [(bar.get_x(), bar.get_width()) for bar in drawn.patches] == [(0, 2), (2, 5), (0, 2), (2, 1.5)]
    assert [text.get_text() for text in drawn.get_legend().get_texts()] == ["decode", "infer"]
    assert [label.get_text() for label in drawn.get_yticklabels()] == list(bars)


def test_text_chart_shows_who_worked_when():
    assert text_gantt(SPANS, width=7) == ["decode  █▒", "infer    ███▒▒▒"]


def test_text_chart_never_breaks_on_short_spans():
    (line,) = text_gantt([Span("decode", 0, 0.0, 0.0)], width=5)
    assert line == "decode"


def test_middle_is_taken_from_the_settled_part():
    spans = [Span("decode", item, item, item + 1) for item in range(10)]
    assert [span.item for span in middle_of(spans, n_items=4)] == [3, 4, 5, 6]
    assert middle_of(spans, n_items=40) == spans


def test_unknown_stages_have_a_color_of_their_own():
    assert stage_color("upload") not in STAGE_COLORS.values()


@pytest.mark.parametrize(
    "draw", [lambda: plot_gantt(axes(), [], title=""), lambda: text_gantt([], width=9)], ids=["plot", "text"]
)
def test_nothing_to_draw_is_an_error(draw):
    with pytest.raises(ParameterError, match="must hold spans to be drawn, got none"):
        draw()


def test_charts_need_room_and_bars():
    with pytest.raises(ParameterError, match="at least 1 column, got 0"):
        text_gantt(SPANS, width=0)
    with pytest.raises(ParameterError, match="at least one configuration"):
        plot_stage_bars(axes(), {}, title="")
