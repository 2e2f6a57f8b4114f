"""Decoding on a GPU; skipped without one, and the code path around it tested with a stand-in."""

import os
from types import SimpleNamespace

import numpy as np
import pytest

from vidlab.errors import DeviceError
from vidlab.params import DecodingParams
from vidlab.video import PyavReader, VideoWriter, open_backend, pyav_pictures
from vidlab.video import torchcodec as our_torchcodec
from vidlab.video.comparing import PIXEL_TOLERANCE
from vidlab.video.reader import BackendReader

RULES = DecodingParams(isolate="never", device="cuda:0")


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    path = tmp_path_factory.mktemp("video") / "made.mp4"
    with VideoWriter(path, size_hw=(128, 192), fps=25, crf=10, preset="ultrafast") as writer:
        for number in range(24):
            image = np.full((128, 192, 3), 8 * number, np.uint8)
            image[32:64, 4 * number : 4 * number + 48] = (200, 60, 30)
            writer.write(image, pts_s=number / 25)
    return path


def require_gpu():
    torch = pytest.importorskip("torch")
    if torch.cuda.is_available():
        return
    if os.environ.get("REQUIRE_GPU") == "1":
        pytest.fail("REQUIRE_GPU=1, but torch sees no CUDA device")
    pytest.skip("torch sees no CUDA device")


@pytest.mark.gpu
@pytest.mark.parametrize("backend", ["torchcodec", "pyav", "decord"])
def test_frames_of_the_gpu_are_those_of_the_cpu(backend, video):
    require_gpu()
    try:
        decoder = open_backend(video, backend=backend, rules=RULES)
    except DeviceError as error:
        if backend != "decord":  # whose wheel has no CUDA
            raise
        pytest.skip(str(error))
    expected = list(PyavReader(video))
    for frame, truth in zip(decoder, expected, strict=True):
        assert (frame.index, frame.pts_s) == (truth.index, truth.pts_s)
        assert np.abs(frame.image.astype(int) - truth.image).mean() <= PIXEL_TOLERANCE
    assert [frame.index for frame in decoder.frames_at([20, 3, 11])] == [20, 3, 11]
    assert decoder.losses == ()


@pytest.mark.gpu
def test_tensors_stay_on_the_gpu(video):
    require_gpu()
    pytest.importorskip("torchcodec")
    reader = open_backend(video, backend="torchcodec", rules=RULES)
    for tensor, position, pts_s in reader.iter_tensors(range(4, 9)):
        assert tensor.is_cuda
        assert tuple(tensor.shape) == (128, 192, 3)
        assert pts_s == pytest.approx(position / 25)


def test_the_device_reaches_the_library(video, monkeypatch):
    """A stand-in for torchcodec's decoder keeps what it was asked for, and gives frames from `a GPU`."""
    asked = []
    frames = [frame.image for frame in PyavReader(video)]

    class OnDevice:
        def __init__(self, image):
            self.image = image

        def cpu(self):
            return SimpleNamespace(numpy=lambda: self.image)

    class Decoder:
        def __init__(self, path, **settings):
            asked.append(settings)

        def __len__(self):
            return len(frames)

        def get_frame_at(self, position):
            return SimpleNamespace(data=OnDevice(frames[position]), pts_seconds=position / 25)

    library = SimpleNamespace(decoders=SimpleNamespace(VideoDecoder=Decoder))
    monkeypatch.setattr(our_torchcodec, "_import", lambda: library)
    reader = BackendReader(
        video, backend="torchcodec", open_pictures=our_torchcodec.open_pictures, threads=2, device="cuda:1"
    )
    for frame, image in zip(reader, frames, strict=True):
        assert (frame.image == image).all()
    assert asked[0]["device"] == "cuda:1"
    assert asked[0]["num_ffmpeg_threads"] == 2
    assert all(isinstance(tensor, OnDevice) for tensor, _, _ in reader.iter_tensors(range(3)))


def test_pyav_asks_for_the_device_and_allows_no_silent_fallback(monkeypatch):
    monkeypatch.setattr(pyav_pictures, "HWAccel", lambda **settings: settings)
    monkeypatch.setattr(pyav_pictures, "hwdevices_available", lambda: ["cuda"])
    wanted = {"device_type": "cuda", "device": "1", "allow_software_fallback": False}
    assert pyav_pictures.hardware("cuda:1") == wanted
    assert pyav_pictures.hardware("cuda") == {**wanted, "device": None}
    assert pyav_pictures.hardware("cpu") is None


def test_a_build_without_the_device_says_so(monkeypatch):
    monkeypatch.setattr(pyav_pictures, "hwdevices_available", lambda: ["drm"])
    with pytest.raises(DeviceError, match="pyav decodes on cuda only if its FFmpeg was built for it"):
        pyav_pictures.hardware("cuda")
