"""UCF101's layout: class folders, and the official lists of the splits."""

import pytest
from clip_folder import CLASSES, make_folder

from vidlab.errors import SourceError
from vidlab.params import ClipParams
from vidlab.video.dataset import open_clips
from vidlab.video.ucf101 import find_splits, list_folder, read_split


@pytest.fixture
def root(tmp_path):
    make_folder(tmp_path)
    (tmp_path / ".hidden").mkdir()
    (tmp_path / "notes").mkdir()
    (tmp_path / CLASSES[0] / "readme.txt").touch()
    return tmp_path


def write_lists(root, *, train: str, test: str = "", classes: str = "1 Archery\r\n2 Biking\r\n"):
    folder = root / "ucfTrainTestlist"
    folder.mkdir(exist_ok=True)
    (folder / "classInd.txt").write_text(classes, newline="")
    (folder / "trainlist01.txt").write_text(train, newline="")
    (folder / "testlist01.txt").write_text(test, newline="")
    return folder


def test_class_folders_are_numbered_by_name(root):
    catalog = list_folder(root)
    assert catalog.classes == CLASSES
    assert [(video.path.name, video.label) for video in catalog.videos] == [
        ("v_0.mp4", 0), ("v_1.mp4", 0), ("v_0.mp4", 1), ("v_1.mp4", 1),
    ]  # fmt: skip


def test_folder_of_videos_is_one_class(root):
    catalog = list_folder(root / CLASSES[1])
    assert catalog.classes == (CLASSES[1],)
    assert [video.label for video in catalog.videos] == [0, 0]


def test_split_files_give_their_videos_in_their_order_with_labels_from_0(root):
    splits = write_lists(
        root, train="Biking/v_1.mp4 2\r\nArchery/v_0.mp4 1\r\n\r\n", test="Archery/v_1.mp4\nBiking/v_0.mp4\n"
    )
    assert find_splits(root) == splits
    train = read_split(root, splits, part="train", fold=1)
    assert [(str(video.path.relative_to(root)), video.label) for video in train.videos] == [
        ("Biking/v_1.mp4", 1), ("Archery/v_0.mp4", 0),
    ]  # fmt: skip
    test = read_split(root, splits, part="test", fold=1)
    assert [video.label for video in test.videos] == [0, 1]
    assert {video.path for video in train.videos}.isdisjoint(video.path for video in test.videos)


def test_names_with_spaces_and_backslashes_are_read(root):
    (root / "Archery" / "v 0.mp4").write_bytes((root / "Archery" / "v_0.mp4").read_bytes())
    splits = write_lists(root, train="Archery\\v 0.mp4 1\n")
    (video,) = read_split(root, splits, part="train", fold=1).videos
    assert video.path == root / "Archery" / "v 0.mp4"


def test_listed_video_that_is_not_there_is_missing_and_said(root, caplog):
    splits = write_lists(root, train="Archery/v_0.mp4 1\nArchery/v_9.mp4 1\n")
    catalog = read_split(root, splits, part="train", fold=1)
    assert [path.name for path in catalog.missing] == ["v_9.mp4"]
    dataset = open_clips(catalog, clips=ClipParams(clip_frames=2), layout="thwc", cache=None)
    assert list(dataset.faults) == list(catalog.missing)
    assert "1 videos of the split are not there" in caplog.text


@pytest.mark.parametrize(
    ("lists", "message"),
    [
        ({"train": "Archery/v_0.mp4 2\n"}, "line 1 of .*trainlist01.txt must name CLASS/VIDEO"),
        ({"train": "\nSwimming/v_0.mp4 3\n"}, "line 2 of .*trainlist01.txt must name CLASS/VIDEO"),
        ({"train": "../v_0.mp4 1\n"}, "must name CLASS/VIDEO"),
        ({"train": "Archery/../v_0.mp4 1\n"}, "must name CLASS/VIDEO"),
        ({"train": "v_0.mp4 1\n"}, "must name CLASS/VIDEO"),
        ({"train": "Archery/v_7.mp4 1\n"}, "must name videos that are there, got none of"),
        ({"train": "", "classes": "2 Archery\n"}, "counting from 1, got '2 Archery'"),
        ({"train": "", "classes": ""}, "must list classes, got an empty file"),
    ],
)
def test_malformed_lists_are_refused_with_the_line(root, lists, message):
    splits = write_lists(root, **lists)
    with pytest.raises(SourceError, match=message):
        read_split(root, splits, part="train", fold=1)


@pytest.mark.parametrize(("name", "message"), [("none", "must lie in a folder"), ("notes", "got none in")])
def test_folder_without_videos_is_refused(root, name, message):
    with pytest.raises(SourceError, match=message):
        list_folder(root / name)


def test_missing_list_is_refused(root):
    with pytest.raises(SourceError, match="must be a readable text file"):
        read_split(root, root, part="test", fold=2)
