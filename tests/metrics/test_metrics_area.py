import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from vidlab.errors import ParameterError, ShapeError
from vidlab.metrics.area import area_cv, area_px, detrended_area_cv

AREAS = hnp.arrays(np.int64, st.integers(0, 25), elements=st.integers(0, 10**6))
WINDOWS = st.integers(0, 15).map(lambda half: 2 * half + 1)
CURVE_CV = {  # areas → detrended variation over 5 frames, worked by hand
    (4, 4, 4, 0, 4, 4, 4): math.sqrt(16 / 7) / (24 / 7),  # a dropout of one frame
    (4, 4, 4, 0, 0, 4, 4, 4): math.sqrt(2 * 16 / 8) / 3,  # of two: still less than half of five
    (4, 4, 4, 0, 0, 0, 4, 4, 4): 0,  # of three: the trend itself
    (1, 1, 1, 1, 5, 5, 5, 5): 0,  # one step up, which stays
    (1, 2, 1): math.sqrt(1 / 3) / (4 / 3),
    (3, 9): 0,  # both frames are ends
    (5,): 0,
}


def slow_detrended(areas: list[int], window: int) -> float:
    if not sum(areas):
        return math.nan
    residuals = []
    for i, area in enumerate(areas):
        inside = [
            areas[j]
            for j in range(len(areas))
            if abs(i - j) <= window // 2 and 0 <= 2 * i - j < len(areas)  # with its mirror image
        ]
        residuals.append(area - sorted(inside)[len(inside) // 2])
    return math.sqrt(sum(r * r for r in residuals) / len(areas)) / (sum(areas) / len(areas))


def test_areas_are_counted_frame_by_frame():
    masks = np.array([[[True, True]], [[True, False]], [[True, False]], [[False, False]]])
    assert area_px(masks).tolist() == [2, 1, 1, 0]
    assert area_cv(area_px(masks)) == pytest.approx(math.sqrt(0.5))
    assert area_px(masks[:0]).shape == (0,)


@pytest.mark.parametrize("areas", [[0, 0], []])
def test_area_that_is_always_zero_has_no_variation_to_speak_of(areas):
    assert math.isnan(area_cv(np.array(areas, np.int64)))
    assert math.isnan(detrended_area_cv(np.array(areas, np.int64), window=3))


@pytest.mark.parametrize(("areas", "expected"), CURVE_CV.items())
def test_hand_worked_curves(areas, expected):
    assert detrended_area_cv(np.array(areas), window=5) == pytest.approx(expected)


@given(AREAS, WINDOWS)
def test_it_equals_a_slow_reference(areas, window):
    expected = slow_detrended(areas.tolist(), window)
    assert detrended_area_cv(areas, window=window) == pytest.approx(expected, nan_ok=True)


@given(AREAS.filter(lambda areas: areas.any()), WINDOWS)
def test_what_only_grows_or_only_shrinks_does_not_flicker(areas, window):
    grown = np.sort(areas)
    assert detrended_area_cv(grown, window=window) == 0
    assert detrended_area_cv(grown[::-1], window=window) == 0


@given(AREAS, WINDOWS, st.integers(1, 50))
def test_neither_the_unit_of_area_nor_the_direction_of_time_matters(areas, window, factor):
    value = detrended_area_cv(areas, window=window)
    assert detrended_area_cv(factor * areas, window=window) == pytest.approx(value, nan_ok=True)
    assert detrended_area_cv(areas[::-1], window=window) == pytest.approx(value, nan_ok=True)


def test_a_zoom_raises_plain_variation_only_and_flicker_both():
    zoom = np.round(1000 * 1.03 ** np.arange(50)).astype(np.int64)
    flicker = zoom + 200 * (np.arange(50) % 5 == 2)
    assert area_cv(zoom) > 0.4
    assert detrended_area_cv(zoom, window=11) == 0
    assert detrended_area_cv(flicker, window=11) > 0.03


def test_wrong_input_is_refused():
    with pytest.raises(ParameterError, match="window must be odd and at least 1, got 4"):
        detrended_area_cv(np.array([1, 2]), window=4)
    with pytest.raises(ParameterError, match="got -1"):
        detrended_area_cv(np.array([1, 2]), window=-1)
    with pytest.raises(ShapeError, match=r"areas_px must have one axis, got \(1, 2\)"):
        detrended_area_cv(np.array([[1, 2]]), window=3)
    with pytest.raises(ShapeError, match=r"masks must be bool \(T, H, W\), got uint8"):
        area_px(np.zeros((2, 3, 3), np.uint8))
