"""Frames by number are those that reading from the start gives, on every codec and in any order."""

from itertools import islice

import numpy as np
import pytest
from conftest import REAL, needs_real

from vidlab.errors import VideoError
from vidlab.video import PyavReader
from vidlab.video.clip_reader import PyavClipReader, read_stamps

CLIPS = sorted((REAL / "clips").glob("*")) if REAL.is_dir() else []
FEW = 48  # frames of each clip: enough for a second key frame in most
WHOLE = (
    "nasty_1x1_444.mp4",
    "nasty_editlist_discard.mp4",
    "nasty_nonzero_start.mp4",
    "nasty_single_frame.mp4",
)


@needs_real
@pytest.mark.parametrize(
    "path", [*CLIPS, *(REAL / "nasty" / name for name in WHOLE)], ids=lambda path: path.stem
)
def test_any_frame_is_that_of_reading_from_the_start(path):
    truth = [frame.image for frame in islice(PyavReader(path), FEW)]
    reader = PyavClipReader(path)
    try:
        for start in np.random.default_rng(1).integers(0, len(truth), 4).tolist():
            numbers = [number for number in range(start, start + 5, 2) if number < len(truth)]
            assert np.array_equal(reader.read(numbers), [truth[number] for number in numbers])
    finally:
        reader.close()


@needs_real
def test_number_of_frames_is_what_the_file_holds_not_what_it_declares():
    assert len(read_stamps(REAL / "clips" / "matrix_group_xvid.avi")[0]) == 31
    assert len(read_stamps(REAL / "nasty" / "nasty_editlist_discard.mp4")[0]) == 25


@needs_real
def test_damage_raises_for_the_frame_and_spares_those_before_it():
    reader = PyavClipReader(REAL / "nasty" / "nasty_corrupt_midstream.mp4")
    lost = {}
    for index in range(reader.n_frames):
        try:
            reader.read([index])
        except VideoError as error:
            lost[index] = str(error)
    assert 0 < len(lost) < reader.n_frames / 2
    assert all(f"frame {index} of" in sentence for index, sentence in lost.items())
    reader.close()


@needs_real
def test_guessed_pixels_are_refused_or_kept_as_asked():
    path = REAL / "nasty" / "derived_nasty_bitflip.mp4"
    with pytest.raises(VideoError, match="came out damaged"):
        PyavClipReader(path).read(range(31))
    assert len(PyavClipReader(path, damaged="keep").read(range(31))) == 31


@needs_real
@pytest.mark.parametrize(("numbers", "wish"), [([31], 31), ([-1, 0], -1)])
def test_frame_that_is_not_there_is_refused(numbers, wish):
    reader = PyavClipReader(REAL / "clips" / "matrix_group_h264.mp4")
    with pytest.raises(VideoError, match=f"holds 31 frames, got a wish for frame {wish}"):
        reader.read(numbers)
