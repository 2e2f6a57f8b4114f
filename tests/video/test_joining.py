"""Videos joined without decoding: the same pictures, at the right times, in one file."""

from itertools import pairwise

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vidlab.errors import OutputError
from vidlab.video import VideoWriter
from vidlab.video.joining import join_videos

PICTURES = [
    np.random.default_rng(seed).integers(0, 256, (6, 8, 3), np.uint8).repeat(8, 0).repeat(8, 1)
    for seed in range(30)
]


def write(path, times, *, preset):
    with VideoWriter(path, size_hw=(48, 64), fps=25.0, crf=25, preset=preset) as writer:
        for pts_s in times:
            writer.write(PICTURES[round(pts_s * 7) % len(PICTURES)], pts_s=pts_s)
    return path, times[0]


def decoded(path):
    with av.open(str(path)) as container:
        return [(frame.time, frame.to_ndarray().tobytes()) for frame in container.decode(video=0)]


@settings(max_examples=20, deadline=None)
@given(
    steps=st.lists(st.sampled_from([0.001, 0.04, 0.05, 1.3]), min_size=2, max_size=30),
    cuts=st.sets(st.integers(1, 29), max_size=4),
    preset=st.sampled_from(["ultrafast", "veryfast"]),  # without and with frames that wait for later ones
)
def test_joined_parts_play_as_they_did_one_by_one(tmp_path_factory, steps, cuts, preset):
    folder = tmp_path_factory.mktemp("parts")
    times = np.cumsum(steps) + 3.0
    edges = [0, *sorted(cut for cut in cuts if cut < len(times)), len(times)]
    parts = [
        write(folder / f"{first}.mp4", times[first:last].tolist(), preset=preset)
        for first, last in pairwise(edges)
    ]
    join_videos(parts, out=folder / "joined.mp4")
    pictures = [picture for path, _ in parts for _, picture in decoded(path)]
    joined = decoded(folder / "joined.mp4")
    assert [picture for _, picture in joined] == pictures
    assert [time for time, _ in joined] == pytest.approx(list(times - times[0]), abs=3e-5)


def test_joined_video_declares_its_frames_and_its_end(tmp_path):
    parts = [
        write(tmp_path / f"{k}.mp4", [k + i / 25 for i in range(25)], preset="veryfast") for k in range(3)
    ]
    join_videos(parts, out=tmp_path / "joined.mp4")
    with av.open(str(tmp_path / "joined.mp4")) as container:
        stream = container.streams.video[0]
        assert stream.frames == 75
        assert float(stream.duration * stream.time_base) == pytest.approx(3.0)
        assert float(stream.average_rate) == pytest.approx(25)


def test_same_frames_always_give_the_same_file(tmp_path):
    contents = set()
    for number in range(30):
        path, _ = write(tmp_path / f"{number}.mp4", [0.9, 0.98, 1.07, 1.15, 1.24], preset="veryfast")
        contents.add(path.read_bytes())
    assert len(contents) == 1


def test_damaged_part_is_worded(tmp_path):
    part = write(tmp_path / "a.mp4", [0.0, 0.04], preset="ultrafast")
    (tmp_path / "b.mp4").write_bytes(b"no video")
    with pytest.raises(OutputError, match=r"parts of a video must fit together, got .*joined\.mp4"):
        join_videos([part, (tmp_path / "b.mp4", 1.0)], out=tmp_path / "joined.mp4")
