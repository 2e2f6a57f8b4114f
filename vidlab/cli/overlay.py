"""`vidlab overlay`: its words, and what it prints. Jobs are imported late: --help is instant."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vidlab.cli.options import add_options, given
from vidlab.errors import ParameterError
from vidlab.params import SourceParams, WriterParams

if TYPE_CHECKING:
    from vidlab.jobs.overlays import View

SUMMARY = "make a video in which a person can judge masks"
DESCRIPTION = """\
Shows the raw and stable masks of a result folder (of another folder of PNGs its masks), and with --truth the
true ones beside them.

  panels    side by side, each with its outline; with --truth its J
  contours  all outlines on one picture
  heat      where each flickers: changes per second, over the last second, that the motion does not explain;
            the truth's own heat is what no optical flow can explain
  all       panels above heat
  classes   of several classes, each one's contour in its color over a darkened frame, with a legend; areas
            of the classes go to FILE_areas.csv and FILE_areas.png"""
EXAMPLES = (
    "vidlab overlay runs/dog --video frames/ --truth truth/ --out runs/dog.mp4",
    "vidlab overlay runs/dog --video frames/ --view heat --out runs/dog_heat.mp4",
    "vidlab overlay runs/street --video street.mp4 --view classes --zip runs/a.zip --out runs/a.mp4",
    "vidlab overlay masks/ --video clip.mp4 --view contours --out runs/mine.mp4",
)
CLASSES = "classes"
_VIEWS: "tuple[View, ...]" = ("panels", "contours", "heat", "all")  # as in jobs.overlays, which loads slowly


def add_words(parser: argparse.ArgumentParser) -> None:
    """Add everything `vidlab overlay` takes."""
    parser.add_argument("result", metavar="RESULT", help="result folder, or folder of mask PNGs")
    parser.add_argument(
        "--video", metavar="VIDEO_OR_FOLDER", required=True, help="the frames that the masks belong to"
    )
    parser.add_argument("--truth", metavar="DIR", help="folder of PNGs with true masks, one per frame")
    parser.add_argument(
        "--view",
        metavar="NAME",
        default=_VIEWS[0],
        help=f"{', '.join((*_VIEWS, CLASSES))} (default %(default)s)",
    )
    parser.add_argument("--zip", metavar="FILE.zip", help="the pictures as PNGs, too")
    parser.add_argument("--out", metavar="FILE.mp4", required=True, help="where the video goes")
    parser.add_argument("--force", action="store_true", help="replace FILE.mp4, once the new one is complete")
    for model in (SourceParams, WriterParams):
        add_options(parser, model)


def run(args: argparse.Namespace) -> int:
    """Run `vidlab overlay`."""
    source, writer = given(args, SourceParams), given(args, WriterParams)
    if args.view not in (*_VIEWS, CLASSES):
        raise ParameterError(f"unknown view {args.view!r}; choose from: {', '.join((*_VIEWS, CLASSES))}")
    options: dict[str, Any] = {
        "video": Path(args.video),
        "truth": None if args.truth is None else Path(args.truth),
        "out": Path(args.out),
        "source": source,
        "writer": writer,
        "frames_zip": None if args.zip is None else Path(args.zip),
        "force": args.force,
    }
    from vidlab.cli.tables import print_paths

    made = _classes(args, options) if args.view == CLASSES else _masks(args, options)
    print_paths(made if args.zip is None else {**made, "frames": args.zip})
    return 0


def _masks(args: argparse.Namespace, options: dict[str, Any]) -> dict[str, Path]:
    from vidlab.cli.progress import progress_bar
    from vidlab.jobs.overlays import overlay

    with progress_bar("drawing") as progress:
        result = overlay(Path(args.result), view=args.view, progress=progress, **options)
    print(f"{result.n_frames} frames: {', '.join(result.versions)}")
    return {"overlay video": result.path}


def _classes(args: argparse.Namespace, options: dict[str, Any]) -> dict[str, Path]:
    from vidlab.cli.progress import progress_bar
    from vidlab.jobs.class_overlays import overlay_classes

    with progress_bar("drawing") as progress:
        result = overlay_classes(Path(args.result), progress=progress, **options)
    print(f"{result.n_frames} frames: {', '.join(result.versions)}; {', '.join(result.names.values())}")
    return {"overlay video": result.path, "areas": result.areas, "picture of them": result.plot}
