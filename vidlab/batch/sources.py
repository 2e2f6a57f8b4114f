"""Which videos a batch is about, what they are called, and which masks belong to each."""

import glob
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from vidlab.errors import ParameterError, SourceError
from vidlab.video.images import SUFFIXES as IMAGE_SUFFIXES
from vidlab.video.ucf101 import VIDEO_SUFFIXES

FRAMES = "frames"  # NAME/frames is the clip NAME, and what lies beside it belongs to it
PLACEHOLDER = "{name}"  # in a path of masks or truth: the name of the video
MAX_NAME = 100  # characters; file systems take 255 bytes, of which key and marks of unfinished work need some
OWN_RESULTS = frozenset({"params.json", "batch.json"})  # a folder that holds one is a result, no input


@dataclass(frozen=True, slots=True)
class Source:
    """One video of a batch.

    Attributes:
        path: Video file or folder of images, absolute.
        name: What it is called: its file's name without suffix, with its folders where two share that.
        inner: Path without suffix, seen from the folder that was given.
    """

    path: Path
    name: str
    inner: str


def find_sources(what: str | Path) -> list[Source]:
    """List the videos that are meant, by name.

    Args:
        what: A folder, which is searched with all folders in it for video files, folders of images and
            folders with `frames/`; a video file; a pattern such as `clips/*.mp4`; or a text file with one
            path per line, seen from the folder of that file. In a text file empty lines and those with `#`
            do not count, and a path need not exist: its task says so.

    Raises:
        SourceError: There is no such thing, or no video in it.
    """
    path = Path(what)
    if path.is_dir():
        root, found = path, list(_walk(path))
    elif path.is_file() and path.suffix.lower() in VIDEO_SUFFIXES:
        root, found = path.parent, [path]
    elif path.is_file():
        root, found = path.parent, _listed(path)
    else:
        found = [Path(name) for name in sorted(glob.glob(str(what), recursive=True))]
        root = Path(os.path.commonpath([one.absolute().parent for one in found])) if found else path
    if not found:
        raise SourceError(
            f"there must be videos in a folder, list or pattern, got none in {what}; suffixes that count: "
            f"{' '.join(VIDEO_SUFFIXES)}"
        )
    return _named(found, root.absolute())


def belonging(
    pattern: Path | None, source: Source, *, n_sources: int, suffixes: Sequence[str]
) -> Path | None:
    """Return what belongs to a video: its masks, or its truth.

    Args:
        pattern: A path with `{name}` in it; a folder that holds NAME, or NAME with one of the suffixes; or,
            for a single video, whatever is there. None for nothing.
        source: The video.
        n_sources: How many there are.
        suffixes: Of files that count, such as `.json`.

    Returns:
        The path, absolute; it need not exist: the task says so.

    Raises:
        ParameterError: One file for several videos.
    """
    if pattern is None:
        return None
    if PLACEHOLDER in str(pattern):
        return Path(str(pattern).replace(PLACEHOLDER, source.inner)).absolute()
    for name in dict.fromkeys((source.inner, source.name, Path(source.inner).name)):
        for path in (pattern / name, *(pattern / f"{name}{suffix}" for suffix in suffixes)):
            if path.exists():
                return path.absolute()
    if n_sources == 1:
        return pattern.absolute()
    if pattern.is_file():
        raise ParameterError(
            f"several videos must have their own masks, got one file {pattern}; give a folder with NAME, "
            f"NAME.json or NAME.npz for each, or a path with {PLACEHOLDER} in it"
        )
    return (pattern / source.inner).absolute()


def _walk(folder: Path) -> Iterator[Path]:
    """Yield the videos in a folder and the folders in it, each clip's own files left alone."""
    try:
        entries = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    except OSError as error:
        raise SourceError(f"{folder} must be a readable folder, got: {error.strerror or error}") from None
    if OWN_RESULTS.intersection(path.name for path in entries):
        return
    videos = [path for path in entries if path.suffix.lower() in VIDEO_SUFFIXES and path.is_file()]
    if not videos and _holds_images(entries):
        yield folder
        return
    frames = folder / FRAMES
    if not videos and frames.is_dir() and _holds_images(sorted(frames.iterdir())):
        yield frames
        return
    yield from videos
    for path in entries:
        if path.is_dir():
            yield from _walk(path)


def _holds_images(entries: Sequence[Path]) -> bool:
    return any(path.suffix.lower() in IMAGE_SUFFIXES for path in entries)


def _listed(path: Path) -> list[Path]:
    try:
        lines = [line.strip() for line in path.read_text("utf-8").splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        raise SourceError(f"{path} must be a text file with one path per line, got: {error}") from None
    return [path.parent / line for line in lines if line and not line.startswith("#")]


def _named(found: Sequence[Path], root: Path) -> list[Source]:
    """Name videos by file; by inner path where two share a name, and by number where that does not do."""
    paths = list(dict.fromkeys(Path(os.path.abspath(path)) for path in found))
    inner = [_inner(path, root) for path in paths]
    stems = [Path(name).name for name in inner]
    names = [
        stem if stems.count(stem) == 1 else name.replace("/", "_")
        for stem, name in zip(stems, inner, strict=True)
    ]
    with_suffix = [
        name if names.count(name) == 1 else f"{name}{path.suffix.replace('.', '_')}"
        for name, path in zip(names, paths, strict=True)
    ]
    seen: Counter[str] = Counter()
    sources = []
    for path, name, within in zip(paths, with_suffix, inner, strict=True):
        short = name[:MAX_NAME]
        seen[short] += 1
        unique = short if seen[short] == 1 else f"{short}_{seen[short]}"
        sources.append(Source(path, unique, within))
    return sources


def _inner(path: Path, root: Path) -> str:
    clip = path.parent if path.name == FRAMES and path.is_dir() else path
    name = clip.with_suffix("") if clip.suffix.lower() in VIDEO_SUFFIXES else clip
    try:
        inner = name.relative_to(root)
    except ValueError:
        inner = Path(name.name)
    return inner.as_posix() if inner.parts else name.name
