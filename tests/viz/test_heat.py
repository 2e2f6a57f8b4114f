"""Flicker heat: what motion explains leaves it cold, what it does not warms it, in changes per second."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vidlab.errors import ParameterError, ShapeError
from vidlab.viz.heat import FULL_PER_S, MEMORY_S, FlickerHeat, draw_heat, heat_legend, unexplained

SIZE_HW = (24, 32)
STILL = np.zeros((*SIZE_HW, 2), np.float32)
NOTHING = np.zeros(SIZE_HW, bool)


def square(x: int, *, y: int = 6, side: int = 10) -> np.ndarray:
    mask = NOTHING.copy()
    mask[y : y + side, max(0, x) : x + side] = True
    return mask


def moved(dx: float) -> np.ndarray:
    return STILL + np.float32([-dx, 0])


def run(masks, *, flow=STILL, fps=25.0, hidden=None) -> np.ndarray:
    heat = FlickerHeat()
    for index, mask in enumerate(masks):
        got = heat.update(mask, flow_to_prev=flow if index else None, hidden=hidden, elapsed_s=1 / fps)
    return got


@pytest.mark.parametrize("every", [1, 2, 5])
@pytest.mark.parametrize("fps", [10.0, 25.0])
def test_heat_settles_at_the_rate_of_changes(every, fps):
    """A mask that comes or goes in every n-th frame changes fps / n times per second."""
    rates = []
    heat = FlickerHeat()
    for index in range(round(12 * fps)):
        mask = square(8) if index // every % 2 else NOTHING
        got = heat.update(mask, flow_to_prev=STILL if index else None, hidden=None, elapsed_s=1 / fps)
        rates.append(float(got[10, 12]))
    settled = rates[-round(2 * fps) // (2 * every) * 2 * every :]
    assert np.mean(settled) == pytest.approx(fps / every, rel=0.01)


def test_heat_fades_as_it_says():
    masks = [NOTHING, square(8), *[square(8)] * 25]
    got = run(masks, fps=25.0)
    one_change = (1 - math.exp(-1 / 25 / MEMORY_S)) * 25
    assert got[10, 12] == pytest.approx(one_change * math.exp(-1.0 / MEMORY_S), rel=1e-4)


def test_what_moves_with_the_flow_is_cold_and_what_does_not_is_warm():
    walk = [square(2 + 2 * i) for i in range(7)]
    assert not run(walk, flow=moved(2)).any()
    assert run(walk, flow=STILL).any()
    assert run([square(8)] * 7, flow=moved(3)).any()  # a mask that stays behind


def test_heat_follows_the_object():
    flickering = [square(2 + 2 * i) if i != 3 else NOTHING for i in range(7)]
    got = run(flickering, flow=moved(2))
    assert (got[6:16, 14:24] > 0).all()
    assert got[6:16, :12].max() == 0


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**6), slack=st.sampled_from([1]))
def test_unexplained_equals_its_definition_pixel_by_pixel(seed, slack):
    rng = np.random.default_rng(seed)
    before, now, hidden = (rng.random((7, 9)) < share for share in (0.5, 0.5, 0.2))
    dx, dy = (int(one) for one in rng.integers(-2, 3, 2))
    flow = np.zeros((7, 9, 2), np.float32) + np.float32([dx, dy])

    def carried(y: int, x: int) -> bool:
        inside = 0 <= y + dy < 7 and 0 <= x + dx < 9
        return bool(inside and before[y + dy, x + dx])

    expected = np.zeros((7, 9), bool)
    for y in range(7):
        for x in range(9):
            near = [
                carried(b, a)
                for b in range(max(0, y - slack), min(7, y + slack + 1))
                for a in range(max(0, x - slack), min(9, x + slack + 1))
            ]
            expected[y, x] = now[y, x] not in near and not hidden[y, x]
    assert np.array_equal(unexplained(now, before, flow_to_prev=flow, hidden=hidden), expected)


@given(st.integers(-1, 1), st.integers(-1, 1))
def test_an_outline_that_moves_by_one_pixel_is_no_flicker(dx, dy):
    assert not unexplained(square(8 + dx, y=6 + dy), square(8), flow_to_prev=STILL, hidden=None).any()


def test_a_mask_that_comes_or_goes_is_counted():
    came = unexplained(square(8), NOTHING, flow_to_prev=STILL, hidden=None)
    went = unexplained(NOTHING, square(8), flow_to_prev=STILL, hidden=None)
    assert np.array_equal(came, square(8))
    assert np.array_equal(went, square(9, y=7, side=8))  # its rim may be the background, moved by a pixel


def test_hidden_pixels_are_not_judged():
    hidden = square(8)
    assert not run([NOTHING, square(8), NOTHING], hidden=hidden).any()


def test_a_cut_and_a_reset_begin_anew():
    heat = FlickerHeat()
    for mask in (NOTHING, square(8), NOTHING):
        heat.update(mask, flow_to_prev=STILL, hidden=None, elapsed_s=0.04)
    assert not heat.update(square(8), flow_to_prev=None, hidden=None, elapsed_s=0.04).any()
    heat.update(NOTHING, flow_to_prev=STILL, hidden=None, elapsed_s=0.04)
    heat.reset()
    assert not heat.update(square(8), flow_to_prev=STILL, hidden=None, elapsed_s=0.04).any()


def test_results_and_inputs_belong_to_the_caller():
    heat, mask = FlickerHeat(), square(8)
    heat.update(mask, flow_to_prev=None, hidden=None, elapsed_s=0.04)[:] = 99
    mask[:] = False
    assert not heat.update(square(8), flow_to_prev=STILL, hidden=None, elapsed_s=0.04).any()


def test_warm_places_are_colored_and_cold_ones_grey():
    image = np.full((*SIZE_HW, 3), (200, 100, 50), np.uint8)
    heat = np.zeros(SIZE_HW, np.float32)
    heat[:, 8:16], heat[:, 16:] = FULL_PER_S / 2, 2 * FULL_PER_S
    drawn = draw_heat(image, heat, mask=NOTHING).astype(int)
    cold, warm, hot = drawn[5, 4], drawn[5, 12], drawn[5, 20]
    assert np.ptp(cold) == 0
    assert cold.max() < 128
    assert np.ptp(warm) > 60
    assert hot.sum() > warm.sum() > cold.sum()
    assert np.array_equal(draw_heat(image, np.minimum(heat, FULL_PER_S), mask=NOTHING), drawn)


def test_the_mask_is_outlined():
    image, cold = np.full((*SIZE_HW, 3), 90, np.uint8), np.zeros(SIZE_HW, np.float32)
    plain, drawn = (draw_heat(image, cold, mask=mask) for mask in (NOTHING, square(8)))
    assert not np.array_equal(plain, drawn)
    assert np.array_equal(plain[10:12, 12:14], drawn[10:12, 12:14])


@pytest.mark.parametrize("width_px", [320, 854, 1920])
def test_the_legend_goes_from_cold_to_hot(width_px):
    legend = heat_legend(width_px=width_px, size_px=14).astype(int)
    assert legend.shape[1] == width_px
    colored = np.nonzero(np.ptp(legend[len(legend) // 2], axis=1) > 60)[0]
    first, last = legend[len(legend) // 2, colored[0]], legend[len(legend) // 2, colored[-1]]
    assert last.sum() > first.sum() + 200


def test_mistakes_are_worded():
    heat = FlickerHeat()
    with pytest.raises(ShapeError, match=r"mask must be bool \(H, W\), got uint8 \(24, 32\)"):
        heat.update(NOTHING.astype(np.uint8), flow_to_prev=None, hidden=None, elapsed_s=0.04)
    heat.update(NOTHING, flow_to_prev=None, hidden=None, elapsed_s=0.04)
    with pytest.raises(ParameterError, match="elapsed_s must be positive, got 0"):
        heat.update(NOTHING, flow_to_prev=STILL, hidden=None, elapsed_s=0.0)
    with pytest.raises(ShapeError, match=r"masks must be bool \(H, W\) and match"):
        unexplained(NOTHING, NOTHING[:5], flow_to_prev=STILL, hidden=None)
    with pytest.raises(ShapeError, match="flow_to_prev must be float32"):
        unexplained(NOTHING, NOTHING, flow_to_prev=STILL[:5], hidden=None)
    with pytest.raises(ShapeError, match="image and heat must match"):
        draw_heat(np.zeros((5, 5, 3), np.uint8), np.zeros(SIZE_HW, np.float32), mask=NOTHING)
