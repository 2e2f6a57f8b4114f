"""Keys of results: what shapes a result changes them, and nothing else does."""

import os
from pathlib import Path

import pytest

import vidlab
from vidlab.batch import keys
from vidlab.batch.keys import MISSING, ContentHashes, task_key
from vidlab.jobs.record import content_hash


@pytest.fixture
def video(tmp_path):
    path = tmp_path / "clip.mp4"
    path.write_bytes(b"pixels")
    return path


def key(video: Path, **settings: object) -> str:
    return task_key(
        "stabilize", source=video, settings=settings, hashes=ContentHashes(video.parent / "known")
    )


def test_key_does_not_depend_on_names_places_and_times(video, tmp_path):
    before = key(video, alpha=0.3, command=["one"])
    moved = tmp_path / "elsewhere" / "other name.avi"
    moved.parent.mkdir()
    moved.write_bytes(b"pixels")
    os.utime(moved, (1, 1))
    assert key(moved, command=["other", "words"], alpha=0.3) == before
    assert len(before) == 64
    assert set(before) <= set("0123456789abcdef")


def test_key_depends_on_content_parameters_kind_and_version(video, monkeypatch):
    before = key(video, alpha=0.3)
    assert key(video, alpha=0.4) != before
    assert task_key("notebook", source=video, settings={"alpha": 0.3}, hashes=ContentHashes(video)) != before
    with monkeypatch.context() as patched:
        patched.setattr(vidlab, "__version__", "0.0.0")
        assert key(video, alpha=0.3) != before
    video.write_bytes(b"pixelz")
    assert key(video, alpha=0.3) != before


def test_masks_and_weights_count_by_content(video, tmp_path):
    masks = tmp_path / "masks"
    masks.mkdir()
    (masks / "00000.png").write_bytes(b"one")
    before = key(video, masks={"path": str(masks), "probs": False})
    other = tmp_path / "moved"
    masks.rename(other)
    assert key(video, masks={"path": str(other), "probs": False}) == before
    (other / "00001.png").write_bytes(b"two")
    assert key(video, masks={"path": str(other), "probs": False}) != before


def test_missing_files_are_told_apart_and_their_coming_changes_the_key(video, tmp_path):
    one, other = (key(video, masks=str(tmp_path / name)) for name in ("one", "other"))
    assert one != other
    (tmp_path / "one").write_bytes(b"")
    assert key(video, masks=str(tmp_path / "one")) != one
    assert ContentHashes(tmp_path / "known").of(tmp_path / "none") == MISSING


def test_content_is_read_once_until_it_changes(video, tmp_path, monkeypatch):
    read: list[Path] = []

    def counted(path: Path) -> str:
        read.append(path)
        return content_hash(path)

    monkeypatch.setattr(keys, "content_hash", counted)
    hashes = ContentHashes(tmp_path / "known")
    first = hashes.of(video)
    assert hashes.of(video) == first == content_hash(video)
    hashes.save()
    again = ContentHashes(tmp_path / "known")
    assert again.of(video) == first
    assert read == [video]
    said = video.stat()
    video.write_bytes(b"PIXELS")  # as long as before
    os.utime(video, ns=(said.st_atime_ns, said.st_mtime_ns))  # and as if nobody had touched it
    assert again.of(video) != first
    assert read == [video, video]


def test_damaged_memory_is_forgotten(video, tmp_path):
    (tmp_path / "known").write_text("{half")
    assert ContentHashes(tmp_path / "known").of(video) == content_hash(video)
