import numpy as np
import pytest

from vidlab.errors import ShapeError
from vidlab.params import METHODS
from vidlab.viz.colors import METHOD_COLORS, class_color
from vidlab.viz.overlay import (
    draw_difference,
    draw_masks,
    panel_size,
    resize_image,
    resize_masks,
    side_by_side,
)


def flat(value: int, *, size_hw: tuple[int, int] = (60, 80)) -> np.ndarray:
    return np.full((*size_hw, 3), value, np.uint8)


def square(size_hw: tuple[int, int] = (60, 80)) -> np.ndarray:
    mask = np.zeros((1, *size_hw), bool)
    mask[0, 20:40, 30:50] = True
    return mask


def test_every_method_has_its_own_color():
    assert set(METHOD_COLORS) == set(METHODS)
    assert len(set(METHOD_COLORS.values())) == len(METHODS)


@pytest.mark.parametrize("background", [0, 128, 255])
def test_contour_stands_out_from_any_background(background):
    drawn = draw_masks(flat(background), square(), colors=[class_color(1)])
    border = drawn[20, 30:50].astype(int)
    outside = drawn[18:23, 40].astype(int)
    contrast = np.abs(outside - background).max(axis=1).max()
    assert contrast >= 100
    assert np.ptp(border.sum(axis=1)) < 400  # one continuous line


def test_drawing_leaves_the_input_and_far_pixels_alone():
    image = flat(90)
    before = image.copy()
    drawn = draw_masks(image, square(), colors=[(255, 0, 0)])
    assert np.array_equal(image, before)
    assert np.array_equal(drawn[:10], before[:10])
    assert drawn[30, 40, 0] > drawn[30, 40, 1]


def test_empty_masks_draw_nothing():
    image = flat(90)
    assert np.array_equal(draw_masks(image, np.zeros((1, 60, 80), bool), colors=[(1, 2, 3)]), image)
    assert np.array_equal(draw_masks(image, np.zeros((0, 60, 80), bool), colors=[]), image)


def test_difference_has_a_color_for_kept_removed_and_added():
    raw, stable = np.zeros((60, 80), bool), np.zeros((60, 80), bool)
    raw[0:2] = True
    stable[1:3] = True
    drawn = draw_difference(flat(100), raw, stable)
    removed, kept, added, other = drawn[0, 0], drawn[1, 0], drawn[2, 0], drawn[9, 0]
    assert removed.argmax() == 0
    assert added.argmax() == 2
    assert len({tuple(pixel) for pixel in (removed, kept, added, other)}) == 4
    assert len(set(other.tolist())) == 1


@pytest.mark.parametrize("size_hw", [(480, 854), (1080, 1920), (1920, 1080), (60, 80), (1, 1), (33, 4001)])
def test_side_by_side_fits_and_has_even_sizes(size_hw):
    panel_hw = panel_size(size_hw, n_panels=2, max_width_px=1920)
    panel = resize_image(flat(7, size_hw=size_hw), size_hw=panel_hw)
    picture = side_by_side([panel, panel], captions=["raw", "stable"])
    assert picture.shape[0] % 2 == 0
    assert picture.shape[1] % 2 == 0
    assert picture.shape[1] <= 1920
    assert picture.dtype == np.uint8


def test_resizing_masks_keeps_area_in_proportion():
    resized = resize_masks(square(), size_hw=(120, 160))
    assert resized.dtype == bool
    assert resized.sum() == 4 * square().sum()
    assert resize_masks(np.zeros((0, 6, 8), bool), size_hw=(12, 16)).shape == (0, 12, 16)


def test_captions_differ_in_the_picture():
    one, other = (side_by_side([flat(7)], captions=[text]) for text in ("raw", "stable"))
    assert not np.array_equal(one, other)


def test_wrong_sizes_are_named():
    with pytest.raises(ShapeError, match=r"masks must be bool \(K, 60, 80\), got bool \(1, 6, 8\)"):
        draw_masks(flat(1), np.zeros((1, 6, 8), bool), colors=[(1, 2, 3)])
    with pytest.raises(ShapeError, match="one color per mask, got 2 for 1"):
        draw_masks(flat(1), square(), colors=[(1, 2, 3), (1, 2, 3)])
    with pytest.raises(ShapeError, match="panels must have one size"):
        side_by_side([flat(1), flat(1, size_hw=(6, 8))], captions=["a", "b"])
