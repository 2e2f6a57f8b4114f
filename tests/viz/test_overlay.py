import numpy as np
import pytest

from vidlab.errors import ShapeError
from vidlab.params import METHODS
from vidlab.viz.colors import METHOD_COLORS, class_color
from vidlab.viz.outlines import draw_outlines
from vidlab.viz.overlay import (
    draw_difference,
    draw_masks,
    fill_masks,
    panel_size,
    resize_image,
    resize_masks,
    side_by_side,
    stacked,
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


@pytest.mark.parametrize("background", [0, 40, 128, 215, 255])
@pytest.mark.parametrize("color", [(255, 95, 50), (255, 210, 0), (0, 220, 255), (128, 128, 128)])
def test_outlines_are_seen_on_any_background(background, color):
    drawn = draw_outlines(flat(background), square(), colors=[color]).astype(int)
    assert np.abs(drawn[17:23, 40] - background).max() >= 60


def test_outlines_are_thin_and_lie_between_the_pixels():
    changed = (draw_outlines(flat(128), square(), colors=[(255, 210, 0)]) != flat(128)).any(axis=2)
    rows = np.nonzero(changed[:, 40])[0]
    assert rows[rows < 30].mean() == 19.5  # the mask begins at row 20
    assert len(rows[rows < 30]) <= 6
    assert not changed[25:35, 35:45].any()


def test_outlines_are_antialiased():
    y, x = np.mgrid[:60, :80]
    disk = (np.hypot(y - 30, x - 40) < 18)[np.newaxis]
    drawn = draw_outlines(flat(255), disk, colors=[(255, 255, 255)])
    assert len(np.unique(drawn)) >= 5


def test_a_single_pixel_is_outlined():
    dot = np.zeros((1, 60, 80), bool)
    dot[0, 30, 40] = True
    assert (draw_outlines(flat(128), dot, colors=[(255, 210, 0)])[27:34, 37:44] != 128).any()


@pytest.mark.parametrize("mask_hw", [(60, 80), (30, 40)])
def test_a_mask_of_everything_has_no_outline(mask_hw):
    picture = flat(100)
    drawn = draw_outlines(picture, np.ones((1, *mask_hw), bool), colors=[(255, 210, 0)])
    assert np.array_equal(drawn, picture)


def test_outlines_do_not_follow_the_border_of_the_picture():
    half = np.zeros((1, 60, 80), bool)
    half[0, :, :40] = True
    drawn = draw_outlines(flat(128), half, colors=[(255, 210, 0)])
    assert (drawn[:, :30] == 128).all()
    assert (drawn[:, 50:] == 128).all()
    assert (draw_outlines(flat(128), half | True, colors=[(255, 210, 0)]) == 128).all()


@pytest.mark.parametrize("scale", [2, 4])
def test_outlines_of_larger_masks_lie_where_the_masks_are(scale):
    big = square().repeat(scale, axis=1).repeat(scale, axis=2)
    small, large = (draw_outlines(flat(128), masks, colors=[(255, 210, 0)]) for masks in (square(), big))
    assert np.abs(small.astype(int) - large).mean() < 2.5


def test_drawing_is_filling_and_outlining():
    filled = fill_masks(flat(90), square(), colors=[(255, 0, 0)])
    assert (filled != 90).any(axis=2).sum() == square().sum()
    drawn = draw_masks(flat(90), square(), colors=[(255, 0, 0)])
    assert np.array_equal(drawn, draw_outlines(filled, square(), colors=[(255, 0, 0)]))


def test_words_of_a_caption_have_their_colors():
    picture = side_by_side(
        [flat(7, size_hw=(60, 400))], captions=[[("raw ", (255, 0, 0)), ("all", (0, 0, 255))]]
    )
    bar = picture[:-60].astype(int)
    red, blue = (bar[..., one] - bar[..., other] > 150 for one, other in ((0, 2), (2, 0)))
    assert red.any()
    assert blue.any()
    assert np.nonzero(red)[1].max() < np.nonzero(blue)[1].min()


def test_stacked_rows_have_an_even_height():
    assert stacked([flat(1), flat(2, size_hw=(7, 80))]).shape == (68, 80, 3)
    with pytest.raises(ShapeError, match="rows must have one width"):
        stacked([flat(1), flat(1, size_hw=(6, 8))])


def test_wrong_sizes_are_named():
    with pytest.raises(ShapeError, match=r"with one color each, got bool \(1, 60, 80\) and 2 colors"):
        draw_outlines(flat(1), square(), colors=[(1, 2, 3), (1, 2, 3)])
    with pytest.raises(ShapeError, match=r"image must be uint8 \(H, W, 3\)"):
        draw_outlines(flat(1)[..., 0], square(), colors=[(1, 2, 3)])
    with pytest.raises(ShapeError, match=r"masks must be bool \(K, 60, 80\), got bool \(1, 6, 8\)"):
        draw_masks(flat(1), np.zeros((1, 6, 8), bool), colors=[(1, 2, 3)])
    with pytest.raises(ShapeError, match="one color per mask, got 2 for 1"):
        draw_masks(flat(1), square(), colors=[(1, 2, 3), (1, 2, 3)])
    with pytest.raises(ShapeError, match="panels must have one size"):
        side_by_side([flat(1), flat(1, size_hw=(6, 8))], captions=["a", "b"])
