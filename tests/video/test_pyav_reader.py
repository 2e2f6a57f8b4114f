"""The reader on files made here, whose truth is known."""

import gc
import itertools
import logging
import os
import shutil
from fractions import Fraction

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vidlab.errors import VideoError
from vidlab.video import PyavReader, VideoWriter, open_source
from vidlab.video.losses import Tally
from vidlab.video.orientation import UPRIGHT, Orientation, _from_matrix
from vidlab.video.stamps import RisingStamps

CORNERS = {"red": (220, 30, 30), "green": (30, 200, 30), "blue": (30, 30, 220), "white": (235, 235, 235)}


def four_corners(size_hw=(64, 96)):
    """red green / blue white, flat, so that encoding keeps the colors."""
    height, width = size_hw
    image = np.empty((height, width, 3), np.uint8)
    image[: height // 2, : width // 2] = CORNERS["red"]
    image[: height // 2, width // 2 :] = CORNERS["green"]
    image[height // 2 :, : width // 2] = CORNERS["blue"]
    image[height // 2 :, width // 2 :] = CORNERS["white"]
    return image


def names_of_corners(image):
    inner = [image[8, 8], image[8, -9], image[-9, 8], image[-9, -9]]
    return [min(CORNERS, key=lambda name: np.abs(pixel.astype(int) - CORNERS[name]).sum()) for pixel in inner]


def write_video(path, times, *, image=None):
    image = four_corners() if image is None else image
    with VideoWriter(path, size_hw=image.shape[:2], fps=25, crf=18, preset="ultrafast") as writer:
        for pts_s in times:
            writer.write(image, pts_s=pts_s)
    return path


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    return write_video(tmp_path_factory.mktemp("video") / "made.mp4", [k / 25 for k in range(20)])


def test_frames_come_in_order_as_rgb(video):
    frames = list(open_source(video, fps=1))
    assert [frame.index for frame in frames] == list(range(20))
    assert [frame.pts_s for frame in frames] == pytest.approx([k / 25 for k in range(20)])
    assert names_of_corners(frames[0].image) == ["red", "green", "blue", "white"]


def test_info_tells_what_the_file_declares(video):
    info = PyavReader(video).info
    assert (info.path, info.codec, info.size_hw, info.n_frames) == (str(video), "h264", (64, 96), 20)
    assert info.fps == pytest.approx(25)
    assert info.duration_s == pytest.approx(0.8)
    assert info.time_base == Fraction(1, 90_000)


def test_every_loop_starts_again(video):
    reader = PyavReader(video)
    first, second = list(reader), list(reader)
    assert [frame.pts_s for frame in first] == [frame.pts_s for frame in second]
    assert all(np.array_equal(a.image, b.image) for a, b in zip(first, second, strict=True))


def test_two_loops_at_once_do_not_disturb_each_other(video):
    reader = PyavReader(video)
    assert all(a.pts_s == b.pts_s for a, b in zip(reader, reader, strict=True))


def fail_while_reading(reader):
    for _frame in reader:
        raise RuntimeError("consumer")


def test_stopping_early_closes_file_and_threads(video):
    reader = PyavReader(video)
    gc.collect()  # what other tests left may go at any moment
    open_before, threads_before = len(os.listdir("/proc/self/fd")), len(os.listdir("/proc/self/task"))
    for _ in range(3):
        for frame in reader:
            if frame.index == 5:
                break
    with pytest.raises(RuntimeError, match="consumer"):
        fail_while_reading(reader)
    gc.collect()
    assert len(os.listdir("/proc/self/fd")) == open_before
    assert len(os.listdir("/proc/self/task")) <= threads_before


def test_file_is_closed_while_no_loop_runs(video):
    open_before = len(os.listdir("/proc/self/fd"))
    reader = PyavReader(video)
    assert len(os.listdir("/proc/self/fd")) == open_before
    list(reader)
    assert len(os.listdir("/proc/self/fd")) == open_before


def test_stopping_early_reports_no_missing_frames(video, caplog):
    reader = PyavReader(video)
    next(iter(reader))
    assert reader.losses == ()
    assert not caplog.records


def with_display_matrix(video, path, abcd):
    """Copy an MP4 file, changing its matrix: (x, y), y down, is shown at (ax + cy, bx + dy)."""
    data = bytearray(video.read_bytes())
    at = data.index(b"tkhd") + 4 + 40
    a, b, c, d = abcd
    matrix = [a << 16, b << 16, 0, c << 16, d << 16, 0, 0, 0, 1 << 30]
    data[at : at + 36] = np.array(matrix, ">i4").tobytes()
    path.write_bytes(data)
    return path


@pytest.mark.parametrize(
    ("abcd", "turned_deg", "expected"),
    [
        ((1, 0, 0, 1), 0, ["red", "green", "blue", "white"]),
        ((0, -1, 1, 0), 90, ["green", "white", "red", "blue"]),
        ((-1, 0, 0, -1), 180, ["white", "blue", "green", "red"]),
        ((0, 1, -1, 0), 270, ["blue", "red", "white", "green"]),
        ((-1, 0, 0, 1), 0, ["green", "red", "white", "blue"]),  # mirrored
    ],
)
def test_display_matrix_is_applied(video, tmp_path, abcd, turned_deg, expected):
    reader = PyavReader(with_display_matrix(video, tmp_path / "turned.mp4", abcd))
    frames = list(reader)
    assert len(frames) == 20
    assert reader.info.rotation_deg == turned_deg
    assert frames[0].image.shape[:2] == reader.info.size_hw == ((96, 64) if turned_deg % 180 else (64, 96))
    assert names_of_corners(frames[0].image) == expected


@pytest.mark.parametrize("quarter_turns", range(4))
@pytest.mark.parametrize("mirrored", [False, True])
def test_orientation_agrees_with_numpy_and_with_its_display_matrix(quarter_turns, mirrored):
    image = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3)
    orientation = Orientation(quarter_turns, mirrored)
    expected = np.rot90(image[:, ::-1] if mirrored else image, quarter_turns)
    assert np.array_equal(orientation.upright(image), expected)
    assert orientation.size_hw((2, 3)) == expected.shape[:2]
    a, b = {0: (1, 0), 1: (0, -1), 2: (-1, 0), 3: (0, 1)}[quarter_turns]  # where x goes, y down
    sign = -1 if mirrored else 1
    matrix = np.array([sign * a, sign * b, 0, -b, a, 0, 0, 0, 1 << 14], np.int32) * (1 << 16)
    assert _from_matrix(matrix.astype(np.int32).tobytes()) == orientation


def test_upright_frames_are_not_copied():
    image = four_corners()
    assert UPRIGHT.upright(image) is image


@pytest.mark.parametrize(
    "times",
    [
        [0.0, 0.04, 0.05, 0.3, 0.34, 1.5, 1.501],
        [8.33, 8.4, 9.0],
        [k * 1001 / 30000 for k in range(30)],
        [0.0],
    ],
)
def test_time_stamps_survive_writing_and_reading(tmp_path, times):
    reader = PyavReader(write_video(tmp_path / "vfr.mp4", times))
    read = [frame.pts_s for frame in reader]
    assert read == pytest.approx([t - times[0] for t in times], abs=0.5 / 90_000)


@pytest.mark.parametrize("pix_fmt", ["yuv444p", "yuv420p10le", "gray", "bgr0"])
def test_unusual_pixel_formats_keep_their_colors(tmp_path, pix_fmt):
    path = tmp_path / "odd.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = 96, 64, pix_fmt
        frame = av.VideoFrame.from_ndarray(four_corners(), format="rgb24").reformat(format=pix_fmt)
        container.mux([*stream.encode(frame), *stream.encode(None)])
    (frame,) = PyavReader(path)
    assert frame.image.shape == (64, 96, 3)
    if pix_fmt == "gray":
        assert np.array_equal(frame.image[..., 0], frame.image[..., 2])
    else:
        assert np.abs(frame.image[8, 8].astype(int) - CORNERS["red"]).max() <= 4


def test_frames_of_another_size_are_scaled_to_the_first_with_a_warning(tmp_path, caplog):
    path = tmp_path / "resized.h264"
    data = b""
    for size_hw in ((64, 96), (128, 192)):
        part = write_video(tmp_path / "part.mp4", [0, 0.04, 0.08], image=four_corners(size_hw))
        raw = tmp_path / "part.h264"
        with av.open(str(part)) as source, av.open(str(raw), "w", format="h264") as target:
            stream = target.add_stream_from_template(source.streams.video[0])
            for packet in source.demux(video=0):
                if packet.dts is not None:
                    packet.stream = stream
                    target.mux(packet)
        data += raw.read_bytes()
    path.write_bytes(data)
    with caplog.at_level(logging.WARNING, logger="vidlab"):
        frames = list(PyavReader(path))
    assert {frame.image.shape for frame in frames} == {(64, 96, 3)}
    assert names_of_corners(frames[-1].image) == ["red", "green", "blue", "white"]
    assert "3 of 6 frames were scaled to the size of the first" in caplog.text
    assert "have no time stamp" in caplog.text  # a raw stream has no clock
    assert all(a.pts_s < b.pts_s for a, b in itertools.pairwise(frames))


def test_a_cover_picture_is_not_the_video(tmp_path, video):
    sound = tmp_path / "sound.mka"
    with av.open(str(sound), "w", format="matroska") as container:
        stream = container.add_stream("pcm_s16le", rate=8000)
        stream.layout = "mono"
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), format="s16", layout="mono")
        frame.sample_rate = 8000
        container.mux(stream.encode(frame))
    with pytest.raises(
        VideoError, match=r"must hold a video stream, got .*sound\.mka, which holds only audio"
    ):
        PyavReader(sound)


@pytest.mark.parametrize("name", ["a:b.mp4", "-dash.mp4", "100%03d.mp4", "ünï cödé.mp4"])
def test_odd_file_names_are_read(tmp_path, video, name):
    shutil.copy(video, tmp_path / name)
    assert len(list(PyavReader(tmp_path / name))) == 20


def test_what_is_no_video_is_refused_by_name(tmp_path):
    text = tmp_path / "notes.txt"
    text.write_text("not a video at all\n" * 50)
    noise = tmp_path / "noise.mp4"
    noise.write_bytes(np.random.default_rng(0).bytes(10_000))
    for path in (text, noise):
        with pytest.raises(VideoError, match=path.name):
            open_source(path, fps=25)
    with pytest.raises(VideoError, match=r"must exist, got .*missing\.mp4"):
        open_source(tmp_path / "missing.mp4", fps=25)


# ── time stamps ─────────────────────────────────────────────────────────────────────────────────────────────
def fake_frames(stamps):
    for stamp in stamps:
        frame = av.VideoFrame(2, 2, "gray")
        frame.pts = stamp
        yield frame


def repaired(stamps, *, tick=1):
    rising = RisingStamps(tick)
    return [stamp for _, stamp in rising.over(fake_frames(stamps))], rising


def test_rising_stamps_pass_unchanged():
    stamps, rising = repaired([-3, 0, 5, 6, 100])
    assert stamps == [-3, 0, 5, 6, 100]
    assert (rising.n_moved, rising.n_missing) == (0, 0)


def test_stamps_mixed_up_by_b_frames_are_sorted():
    stamps, rising = repaired([1, 2, 4, 3, 5, 7, 6, 8])
    assert stamps == [1, 2, 3, 4, 5, 6, 7, 8]
    assert rising.n_moved == 4


def test_stamps_that_start_again_go_on_rising():
    stamps, _ = repaired([*range(0, 100, 10), *range(0, 100, 10)], tick=10)
    assert all(a < b for a, b in itertools.pairwise(stamps))


def test_missing_stamps_follow_the_rate():
    stamps, rising = repaired([None, None, None], tick=40)
    assert stamps == [0, 40, 80]
    assert rising.n_missing == 3


@given(st.lists(st.none() | st.integers(-1000, 1000), max_size=40), st.integers(1, 50))
def test_any_stamps_come_out_rising_and_complete(stamps, tick):
    settled, _ = repaired(stamps, tick=tick)
    assert len(settled) == len(stamps)
    assert all(a < b for a, b in itertools.pairwise(settled))


# ── losses ──────────────────────────────────────────────────────────────────────────────────────────────────
def test_a_whole_file_has_no_losses():
    tally = Tally()
    for k in range(10):
        tally.see_packet(k, hidden=False)
        tally.see_frame(k, tick=1, damaged=False, resized=False)
    assert tally.damage() + tally.missing(10, ended_early_s=0) == ()
    assert tally.missing(None, ended_early_s=0) == ()


def test_a_hole_in_a_file_without_a_count_is_a_loss_but_a_variable_rate_is_not():
    steady, variable = Tally(), Tally()
    for stamp in [*range(20), *range(30, 50)]:
        steady.see_frame(stamp, tick=1, damaged=False, resized=False)
    for stamp in np.cumsum([1, 3, 1, 7, 2, 2, 9, 1, 4] * 4):
        variable.see_frame(int(stamp), tick=1, damaged=False, resized=False)
    assert steady.missing(None, ended_early_s=0) == (
        "jumps in time (1) leave room for about 10 missing frames",
    )
    assert variable.missing(None, ended_early_s=0) == ()
