"""Identities to look at: colors, numbers, and bars over time."""

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from vidlab.types import Instances
from vidlab.viz.colors import class_hex
from vidlab.viz.tracks import NOBODY_HEX, draw_tracks, plot_identities, track_color

SIZE = (80, 200)


def tracked(*ids: int) -> Instances:
    masks = np.zeros((len(ids), *SIZE), bool)
    for row in range(len(ids)):
        masks[row, 40:70, 10 + 50 * row : 40 + 50 * row] = True
    n = len(ids)
    return Instances(masks, np.ones(n, np.float32), np.ones(n, np.int64), np.array(ids, np.int64))


def axes():
    figure = Figure()
    FigureCanvasAgg(figure)
    return figure.add_subplot()


def test_neighbors_never_share_a_color() -> None:
    assert all(track_color(one) != track_color(one + 1) for one in range(1, 60))


def test_every_object_has_its_color_and_its_number() -> None:
    image = np.full((*SIZE, 3), 128, np.uint8)
    drawn = draw_tracks(image, tracked(4, 9))
    assert image.min() == image.max() == 128
    for row, one in enumerate((4, 9)):
        inside = drawn[45:65, 15 + 50 * row : 35 + 50 * row].reshape(-1, 3).mean(axis=0) - 128
        wanted = np.array(track_color(one)) - 128.0
        assert inside @ wanted > 0.9 * np.linalg.norm(inside) * np.linalg.norm(wanted)
        above = drawn[10:38, 10 + 50 * row : 40 + 50 * row].reshape(-1, 3)
        assert (np.abs(above - np.array(track_color(one))).sum(axis=1) < 60).any()  # the number


def test_nobody_and_nothing_are_not_drawn() -> None:
    image = np.full((*SIZE, 3), 128, np.uint8)
    assert np.array_equal(draw_tracks(image, tracked(-1)), image)
    empty = tracked(3)
    empty.masks[:] = False
    assert np.array_equal(draw_tracks(image, empty), image)
    assert np.array_equal(draw_tracks(image, Instances.empty(SIZE)), image)


def test_a_number_stays_in_the_picture() -> None:
    image = np.full((*SIZE, 3), 128, np.uint8)
    high = tracked(12)
    high.masks[0] = False
    high.masks[0, :20, :4] = True
    assert draw_tracks(image, high).shape == image.shape


def test_a_bar_for_every_stretch() -> None:
    drawn = plot_identities(axes(), {"a": [1, 1, None, 2], "b": [3] * 4}, title="who")
    bars = [(bar.get_x(), bar.get_width(), bar.get_y()) for bar in drawn.patches]
    assert [(x, width) for x, width, _ in bars] == [(0, 2), (2, 1), (3, 1), (0, 4)]
    assert [text.get_text() for text in drawn.texts] == ["1", "2", "3"]
    colors = [bar.get_facecolor() for bar in drawn.patches]
    assert len({tuple(color) for color in colors}) == 4
    assert [label.get_text() for label in drawn.get_yticklabels()] == ["a", "b"]
    assert drawn.get_title() == "who"
    assert class_hex(1) != NOBODY_HEX


@pytest.mark.parametrize("given", [{}, {"a": []}, {"a": [None, None]}])
def test_little_can_be_drawn_too(given) -> None:
    assert plot_identities(axes(), given, title="t").get_xlabel() == "frame"
