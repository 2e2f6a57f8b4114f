"""Which videos are meant, what they are called, and which masks belong to each."""

from pathlib import Path

import pytest

from vidlab.batch.sources import MAX_NAME, Source, belonging, find_sources
from vidlab.errors import ParameterError, SourceError


def touch(root: Path, *names: str) -> None:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def found(what: str | Path) -> dict[str, str]:
    return {source.name: source.inner for source in find_sources(what)}


def test_folder_is_searched_for_videos_and_folders_of_images(tmp_path):
    touch(tmp_path, "b.mp4", "a.avi", "notes.txt", ".hidden.mp4", "deep/er/C.MOV")
    touch(tmp_path, "images/00000.jpg", "images/00001.jpg", "dog/frames/0.png", "dog/truth/0.png")
    assert found(tmp_path) == {"a": "a", "b": "b", "C": "deep/er/C", "dog": "dog", "images": "images"}
    (dog,) = (source for source in find_sources(tmp_path) if source.name == "dog")
    assert dog.path == tmp_path / "dog" / "frames"


def test_picture_beside_videos_is_no_clip_and_results_are_no_input(tmp_path):
    touch(
        tmp_path,
        "a.mp4",
        "cover.jpg",
        "out/params.json",
        "out/overlay.mp4",
        "out/masks/0.png",
        "batch/batch.json",
        "batch/x.mp4",
    )
    assert list(found(tmp_path)) == ["a"]


def test_names_are_told_apart_by_folder_then_by_suffix(tmp_path):
    touch(tmp_path, "one/clip.mp4", "two/clip.mp4", "two/clip.avi", "three/other.mp4")
    assert list(found(tmp_path)) == ["one_clip", "other", "two_clip_avi", "two_clip_mp4"]


def test_long_names_are_cut_and_stay_different(tmp_path):
    touch(tmp_path, *(f"{'x' * 200}{number}.mp4" for number in range(3)))
    names = list(found(tmp_path))
    assert len(set(names)) == 3
    assert max(map(len, names)) <= MAX_NAME + 2


def test_list_holds_paths_seen_from_its_own_folder(tmp_path):
    touch(tmp_path, "clips/a.mp4")
    (tmp_path / "list.txt").write_text(f"# mine\n\nclips/a.mp4\n{tmp_path}/gone.mp4\nclips/a.mp4\n")
    assert [source.path for source in find_sources(tmp_path / "list.txt")] == [
        tmp_path / "clips" / "a.mp4",
        tmp_path / "gone.mp4",
    ]


def test_pattern_and_single_file(tmp_path):
    touch(tmp_path, "a1.mp4", "a2.mp4", "b.mp4")
    assert list(found(f"{tmp_path}/a*.mp4")) == ["a1", "a2"]
    assert list(found(tmp_path / "b.mp4")) == ["b"]


def test_nothing_found_is_said(tmp_path):
    with pytest.raises(
        SourceError, match=r"there must be videos in a folder, list or pattern, got none in .*none"
    ):
        find_sources(tmp_path / "none*")
    with pytest.raises(SourceError, match="got none in"):
        find_sources(tmp_path)
    (tmp_path / "list.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SourceError, match=r"list\.txt must be a text file with one path per line"):
        find_sources(tmp_path / "list.txt")


def mine(pattern: Path, *, inner: str = "deep/clip", n_sources: int = 2) -> Path | None:
    source = Source(Path("clip.mp4"), Path(inner).name, inner)
    return belonging(pattern, source, n_sources=n_sources, suffixes=(".json", ".npz"))


def test_masks_are_found_by_inner_path_then_by_name(tmp_path):
    touch(tmp_path, "clip.json")
    assert mine(tmp_path) == tmp_path / "clip.json"
    touch(tmp_path, "deep/clip/00000.png")
    assert mine(tmp_path) == tmp_path / "deep" / "clip"
    assert mine(tmp_path, inner="other") == tmp_path / "other"  # its task says that it is not there


def test_placeholder_stands_for_the_name(tmp_path):
    assert mine(tmp_path / "{name}" / "found.json") == tmp_path / "deep" / "clip" / "found.json"


def test_one_file_of_masks_is_for_one_video(tmp_path):
    touch(tmp_path, "masks.json")
    assert mine(tmp_path / "masks.json", n_sources=1) == tmp_path / "masks.json"
    with pytest.raises(ParameterError, match="several videos must have their own masks, got one file"):
        mine(tmp_path / "masks.json")
