"""`params.json`: what has to be known to repeat a job."""

import hashlib
import json
import platform
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

import vidlab
from vidlab.classes import class_name
from vidlab.schema import Params

_BLOCK = 1 << 20


def content_hash(path: Path) -> str:
    """Return `sha256:…` of a file, or of the names and contents of all files of a folder.

    Hidden files are left out: a file browser's leavings do not change what is read.
    """
    digest = hashlib.sha256()
    if path.is_file():
        _feed(digest, path)
    else:
        files = (file for file in path.rglob("*") if file.is_file() and not file.name.startswith("."))
        for file in sorted(files):
            digest.update(str(file.relative_to(path)).encode() + b"\0")
            _feed(digest, file)
    return f"sha256:{digest.hexdigest()}"


def describe_file(path: Path | None) -> dict[str, str] | None:
    """Return path, as given and absolute, and content hash; None for no file."""
    if path is None:
        return None
    return {"path": str(path), "absolute": str(path.resolve()), "content": content_hash(path)}


def describe_run(*, job: str, command: Sequence[str], class_ids: tuple[int, ...] | None) -> dict[str, Any]:
    """Return what every job records: version, command, wanted classes, the versions that shape the result."""
    import cv2

    classes = None if class_ids is None else {class_id: class_name(class_id) for class_id in class_ids}
    return {
        "vidlab": vidlab.__version__,
        "job": job,
        "command": list(command),
        "classes": classes,
        "versions": {"python": platform.python_version(), "numpy": np.__version__, "opencv": cv2.__version__},
    }


def describe_params(**groups: Params) -> dict[str, dict[str, Any]]:
    """Return the values of each group of tunables."""
    return {name: group.model_dump(mode="json") for name, group in groups.items()}


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write JSON that people read: indented, Unicode as it is; NaN is refused."""
    text = json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False)
    path.write_text(text + "\n", encoding="utf-8")


def _feed(digest: Any, path: Path) -> None:
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
