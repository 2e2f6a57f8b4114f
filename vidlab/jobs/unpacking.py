"""Archives into folders, and never a byte beside the folder."""

import logging
import os
import shutil
import stat
import subprocess
import zipfile
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from vidlab.errors import OutputError, SourceError
from vidlab.jobs.progress import Progress

logger = logging.getLogger(__name__)

BLOCK_BYTES = 1 << 20
RAR, RAR_MARK = ".rar", b"Rar!"
_LIST_FIELD = "Path = "  # before a name in what 7-Zip lists


@dataclass(frozen=True, slots=True)
class _Tool:
    """A program that unpacks RAR archives: its words for listing and for unpacking, `{file}` and `{into}`."""

    program: str
    listing: tuple[str, ...]
    unpacking: tuple[str, ...]


_TOOLS = (
    _Tool("bsdtar", ("-tf", "{file}"), ("-xf", "{file}", "-C", "{into}")),
    _Tool("unrar", ("lb", "{file}"), ("x", "-idq", "-o+", "{file}", "{into}/")),
    _Tool("7zz", ("l", "-ba", "-slt", "{file}"), ("x", "-y", "-o{into}", "{file}")),
    _Tool("7z", ("l", "-ba", "-slt", "{file}"), ("x", "-y", "-o{into}", "{file}")),
)


def require_tool(name: str) -> None:
    """Make sure that an archive of this name can be unpacked here: before it is downloaded, not after.

    Raises:
        SourceError: It is a RAR archive, and no program for these is installed.
    """
    if name.lower().endswith(RAR):
        _rar_tool(name)


def unpack(archive: Path, into: Path, *, progress: Progress) -> int:
    """Unpack a ZIP or RAR archive into an empty folder.

    Args:
        archive: The file.
        into: Folder that exists.
        progress: Called with megabytes done and their total.

    Returns:
        Number of files.

    Raises:
        SourceError: The archive is damaged, of another kind, or holds names that lead out of the folder,
            links or devices.
        OutputError: There is no room.
    """
    if is_rar(archive):
        return _unpack_rar(archive, into)
    return _unpack_zip(archive, into, progress=progress)


def is_rar(archive: Path) -> bool:
    """Whether a file begins as RAR archives do, whatever its name."""
    with archive.open("rb") as file:
        return file.read(len(RAR_MARK)) == RAR_MARK


def check_names(names: Iterable[str], *, archive: Path) -> None:
    """Refuse names that would be written beside the folder.

    Raises:
        SourceError: A name is absolute, or climbs by `..`.
    """
    for name in names:
        path = PurePosixPath(name.replace("\\", "/"))
        if path.is_absolute() or ".." in path.parts or (path.parts and path.parts[0].endswith(":")):
            raise SourceError(
                f"an archive must keep to its folder, got {archive} with {name!r}; nothing was unpacked"
            )


def _unpack_zip(archive: Path, into: Path, *, progress: Progress) -> int:
    try:
        with zipfile.ZipFile(archive) as stored:
            members = stored.infolist()
            check_names((member.filename for member in members), archive=archive)
            for member in members:
                kind = stat.S_IFMT(member.external_attr >> 16)
                if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
                    raise SourceError(
                        f"an archive must hold files and folders only, got {archive} with the link or device "
                        f"{member.filename!r}; nothing was unpacked"
                    )
            total = sum(member.file_size for member in members)
            _require_room(into, total, archive=archive)
            return _write_members(stored, members, into, total=total, progress=progress)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise SourceError(f"an archive must be a whole ZIP file, got {archive}: {error}") from None


def _write_members(
    stored: zipfile.ZipFile,
    members: list[zipfile.ZipInfo],
    into: Path,
    *,
    total: int,
    progress: Progress,
) -> int:
    done = n_files = 0
    for member in members:
        target = into / member.filename.replace("\\", "/")
        if member.is_dir():
            target.mkdir(parents=True, exist_ok=True)
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        left = member.file_size  # a member that unpacks to more than it declares is a trap
        with stored.open(member) as source, target.open("wb") as file:
            while block := source.read(BLOCK_BYTES):
                left -= len(block)
                if left < 0:
                    raise SourceError(f"{stored.filename} holds more in {member.filename!r} than it says")
                file.write(block)
                done += len(block)
                progress(int(done / 1e6), int(total / 1e6))
        n_files += 1
    return n_files


def _unpack_rar(archive: Path, into: Path) -> int:
    tool, program = _rar_tool(archive.name)
    words = {"file": os.path.abspath(archive), "into": os.path.abspath(into)}
    listed = _run([program, *(word.format(**words) for word in tool.listing)], archive=archive).splitlines()
    if any(line.startswith(_LIST_FIELD) for line in listed):
        listed = [line.removeprefix(_LIST_FIELD) for line in listed if line.startswith(_LIST_FIELD)]
    check_names(listed, archive=archive)
    _run([program, *(word.format(**words) for word in tool.unpacking)], archive=archive)
    found = list(into.rglob("*"))
    odd = [path for path in found if path.is_symlink() or not (path.is_file() or path.is_dir())]
    if odd:
        raise SourceError(
            f"an archive must hold files and folders only, got {archive} with the link or device "
            f"{odd[0].name!r}"
        )
    return sum(path.is_file() for path in found)


def _run(command: list[str], *, archive: Path) -> str:
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines()
        cause = said[-1] if said else f"exit code {done.returncode}"
        raise SourceError(
            f"an archive must be whole, got {archive}, of which {Path(command[0]).name} says: {cause}"
        )
    return done.stdout


def _rar_tool(name: str) -> tuple[_Tool, str]:
    for tool in _TOOLS:
        program = shutil.which(tool.program)
        if program:
            return tool, program
    wanted = ", ".join(tool.program for tool in _TOOLS)
    raise SourceError(
        f"{name} is a RAR archive, and to unpack it one of {wanted} must be installed, got none "
        "(Debian and Ubuntu: apt install libarchive-tools; macOS has bsdtar; conda: libarchive)"
    )


def _require_room(folder: Path, n_bytes: int, *, archive: Path) -> None:
    free = shutil.disk_usage(folder).free
    if n_bytes > free:
        raise OutputError(
            f"{folder.parent} must have room for {n_bytes / 1e9:.2f} GB of {archive.name}, "
            f"got {free / 1e9:.2f} GB free"
        )
