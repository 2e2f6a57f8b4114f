"""Every backend gives PyAV's frames, times and pixels, from start and middle, or says that it cannot."""

from pathlib import Path

import av
import numpy as np
import pytest
from conftest import REAL, needs_real

from vidlab.errors import DeviceError, MissingExtraError, ParameterError, VideoError
from vidlab.params import DecodingParams
from vidlab.video import PyavReader, VideoWriter, backends, open_backend
from vidlab.video.backends import BACKENDS, Caution, check_backend, check_backends, concerns
from vidlab.video.comparing import PIXEL_TOLERANCE
from vidlab.video.decode import VP8_SHOWN

SIZE_HW = (64, 128)  # decord takes the padding of narrow pictures for pixels
IN_PROCESS = DecodingParams(isolate="never")
QUICK = [
    "derived_group_av1.mp4", "matrix_group_h264.mp4", "matrix_group_xvid.avi", "mma_makeup_mpeg4_bframes.avi",
    "tc_nasa_13013.mp4",
]  # fmt: skip
LONGER = [
    "derived_group_vp9.webm", "derived_hikers_vfr.mp4", "intel_car_detection.mp4", "matrix_group_hevc.mp4",
    "matrix_group_mpeg4.mp4", "matrix_group_vp8.webm", "mpy_chaplin_bw.mp4", "mpy_phone_vfr_rot180.mp4",
    "ompf_face_rotated90.mp4", "ompf_ferrari_1080p.mp4", "ompf_hikers.mp4", "sam2_dog.mp4",
]  # fmt: skip
NASTY = ["nasty_editlist_discard.mp4", "nasty_nonzero_start.mp4", "nasty_single_frame.mp4",
         "nasty_vfr_sparse.avi", "nasty_1x1_444.mp4"]  # fmt: skip
# What a backend cannot read, and what it says about it.
REFUSED = {
    ("opencv", "derived_group_av1.mp4"): "announces 31 frames of .* and can decode none",
    ("decord", "derived_group_av1.mp4"): "decord cannot open",
    ("decord", "tc_nasa_13013.mp4"): "counts 390 frames in .*, which shows 325",
    ("decord", "nasty_editlist_discard.mp4"): "counts 30 frames in .*, which shows 25",
    ("decord", "nasty_1x1_444.mp4"): "decord",
    ("torchcodec", "mma_makeup_mpeg4_bframes.avi"): "time stamps, and those of .* step back",
    (
        "torchcodec",
        "nasty_vfr_sparse.avi",
    ): "a frame of 2.206 s for that of 1.076 s of .*; use another backend",
}
# Where a backend takes good frames for bad ones now and then, by what its memory held before.
FALLS_BACK = {("decord", "nasty_vfr_sparse.avi")}


def usable(name):
    found = check_backend(name)
    if found.reason:
        pytest.skip(found.reason)


def same_frames(frames, expected):
    for frame, truth in zip(frames, expected, strict=True):
        assert (frame.index, frame.pts_s) == (truth.index, truth.pts_s)
        assert frame.image.shape == truth.image.shape
        assert np.abs(frame.image.astype(np.int16) - truth.image).mean() <= PIXEL_TOLERANCE


@needs_real
@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    "name",
    [*(f"clips/{name}" for name in QUICK), *(f"nasty/{name}" for name in NASTY),
     *(pytest.param(f"clips/{name}", marks=pytest.mark.slow) for name in LONGER)],
)  # fmt: skip
def test_every_backend_gives_the_frames_of_pyav_or_refuses(backend, name):
    usable(backend)
    path, key = REAL / name, (backend, Path(name).name)
    if key in REFUSED:
        with pytest.raises(VideoError, match=REFUSED[key]):
            open_backend(path, backend=backend, rules=IN_PROCESS)
        return
    expected = list(PyavReader(path))
    decoder = open_backend(path, backend=backend, rules=IN_PROCESS)
    assert (decoder.backend, len(decoder)) == (backend, len(expected))
    same_frames(decoder, expected)
    if key not in FALLS_BACK:
        assert not any("read with pyav" in loss for loss in decoder.losses)
    middle, end = len(expected) // 2, min(len(expected), len(expected) // 2 + 9)
    same_frames(decoder.iter_range(middle, end), expected[middle:end])
    chosen = np.random.default_rng(len(expected)).integers(0, len(expected), 5).tolist()
    same_frames(decoder.frames_at(chosen), [expected[index] for index in chosen])


@needs_real
@pytest.mark.parametrize("backend", BACKENDS)
def test_a_file_that_stops_a_backend_is_read_to_its_end(backend):
    usable(backend)
    path = REAL / "nasty/nasty_corrupt_midstream.mp4"
    decoder = open_backend(path, backend=backend, rules=IN_PROCESS)
    times = [frame.pts_s for frame in decoder]
    assert times == pytest.approx([k / 10 for k in range(50) if k != 30])
    assert any("could not be decoded" in loss for loss in decoder.losses)
    assert any("read with pyav" in loss for loss in decoder.losses) == (backend != "pyav")


@needs_real
def test_a_frame_that_cannot_be_decoded_is_an_error_when_asked_for():
    decoder = open_backend(REAL / "nasty/nasty_corrupt_midstream.mp4", backend="pyav")
    with pytest.raises(VideoError, match=r"frame 30 of .* cannot be decoded"):
        decoder.frames_at([29, 30])
    assert [frame.index for frame in decoder.iter_range(28, 33)] == [28, 29, 31, 32]


@pytest.fixture(scope="module")
def numbered(tmp_path_factory):
    """Frames of uneven length whose gray level is their number, with several key frames."""
    path = tmp_path_factory.mktemp("video") / "numbered.mp4"
    times = np.cumsum(np.random.default_rng(2).uniform(0.02, 0.2, 48))
    with VideoWriter(path, size_hw=SIZE_HW, fps=10, crf=10, preset="medium") as writer:
        for number, pts_s in enumerate(times - times[0]):
            writer.write(np.full((*SIZE_HW, 3), 5 * number, np.uint8), pts_s=float(pts_s))
    short_groups = path.with_name("groups.mkv")
    with av.open(str(path)) as source, av.open(str(short_groups), "w") as target:
        stream = target.add_stream("libx264", rate=10, options={"g": "9", "bf": "3"})
        stream.height, stream.width = SIZE_HW
        stream.codec_context.time_base = stream.time_base = source.streams.video[0].time_base
        for frame in source.decode(video=0):
            frame.pict_type = 0
            target.mux(stream.encode(frame))
        target.mux(stream.encode(None))
    return short_groups


@pytest.mark.parametrize("backend", BACKENDS)
def test_frames_from_the_middle_are_the_ones_asked_for(backend, numbered):
    usable(backend)
    decoder = open_backend(numbered, backend=backend, rules=IN_PROCESS)
    for start, stop in [(0, 5), (17, 23), (40, 48), (26, 26), (8, 10)]:
        numbers = [round(frame.image.mean() / 5) for frame in decoder.iter_range(start, stop)]
        assert numbers == list(range(start, stop))
    indices = [47, 3, 21, 21, 0, 20]
    frames = decoder.frames_at(indices)
    assert [frame.index for frame in frames] == indices
    assert [round(frame.image.mean() / 5) for frame in frames] == indices
    clip = decoder.clip(4, n_frames=5, stride=7)
    assert (clip.shape, clip.dtype) == ((5, *SIZE_HW, 3), np.uint8)
    assert [round(image.mean() / 5) for image in clip] == [4, 11, 18, 25, 32]
    assert decoder.losses == ()


def test_a_file_without_times_is_left_to_pyav(numbered, tmp_path):
    bare = tmp_path / "bare.h264"
    with av.open(str(numbered)) as source, av.open(str(bare), "w", format="h264") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.size:
                packet.stream = stream
                target.mux(packet)
    expected = list(PyavReader(bare))
    decoder = open_backend(bare, backend="pyav")
    assert len(decoder) == len(expected)
    same_frames(decoder.iter_range(11, 30), expected[11:30])
    same_frames(decoder.frames_at([40, 3]), [expected[40], expected[3]])
    with pytest.raises(VideoError, match="missing or repeat, and only pyav can tell its frames apart"):
        open_backend(bare, backend="opencv")


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("threads", [1, 2])
def test_threads_change_nothing_but_speed(backend, threads, numbered):
    usable(backend)
    rules = IN_PROCESS.model_copy(update={"threads": threads})
    same_frames(open_backend(numbered, backend=backend, rules=rules), PyavReader(numbered))


def test_what_lies_outside_the_file_is_refused(numbered):
    decoder = open_backend(numbered, backend="pyav")
    with pytest.raises(ParameterError, match=r"a range must lie in \[0, 48\] of .*, got 40 to 49"):
        decoder.iter_range(40, 49)
    with pytest.raises(ParameterError, match=r"frames must lie in \[0, 48\) of .*, got -1"):
        decoder.frames_at([0, -1])


def test_hidden_reference_frames_do_not_count(tmp_path):
    """VP8 packets that are decoded and never shown; libvpx makes them in long films; here one is."""
    path = tmp_path / "hidden.webm"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libvpx", rate=25)
        stream.width, stream.height, stream.pix_fmt = 128, 96, "yuv420p"
        frames = [av.VideoFrame.from_ndarray(np.full((96, 128, 3), 6 * k, np.uint8)) for k in range(30)]
        for pts, frame in enumerate(frames):
            frame.pts = pts
        for packet in [packet for frame in [*frames, None] for packet in stream.encode(frame)]:
            data = bytearray(bytes(packet))
            if packet.pts == 11:
                data[0] &= ~VP8_SHOWN
            hidden = av.Packet(bytes(data))
            hidden.pts, hidden.dts, hidden.time_base = packet.pts, packet.dts, packet.time_base
            hidden.stream, hidden.is_keyframe = stream, packet.is_keyframe
            container.mux(hidden)
    expected = list(PyavReader(path))
    assert len(expected) == 29
    decoder = open_backend(path, backend="opencv")
    assert len(decoder) == 29
    same_frames(decoder, expected)
    same_frames(open_backend(path, backend="pyav").iter_range(9, 20), expected[9:20])


def test_an_unknown_backend_is_refused_with_the_names_of_the_others(numbered):
    with pytest.raises(
        ParameterError, match="unknown backend 'ffms2'; choose from: auto, pyav, opencv, decord"
    ):
        open_backend(numbered, backend="ffms2")


def test_a_backend_that_is_not_installed_names_the_extra(numbered, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "decord", None)
    with pytest.raises(MissingExtraError, match=r"vidlab\[decoders\]"):
        open_backend(numbered, backend="decord", rules=IN_PROCESS)
    found = {each.name: each for each in check_backends()}
    assert "pip install" in found["decord"].reason
    assert found["pyav"].reason is None


@pytest.mark.parametrize("backend", ["opencv", "pyav", "decord", "torchcodec"])
def test_a_device_that_is_not_here_is_said(backend, numbered):
    usable(backend)
    if backend != "opencv":
        torch = pytest.importorskip("torch")
        if torch.cuda.is_available():
            pytest.skip("there is one")
    rules = IN_PROCESS.model_copy(update={"device": "cuda"})
    with pytest.raises((DeviceError, VideoError), match="cuda"):
        open_backend(numbered, backend=backend, rules=rules)


def test_versions_that_hang_or_lie_are_warned_of(monkeypatch):
    monkeypatch.setattr(backends, "_version", lambda names: "0.6.0" if "decord" in names else "0.9.1")
    decord, torchcodec = check_backend("decord"), check_backend("torchcodec")
    assert decord.risky
    assert any("hang" in warning for warning in decord.warnings)
    assert not torchcodec.risky
    assert any("turn" in warning for warning in torchcodec.warnings)
    monkeypatch.setattr(backends, "_version", lambda names: "0.17.0+cu130")
    assert not any("turn" in warning for warning in check_backend("torchcodec").warnings)


def test_versions_are_compared_as_numbers():
    assert concerns(Caution("0.11", ""), "0.9")
    assert not concerns(Caution("0.9", ""), "0.11")
    assert concerns(Caution("0.9", ""), None)


def test_risky_backends_get_a_process_of_their_own_by_default(numbered):
    usable("decord")
    decoder = open_backend(numbered, backend="decord")
    assert type(decoder).__name__ == "IsolatedReader"
    same_frames(decoder, PyavReader(numbered))
    assert decoder.backend == "decord"
