"""Clips matched by the names of their folders."""

import re
from pathlib import Path

import numpy as np
import pytest

from vidlab.errors import SourceError
from vidlab.jobs.clips import ClipPaths, holds_clips, match_clips
from vidlab.masks.png import write_mask_png


def put_masks(folder: Path) -> Path:
    folder.mkdir(parents=True)
    write_mask_png(folder / "00000.png", np.eye(4, dtype=bool))
    return folder


def test_a_folder_of_masks_is_one_clip_and_a_folder_of_such_folders_many(tmp_path):
    put_masks(tmp_path / "many" / "a")
    put_masks(tmp_path / "many" / "b" / "masks")
    assert holds_clips(tmp_path / "many")
    assert not holds_clips(tmp_path / "many" / "a")  # PNGs
    assert not holds_clips(tmp_path / "many" / "b")  # a result folder
    assert not holds_clips(tmp_path)  # deeper than one level
    assert not holds_clips(tmp_path / "none")


def test_a_result_folder_is_one_clip_whatever_else_lies_in_it(tmp_path):
    for name in ("masks", "raw", "plots"):
        put_masks(tmp_path / name)
    assert not holds_clips(tmp_path)


def test_parts_are_found_in_every_layout(tmp_path):
    for name in ("deep", "flat", "film"):
        put_masks(tmp_path / "masks" / name)
        put_masks(tmp_path / "rival" / name)
    put_masks(tmp_path / "data" / "deep" / "truth")
    put_masks(tmp_path / "data" / "deep" / "frames")
    put_masks(tmp_path / "data" / "flat")
    put_masks(tmp_path / "data" / "film")
    (tmp_path / "videos").mkdir()
    for folder, inner in (("deep", "frames"), ("flat", "")):
        (tmp_path / "videos" / folder / inner).mkdir(parents=True)
    (tmp_path / "videos" / "film.webm").touch()
    found, wrong = match_clips(
        tmp_path / "masks", truth=tmp_path / "data", video=tmp_path / "videos", against=tmp_path / "rival"
    )
    assert wrong == {}
    assert list(found) == ["deep", "film", "flat"]
    assert found["deep"].truth == tmp_path / "data" / "deep" / "truth"
    assert found["flat"].truth == tmp_path / "data" / "flat"
    videos = {name: paths.video.relative_to(tmp_path).as_posix() for name, paths in found.items()}
    assert videos == {"deep": "videos/deep/frames", "film": "videos/film.webm", "flat": "videos/flat"}
    assert found["film"].given == [
        tmp_path / "masks" / "film",
        tmp_path / "data" / "film",
        tmp_path / "videos" / "film.webm",
        tmp_path / "rival" / "film",
    ]


def test_only_masks_are_needed(tmp_path):
    put_masks(tmp_path / "a")
    found, wrong = match_clips(tmp_path, truth=None, video=None, against=None)
    assert (found, wrong) == ({"a": ClipPaths(tmp_path / "a", None, None, None)}, {})


@pytest.mark.parametrize(
    ("missing", "sentence"),
    [
        ("masks", "every clip must have masks, got no folder"),
        ("truth", "every clip must have true masks, got neither"),
        ("video", "every clip must have one video, got neither"),
        ("against", "every clip must be there on both sides, got no folder"),
    ],
)
def test_what_one_side_lacks_is_told_for_that_clip_only(tmp_path, missing, sentence):
    roots = {name: tmp_path / name for name in ("masks", "truth", "video", "against")}
    for name, root in roots.items():
        put_masks(root / "whole")
        if name != missing:
            put_masks(root / "torn")
    masks = roots.pop("masks")
    found, wrong = match_clips(masks, **roots)
    assert list(found) == ["whole"]
    assert list(wrong) == ["torn"]
    assert re.match(sentence, wrong["torn"])


def test_a_video_that_nobody_segmented_is_no_clip(tmp_path):
    put_masks(tmp_path / "masks" / "a")
    for name in ("a", "b"):
        put_masks(tmp_path / "video" / name)
    found, wrong = match_clips(tmp_path / "masks", truth=None, video=tmp_path / "video", against=None)
    assert (list(found), wrong) == (["a"], {})


def test_a_folder_without_masks_and_two_videos_of_one_name_are_told(tmp_path):
    put_masks(tmp_path / "masks" / "a")
    (tmp_path / "masks" / "empty").mkdir()
    (tmp_path / "masks" / ".hidden").mkdir()
    (tmp_path / "video").mkdir()
    for name in ("a.mp4", "a.mkv", "empty.mp4"):
        (tmp_path / "video" / name).touch()
    found, wrong = match_clips(tmp_path / "masks", truth=None, video=tmp_path / "video", against=None)
    assert found == {}
    assert "got neither PNGs nor masks/ in" in wrong["empty"]
    assert wrong["a"] == "every clip must have one video, got a.mp4, a.mkv"


def test_sides_must_be_folders(tmp_path):
    put_masks(tmp_path / "masks" / "a")
    with pytest.raises(SourceError, match=r"truth must be a folder with an entry for each clip, got .*none"):
        match_clips(tmp_path / "masks", truth=tmp_path / "none", video=None, against=None)
