"""`vidlab flow`: its words, and what it prints. Jobs are imported late: --help is instant."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from vidlab.cli.options import Parser, add_options, given
from vidlab.errors import ParameterError
from vidlab.params import FLOW_MODELS, FlowParams, SegmentParams, SourceParams, WriterParams

if TYPE_CHECKING:
    from collections.abc import Callable

    from vidlab.jobs.flows import FlowsResult

SUMMARY = "optical flow as files or in color, and its error where the truth is known"
DESCRIPTION = """\
Writes DIR/00000.flo (or KITTI's .png, .npy, or pictures in the standard color wheel) for each pair of
neighboring frames, named by the frame on whose grid it is, and DIR/flow.json; or FILE.mp4 in color. With
--truth it prints the end-point error: mean, by true speed, of pixels that both frames show and of occluded
ones, KITTI's outliers Fl-all, and the angle; DIR/errors.csv holds them for each pair.

Truth is .flo (Middlebury, Sintel), KITTI's 16-bit PNG or .npy, in the order of the pairs: with --direction
next the first belongs to the first frame. Pixels that a file marks unknown do not count."""
EXAMPLES = (
    "vidlab flow clip.mp4 --out runs/flow.mp4",
    "vidlab flow frame_0001.png frame_0002.png --flow farneback --out runs/flow",
    "vidlab flow sintel/final/alley_1 --truth sintel/flow/alley_1 --occlusions sintel/occlusions/alley_1 "
    "--out runs/alley",
    "vidlab flow 000000_10.png 000000_11.png --truth flow_occ/000000_10.png --format kitti --out runs/kitti",
    "vidlab flow frames/ --flow horn_schunck --set levels=1 --set warps=1 --set median=0 --out runs/hs",
    "vidlab flow frames/ --flow raft_small --weights raft_small.pth --out runs/raft",
)


def add(to: "argparse._SubParsersAction[Parser]", command: "Callable[..., Parser]") -> None:
    """Add the command to the parser."""
    parser = command(to, "flow", SUMMARY, DESCRIPTION, *EXAMPLES)
    parser.add_argument(
        "sources", metavar="SOURCE", nargs="+", help="a video, a folder of numbered images, or two pictures"
    )
    parser.add_argument("--truth", metavar="PATH", help="folder of true flows, or the file of one pair")
    parser.add_argument(
        "--occlusions", metavar="PATH", help="pictures like Sintel's, 255 where the other frame shows nothing"
    )
    parser.add_argument("--invalid", metavar="PATH", help="pictures like Sintel's, 255 where truth is none")
    parser.add_argument(
        "--set", dest="settings", action="append", default=[], metavar="NAME=VALUE",
        help=f"set a tunable of the flow; repeatable; vidlab params {{{','.join(FLOW_MODELS)}}} lists them",
    )  # fmt: skip
    parser.add_argument(
        "--weights", metavar="FILE",
        help="weights of RAFT; without it torchvision's own are taken from the cache or downloaded; random "
        "is for timing only",
    )  # fmt: skip
    parser.add_argument("--out", metavar="DIR|FILE.mp4", required=True, help="where the flows go")
    parser.add_argument(
        "--force", action="store_true", help="replace the result, once the new one is complete"
    )
    add_options(parser, FlowParams)
    add_options(parser, SegmentParams, only=("device",))
    for model in (SourceParams, WriterParams):
        add_options(parser, model)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Run `vidlab flow`."""
    params, source, writer = given(args, FlowParams), given(args, SourceParams), given(args, WriterParams)
    device = given(args, SegmentParams).device
    if args.truth is None and (args.occlusions or args.invalid):
        raise ParameterError("--occlusions and --invalid must come with --truth, got them alone")
    from vidlab.cli.progress import progress_bar
    from vidlab.jobs.flows import Truth, estimate_flows, open_flow

    truth = None
    if args.truth is not None:
        marks = (None if name is None else Path(name) for name in (args.occlusions, args.invalid))
        truth = Truth(Path(args.truth), *marks)
    flow = open_flow(params, settings=_settings(args.settings), weights=args.weights, device=device)
    with progress_bar("flow", unit="pairs") as progress:
        result = estimate_flows(
            [Path(name) for name in args.sources],
            out=Path(args.out),
            flow=flow,
            params=params,
            truth=truth,
            source=source,
            writer=writer,
            force=args.force,
            progress=progress,
        )
    _print(result, params=params)
    return 0


def _settings(texts: list[str]) -> dict[str, str]:
    """Return name → value of the texts of --set; what they mean the flow's tunables say."""
    values = {}
    for text in texts:
        name, sign, value = text.partition("=")
        if not sign or not name.strip():
            raise ParameterError(f"a setting must have the form name=value, got {text!r}")
        values[name.strip()] = value.strip()
    return values


def _print(result: "FlowsResult", *, params: FlowParams) -> None:
    from vidlab.cli.tables import print_paths, print_table
    from vidlab.viz.flow_plots import error_rows

    of = f"{params.flow}{f', {result.weights}' if result.weights else ''}"
    print(f"{result.n_pairs} pairs, {of}: {result.ms_per_pair:.1f} ms per pair")
    if result.errors is not None:
        title = f"error against the truth, {result.errors.n_px} pixels"
        print_table(("metric", "value", "unit"), error_rows(result.errors), title=title, right=(1,))
    print_paths({"flows": result.out})
