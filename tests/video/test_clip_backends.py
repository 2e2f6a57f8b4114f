"""Data sets through every library: the same clips, in worker processes too."""

import pickle

import numpy as np
import pytest

from vidlab.errors import VideoError
from vidlab.jobs.class_films import draw_films
from vidlab.params import ClipParams
from vidlab.params.decoding import DecodingParams
from vidlab.video.backends import BACKENDS, check_backend
from vidlab.video.clip_backends import BackendClipReader, opener
from vidlab.video.dataset import open_clips
from vidlab.video.ucf101 import list_folder

CLIPS = ClipParams(clip_frames=3, clip_stride=2, clip_size=0)
SAME = 2.0  # mean difference of 255, as the backends promise


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    root = tmp_path_factory.mktemp("clips") / "films"
    draw_films(root, classes=["dog", "car"], per_class=1, n_frames=12, size_hw=(96, 128), seed=2)
    return root


@pytest.mark.parametrize("name", BACKENDS)
def test_every_library_gives_the_clips_of_the_default_reader(root, name):
    if check_backend(name).reason:
        pytest.skip(str(check_backend(name).reason))
    catalog = list_folder(root)
    rules = DecodingParams(backend=name, isolate="never", threads=1)
    reader = opener(rules, sample=catalog.videos[0].path)
    ours, others = (
        open_clips(catalog, clips=CLIPS, layout="thwc", cache=None, open_reader=each)
        for each in (None, pickle.loads(pickle.dumps(reader)))
    )
    assert len(others) == len(ours)
    for index in (len(ours) - 1, 0, 2):
        one, other = ours[index], others[index]
        assert (one.label, one.start) == (other.label, other.start)
        assert np.abs(one.frames.astype(int) - other.frames).mean() <= SAME


def test_auto_is_settled_on_the_sample_before_any_worker_starts(root):
    (video, *_) = list_folder(root).videos
    reader = opener(DecodingParams(backend="auto", probe_s=0.2), sample=video.path)
    assert reader.keywords["rules"].backend in BACKENDS


def test_frame_that_is_not_there_is_an_error_of_the_file(root):
    (video, *_) = list_folder(root).videos
    reader = BackendClipReader(video.path, rules=DecodingParams())
    with pytest.raises(VideoError, match="holds 12 frames, got a wish for frame 12"):
        reader.read([11, 12])
    reader.close()
