"""How a search and its worth are drawn: every trial once, in its method's color; every interval as it is."""

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from vidlab.metrics.bootstrap import Interval
from vidlab.tuning.course import WORTH_COLORS, plot_course, plot_worth
from vidlab.tuning.held_out import Compared
from vidlab.tuning.scoring import Outcome
from vidlab.tuning.search import Found, Trial
from vidlab.tuning.space import Point
from vidlab.tuning.tune import Tuned
from vidlab.viz.colors import METHOD_COLORS

SCORES = {"flow_fusion": [0.80, 0.83, 0.30], "gaussian": [0.71, 0.10]}


def trial(number: int, method: str, score: float) -> Trial:
    return Trial(number, Point(method, {}), Outcome(score, 0.1, score), {}, delay=0, on_front=False)


def compared(mean: float, low: float, high: float) -> Compared:
    interval = Interval(mean, low, high, 30, 0.9)
    return Compared({}, {}, quality=interval, flicker=interval, score=interval)


@pytest.fixture
def tuned() -> Tuned:
    pairs = [(method, score) for method, scores in SCORES.items() for score in scores]
    trials = tuple(trial(number, *pair) for number, pair in enumerate(pairs))
    found = Found(trials, trials[0], trials[1], trials[1], 0.7, 0.6)
    worth = compared(0.01, -0.01, 0.02)
    return Tuned(trials[1].point, found, worth, worth, {}, "truth", {})


def course(tuned: Tuned) -> Axes:
    return plot_course(Figure().add_subplot(), tuned, title="found")


def test_every_trial_is_drawn_once_in_the_color_of_its_method(tuned: Tuned) -> None:
    drawn = []
    for dots in course(tuned).collections:
        (color,) = {to_hex(each) for each in dots.get_facecolor()}
        drawn += [(int(x), color) for x, _ in np.asarray(dots.get_offsets())]
    wanted = [(each.number, METHOD_COLORS[each.point.method]) for each in tuned.found.trials]
    assert sorted(drawn) == sorted(wanted)


def test_trials_far_below_lie_on_the_rim_and_the_others_where_they_are(tuned: Tuned) -> None:
    places = {int(x): y for dots in course(tuned).collections for x, y in np.asarray(dots.get_offsets())}
    assert places == pytest.approx({0: 0.80, 1: 0.83, 2: 0.70, 3: 0.71, 4: 0.70})


def test_best_so_far_never_falls_and_defaults_are_a_line(tuned: Tuned) -> None:
    best, defaults = course(tuned).lines
    assert list(np.asarray(best.get_ydata())) == [0.80, 0.83, 0.83, 0.83, 0.83]
    assert set(np.asarray(defaults.get_ydata())) == {0.80}


def test_each_method_is_named_once(tuned: Tuned) -> None:
    legend = course(tuned).get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == [
        *SCORES, "best so far", "defaults",
    ]  # fmt: skip


def test_intervals_are_drawn_in_points_with_held_out_last() -> None:
    both = {"tuned on": compared(0.02, 0.01, 0.04), "held out": compared(0.0, -0.03, 0.01)}
    axes = plot_worth(Figure().add_subplot(), both, by="truth", title="worth")
    assert [bars.get_label() for bars in axes.containers] == list(both)
    for bars, color, each in zip(axes.containers, WORTH_COLORS, both.values(), strict=True):
        dots, _, (lines,) = bars
        assert to_hex(dots.get_color()) == to_hex(color)
        assert np.asarray(dots.get_xdata()) == pytest.approx(100 * each.score.mean)
        for segment in lines.get_segments():
            assert segment[:, 0] == pytest.approx([100 * each.score.low, 100 * each.score.high])
    assert [text.get_text() for text in axes.get_yticklabels()] == [
        "headline", "(J + F) / 2", "excess flicker, less is better",
    ]  # fmt: skip


def test_a_change_of_nothing_is_a_dot_at_zero() -> None:
    axes = plot_worth(Figure().add_subplot(), {"held out": compared(0, 0, 0)}, by="proxy", title="worth")
    assert np.asarray(axes.containers[0][0].get_xdata()) == pytest.approx(0)
    assert axes.get_yticklabels()[0].get_text() == "no-truth proxy"
