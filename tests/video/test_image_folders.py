"""Folders of numbered images as videos, and images out."""

import logging

import numpy as np
import pytest
from PIL import Image

from vidlab.errors import OutputError, ParameterError, ShapeError, VideoError
from vidlab.video import ImageFolder, frame_name, open_source, read_image, write_image


def gray(value, size_hw=(4, 6)):
    return np.full((*size_hw, 3), value, np.uint8)


def fill(folder, names):
    for value, name in enumerate(names):
        Image.fromarray(gray(10 * value)).save(folder / name)
    return folder


def test_images_come_in_the_order_of_their_numbers(tmp_path):
    fill(tmp_path, ["frame_10.png", "frame_2.png", "frame_9.png", "frame_1.png"])
    source = open_source(tmp_path, fps=10)
    assert [int(frame.image[0, 0, 0]) for frame in source] == [30, 10, 20, 0]


def test_time_is_the_index_over_the_rate(tmp_path):
    fill(tmp_path, [f"{k:05d}.png" for k in range(3)])
    source = ImageFolder(tmp_path, fps=24)
    assert [(frame.index, frame.pts_s) for frame in source] == [(0, 0), (1, 1 / 24), (2, 2 / 24)]
    assert [frame.index for frame in source] == [0, 1, 2]
    info = source.info
    assert (info.codec, info.size_hw, info.n_frames, info.fps) == ("images", (4, 6), 3, 24)
    assert info.duration_s == pytest.approx(3 / 24)
    assert source.losses == ()


def test_every_kind_of_image_file_is_read(tmp_path):
    fill(tmp_path, ["1.png", "2.jpg", "3.JPEG", "4.bmp", "5.webp", "6.tif"])
    values = [int(frame.image[2, 3, 1]) for frame in ImageFolder(tmp_path, fps=25)]
    assert values == pytest.approx([0, 10, 20, 30, 40, 50], abs=3)


def test_hidden_and_other_files_are_ignored(tmp_path):
    fill(tmp_path, ["0.png", "1.png", ".2.png"])
    (tmp_path / "Thumbs3.db").write_text("")
    (tmp_path / "notes.txt").write_text("")
    (tmp_path / "4.png").mkdir()
    assert len(list(ImageFolder(tmp_path, fps=25))) == 2


def test_a_gap_in_the_numbers_is_said_once(tmp_path, caplog):
    fill(tmp_path, ["0.png", "1.png", "5.png", "6.png", "8.png"])
    with caplog.at_level(logging.WARNING, logger="vidlab"):
        source = ImageFolder(tmp_path, fps=25)
        assert len(list(source)) == 5
    (loss,) = source.losses
    assert loss.startswith("4 numbers are missing among the images: 2 to 4 and in 1 more place;")
    assert [record.getMessage() for record in caplog.records] == [f"{tmp_path}: {loss}"]


def test_a_number_used_twice_is_an_error(tmp_path):
    fill(tmp_path, ["7.png", "07.jpg"])
    with pytest.raises(VideoError, match=r"different numbers, got .*7\.png and 07\.jpg"):
        ImageFolder(tmp_path, fps=25)


def test_an_image_without_a_number_is_an_error(tmp_path):
    fill(tmp_path, ["1.png", "cover.png"])
    with pytest.raises(VideoError, match=r"must have a number in their names, got .*cover\.png"):
        ImageFolder(tmp_path, fps=25)


def test_sizes_that_differ_are_an_error(tmp_path):
    fill(tmp_path, ["1.png"])
    Image.fromarray(gray(0, (5, 6))).save(tmp_path / "2.png")
    with pytest.raises(VideoError, match=r"one size, got 1\.png of 6×4 pixels and .*2\.png of 6×5 pixels"):
        ImageFolder(tmp_path, fps=25)


def test_an_empty_folder_is_an_error(tmp_path):
    with pytest.raises(VideoError, match=f"must hold numbered images .* got none in {tmp_path}"):
        open_source(tmp_path, fps=25)


@pytest.mark.parametrize("fps", [0, -1, float("nan")])
def test_the_rate_must_be_positive(tmp_path, fps):
    fill(tmp_path, ["1.png"])
    with pytest.raises(ParameterError, match="fps must be positive"):
        open_source(tmp_path, fps=fps)


def test_a_damaged_image_is_named(tmp_path):
    fill(tmp_path, ["1.png", "2.png", "3.png"])
    whole = Image.fromarray(np.random.default_rng(0).integers(0, 256, (4, 6, 3), np.uint8))
    whole.save(tmp_path / "2.png")
    data = (tmp_path / "2.png").read_bytes()
    (tmp_path / "2.png").write_bytes(data[:-40])
    with pytest.raises(VideoError, match=r"must be a readable image, got .*2\.png"):
        list(ImageFolder(tmp_path, fps=25))
    (tmp_path / "3.png").write_bytes(b"")
    with pytest.raises(VideoError, match=r"must be a readable image, got .*3\.png"):
        ImageFolder(tmp_path, fps=25)


@pytest.mark.parametrize(
    ("mode", "pixel", "expected"),
    [
        ("L", 77, (77, 77, 77)),
        ("LA", (77, 10), (77, 77, 77)),
        ("RGBA", (1, 2, 3, 4), (1, 2, 3)),
        ("1", 1, (255, 255, 255)),
    ],
)
def test_other_kinds_of_pixels_become_rgb(tmp_path, mode, pixel, expected):
    Image.new(mode, (6, 4), pixel).save(tmp_path / "1.png")
    image = read_image(tmp_path / "1.png")
    assert (image.shape, image.dtype) == ((4, 6, 3), np.uint8)
    assert tuple(image[0, 0]) == expected


def test_palette_and_sixteen_bit_images_become_rgb(tmp_path):
    Image.fromarray(np.full((4, 6, 3), (9, 99, 199), np.uint8)).quantize(4).save(tmp_path / "1.png")
    assert tuple(read_image(tmp_path / "1.png")[0, 0]) == (9, 99, 199)
    Image.fromarray(np.full((4, 6), 40_000, np.uint16)).save(tmp_path / "2.png")
    assert tuple(read_image(tmp_path / "2.png")[0, 0]) == (156, 156, 156)  # 40,000 // 256


def test_exif_orientation_is_honoured(tmp_path):
    image = np.zeros((4, 6, 3), np.uint8)
    image[:, :3] = 200  # left half bright
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise by a quarter: left becomes top
    Image.fromarray(image).save(tmp_path / "1.png", exif=exif)
    source = ImageFolder(tmp_path, fps=25)
    (frame,) = source
    assert source.info.size_hw == frame.image.shape[:2] == (6, 4)
    assert frame.image[0].min() == 200
    assert frame.image[-1].max() == 0


def test_written_images_are_read_back(tmp_path):
    image = np.random.default_rng(0).integers(0, 256, (9, 7, 3), np.uint8)
    write_image(tmp_path / frame_name(0, suffix=".png"), image)
    assert np.array_equal(read_image(tmp_path / "00000.png"), image)
    write_image(tmp_path / frame_name(1, suffix=".jpg"), gray(120))
    assert np.abs(read_image(tmp_path / "00001.jpg").astype(int) - 120).max() <= 2


def test_images_that_cannot_be_written_are_named(tmp_path):
    with pytest.raises(ParameterError, match=r"ending in \.png or \.jpg, got .*a\.gif"):
        write_image(tmp_path / "a.gif", gray(0))
    with pytest.raises(ShapeError, match="must be uint8"):
        write_image(tmp_path / "a.png", np.zeros((4, 4, 3)))
    with pytest.raises(OutputError, match=r"must be writable, got .*nowhere"):
        write_image(tmp_path / "nowhere" / "a.png", gray(0))
