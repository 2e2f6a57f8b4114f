"""Drawn films in class folders: drawn once, anew for another order, and damaged copies of them."""

import pytest

from vidlab.errors import OutputError
from vidlab.jobs.class_films import copy_with_damage, draw_films
from vidlab.params import ClipParams
from vidlab.video import PyavReader
from vidlab.video.dataset import Clip, LostClip, open_clips
from vidlab.video.ucf101 import list_folder

ORDER = {"classes": ["dog", "car"], "per_class": 1, "n_frames": 6, "size_hw": (48, 64), "seed": 1}


def test_films_are_drawn_once_in_class_folders(tmp_path):
    told = []
    paths = draw_films(tmp_path / "films", progress=lambda *at: told.append(at), **ORDER)
    assert told == [(0, 2), (1, 2), (2, 2)]
    assert list_folder(tmp_path / "films").classes == ("car", "dog")
    assert [len(list(PyavReader(path))) for path in paths] == [6, 6]
    assert paths[0].read_bytes() != paths[1].read_bytes()
    times = [path.stat().st_mtime_ns for path in paths]
    assert draw_films(tmp_path / "films", **ORDER) == paths
    assert [path.stat().st_mtime_ns for path in paths] == times


def test_another_order_replaces_the_films_and_a_strangers_folder_is_not_touched(tmp_path):
    draw_films(tmp_path / "films", **ORDER)
    draw_films(tmp_path / "films", **ORDER | {"classes": ["bird"]})
    assert list_folder(tmp_path / "films").classes == ("bird",)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").touch()
    with pytest.raises(OutputError, match="is not empty"):
        draw_films(tmp_path / "mine", **ORDER)


def test_damaged_copy_still_opens_and_loses_its_later_clips_only(tmp_path):
    films = draw_films(tmp_path / "films", **ORDER | {"n_frames": 30})
    copies = copy_with_damage(films, tmp_path / "copies", damaged=1)
    clips = ClipParams(clip_frames=3, clip_stride=1, clip_size=0)
    dataset = open_clips(list_folder(tmp_path / "copies"), clips=clips, layout="thwc", cache=None)
    assert len(dataset) == 20
    found = [dataset[index] for index in range(20)]
    lost = [item for item in found if isinstance(item, LostClip)]
    assert lost
    assert {item.path for item in lost} == {str(copies[1])}
    kept = [item.start for item in found if isinstance(item, Clip) and item.path == str(copies[1])]
    assert kept
    assert max(kept) < min(item.start for item in lost)
