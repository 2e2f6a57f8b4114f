"""Masks out of a zip: only numbered PNGs, under names of our own, of bounded number and size."""

import re
import stat
import zipfile
import zlib
from pathlib import Path, PurePosixPath

from vidlab.errors import MaskError
from vidlab.params import WebParams
from vidlab.web.home import MB
from vidlab.web.refusals import TOO_LARGE, WebError

ZIP = (b"PK\x03\x04", b"PK\x05\x06")  # the second one is empty
PNG = b"\x89PNG\r\n\x1a\n"
LABELS = "labels"  # the name of a folder that says what its PNGs hold
_BLOCK = 1 << 16
_HEADER = 24  # bytes of a PNG up to its size
_ENCRYPTED = 0x1
_MAX_DIGITS = 9


def unpack(path: Path, folder: Path, *, params: WebParams) -> str:
    """Unpack the PNGs of a zip into a folder.

    All must lie in one folder of the zip, or in none; of each name only the last number counts, as
    `masks.folder.numbered_pngs` reads it. Nothing of the zip becomes part of a path.

    Args:
        path: The zip.
        folder: Where a folder is made.
        params: Limits.

    Returns:
        Name of the folder: `labels` if the zip calls it so, else `masks`.

    Raises:
        MaskError: It is damaged, or holds something else than numbered PNGs.
        WebError: It is beyond a limit.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            entries = _masks_in(archive, path=path, params=params)
            places = {PurePosixPath(entry.filename).parent.name for entry in entries.values()}
            name = LABELS if places == {LABELS} else "masks"
            (folder / name).mkdir()
            room = params.max_unpacked_mb * MB
            for number, entry in entries.items():
                target = folder / name / f"{number:0{_MAX_DIGITS}d}.png"
                room -= _extract(archive, entry, target, room=room, params=params)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, ValueError, RuntimeError) as error:
        raise MaskError(f"masks must be a zip that can be read, got {path}: {error}") from None
    return name


def _masks_in(archive: zipfile.ZipFile, *, path: Path, params: WebParams) -> dict[int, zipfile.ZipInfo]:
    """Return the entries by number, after looking at every name."""
    found: dict[int, zipfile.ZipInfo] = {}
    for entry in archive.infolist():
        place = _place_of(entry)
        if entry.is_dir() or _is_leaving(place):
            continue
        number = _number_of(entry, place)
        if number in found:
            raise MaskError(f"every frame must have one mask, got two of number {number} in {path}")
        found[number] = entry
        if len(found) > params.max_frames:
            raise WebError(TOO_LARGE, f"masks may be of {params.max_frames} frames, got more in {path}")
    if not found:
        raise MaskError(f"a zip of masks must hold PNGs, got none in {path}")
    if len({PurePosixPath(entry.filename).parent for entry in found.values()}) > 1:
        raise MaskError(f"the PNGs of a zip must lie in one folder, got several in {path}")
    if (total := sum(entry.file_size for entry in found.values())) > params.max_unpacked_mb * MB:
        raise _too_large(params, total)
    return dict(sorted(found.items()))


def _place_of(entry: zipfile.ZipInfo) -> PurePosixPath:
    """Return where an entry lies in its zip.

    Raises:
        MaskError: Its name leads out of the zip.
    """
    name = entry.filename
    place = PurePosixPath(name.replace("\\", "/"))
    if place.is_absolute() or ".." in place.parts or ":" in name or "\0" in name:
        raise MaskError(f"names in a zip must lie inside it, got {_shown(entry)}")
    return place


def _is_leaving(place: PurePosixPath) -> bool:
    """Say whether a file is what a file browser leaves behind."""
    return place.name.startswith(".") or "__MACOSX" in place.parts or place.name == "Thumbs.db"


def _number_of(entry: zipfile.ZipInfo, place: PurePosixPath) -> int:
    if stat.S_ISLNK(entry.external_attr >> 16):
        raise MaskError(f"a zip of masks must hold no links, got {_shown(entry)}")
    if entry.flag_bits & _ENCRYPTED:
        raise MaskError(f"a zip of masks must not be encrypted, got {_shown(entry)}")
    digits = re.findall(r"[0-9]+", place.stem)
    if place.suffix.lower() != ".png" or not digits or len(digits[-1].lstrip("0")) > _MAX_DIGITS:
        raise MaskError(f"a zip of masks must hold PNGs with frame numbers, got {_shown(entry)}")
    return int(digits[-1])


def _extract(
    archive: zipfile.ZipFile, entry: zipfile.ZipInfo, target: Path, *, room: int, params: WebParams
) -> int:
    """Write one PNG, and return its size; what the zip declares is not believed."""
    written = 0
    with archive.open(entry) as packed, target.open("xb") as file:
        while block := packed.read(_BLOCK):
            if not written:
                _check_picture(block, entry, params)
            written += len(block)
            if written > room:
                raise _too_large(params, params.max_unpacked_mb * MB)
            file.write(block)
    if not written:
        raise MaskError(f"masks must be PNGs, got {_shown(entry)}, which is empty")
    return written


def _check_picture(start: bytes, entry: zipfile.ZipInfo, params: WebParams) -> None:
    if not start.startswith(PNG) or len(start) < _HEADER:
        raise MaskError(f"masks must be PNGs, got {_shown(entry)}, which is something else")
    width, height = (int.from_bytes(start[place : place + 4], "big") for place in (16, 20))
    if max(width, height) > params.max_side_px:
        raise WebError(
            TOO_LARGE,
            f"masks may have {params.max_side_px} pixels a side, got {width}×{height} in {_shown(entry)}",
        )


def _too_large(params: WebParams, total: int) -> WebError:
    return WebError(
        TOO_LARGE,
        f"a zip may hold {params.max_unpacked_mb} MB of masks, got at least {max(total / MB, 1):.0f} MB",
    )


def _shown(entry: zipfile.ZipInfo) -> str:
    """Return a name out of a zip as it may stand in a sentence."""
    return repr(entry.filename[:60])
