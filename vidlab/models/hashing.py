"""Names of files that tell which one it was."""

import hashlib
from pathlib import Path

HASH_DIGITS = 8  # as in torchvision's file names


def sha256(file: Path) -> str:
    """Return a file's SHA-256 in hexadecimal."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def file_label(file: Path, *, name: str = "") -> str:
    """Return a file's name, or the one it goes by, and the first digits of its hash, for outputs."""
    return f"{name or file.name} ({sha256(file)[:HASH_DIGITS]})"
