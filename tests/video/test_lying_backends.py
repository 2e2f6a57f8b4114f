"""A backend that lies is found out: its wrong frames never arrive, the right ones do, and it is said."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import av
import numpy as np
import pytest

from vidlab.errors import VideoError
from vidlab.video import PyavReader, VideoWriter
from vidlab.video.pictures import Picture, Request, runs_of
from vidlab.video.pyav_pictures import PyavPictures
from vidlab.video.reader import BackendReader


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    path = tmp_path_factory.mktemp("video") / "made.mp4"
    rng = np.random.default_rng(3)
    with VideoWriter(path, size_hw=(48, 64), fps=25, crf=12, preset="ultrafast") as writer:
        for number in range(20):
            image = np.zeros((48, 64, 3), np.uint8)
            image[:20, :30] = rng.integers(60, 255, 3)
            writer.write(image, pts_s=number / 25)
    return path


class Liar(PyavPictures):
    """PyAV's pictures, spoiled from a position on."""

    spoil_from = 7

    def read(self, positions: Sequence[int]) -> Iterator[Picture]:
        for picture in super().read(positions):
            if picture.position < self.spoil_from:
                yield picture
            else:
                yield from self.spoil(picture)

    def spoil(self, picture: Picture) -> Iterator[Picture]:
        raise NotImplementedError


class StopsSilently(Liar):
    def spoil(self, picture):
        return iter(())


class SkipsAFrame(Liar):
    def spoil(self, picture):
        if picture.position != self.spoil_from:
            yield picture


class RepeatsAFrame(Liar):
    """Its count is right, its own clock shows what it did."""

    def spoil(self, picture):
        yield replace(picture, pts_s=picture.pts_s - 0.04)


class SaysNoTimes(Liar):
    spoil_from = 0

    def spoil(self, picture):
        yield replace(picture, pts_s=None)


class ShowsAnother(Liar):
    spoil_from = 0

    def spoil(self, picture):
        yield replace(picture, image=255 - picture.image)


class ShowsAnotherSize(Liar):
    spoil_from = 0

    def spoil(self, picture):
        yield replace(picture, image=picture.image[::2])


class DecodesNothing(Liar):
    spoil_from = 0

    def spoil(self, picture):
        return iter(())


def read_with(opener, path):
    return BackendReader(path, backend="liar", open_pictures=opener, threads=0, device="cpu")


def assert_right(frames, path, positions=range(20)):
    truth = list(PyavReader(path))
    for frame, position in zip(frames, positions, strict=True):
        assert (frame.index, frame.pts_s) == (position, truth[position].pts_s)
        assert (frame.image == truth[position].image).all()


@pytest.mark.parametrize(
    ("liar", "said"),
    [
        (StopsSilently, "liar gave 7 of 20 frames and no error; the rest was read with pyav"),
        (SkipsAFrame, "liar skipped frame 7; the frames from there on were read with pyav"),
        (RepeatsAFrame, "liar gave a frame of 0.240 s for that of 0.280 s; the frames from there"),
    ],
)
def test_wrong_frames_are_replaced_and_it_is_said(liar, said, video, caplog):
    reader = read_with(liar, video)
    assert_right(reader, video)
    (loss,) = reader.losses
    assert loss.startswith(said)
    assert [record.getMessage() for record in caplog.records] == [f"{video}: {loss}"]
    assert_right(reader.iter_range(5, 12), video, range(5, 12))
    assert reader.losses
    assert_right(reader.frames_at([15, 2, 7]), video, [15, 2, 7])
    assert_right(reader.iter_range(0, 7), video, range(7))
    assert reader.losses == ()


def test_a_backend_without_times_is_counted(video):
    reader = read_with(SaysNoTimes, video)
    assert_right(reader, video)
    assert reader.losses == ()


@pytest.mark.parametrize(
    ("liar", "said"),
    [
        (ShowsAnother, r"liar on .* must show the picture that PyAV shows, got another \(48×64×3, mean diff"),
        (
            ShowsAnotherSize,
            r"got another \(24×64×3, mean difference 255.0 of 255\), perhaps of another stream",
        ),
        (DecodesNothing, r"liar cannot decode frame 0 of .*; use another backend"),
    ],
)
def test_a_backend_that_shows_something_else_is_refused_at_once(liar, said, video):
    with pytest.raises(VideoError, match=said):
        read_with(liar, video)


class TurnsItself(PyavPictures):
    """As some libraries do with the rotation that a file names."""

    def read(self, positions):
        for picture in super().read(positions):
            yield replace(picture, image=np.rot90(picture.image, 2))


@pytest.mark.parametrize("black_start", [False, True])
@pytest.mark.parametrize("opener", [PyavPictures, TurnsItself])
def test_rotation_is_applied_once_whoever_does_it(opener, black_start, video, tmp_path):
    turned = turn_around(video, tmp_path / "turned.mp4", black_start=black_start)
    truth = list(PyavReader(turned))
    assert truth[-1].image[-10:, -10:].mean() > 40
    assert truth[-1].image[:10, :10].mean() < 20
    for frame, expected in zip(read_with(opener, turned), truth, strict=True):
        assert (frame.image == expected.image).all()


def turn_around(video, path, *, black_start):
    """The same video with 180 degrees in its header, its first frames black if so wished."""
    source = path.with_name("upright.mp4")
    with VideoWriter(source, size_hw=(48, 64), fps=25, crf=12, preset="ultrafast") as writer:
        for frame in PyavReader(video):
            image = frame.image * 0 if black_start and frame.index < 4 else frame.image
            writer.write(image, pts_s=frame.pts_s)
    data = bytearray(source.read_bytes())
    one = (1 << 16).to_bytes(4, "big")
    matrix = one + bytes(12) + one + bytes(12) + (1 << 30).to_bytes(4, "big")
    place = data.index(matrix, data.index(b"tkhd"))
    minus = (-(1 << 16) & 0xFFFFFFFF).to_bytes(4, "big")
    data[place : place + 36] = minus + bytes(12) + minus + bytes(12) + (1 << 30).to_bytes(4, "big")
    path.write_bytes(data)
    with av.open(str(path)) as container:
        assert next(container.decode(video=0)).rotation in (180, -180)
    return path


def test_a_request_travels_to_another_process(video):
    import pickle

    reader = read_with(PyavPictures, video)
    request = reader._request(device="cpu")
    again = pickle.loads(pickle.dumps(request))
    assert isinstance(again, Request)
    assert (again.index.stamps == request.index.stamps).all()


@pytest.mark.parametrize(
    ("positions", "runs"),
    [([], []), ([4], [range(4, 5)]), ([1, 2, 3, 4, 5], [range(1, 3), range(3, 5), range(5, 6)])],
)
def test_runs_hold_every_position_once(positions, runs):
    assert list(runs_of(positions, longest=2)) == runs
