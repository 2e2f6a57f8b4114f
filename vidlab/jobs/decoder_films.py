"""One film in many forms: codecs, and what decoders stumble over; made from any video, for comparing them."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

import av

from vidlab.errors import ParameterError
from vidlab.types import Frame
from vidlab.video import open_backend
from vidlab.viz.overlay import resize_image

TICKS_PER_S = 90_000
os.environ.setdefault("SVT_LOG", "1")  # else the AV1 encoder tells all its settings
KEY_DISTANCE = 24  # frames; a second, as cameras and web services encode
MATRIX_BYTES = 36
ONE = (1 << 16).to_bytes(4, "big")
MINUS_ONE = (-(1 << 16) & 0xFFFFFFFF).to_bytes(4, "big")
LAST = (1 << 30).to_bytes(4, "big")
UPRIGHT = ONE + bytes(12) + ONE + bytes(12) + LAST  # a track's display matrix as MP4 stores it
UPSIDE_DOWN = MINUS_ONE + bytes(12) + MINUS_ONE + bytes(12) + LAST

Codec = tuple[str, str, dict[str, str]]  # FFmpeg's encoder, ending of the file, options
CODECS: dict[str, Codec] = {
    "H.264": ("libx264", ".mp4", {"preset": "veryfast", "crf": "20"}),
    "HEVC": ("libx265", ".mp4", {"preset": "ultrafast", "crf": "24", "x265-params": "log-level=none"}),
    "MPEG-4": ("mpeg4", ".avi", {"qscale": "4"}),
    "VP9": ("libvpx-vp9", ".webm", {"deadline": "realtime", "cpu-used": "8", "crf": "32", "b": "0"}),
    "AV1": ("libsvtav1", ".mp4", {"preset": "12", "crf": "40"}),
}


def make_films(
    video: str | Path, *, folder: Path, n_frames: int, size_hw: tuple[int, int]
) -> tuple[dict[str, Path], dict[str, str]]:
    """Encode a video in every codec of `CODECS` that this build of FFmpeg has.

    Args:
        video: Any video; it is played again from its start until there are enough frames.
        folder: Where the files go.
        n_frames: Frames of each film.
        size_hw: Their height and width, even, in pixels.

    Returns:
        File of each film by codec; why each other codec is missing.

    Raises:
        VideoError: The video cannot be read.
    """
    made, missing = {}, {}
    for name, (encoder, ending, options) in CODECS.items():
        if encoder not in av.codecs_available:
            missing[name] = f"this FFmpeg has no {encoder}"
            continue
        path = folder / f"{name.replace('.', '').lower()}{ending}"
        times = ((k / 24) for k in range(n_frames))
        _encode(video, path, encoder=encoder, options=options, times=times, size_hw=size_hw)
        made[name] = path
    return made, missing


def make_traps(
    video: str | Path, *, folder: Path, n_frames: int, size_hw: tuple[int, int]
) -> dict[str, Path]:
    """Make films that decoders stumble over: uneven times, turned, late, damaged.

    Args:
        video: Any video, as for `make_films`.
        folder: Where the files go.
        n_frames: Frames of each film.
        size_hw: Their height and width, even, in pixels.

    Raises:
        VideoError: The video cannot be read.
    """
    encoder, _, options = CODECS["H.264"]
    uneven = [0.0]
    for k in range(1, n_frames):
        uneven.append(uneven[-1] + (0.1 if k % 5 == 0 else 0.03))
    even = [k / 24 for k in range(n_frames)]
    films = {}
    plans = {"uneven times": uneven, "starts at 8.33 s": [8.33 + each for each in even], "plain": even}
    for name, times in plans.items():
        films[name] = folder / f"{name.replace(' ', '_').replace('.', '')}.mp4"
        _encode(video, films[name], encoder=encoder, options=options, times=iter(times), size_hw=size_hw)
    plain = films.pop("plain")
    spoiled: dict[str, Callable[[bytes], bytes]] = {"stored upside down": _turned, "damaged inside": _damaged}
    for name, spoil in spoiled.items():
        films[name] = folder / f"{name.replace(' ', '_')}.mp4"
        films[name].write_bytes(spoil(plain.read_bytes()))
    return films


def _encode(
    video: str | Path,
    path: Path,
    *,
    encoder: str,
    options: dict[str, str],
    times: Iterator[float],
    size_hw: tuple[int, int],
) -> None:
    if any(side % 2 for side in size_hw):
        raise ParameterError(f"size_hw must be even, got {size_hw}")
    container_options = {"movflags": "+faststart"}
    with _scheduling_kept(), av.open(str(path), "w", container_options=container_options) as target:
        stream: Any = target.add_stream(encoder, rate=24, options={**options, "g": str(KEY_DISTANCE)})
        stream.height, stream.width = size_hw
        stream.pix_fmt = "yuv420p"
        if path.suffix != ".avi":  # which knows only frames per second
            stream.codec_context.time_base = stream.time_base = Fraction(1, TICKS_PER_S)
        for number, (frame, pts_s) in enumerate(zip(_forever(video), times, strict=False)):
            picture = av.VideoFrame.from_ndarray(resize_image(frame.image, size_hw=size_hw), format="rgb24")
            picture.pts = number if path.suffix == ".avi" else round(pts_s * TICKS_PER_S)
            target.mux(stream.encode(picture))
        target.mux(stream.encode(None))


@contextmanager
def _scheduling_kept() -> Iterator[None]:
    """Keep the priority of this thread: for root, SVT-AV1 makes it real-time, and nobody else gets a turn."""
    if not hasattr(os, "sched_getscheduler"):  # macOS
        yield
        return
    policy, param = os.sched_getscheduler(0), os.sched_getparam(0)
    try:
        yield
    finally:
        os.sched_setscheduler(0, policy, param)


def _forever(video: str | Path) -> Iterator[Frame]:
    decoder = open_backend(video, backend="pyav")
    while True:
        yield from decoder


def _turned(data: bytes) -> bytes:
    place = data.index(UPRIGHT, data.index(b"tkhd"))
    return data[:place] + UPSIDE_DOWN + data[place + MATRIX_BYTES :]


def _damaged(data: bytes) -> bytes:
    """Overwrite some of the pictures two thirds into the file, and leave its index alone."""
    place = data.index(b"mdat") + 2 * (len(data) - data.index(b"mdat")) // 3
    return data[:place] + bytes(400) + data[place + 400 :]
