"""The curves of the panel, drawn again and again on what was drawn before."""

import numpy as np
import pytest

from vidlab.params import method_params
from vidlab.viz.widgets.pictures import CURSOR_COLOR, CurvePlotter
from vidlab.viz.widgets.shown import MaskCurves, Shown, Wish

N_FRAMES = 40


def shown(n_done: int, *, method: str = "none", area_px: float = 900.0, flat: bool = False) -> Shown:
    """A run that got so far; with `flat` the masks never change."""
    values = np.random.default_rng(3).random((4, N_FRAMES))
    values[:2, :2] = 0, 1  # no stable value lies outside
    raw, stable = MaskCurves(values[0], 1000 * values[1]), MaskCurves(values[2], area_px * values[3])
    if flat:
        raw, stable = MaskCurves(np.ones(N_FRAMES), np.ones(N_FRAMES)), MaskCurves(values[2], values[3])
    stable.iou_prev[n_done:] = stable.area_px[n_done:] = np.nan
    wish = Wish("clip", "masks", method_params(method))
    return Shown(wish, n_frames=N_FRAMES, raw_curves=raw, curves=stable)


@pytest.mark.parametrize(
    "later",
    [
        shown(25),
        shown(N_FRAMES),
        shown(9, method="median"),
        shown(30, area_px=1500),
        shown(3, flat=True),
        Shown(),
    ],
    ids=["further", "complete", "other method", "higher", "flat", "no clip"],
)
def test_a_sheet_does_not_show_what_was_drawn_before(later):
    plotter = CurvePlotter()
    for before in (Shown(), shown(0), shown(12)):
        plotter.draw(before)
    again, anew = plotter.draw(later), CurvePlotter().draw(later)
    assert np.array_equal(again.image, anew.image)
    assert np.array_equal(again.columns, anew.columns)
    assert again.rows == anew.rows


def test_curves_grow_and_the_cursor_stands_at_its_frame():
    plotter = CurvePlotter()
    early, late = plotter.draw(shown(5)), plotter.draw(shown(35))
    inside = slice(*early.rows[0])
    changed = np.flatnonzero((early.image[inside] != late.image[inside]).any(axis=(0, 2)))
    assert early.columns[0, 3] < changed[0] < early.columns[0, 5]
    drawn = late.with_cursor(20)
    marked = np.flatnonzero((drawn != late.image).any(axis=(0, 2)))
    assert {int(column) for column in marked} == {
        int(c) - back for c in late.columns[:, 20] for back in (0, 1)
    }
    assert (drawn[late.rows[0][0], late.columns[0, 20]] == CURSOR_COLOR).all()
