import numpy as np
import pytest
from matplotlib.figure import Figure

from vidlab.errors import ShapeError
from vidlab.viz.plots import plot_class_curves, plot_cuts, plot_methods, plot_raw_and_stable


@pytest.fixture
def axes():
    return Figure().add_subplot()


def test_raw_and_stable_share_one_labelled_axes(axes):
    drawn = plot_raw_and_stable(
        axes, [np.nan, 0.5, 0.7], [np.nan, 0.8, 0.9], method="median", ylabel="IoU (0..1)", title="Calm"
    )
    assert drawn is axes
    assert axes.get_xlabel() == "frame"
    assert axes.get_ylabel() == "IoU (0..1)"
    texts = [text.get_text() for text in axes.get_legend().get_texts()]
    assert texts == ["raw, mean 0.600", "stable (median), mean 0.850"]


def test_curves_of_different_length_are_refused(axes):
    with pytest.raises(ShapeError, match=r"one length, got raw \(2,\) and stable \(3,\)"):
        plot_raw_and_stable(axes, [1, 2], [1, 2, 3], method="none", ylabel="y", title="t")


@pytest.mark.parametrize("values", [[], [np.nan], [1.0]])
def test_degenerate_clips_can_be_drawn(axes, values, tmp_path):
    plot_raw_and_stable(axes, values, values, method="none", ylabel="y", title="t")
    axes.figure.savefig(tmp_path / "plot.png")
    assert (tmp_path / "plot.png").stat().st_size > 0


def test_each_class_gets_its_own_line(axes):
    plot_class_curves(
        axes, {"dog": [1, 2], "person": [3, np.nan]}, class_ids=[18, 1], ylabel="px", title="Area"
    )
    assert len(axes.lines) == 2
    assert axes.lines[0].get_color() != axes.lines[1].get_color()


def test_methods_keep_their_color(axes):
    plot_methods(axes, {"median": [1, 2], "gaussian": [2, 1]}, ylabel="y", title="t")
    plot_methods(axes, {"gaussian": [2, 1]}, ylabel="y", title="t")
    assert axes.lines[1].get_color() == axes.lines[2].get_color()


def test_cuts_are_marked(axes):
    plot_methods(axes, {"median": [1, 2, 3]}, ylabel="y", title="t")
    plot_cuts(axes, [1, 2])
    assert len(axes.lines) == 3
