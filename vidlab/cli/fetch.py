"""`vidlab fetch`: its words, and what it prints. Jobs are imported late: --help is instant."""

import argparse
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from vidlab.cli.options import Parser, add_options, given
from vidlab.params import FetchParams

SUMMARY = "download a public data set, with its licence beside it"
DESCRIPTION = """\
NAME is ucf101 (videos of human actions and the lists of their splits, 7 GB, a RAR archive: bsdtar, unrar or
7z must be installed), davis2016 (2 GB) or davis2017 (0.8 GB): sequences with a true mask for every frame.
Writes DIR/NAME/, with LICENCE.txt and source.json. A broken download goes on where it stopped when the same
command is given again. Where a hash is known it is checked; where none is known, that is said."""
EXAMPLES = (
    "vidlab fetch davis2017 --to data/public",
    "vidlab fetch davis2016 --to data/public --from Downloads/DAVIS-data.zip",
    "vidlab fetch ucf101 --to data/public --from https://mirror.example.org/ucf101/",
)


def add(to: Any, command: Callable[..., Parser]) -> None:
    """Add the command `vidlab fetch` and everything it takes."""
    parser = command(to, "fetch", SUMMARY, DESCRIPTION, *EXAMPLES)
    parser.set_defaults(run=run)
    parser.add_argument("name", metavar="NAME", help="ucf101, davis2016 or davis2017")
    parser.add_argument("--to", metavar="DIR", required=True, help="folder for data sets")
    parser.add_argument(
        "--from",
        dest="sources",
        metavar="URL|FILE",
        action="append",
        default=[],
        help="take an archive from here instead; a folder or an address ending in / holds all; repeatable",
    )
    parser.add_argument("--keep-archives", action="store_true", help="keep DIR/.NAME.download")
    parser.add_argument(
        "--force", action="store_true", help="fetch again, and replace DIR/NAME when all is there"
    )
    add_options(parser, FetchParams)


def run(args: argparse.Namespace) -> int:
    """Run `vidlab fetch`."""
    params = given(args, FetchParams)
    from vidlab.cli.progress import progress_bar
    from vidlab.cli.tables import print_paths
    from vidlab.jobs.fetch import NOTICE, fetch
    from vidlab.jobs.public_sets import public_set

    print(public_set(args.name).notice)
    result = fetch(
        args.name,
        to=Path(args.to),
        sources=args.sources,
        params=params,
        keep_archives=args.keep_archives,
        force=args.force,
        bar=partial(progress_bar, unit="MB"),
    )
    print(f"{result.n_files} files" if result.n_files else "was there before; --force fetches it again")
    print_paths({"data": result.folder, "licence": result.folder / NOTICE})
    for name, digest in result.hashes.items():
        print(f"{name}  SHA-256 {digest}")
    return 0
