import numpy as np
import pytest
from PIL import Image

from vidlab.errors import MaskError
from vidlab.masks.labels import LabelFolder, read_labels_png
from vidlab.masks.png import write_labels_png

LABELS = np.array([[0, 1, 254], [255, 18, 0]], np.uint8)


@pytest.mark.parametrize("how", ["gray", "indexed", "white background"])
def test_the_index_counts_not_the_color(tmp_path, how):
    path = tmp_path / "0.png"
    if how == "gray":
        Image.fromarray(LABELS).save(path)
    elif how == "indexed":
        write_labels_png(path, LABELS)
    else:
        picture = Image.fromarray(LABELS)
        picture.putpalette([255, 255, 255] * 256)
        picture.save(path)
    read = read_labels_png(path, size_hw=(2, 3))
    assert read.dtype == np.uint8
    np.testing.assert_array_equal(read, LABELS)


@pytest.mark.parametrize(
    ("pixels", "mode"), [(np.zeros((2, 3, 3), np.uint8), "RGB"), (np.zeros((2, 3), np.uint16), "I;16")]
)
def test_other_pictures_are_refused(tmp_path, pixels, mode):
    path = tmp_path / "0.png"
    Image.fromarray(pixels).save(path)
    with pytest.raises(MaskError, match=f"must hold one class index of 8 bits per pixel, got {mode}"):
        read_labels_png(path, size_hw=None)


def test_bad_files_are_named(tmp_path):
    with pytest.raises(MaskError, match="no such file"):
        read_labels_png(tmp_path / "none.png", size_hw=None)
    (tmp_path / "0.png").write_bytes(b"no png")
    with pytest.raises(MaskError, match="must be a readable PNG"):
        read_labels_png(tmp_path / "0.png", size_hw=None)
    write_labels_png(tmp_path / "1.png", LABELS)
    with pytest.raises(MaskError, match="got 3×2"):
        read_labels_png(tmp_path / "1.png", size_hw=(4, 4))


def test_a_result_folder_gives_its_labels(tmp_path):
    (tmp_path / "labels").mkdir()
    for index in range(2):
        write_labels_png(tmp_path / "labels" / f"{index:05d}.png", LABELS + np.uint8(index))
    folder = LabelFolder(tmp_path)
    assert (folder.path, folder.n_frames) == (tmp_path / "labels", 2)
    np.testing.assert_array_equal(folder.read(1, size_hw=None), LABELS + np.uint8(1))
    folder.require_end(2)
    with pytest.raises(MaskError, match=r"every frame must have labels, got 2 in .*, but the clip goes on"):
        folder.read(2, size_hw=None)
    with pytest.raises(MaskError, match="labels must not outlast the clip of 1 frames, got 2"):
        folder.require_end(1)
