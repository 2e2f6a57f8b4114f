"""`vidlab loaders`: its words, and what it prints. Jobs are imported late: --help is instant."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from vidlab.cli.options import Parser, add_options, given
from vidlab.errors import ParameterError
from vidlab.params import ClipParams, LoaderGridParams, LoaderParams
from vidlab.params.decoding import DecodingParams

if TYPE_CHECKING:
    from vidlab.video.ucf101 import Part

SUMMARY = "measure how many workers should load clips on this machine"
DESCRIPTION = """\
Cuts the videos of FOLDER (class folders as in UCF101, or a folder of videos) into clips and loads them with
every setting of a grid: workers, batches that each keeps ready, batch size, page-locked memory. Prints clips
per second, the wait for the first batch, the memory of the prefetch queue predicted and measured, and what to
take. With --out also DIR/loaders.csv, DIR/loaders.json and DIR/loaders.png."""
EXAMPLES = (
    "vidlab loaders UCF-101/",
    "vidlab loaders UCF-101/ --part train --fold 1 --workers 0,2,4,8 --prefetch 2,4 --out runs/loaders",
)
_PARTS = ("train", "test")


def add(to: Any, command: Callable[..., Parser]) -> None:
    """Add the command `vidlab loaders` and everything it takes."""
    parser = command(to, "loaders", SUMMARY, DESCRIPTION, *EXAMPLES)
    parser.set_defaults(run=run)
    parser.add_argument("folder", metavar="FOLDER", help="folder of videos, or of class folders of videos")
    parser.add_argument("--part", metavar="NAME", help="only this part of an official split: train or test")
    parser.add_argument("--fold", metavar="N", type=int, default=1, help="which split (default %(default)s)")
    parser.add_argument(
        "--splits", metavar="DIR", help="folder of classInd.txt and the lists (default: in or beside FOLDER)"
    )
    parser.add_argument("--out", metavar="DIR", help="folder for table and plot")
    parser.add_argument(
        "--force", action="store_true", help="replace a non-empty DIR, once the new result is complete"
    )
    for model in (LoaderGridParams, ClipParams):
        add_options(parser, model)
    add_options(parser, LoaderParams, only=("start_method", "timeout_s"))
    add_options(parser, DecodingParams, only=("backend", "isolate"))


def run(args: argparse.Namespace) -> int:
    """Run `vidlab loaders`."""
    clips, grid, loader = given(args, ClipParams), given(args, LoaderGridParams), given(args, LoaderParams)
    decoding = given(args, DecodingParams).model_copy(update={"threads": 1})  # the workers are the threads
    if args.part not in (None, *_PARTS):
        raise ParameterError(f"unknown part {args.part!r}; choose from: {', '.join(_PARTS)}")
    from vidlab.cli.progress import progress_bar
    from vidlab.cli.tables import print_lines, print_paths, print_table
    from vidlab.jobs.loaders import measure_loaders, open_folder
    from vidlab.viz.loading import LOADER_HEADER, loader_rows

    with progress_bar("counting", unit="videos") as progress:
        dataset = open_folder(
            Path(args.folder),
            clips=clips,
            part=cast("Part | None", args.part),
            fold=args.fold,
            splits=None if args.splits is None else Path(args.splits),
            decoding=decoding,
            progress=progress,
        )
    with progress_bar("loading", unit="runs") as progress:
        result = measure_loaders(
            dataset,
            grid=grid,
            start_method=loader.start_method,
            timeout_s=loader.timeout_s,
            out=None if args.out is None else Path(args.out),
            force=args.force,
            progress=progress,
            command=["vidlab", *args.words],
        )
    title = (
        f"{result.n_clips} clips of {clips.clip_frames} frames from {result.n_videos} videos, "
        f"{grid.rounds} interleaved rounds of {grid.measured_batches} batches, files in memory"
    )
    columns = range(len(LOADER_HEADER))
    print_table(LOADER_HEADER, loader_rows(result.measurements), title=title, right=columns)
    print_lines("on this machine", result.advice.sentences)
    print_lines("left out", result.faults.values())
    if args.out is not None:
        print_paths({"results": args.out})
    return 0
