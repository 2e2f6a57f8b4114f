"""Which videos there are, and of which class: class folders, and the official split files of UCF101."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from vidlab.errors import SourceError

VIDEO_SUFFIXES = (".mp4", ".mkv", ".mov", ".avi", ".webm", ".m4v", ".mpg", ".mpeg", ".ts", ".y4m", ".gif")
CLASS_FILE = "classInd.txt"

Part = Literal["train", "test"]


@dataclass(frozen=True, slots=True)
class LabeledVideo:
    """A video file and its class.

    Attributes:
        path: The file.
        label: Its class, from 0.
    """

    path: Path
    label: int


@dataclass(frozen=True, slots=True)
class Catalog:
    """The videos of a data set.

    Attributes:
        videos: In a fixed order: by class, then by name; of a split file in the order of its lines.
        classes: Name of each label.
        missing: Files that a split names and that are not there.
    """

    videos: tuple[LabeledVideo, ...]
    classes: tuple[str, ...]
    missing: tuple[Path, ...] = ()


def list_folder(root: Path) -> Catalog:
    """List the videos of a folder with a folder for each class; the classes are numbered by name.

    A folder that holds videos itself is one class of its own name.

    Raises:
        SourceError: There is no such folder, or no video in it.
    """
    if not root.is_dir():
        raise SourceError(f"videos must lie in a folder, got {root}; check the path")
    own = _videos_of(root)
    folders = [path for path in _visible(root) if path.is_dir() and _videos_of(path)]
    if not own and not folders:
        raise SourceError(
            f"a folder must hold videos ({', '.join(VIDEO_SUFFIXES)}) or class folders, got none in {root}"
        )
    if own:
        return Catalog(tuple(LabeledVideo(path, 0) for path in own), (root.resolve().name,))
    videos = [
        LabeledVideo(path, label) for label, folder in enumerate(folders) for path in _videos_of(folder)
    ]
    return Catalog(tuple(videos), tuple(folder.name for folder in folders))


def read_split(root: Path, splits: Path, *, part: Part, fold: int) -> Catalog:
    """List the videos of one part of an official split, in the layout of UCF101.

    `classInd.txt` numbers the classes from 1, `trainlist01.txt` names a video and its class in each line,
    `testlist01.txt` a video. Labels here start at 0, and a video's class is that of its folder.

    Args:
        root: Folder with a folder for each class.
        splits: Folder with the lists.
        part: Which list.
        fold: Which of the official splits, 1 to 3.

    Raises:
        SourceError: A list is missing or malformed, or names no video that is there.
    """
    classes = _read_classes(splits / CLASS_FILE)
    listed = splits / f"{part}list{fold:02d}.txt"
    videos: list[LabeledVideo] = []
    missing: list[Path] = []
    for number, line in _lines(listed):
        found = re.fullmatch(r"([^/\\]+)[/\\]([^/\\]+?)(?:\s+(\d+))?", line)
        if not found or found[1] not in classes or (found[3] and int(found[3]) != classes[found[1]]):
            raise SourceError(
                f"line {number} of {listed} must name CLASS/VIDEO and the class's number in {CLASS_FILE}, "
                f"got {line!r}"
            )
        path = root / found[1] / found[2]
        if path.is_file():
            videos.append(LabeledVideo(path, classes[found[1]] - 1))
        else:
            missing.append(path)
    if not videos:
        raise SourceError(f"a split must name videos that are there, got none of {listed} in {root}")
    return Catalog(tuple(videos), tuple(classes), tuple(missing))


def find_splits(root: Path) -> Path | None:
    """Return the folder of UCF101's lists in or beside a folder of videos, None if there is none."""
    names = ("", "ucfTrainTestlist", "../ucfTrainTestlist")
    return next((root / name for name in names if (root / name / CLASS_FILE).is_file()), None)


def _read_classes(path: Path) -> dict[str, int]:
    classes: dict[str, int] = {}
    for number, line in _lines(path):
        found = re.fullmatch(r"(\d+)\s+(\S+)", line)
        if not found or int(found[1]) != len(classes) + 1 or found[2] in classes:
            raise SourceError(
                f"line {number} of {path} must be a class's number and name, counting from 1, got {line!r}"
            )
        classes[found[2]] = int(found[1])
    if not classes:
        raise SourceError(f"{path} must list classes, got an empty file")
    return classes


def _lines(path: Path) -> Sequence[tuple[int, str]]:
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SourceError(f"a list of a split must be a readable text file, got {path}: {error}") from None
    numbered = enumerate((line.strip() for line in text.splitlines()), 1)
    return [(number, line) for number, line in numbered if line]


def _videos_of(folder: Path) -> list[Path]:
    return [path for path in _visible(folder) if path.suffix.lower() in VIDEO_SUFFIXES and path.is_file()]


def _visible(folder: Path) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    except OSError as error:
        raise SourceError(f"{folder} must be a readable folder, got: {error.strerror or error}") from None
