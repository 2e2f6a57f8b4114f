"""Every file of ../shared/real: the frames it truly holds, and a word about every loss.

Counts, sizes and times were measured with `ffprobe -count_frames` and single-threaded decoding.
"""

import logging
import shutil
import subprocess
from dataclasses import dataclass, field

import numpy as np
import pytest
from conftest import REAL, needs_real

from vidlab.errors import VideoError
from vidlab.video import PyavReader, open_source


@dataclass
class Known:
    name: str
    n_frames: int
    size_hw: tuple[int, int]
    codec: str
    fps: float
    first_s: float
    last_s: float
    rotation_deg: int = 0
    losses: list[str] = field(default_factory=list)  # a part of each sentence, in order


CLIPS = [
    Known("clips/derived_group_av1.mp4", 31, (480, 640), "av1", 29.97, 0, 1.001),
    Known("clips/derived_group_vp9.webm", 31, (480, 640), "vp9", 29.97, 0, 1.001),
    Known("clips/derived_hikers_vfr.mp4", 80, (480, 640), "h264", 16.091, 0, 4.938267),
    Known("clips/intel_car_detection.mp4", 377, (432, 768), "h264", 12.5, 0, 30.08),
    Known("clips/matrix_group_h264.mp4", 31, (480, 640), "h264", 29.97, 0, 1.001),
    Known("clips/matrix_group_hevc.mp4", 31, (480, 640), "hevc", 29.97, 0, 1.001),
    Known("clips/matrix_group_mpeg4.mp4", 31, (480, 640), "mpeg4", 29.97, 0, 1.001),
    Known("clips/matrix_group_vp8.webm", 31, (480, 640), "vp8", 29.97, 0.007, 1.008),
    Known(
        "clips/matrix_group_xvid.avi", 31, (480, 640), "mpeg4", 29.97, 0, 1.034367,
        losses=["the file declares 32 frames but holds 31"],
    ),
    Known(
        "clips/mma_makeup_mpeg4_bframes.avi", 164, (240, 320), "mpeg4", 25, 0.04, 6.56,
        losses=["time stamps step back; those of 108 of 164 frames were repaired to rise"],
    ),
    Known("clips/mpy_chaplin_bw.mp4", 241, (360, 640), "h264", 25, 0, 9.6),
    Known("clips/mpy_phone_vfr_rot180.mp4", 25, (720, 1280), "h264", 10.505, 0, 2.279844, 180),
    Known("clips/ompf_face_rotated90.mp4", 511, (480, 640), "h264", 29.97, 0, 17.017, 270),
    Known("clips/ompf_ferrari_1080p.mp4", 12, (1080, 1920), "h264", 23.976, 0, 0.458792),
    Known("clips/ompf_hikers.mp4", 521, (480, 640), "h264", 29.97, 0, 17.350667),
    Known("clips/sam2_dog.mp4", 289, (720, 1280), "h264", 29.97, 0, 9.6096),
    Known("clips/tc_nasa_13013.mp4", 325, (180, 320), "h264", 25, 0, 12.96),
]  # fmt: skip
LONG = [Known("clips/intel_one_by_one_person.mp4", 1394, (432, 768), "h264", 10, 0, 139.3)]
NASTY = [
    Known(
        "nasty/derived_nasty_bitflip.mp4", 31, (480, 640), "h264", 29.97, 0, 1.001,
        losses=["of 31 frames came out damaged"],
    ),
    Known("nasty/nasty_1x1_444.mp4", 5, (1, 1), "h264", 1, 0, 4),
    Known(
        "nasty/nasty_corrupt_midstream.mp4", 49, (720, 1280), "h264", 10, 0, 4.9,
        losses=["1 of 49 frames came out damaged", "1 of 50 frames could not be decoded (Invalid data"],
    ),
    Known("nasty/nasty_editlist_discard.mp4", 25, (64, 64), "h264", 25, 0, 0.96),
    Known("nasty/nasty_nonzero_start.mp4", 12, (112, 200), "h264", 30, 8.333008, 8.699674),
    Known("nasty/nasty_single_frame.mp4", 1, (64, 64), "mpeg4", 25, 0, 0),
    Known(
        "nasty/nasty_vfr_sparse.avi", 3, (480, 852), "h264", 18.583, 1.076233, 2.26009,
        losses=["the file declares 42 frames but holds 3"],
    ),
]  # fmt: skip


@needs_real
@pytest.mark.parametrize(
    "known",
    [*CLIPS, *NASTY, *(pytest.param(known, marks=pytest.mark.slow) for known in LONG)],
    ids=lambda known: known.name,
)
def test_file_gives_the_frames_it_truly_holds_and_says_what_is_lost(known, caplog):
    with caplog.at_level(logging.WARNING, logger="vidlab"):
        reader = PyavReader(REAL / known.name)
        assert not caplog.records
        times = []
        for index, frame in enumerate(reader):
            assert frame.index == index
            assert (frame.image.shape, frame.image.dtype) == ((*known.size_hw, 3), np.uint8)
            times.append(frame.pts_s)
    assert len(times) == known.n_frames
    assert np.all(np.diff(times) > 0)
    assert (times[0], times[-1]) == pytest.approx((known.first_s, known.last_s), abs=1e-5)
    info = reader.info
    assert (info.size_hw, info.codec, info.rotation_deg) == (known.size_hw, known.codec, known.rotation_deg)
    assert info.fps == pytest.approx(known.fps, abs=1e-3)
    assert len(reader.losses) == len(known.losses)
    for loss, part in zip(reader.losses, known.losses, strict=True):
        assert part in loss
    assert [record.getMessage() for record in caplog.records] == [
        f"{REAL / known.name}: {loss}" for loss in reader.losses
    ]


@needs_real
@pytest.mark.parametrize(
    ("name", "cause"),
    [
        ("nasty_no_moov.mp4", "its index (moov) is missing"),
        ("nasty_empty.webm", "empty (0 bytes)"),
        ("nasty_audio_only.mp4", "holds only audio"),
    ],
)
def test_file_without_frames_is_refused_in_one_line_naming_it(name, cause):
    with pytest.raises(VideoError) as caught:
        open_source(REAL / "nasty" / name, fps=25)
    message = str(caught.value)
    assert name in message
    assert cause in message
    assert "\n" not in message


@needs_real
def test_every_real_file_is_in_the_tables():
    named = {known.name for known in [*CLIPS, *LONG, *NASTY]}
    refused = {"nasty/nasty_no_moov.mp4", "nasty/nasty_empty.webm", "nasty/nasty_audio_only.mp4"}
    found = {
        str(path.relative_to(REAL)) for folder in ("clips", "nasty") for path in (REAL / folder).iterdir()
    }
    assert found == named | refused


@needs_real
@pytest.mark.skipif(not shutil.which("ffmpeg"), reason="needs the ffmpeg command")
@pytest.mark.parametrize(
    "name",
    [
        "ompf_face_rotated90.mp4",  # turned by the display matrix
        "mpy_phone_vfr_rot180.mp4",
        "sam2_dog.mp4",  # BT.709
        "intel_car_detection.mp4",  # BT.601
        "ompf_ferrari_1080p.mp4",  # names no color matrix
    ],
)
def test_first_frame_has_the_pixels_that_ffmpeg_shows(name):
    path = REAL / "clips" / name
    command = ["ffmpeg", "-v", "quiet", "-nostdin", "-i", str(path), "-frames:v", "1"]
    raw = subprocess.run([*command, "-f", "rawvideo", "-pix_fmt", "rgb24", "-"], capture_output=True).stdout
    image = next(iter(PyavReader(path))).image
    shown = np.frombuffer(raw, np.uint8).reshape(image.shape)
    assert np.abs(image.astype(int) - shown).mean() < 0.5  # another swscale may round otherwise


@needs_real
def test_frames_before_and_after_a_damaged_packet_are_kept():
    times = [frame.pts_s for frame in PyavReader(REAL / "nasty/nasty_corrupt_midstream.mp4")]
    assert times == pytest.approx([k / 10 for k in range(50) if k != 30])


@needs_real
def test_a_damaged_end_costs_only_the_damaged_frames(tmp_path):
    """Decoder threads that hold good frames when a late packet is refused must not lose them."""
    data = bytearray((REAL / "nasty/nasty_nonzero_start.mp4").read_bytes())
    rng = np.random.default_rng(8)
    for k in rng.integers(int(len(data) * 0.75), int(len(data) * 0.93), 20):
        data[k] = int(rng.integers(256))
    path = tmp_path / "damaged.mp4"
    path.write_bytes(data)
    reader = PyavReader(path)
    n_frames = len(list(reader))
    assert n_frames == single_threaded_count(path)
    assert reader.losses


def single_threaded_count(path):
    import av

    n_frames = 0
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.thread_type = "NONE"
        stream.codec_context.thread_count = 1
        for packet in container.demux(stream):
            try:
                n_frames += len(packet.decode())
            except av.FFmpegError:
                continue
    return n_frames


@needs_real
@pytest.mark.parametrize("name", ["derived_group_vp9.webm", "matrix_group_vp8.webm", "matrix_group_xvid.avi"])
def test_a_cut_file_is_not_silent_about_it(name, tmp_path):
    data = (REAL / "clips" / name).read_bytes()
    path = tmp_path / name
    path.write_bytes(data[: len(data) * 9 // 10])
    reader = PyavReader(path)
    assert 0 < len(list(reader)) < 31
    assert reader.losses
