"""A reader keeps its file open between readings: used again, never shared with another process."""

import multiprocessing
import pickle

import numpy as np
import pytest

from vidlab.params.decoding import DecodingParams
from vidlab.video import VideoWriter, pyav_pictures
from vidlab.video.backends import open_backend

N_FRAMES = 12
RULES = DecodingParams(backend="pyav", isolate="never")


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "clip.mp4"
    with VideoWriter(path, size_hw=(32, 48), fps=10, crf=10, preset="medium") as writer:
        for number in range(N_FRAMES):
            writer.write(np.full((32, 48, 3), 20 * number, np.uint8), pts_s=number / 10)
    return path


@pytest.fixture
def opened(monkeypatch):
    """Every file that is opened for ranges, with whether it was closed."""
    seen = []

    class Watched(pyav_pictures.PyavPictures):
        def __init__(self, request):
            super().__init__(request)
            self.is_open = True
            seen.append(self)

        def close(self):
            self.is_open = False
            super().close()

    monkeypatch.setattr(pyav_pictures, "PyavPictures", Watched)
    return seen


def numbers(reader, start, stop):
    return [round(float(frame.image.mean()) / 20) for frame in reader.iter_range(start, stop)]


def test_one_file_serves_reading_after_reading(path, opened):
    reader = open_backend(path, rules=RULES)
    for start, stop in [(5, 8), (0, 3), (0, 3), (9, 12), (2, 5)]:
        assert numbers(reader, start, stop) == list(range(start, stop))
    assert len(opened) == 1


def test_readings_at_the_same_time_have_a_file_each(path, opened):
    reader = open_backend(path, rules=RULES)
    pairs = zip(reader.iter_range(0, 4), reader.iter_range(6, 10), strict=True)
    assert [(a.index, b.index) for a, b in pairs] == [(0, 6), (1, 7), (2, 8), (3, 9)]
    assert [each.is_open for each in opened] == [False, True]


def test_a_reading_that_was_broken_off_leaves_nothing_open(path, opened):
    frames = open_backend(path, rules=RULES).iter_range(0, 8)
    next(frames)
    frames.close()
    assert [each.is_open for each in opened] == [False]


def test_a_pickled_reader_opens_its_own_file(path, opened):
    reader = open_backend(path, rules=RULES)
    assert numbers(reader, 3, 5) == [3, 4]
    assert numbers(pickle.loads(pickle.dumps(reader)), 3, 5) == [3, 4]
    assert len(opened) == 2


def _read_in_child(reader, answers):
    answers.put(numbers(reader, 4, 7))


def test_a_forked_process_opens_its_own_file(path):
    reader = open_backend(path, rules=RULES)
    assert numbers(reader, 3, 5) == [3, 4]
    context = multiprocessing.get_context("fork")
    answers = context.Queue()
    child = context.Process(target=_read_in_child, args=(reader, answers))
    child.start()
    assert answers.get(timeout=30) == [4, 5, 6]
    child.join(30)
    assert child.exitcode == 0
    assert numbers(reader, 3, 5) == [3, 4]
