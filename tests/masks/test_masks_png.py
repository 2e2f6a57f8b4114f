import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from vidlab.errors import MaskError, OutputError, ShapeError
from vidlab.masks import png

MASK = np.random.default_rng(0).random((12, 17)) > 0.5


def save(path, array, mode=None, palette=None):
    picture = Image.fromarray(array, mode) if mode else Image.fromarray(array)
    if palette is not None:
        picture.putpalette(palette)
    picture.save(path)
    return path


def test_mask_round_trip_is_0_and_255(tmp_path):
    png.write_mask_png(tmp_path / "m.png", MASK)
    np.testing.assert_array_equal(png.read_mask_png(tmp_path / "m.png", size_hw=(12, 17)), MASK)
    with Image.open(tmp_path / "m.png") as picture:
        assert picture.mode == "L"
        assert set(np.unique(np.asarray(picture))) == {0, 255}


@given(hnp.arrays(np.float32, (3, 5), elements=st.floats(0, 1, width=32)))
def test_probs_round_trip_within_half_a_level(tmp_path_factory, probs):
    path = tmp_path_factory.mktemp("png") / "p.png"
    png.write_probs_png(path, probs)
    np.testing.assert_allclose(png.read_probs_png(path, size_hw=None), probs, atol=0.5 / 255 + 1e-6)


def test_probabilities_of_0_and_1_are_exact(tmp_path):
    png.write_probs_png(tmp_path / "p.png", MASK.astype(np.float32))
    np.testing.assert_array_equal(png.read_probs_png(tmp_path / "p.png", size_hw=None), MASK)


def test_labels_are_indices_in_davis_colors(tmp_path):
    labels = np.arange(12, dtype=np.uint8).reshape(3, 4)
    png.write_labels_png(tmp_path / "l.png", labels)
    with Image.open(tmp_path / "l.png") as picture:
        assert picture.mode == "P"
        np.testing.assert_array_equal(np.asarray(picture), labels)
        assert picture.getpalette()[3:9] == [128, 0, 0, 0, 128, 0]


def test_davis_palette_is_the_published_one():
    palette = png.davis_palette()
    assert palette[[7, 8, 9, 20]].tolist() == [[128, 128, 128], [64, 0, 0], [192, 0, 0], [0, 64, 128]]
    assert palette[[21, 22, 255]].tolist() == [[128, 64, 128], [0, 192, 128], [224, 224, 192]]


@pytest.mark.parametrize("top", [1, 255])
def test_zero_and_one_top_value_is_a_mask(tmp_path, top):
    path = save(tmp_path / "m.png", MASK.astype(np.uint8) * np.uint8(top))
    np.testing.assert_array_equal(png.read_mask_png(path, size_hw=None), MASK)


def test_other_ways_to_store_a_mask(tmp_path):
    values = MASK.astype(np.uint8) * np.uint8(255)
    one_bit = save(tmp_path / "1.png", MASK)
    wide = save(tmp_path / "16.png", values.astype(np.uint16) * np.uint16(257))
    rgb = save(tmp_path / "rgb.png", np.repeat(values[..., None], 3, axis=2))
    davis = save(
        tmp_path / "p.png", MASK.astype(np.uint8) * np.uint8(2), palette=png.davis_palette().tobytes()
    )
    for path in (one_bit, wide, rgb, davis):
        np.testing.assert_array_equal(png.read_mask_png(path, size_hw=None), MASK, err_msg=path.name)


def test_sixteen_bit_probabilities(tmp_path):
    path = save(tmp_path / "p.png", np.array([[0, 13107, 65535]], np.uint16))
    np.testing.assert_allclose(png.read_probs_png(path, size_hw=None), [[0, 0.2, 1]], atol=1e-7)
    one_bit = save(tmp_path / "1.png", MASK)
    np.testing.assert_array_equal(png.read_probs_png(one_bit, size_hw=None), MASK)


@pytest.mark.parametrize(("values", "found"), [([0, 38], 38), ([0, 255, 100], 100), ([0, 1, 255], 1)])
def test_gray_values_suggest_probs(tmp_path, values, found):
    path = save(tmp_path / "m.png", np.array([values], np.uint8))
    with pytest.raises(
        MaskError, match=rf"m\.png must hold only 0 and 255 .* got {found} too; .* add --probs"
    ):
        png.read_mask_png(path, size_hw=None)


def test_several_objects_are_refused(tmp_path):
    path = save(tmp_path / "m.png", np.array([[0, 1, 3]], np.uint8), palette=png.davis_palette().tobytes())
    with pytest.raises(MaskError, match=r"m\.png must hold one object, got labels 1, 3"):
        png.read_mask_png(path, size_hw=None)
    with pytest.raises(MaskError, match=r"must be gray to hold probabilities, got an indexed picture"):
        png.read_probs_png(path, size_hw=None)


def test_an_inverted_palette_is_not_taken_for_a_mask(tmp_path):
    path = save(tmp_path / "m.png", np.array([[0, 1]], np.uint8), palette=[255, 255, 255, 0, 0, 0])
    with pytest.raises(MaskError, match=r"must have black as color 0"):
        png.read_mask_png(path, size_hw=None)


def test_colors_and_transparency_are_refused(tmp_path):
    colored = save(tmp_path / "c.png", np.array([[[255, 0, 0]]], np.uint8))
    clear = save(tmp_path / "a.png", np.zeros((2, 2, 4), np.uint8))
    with pytest.raises(MaskError, match=r"c\.png must be gray or indexed, got RGB"):
        png.read_mask_png(colored, size_hw=None)
    with pytest.raises(MaskError, match=r"a\.png must be gray or indexed, got RGBA"):
        png.read_probs_png(clear, size_hw=None)


def test_another_size_is_refused_with_both_sizes(tmp_path):
    path = save(tmp_path / "m.png", MASK)
    with pytest.raises(MaskError, match=r"got 17×12 in .*m\.png for a video of 20×10"):
        png.read_mask_png(path, size_hw=(10, 20))


def test_damaged_files_are_named(tmp_path):
    good = tmp_path / "good.png"
    png.write_mask_png(good, np.random.default_rng(1).random((50, 50)) > 0.5)
    content = good.read_bytes()
    for name, data in {"cut": content[:150], "text": b"not a picture", "empty": b""}.items():
        path = tmp_path / f"{name}.png"
        path.write_bytes(data)
        with pytest.raises(MaskError, match=rf"{name}\.png must be a readable PNG, got a damaged"):
            png.read_mask_png(path, size_hw=None)
    jpeg = tmp_path / "photo.png"
    Image.fromarray(MASK.astype(np.uint8)).save(jpeg, "JPEG")
    with pytest.raises(MaskError, match=r"photo\.png must be a readable PNG"):
        png.read_mask_png(jpeg, size_hw=None)
    with pytest.raises(MaskError, match=r"none\.png must be a PNG, but there is no such file"):
        png.read_mask_png(tmp_path / "none.png", size_hw=None)


def test_wrong_arrays_and_places_are_refused(tmp_path):
    with pytest.raises(ShapeError, match=r"mask must be bool \(H, W\), got uint8"):
        png.write_mask_png(tmp_path / "m.png", MASK.astype(np.uint8))
    with pytest.raises(ShapeError, match=r"labels must be uint8 \(H, W\), got bool"):
        png.write_labels_png(tmp_path / "m.png", MASK)
    with pytest.raises(ShapeError, match=r"probs must be float32 \(H, W\), got float64"):
        png.write_probs_png(tmp_path / "m.png", MASK.astype(float))
    with pytest.raises(OutputError, match=r"m\.png must be writable, got: No such file"):
        png.write_mask_png(tmp_path / "nowhere" / "m.png", MASK)
