import io

import numpy as np
import pytest
from PIL import Image

from vidlab.errors import OutputError, ShapeError
from vidlab.video import VideoWriter, open_source
from vidlab.viz.show import EmbeddedVideo, Picture, Table, embed_video, montage


def test_picture_shows_itself_as_jpeg_and_prints_no_pixels():
    picture = Picture(np.full((20, 30, 3), 200, np.uint8))
    shown = np.asarray(Image.open(io.BytesIO(picture._repr_jpeg_())))
    assert shown.shape == (20, 30, 3)
    assert abs(int(shown[5, 5, 0]) - 200) < 4
    assert len(repr(picture)) < 20


def test_table_escapes_what_would_be_html():
    table = Table(["metric", "raw"], [["a < b", "1"]])
    assert "a &lt; b" in table._repr_html_()
    assert table._repr_markdown_().splitlines()[-1] == "| a < b | 1 |"


def test_row_of_another_length_is_refused():
    with pytest.raises(ShapeError, match="must have 2 columns, got 1"):
        Table(["metric", "raw"], [["a"]])


def test_montage_shrinks_to_the_width_and_never_grows():
    panel = np.zeros((90, 160, 3), np.uint8)
    captions = [["a", "b"], ["c", "d"]]
    small = montage([[panel, panel], [panel, panel]], captions=captions, width_px=200)
    assert small.shape[1] <= 210
    assert montage([[panel, panel]], captions=captions[:1], width_px=5000).shape[1] <= 330


def test_montage_of_ragged_rows_is_refused():
    panel = np.zeros((9, 16, 3), np.uint8)
    with pytest.raises(ShapeError, match="rows must have one length"):
        montage([[panel, panel], [panel]], captions=[["a", "b"], ["c"]], width_px=100)


@pytest.fixture(scope="module")
def noisy(tmp_path_factory):
    path = tmp_path_factory.mktemp("video") / "noisy.mp4"
    rng = np.random.default_rng(1)
    with VideoWriter(path, size_hw=(120, 320), fps=24, crf=18, preset="ultrafast") as writer:
        for index in range(10):
            writer.write(rng.integers(0, 255, (120, 320, 3), np.uint8), pts_s=index / 24)
    return path


def test_embedded_video_is_small_and_keeps_every_frame(noisy, tmp_path):
    embedded = embed_video(noisy, width_px=160, max_bytes=60_000)
    assert len(embedded.mp4) <= 60_000
    assert embedded.width_px == 160
    copy = tmp_path / "copy.mp4"
    copy.write_bytes(embedded.mp4)
    frames = list(open_source(copy, fps=25.0))
    assert len(frames) == 10
    assert frames[0].image.shape == (60, 160, 3)


def test_video_that_cannot_be_made_small_enough_is_refused(noisy):
    with pytest.raises(OutputError, match="must fit in 100 bytes"):
        embed_video(noisy, width_px=160, max_bytes=100)


def test_embedded_video_needs_no_file():
    page = EmbeddedVideo(b"abc", 320)._repr_html_()
    assert 'src="data:video/mp4;base64,YWJj"' in page
    assert "controls" in page
    assert len(repr(EmbeddedVideo(b"abc" * 9999, 320))) < 100
