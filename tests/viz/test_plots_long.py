"""Curves of long clips are drawn from few points, and look the same."""

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from vidlab.viz import plots


def picture(values: np.ndarray) -> np.ndarray:
    figure = Figure(figsize=(8, 3.2), dpi=120)
    canvas = FigureCanvasAgg(figure)
    plots.plot_raw_and_stable(
        figure.add_subplot(), values, values / 2, method="median", ylabel="IoU (0 to 1)", title="Long"
    )
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].astype(int)


def curve(n_frames: int) -> np.ndarray:
    """A slow wave with noise, lone peaks, and a stretch where nothing is known."""
    rng = np.random.default_rng(1)
    values = 0.5 + 0.3 * np.sin(np.arange(n_frames) / 9000) + 0.02 * rng.standard_normal(n_frames)
    values[rng.integers(0, n_frames, 9)] = 1.0
    values[n_frames // 2 : n_frames * 6 // 10] = np.nan
    return values


def test_long_curve_looks_as_if_all_of_it_were_drawn(monkeypatch):
    values = curve(60_000)
    thinned = picture(values)
    monkeypatch.setattr(plots, "_STRETCHES", len(values))
    whole = picture(values)
    differs = (np.abs(thinned - whole).max(axis=2) > 80).mean()
    assert differs < 0.005  # a lost curve would be ten times that


@pytest.mark.parametrize("n_frames", [2049, 50_000])
def test_peaks_and_gaps_stay(n_frames):
    values = curve(n_frames)
    frames = plots._drawn(values)
    assert len(frames) <= 2 * plots._STRETCHES
    assert (np.diff(frames) > 0).all()
    assert set(np.flatnonzero(values == 1.0)) <= set(frames)
    assert np.isnan(values[frames]).any()
    assert np.nanmin(values[frames]) == np.nanmin(values)


def test_short_curves_are_drawn_whole():
    assert np.array_equal(plots._drawn(np.full(2048, np.nan)), np.arange(2048))
