"""How many frames each video holds: counted without decoding, and remembered in a file."""

import json
import logging
import os
import secrets
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from vidlab.errors import VideoError
from vidlab.video.clip_reader import read_stamps

logger = logging.getLogger(__name__)

VERSION = 1
SAVE_EVERY = 500  # files counted; an interrupted count goes on from the last save


@dataclass(slots=True)
class FrameCounts:
    """Frames of each video.

    Attributes:
        counts: Number of frames, as found in the file, of each readable video.
        faults: What is wrong with each of the others, in a sentence.
    """

    counts: dict[Path, int] = field(default_factory=dict)
    faults: dict[Path, str] = field(default_factory=dict)


def count_frames(
    paths: Sequence[Path], *, cache: Path | None, progress: Callable[[int, int | None], None]
) -> FrameCounts:
    """Count the frames of videos; a video that cannot be read is a fault, not an error.

    Args:
        paths: Video files.
        cache: File that remembers counts, and is made anew where it is missing, damaged or of another
            version; a video whose size or time of change differs is counted again. None remembers nothing.
        progress: Called with the number of videos done and their total.
    """
    known = {} if cache is None else _read_cache(cache)
    result, fresh = FrameCounts(), 0
    for done, path in enumerate(paths):
        progress(done, len(paths))
        key, stamp = os.path.abspath(path), _stamp(path)
        entry = known.get(key)
        if entry is None or entry[:2] != stamp:
            try:
                entry = [*stamp, len(read_stamps(path)[0])]
            except VideoError as error:
                result.faults[path] = str(error)
                continue
            known[key], fresh = entry, fresh + 1
            if cache is not None and fresh % SAVE_EVERY == 0:
                _write_cache(cache, known)
        _sort_in(result, path, entry[2])
    progress(len(paths), len(paths))
    if cache is not None and fresh:
        _write_cache(cache, known)
    return result


def _sort_in(result: FrameCounts, path: Path, n_frames: int) -> None:
    if n_frames:
        result.counts[path] = n_frames
    else:
        result.faults[path] = f"a video must hold frames, got {path}, which holds none"


def _stamp(path: Path) -> list[int]:
    """Size and time of change: by these a file is known again."""
    with suppress(OSError):
        status = path.stat()
        return [status.st_size, status.st_mtime_ns]
    return [-1, -1]


def _read_cache(cache: Path) -> dict[str, list[int]]:
    try:
        stored = json.loads(cache.read_text("utf-8"))
        if stored["version"] != VERSION:
            return {}
        return {str(key): [int(value) for value in entry] for key, entry in stored["videos"].items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        logger.warning("%s is no index of frame counts; the videos are counted anew", cache)
        return {}


def _write_cache(cache: Path, known: dict[str, list[int]]) -> None:
    partial = cache.with_name(f".{cache.name}.partial-{secrets.token_hex(4)}")
    try:
        cache.parent.mkdir(parents=True, exist_ok=True)
        partial.write_text(json.dumps({"version": VERSION, "videos": known}), "utf-8")
        partial.replace(cache)
    except OSError as error:
        logger.warning("frame counts could not be remembered in %s: %s", cache, error.strerror or error)
    finally:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
