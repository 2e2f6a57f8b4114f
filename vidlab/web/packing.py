"""Downloads of a finished job: masks in a zip, and the record of the run without paths of this machine."""

import json
import shutil
import zipfile
from pathlib import Path
from typing import Any

ZIPPED = {"masks": "masks.zip", "labels": "labels.zip"}  # folder of a result → its download
RECORD = "params.json"
_PATHS = ("absolute",)  # keys of the record that say where something lies


def pack(result: Path, folder: Path, *, names: dict[str, str]) -> None:
    """Make the downloads of a result.

    Args:
        result: Result folder.
        folder: Where to; appears when it is complete.
        names: Path → what the visitor knows it as; nothing else that lies here is named.
    """
    partial = folder.with_name(f".{folder.name}.part")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    for inside, name in ZIPPED.items():
        if (result / inside).is_dir():
            _zip(result / inside, partial / name)
    record = json.loads((result / RECORD).read_bytes())
    text = json.dumps(_told(record, names), indent=2, ensure_ascii=False)
    (partial / RECORD).write_text(text + "\n", "utf-8")
    shutil.rmtree(folder, ignore_errors=True)
    partial.rename(folder)


def _zip(folder: Path, target: Path) -> None:
    """Store the PNGs of a folder as they are: they are compressed already."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
        for path in sorted(folder.iterdir()):
            archive.write(path, f"{folder.name}/{path.name}")


def _told(value: Any, names: dict[str, str]) -> Any:
    """Return a record in which files go by the names that the visitor knows."""
    if isinstance(value, dict):
        return {key: _told(each, names) for key, each in value.items() if key not in _PATHS}
    if isinstance(value, list):
        return [_told(each, names) for each in value]
    if isinstance(value, str) and Path(value).is_absolute():
        return names.get(value, Path(value).name)
    return value
