"""The writer: what a browser needs, the source's clock, and nothing half done."""

import av
import numpy as np
import pytest

from vidlab.errors import OutputError, ParameterError, ShapeError
from vidlab.params import WriterParams
from vidlab.video import PyavReader, VideoWriter

SETTINGS = WriterParams(preset="ultrafast").model_dump()


def write(path, times, *, size_hw=(48, 64), color=(200, 50, 90), fps=25.0):
    image = np.full((*size_hw, 3), color, np.uint8)
    with VideoWriter(path, size_hw=size_hw, fps=fps, **SETTINGS) as writer:
        for pts_s in times:
            writer.write(image, pts_s=pts_s)
    return path


def boxes(path):
    """Names of the top-level boxes of an MP4 file, in order."""
    data, at, names = path.read_bytes(), 0, []
    while at + 8 <= len(data):
        names.append(data[at + 4 : at + 8].decode())
        at += int.from_bytes(data[at : at + 4], "big")
    return names


def test_file_is_one_that_a_browser_plays(tmp_path):
    path = write(tmp_path / "out.mp4", [0, 0.04, 0.08])
    names = boxes(path)
    assert names.index("moov") < names.index("mdat")
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        context = stream.codec_context
        assert (context.name, context.pix_fmt) == ("h264", "yuv420p")
        assert (context.color_primaries, context.color_trc, context.colorspace, context.color_range) == (
            1,
            1,
            1,
            1,
        )


@pytest.mark.parametrize("size_hw", [(48, 64), (47, 64), (48, 63), (47, 63), (1, 1), (3, 2)])
def test_odd_sizes_are_made_even_by_repeating_the_edge(tmp_path, size_hw):
    (frame,) = PyavReader(write(tmp_path / "out.mp4", [0], size_hw=size_hw))
    assert frame.image.shape[:2] == tuple(side + side % 2 for side in size_hw)
    assert np.abs(frame.image.astype(int) - (200, 50, 90)).max() <= 6


@pytest.mark.parametrize(
    "color", [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255), (0, 0, 0), (90, 120, 60)]
)
def test_colors_survive(tmp_path, color):
    (frame,) = PyavReader(write(tmp_path / "out.mp4", [0], color=color))
    assert np.abs(frame.image.astype(int) - color).max() <= 4


def test_last_frame_is_shown_as_long_as_the_one_before(tmp_path):
    info = PyavReader(write(tmp_path / "out.mp4", [5.0, 5.1, 5.4, 5.9])).info
    assert info.duration_s == pytest.approx(0.9 + 0.5, abs=1e-4)


def test_a_lone_frame_is_shown_for_one_period(tmp_path):
    info = PyavReader(write(tmp_path / "out.mp4", [7.0], fps=10)).info
    assert info.duration_s == pytest.approx(0.1, abs=1e-4)


def test_first_frame_is_moved_to_zero(tmp_path):
    first = next(iter(PyavReader(write(tmp_path / "out.mp4", [8.33, 8.4, 8.5]))))
    assert first.pts_s == 0


def fail_while_writing(path):
    with VideoWriter(path, size_hw=(48, 64), fps=25, **SETTINGS) as writer:
        for k in range(5):
            writer.write(np.zeros((48, 64, 3), np.uint8), pts_s=k / 25)
        assert len(list(path.parent.iterdir())) == 1  # the partial file beside the target
        raise RuntimeError("midway")


def test_nothing_is_left_after_an_exception(tmp_path):
    with pytest.raises(RuntimeError, match="midway"):
        fail_while_writing(tmp_path / "out.mp4")
    assert list(tmp_path.iterdir()) == []


def test_an_older_file_stays_whole_until_the_new_one_is(tmp_path):
    path = write(tmp_path / "out.mp4", [0, 0.04])
    old = path.read_bytes()
    with pytest.raises(ParameterError, match="rise"):
        write(path, [0, 0.04, 0.02])
    assert path.read_bytes() == old
    write(path, [0, 0.04, 0.08])
    assert path.read_bytes() != old
    assert list(tmp_path.iterdir()) == [path]


def test_writing_no_frames_is_an_error_and_leaves_nothing(tmp_path):
    with pytest.raises(OutputError, match=r"at least one frame, got none for .*out\.mp4"):
        write(tmp_path / "out.mp4", [])
    assert list(tmp_path.iterdir()) == []


def test_wrong_input_is_named(tmp_path):
    path = tmp_path / "out.mp4"
    with pytest.raises(ParameterError, match=r"ending in \.mp4, got .*out\.avi"):
        VideoWriter(tmp_path / "out.avi", size_hw=(4, 4), fps=25, **SETTINGS)
    with pytest.raises(ParameterError, match="size_hw must be positive"):
        VideoWriter(path, size_hw=(0, 4), fps=25, **SETTINGS)
    with pytest.raises(ParameterError, match="fps must be positive, got 0"):
        VideoWriter(path, size_hw=(4, 4), fps=0, **SETTINGS)
    writer = VideoWriter(path, size_hw=(4, 4), fps=25, **SETTINGS)
    with pytest.raises(OutputError, match="inside a with block"):
        writer.write(np.zeros((4, 4, 3), np.uint8), pts_s=0)
    with pytest.raises(ShapeError, match=r"must be uint8 \(H, W, 3\), got float64"), writer:
        writer.write(np.zeros((4, 4, 3)), pts_s=0)
    with pytest.raises(ShapeError, match=r"must have the size \(4, 4\), got \(4, 6\)"), writer:
        writer.write(np.zeros((4, 6, 3), np.uint8), pts_s=0)


def test_a_missing_folder_is_an_output_error(tmp_path):
    with pytest.raises(OutputError, match=r"must be writable, got .*nowhere"):
        write(tmp_path / "nowhere" / "out.mp4", [0])


def test_images_are_not_changed(tmp_path):
    image = np.random.default_rng(0).integers(0, 256, (5, 7, 3), np.uint8)
    before = image.copy()
    with VideoWriter(tmp_path / "out.mp4", size_hw=(5, 7), fps=25, **SETTINGS) as writer:
        writer.write(image, pts_s=0)
    assert np.array_equal(image, before)


@pytest.mark.parametrize("key_every", [1, 5])
def test_no_key_frame_is_farther_from_the_next_than_asked_for(tmp_path, key_every):
    path, image = tmp_path / "out.mp4", np.full((48, 64, 3), 90, np.uint8)
    with VideoWriter(path, size_hw=(48, 64), fps=25.0, key_every=key_every, **SETTINGS) as writer:
        for index in range(12):
            writer.write(image, pts_s=index / 25)
    with av.open(str(path)) as container:
        keys = [frame.key_frame for frame in container.decode(video=0)]
    assert [place for place, is_key in enumerate(keys) if is_key] == list(range(0, 12, key_every))
