"""A method has one color, whoever draws it: curves over a clip, gains over speeds, the leaderboard."""

import sys

import pytest
from conftest import ROOT
from matplotlib.figure import Figure

from vidlab.jobs import smoothers
from vidlab.params import METHODS
from vidlab.viz import plots
from vidlab.viz.colors import METHOD_COLORS

sys.path.append(str(ROOT / "benchmarks"))
from leaderboard_figure import _color

NAMED = {"raw": "none", "ema": "exponential", "gaussian": "gaussian", "median": "median"} | {
    name: name for name in METHODS if name.startswith("flow_fusion")
}


def colors_of(axes) -> dict[str, str]:
    """Label → color of each curve; a label may go on about its curve."""
    return {str(line.get_label()).partition(",")[0]: str(line.get_color()) for line in axes.lines}


def test_curves_over_a_clip() -> None:
    axes = plots.plot_methods(
        Figure().add_subplot(), {name: [0.1, 0.2] for name in METHODS}, ylabel="y", title="t"
    )
    assert colors_of(axes) == METHOD_COLORS


@pytest.mark.parametrize("method", [name for name in METHODS if name != "none"])
def test_stable_beside_raw(method: str) -> None:
    axes = plots.plot_raw_and_stable(
        Figure().add_subplot(), [0.1], [0.2], method=method, ylabel="y", title="t"
    )
    raw, stable = (str(line.get_color()) for line in axes.lines)
    assert (raw, stable) == (METHOD_COLORS["none"], METHOD_COLORS[method])


def test_gains_over_speeds() -> None:
    curves = {name: [1.0, 2.0] for name in smoothers.contenders()}
    axes = Figure().add_subplot()
    smoothers.plot_gains(axes, [1.0, 4.0], curves, title="t", xlabel="x", ylabel="y")
    drawn = {str(line.get_label()): str(line.get_color()) for line in axes.lines}
    assert drawn == {name: METHOD_COLORS[smoothers.method_of(name)] for name in curves}


@pytest.mark.parametrize("name", NAMED)
def test_leaderboard(name: str) -> None:
    assert _color(name) == METHOD_COLORS[NAMED[name]]
