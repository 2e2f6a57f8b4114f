import numpy as np
import pytest
from matplotlib.figure import Figure

from vidlab.errors import ShapeError
from vidlab.viz.plots import (
    VERSION_COLORS,
    plot_class_curves,
    plot_cuts,
    plot_marks,
    plot_methods,
    plot_raw_and_stable,
    plot_versions,
)


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


def test_versions_keep_their_color_and_the_masks_lie_on_top(axes):
    plot_versions(axes, {"masks": [1, 2], "truth": [1, None]}, ylabel="y", title="t")
    assert [line.get_color() for line in axes.lines] == [VERSION_COLORS["truth"], VERSION_COLORS["masks"]]
    texts = [text.get_text() for text in axes.get_legend().get_texts()]
    assert texts == ["truth, mean 1.000", "masks, mean 1.500"]


def test_a_value_between_undefined_ones_is_marked(axes):
    values = [1.0, 2.0, None, 3.0, None, *[1.0] * 20]
    plot_versions(axes, {"masks": values}, ylabel="y", title="t")
    assert axes.lines[0].get_markevery() == [3]


def test_marked_frames_have_a_line_and_their_text_each(axes, tmp_path):
    plot_versions(axes, {"masks": [1.0, 2.0, 3.0]}, ylabel="y", title="t")
    top = axes.get_ylim()[1]
    plot_marks(axes, {0: "1", 2: "2"})
    assert [text.get_text() for text in axes.texts] == ["1", "2"]
    assert [line.get_xdata()[0] for line in axes.lines[1:]] == [0, 2]
    assert axes.get_ylim()[1] > top  # room for the texts above the curves
    axes.figure.savefig(tmp_path / "plot.png")
