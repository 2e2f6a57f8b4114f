"""Keys of results: what shapes a result, by content, in 64 digits."""

import hashlib
import json
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import vidlab
from vidlab.batch.store import write_aside
from vidlab.jobs.output import worded
from vidlab.jobs.record import content_hash

MISSING = "missing"  # what is not there has no content; when it comes, the key changes
UNSHAPING = frozenset({"command", "own_folder"})  # settings that do not shape the result


class ContentHashes:
    """SHA-256 of files and folders, remembered as long as their sizes and times of change stay."""

    def __init__(self, file: Path) -> None:
        """Read what was remembered; a damaged file is forgotten."""
        self._file = file
        self._known: dict[str, list[str]] = {}
        with suppress(OSError, ValueError):
            known = json.loads(file.read_text("utf-8"))
            self._known = known if isinstance(known, dict) else {}
        self._is_new = False

    def of(self, path: Path) -> str:
        """Return the content of a file or folder as `sha256:…`, or that it is missing."""
        name = str(path.absolute())
        try:
            stamp = _stamp(path)
            known = self._known.get(name)
            if known is None or known[0] != stamp:
                self._known[name] = known = [stamp, content_hash(path)]
                self._is_new = True
        except OSError:
            return MISSING
        return known[1]

    def save(self) -> None:
        """Write down what is known, if there is anything new.

        Raises:
            OutputError: The disk refuses it.
        """
        if not self._is_new:
            return
        with worded(self._file.parent):
            self._file.parent.mkdir(parents=True, exist_ok=True)
            write_aside(self._file, json.dumps(self._known, indent=0))
        self._is_new = False


def task_key(kind: str, *, source: Path, settings: Mapping[str, Any], hashes: ContentHashes) -> str:
    """Return the SHA-256 of everything that shapes a result: contents, parameters, version.

    Names and places of files do not count, what is in them does. The engine and the words of the command do
    not count either.

    Args:
        kind: What is done.
        source: Video or notebook.
        settings: The task's; each text in it that is the absolute path of something stands for its content.
        hashes: Who knows the contents.
    """
    shaping = {name: value for name, value in settings.items() if name not in UNSHAPING}
    record = {
        "vidlab": vidlab.__version__,
        "kind": kind,
        "source": _contents(str(source.absolute()), hashes),
        "settings": _contents(shaping, hashes),
    }
    text = json.dumps(record, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def _contents(value: Any, hashes: ContentHashes) -> Any:
    if isinstance(value, Mapping):
        return {name: _contents(part, hashes) for name, part in value.items()}
    if isinstance(value, list):
        return [_contents(part, hashes) for part in value]
    if isinstance(value, str) and os.path.isabs(value):
        content = hashes.of(Path(value))
        return f"{content} {value}" if content == MISSING else content
    return value


def _stamp(path: Path) -> str:
    """Return what changes when a file, or any file of a folder, is written; cheap beside reading it."""
    if not path.is_dir():
        return _entry(path)
    files = (file for file in path.rglob("*") if file.is_file() and not file.name.startswith("."))
    digest = hashlib.sha256()
    for file in sorted(files):
        digest.update(f"{file.relative_to(path)}\0{_entry(file)}\0".encode())
    return digest.hexdigest()


def _entry(path: Path) -> str:
    said = path.stat()
    return f"{said.st_size} {said.st_mtime_ns} {said.st_ctime_ns}"
