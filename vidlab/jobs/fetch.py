"""Fetch a public data set: download, check, unpack aside, and give it its name when all of it is there."""

import json
import logging
import shutil
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vidlab.errors import ParameterError, SourceError
from vidlab.jobs.downloading import download, require_archive, sha256_of
from vidlab.jobs.output import require_replaceable, result_folder, worded
from vidlab.jobs.progress import Progress
from vidlab.jobs.public_sets import Archive, PublicSet, public_set
from vidlab.jobs.unpacking import require_tool, unpack
from vidlab.params import FetchParams

logger = logging.getLogger(__name__)

NOTICE, RECORD = "LICENCE.txt", "source.json"
Bar = Callable[[str], AbstractContextManager[Progress]]
"""Gives a progress function for a piece of work, named."""


@dataclass(frozen=True, slots=True)
class FetchResult:
    """A data set on disk.

    Attributes:
        folder: Where it is.
        n_files: Files that were unpacked; 0 if it was there before.
        hashes: SHA-256 of each archive.
    """

    folder: Path
    n_files: int
    hashes: dict[str, str]


def fetch(
    name: str,
    *,
    to: Path,
    sources: Sequence[str] = (),
    params: FetchParams,
    keep_archives: bool = False,
    force: bool = False,
    bar: Bar,
) -> FetchResult:
    """Bring a public data set to `to/NAME`.

    The archives are downloaded to `to/.NAME.download`, where an interrupted download is gone on with. What is
    unpacked gets its name only when all of it is there, with `LICENCE.txt` and `source.json` (where from, how
    large, which SHA-256) beside the data.

    Args:
        name: `ucf101`, `davis2016` or `davis2017`.
        to: Folder for data sets.
        sources: Where to take the archives from instead of their makers: files, folders or addresses. Of
            several archives each is taken from the source that ends in its name; a folder, or an address that
            ends in `/`, holds them all.
        params: How patient to be.
        keep_archives: Keep the downloaded archives in `to/.NAME.download`.
        force: Fetch again what is there.
        bar: Shows progress.

    Raises:
        ParameterError: There is no such data set, or a source names none of its archives.
        SourceError: An archive cannot be had, is damaged, is another one, or cannot be unpacked here.
        OutputError: Something else is in the way, or there is no room.
        MissingExtraError: pooch is not installed.
    """
    wanted = public_set(name)
    folder = to / name
    if (folder / RECORD).is_file() and not force:
        return FetchResult(folder, 0, _recorded_hashes(folder / RECORD))
    require_replaceable(folder, force=force)
    places = choose_sources(wanted, sources)
    for archive in wanted.archives:
        require_tool(places[archive])
    scratch = to / f".{name}.download"
    files = {
        archive: _bring(archive, places[archive], scratch, params=params, bar=bar)
        for archive in wanted.archives
    }
    with result_folder(folder, force=force, inputs=[]) as partial, worded(folder):
        n_files = 0
        for archive, file in files.items():
            with bar(f"unpacking {archive.name}") as progress:
                n_files += unpack(file, partial, progress=progress)
        hashes = {archive.name: sha256_of(file) for archive, file in files.items()}
        (partial / NOTICE).write_text(wanted.notice, "utf-8")
        record = _record(wanted, {each.name: str(places[each]) for each in files}, files, hashes)
        (partial / RECORD).write_text(json.dumps(record, indent=2) + "\n", "utf-8")
    if not keep_archives:
        shutil.rmtree(scratch, ignore_errors=True)
    return FetchResult(folder, n_files, hashes)


def choose_sources(wanted: PublicSet, sources: Sequence[str]) -> dict[Archive, str]:
    """Say where each archive of a data set is taken from: an address or a path.

    Raises:
        ParameterError: A source names none of several archives.
    """
    chosen = {archive: archive.url for archive in wanted.archives}
    for source in sources:
        if is_address(source) and source.endswith("/"):
            chosen |= {archive: source + archive.name for archive in wanted.archives}
        elif not is_address(source) and Path(source).is_dir():
            chosen |= {archive: str(Path(source) / archive.name) for archive in wanted.archives}
        elif len(wanted.archives) == 1:
            chosen[wanted.archives[0]] = source
        else:
            named = [archive for archive in wanted.archives if source.endswith(archive.name)]
            if not named:
                known = " or ".join(archive.name for archive in wanted.archives)
                raise ParameterError(f"a source of {wanted.name} must end in {known}, got {source}")
            chosen[named[0]] = source
    return chosen


def is_address(source: str) -> bool:
    """Whether a source is an address and not a path.

    >>> is_address("https://example.org/a.zip"), is_address("data/a.zip")
    (True, False)
    """
    return source.startswith(("http://", "https://"))


def _bring(archive: Archive, place: str, scratch: Path, *, params: FetchParams, bar: Bar) -> Path:
    if not is_address(place):
        require_archive(archive, Path(place))
        return Path(place)
    logger.info("%s from %s (%s)", archive.name, place, archive.check)
    with bar(f"downloading {archive.name}") as progress:
        return download(
            archive,
            scratch,
            url=place,
            timeout_s=params.network_timeout_s,
            attempts=params.attempts,
            progress=progress,
        )


def _record(
    wanted: PublicSet, places: dict[str, str], files: dict[Archive, Path], hashes: dict[str, str]
) -> dict[str, Any]:
    archives = [
        {
            "name": archive.name,
            "from": places[archive.name],
            "bytes": file.stat().st_size,
            "sha256": hashes[archive.name],
            "checked": archive.check,
        }
        for archive, file in files.items()
    ]
    return {"name": wanted.name, "home": wanted.home, "licence": wanted.licence, "archives": archives}


def _recorded_hashes(record: Path) -> dict[str, str]:
    try:
        stored = json.loads(record.read_text("utf-8"))
        return {str(each["name"]): str(each["sha256"]) for each in stored["archives"]}
    except (OSError, ValueError, KeyError, TypeError):
        raise SourceError(f"{record} must say what was fetched, got a damaged file; add --force") from None
