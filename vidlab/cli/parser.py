"""The words of the command line. Every tunable comes from `params`; here are only files and names."""

import argparse
from typing import TypeAlias

import vidlab
from vidlab.cli import (
    batch,
    commands,
    decoders,
    evaluate,
    export,
    fetch,
    flow,
    lint_timing,
    loaders,
    overlay,
    profile,
    serve,
    stream,
    track,
    train,
    tune,
)
from vidlab.cli.options import Layout, Parser, add_options
from vidlab.params import (
    DEFAULT_METHOD,
    METHODS,
    EvidenceParams,
    MethodParams,
    NetworkParams,
    SegmentParams,
    SourceParams,
    WriterParams,
)

_TOP = """\
Segment a video, make the masks stop flickering, and measure whether that made them better or only calmer; say
where the time goes, and overlap what can overlap.

examples:
  vidlab demo
  vidlab segment clip.mp4 --model maskrcnn_demo --out runs/clip
  vidlab stabilize clip.mp4 --masks runs/clip --out runs/clip_stable
  vidlab stabilize frames/ --masks detections.json --class dog --out runs/dog
  vidlab evaluate --masks runs/dog --truth truth/ --video frames/ --out runs/dog_report
  vidlab tune frames/ --masks detections.json --class dog --truth truth/ --out runs/tuned
  vidlab overlay runs/dog --video frames/ --truth truth/ --out runs/dog.mp4
  vidlab track clip.mp4 --masks detections.json --truth gt.txt --out runs/tracks
  vidlab train synthetic --out runs/unet
  vidlab batch stabilize clips/ --masks masks/ --out runs/clips
  vidlab profile clip.mp4
  vidlab stream clip.mp4 --policy latest
  vidlab serve
  vidlab params flow_fusion

exit codes:
  0    done
  1    files, their content, weights or devices are wrong
  2    the command is wrong: unknown option, method or class, value out of range
  130  interrupted
"""


def build_parser() -> Parser:
    """Build the parser; each command's function is in `args.run`."""
    parser = Parser(
        prog="vidlab",
        description="Where does video inference time go, and why do masks flicker?",
        epilog=_TOP,
        formatter_class=Layout,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"vidlab {vidlab.__version__}")
    _add_debug(parser)
    commands_of = parser.add_subparsers(
        title="commands", metavar="COMMAND", required=True, parser_class=Parser
    )
    _demo(commands_of)
    _segment(commands_of)
    _stabilize(commands_of)
    _evaluate(commands_of)
    _overlay(commands_of)
    profile.add(commands_of, _command)
    lint_timing.add(commands_of, _command)
    stream.add(commands_of, _command)
    loaders.add(commands_of, _command)
    track.add(commands_of, _command)
    tune.add(commands_of, _command)
    train.add(commands_of, _command)
    serve.add(commands_of, _command)
    export.add(commands_of, _command)
    fetch.add(commands_of, _command)
    flow.add(commands_of, _command)
    decoders.add(commands_of, _command)
    batch.add(commands_of, _command, _add_stabilizing)
    _run(commands_of)
    _params(commands_of)
    _info(commands_of)
    return parser


_Commands: TypeAlias = "argparse._SubParsersAction[Parser]"


def _demo(to: _Commands) -> None:
    parser = _command(
        to,
        "demo",
        "show the whole story on the sample scene: network, stabilizer, notebook",
        "Runs the demo network on data/sample/video.mp4, stabilizes its masks, measures them against the\n"
        "truth, and executes the notebook on the same scene. Needs a clone of the repository; no download.",
        "vidlab demo",
    )
    parser.add_argument(
        "--out", metavar="DIR", default="runs/demo", help="where results go (default %(default)s)"
    )
    parser.set_defaults(run=commands.demo)


def _segment(to: _Commands) -> None:
    parser = _command(
        to,
        "segment",
        "run a network over a video: masks of each frame by itself",
        "Writes DIR/instances.json (COCO results, all detections above --drop-below) or DIR/probs/,\n"
        "DIR/masks/ (union of the wanted classes at --min-score, 0 or 255) and DIR/params.json.",
        "vidlab segment clip.mp4 --class person,dog --out runs/clip",
        "vidlab segment clip.mp4 --model maskrcnn_demo --out runs/clip",
    )
    _add_video(parser)
    _add_network(parser)
    _add_out(parser)
    for model in (SegmentParams, NetworkParams, EvidenceParams, SourceParams):
        add_options(parser, model)
    parser.set_defaults(run=commands.segment)


def _stabilize(to: _Commands) -> None:
    parser = _command(
        to,
        "stabilize",
        "make masks stop flickering, from a network or from your own files",
        "Writes DIR/masks/ (stable), DIR/raw/ (before), DIR/overlay.mp4 (side by side), DIR/metrics.json,\n"
        "DIR/curves.csv, DIR/plots/ and DIR/params.json; with instances DIR/instances.json with track_id;\n"
        "with several classes DIR/labels/. After a kill, the same command plus --resume goes on,\n"
        "and gives the same result as a run that was never killed.",
        "vidlab stabilize frames/ --masks detections.json --class dog --out runs/dog",
        "vidlab stabilize clip.mp4 --masks probs/ --probs --method exponential --set alpha=0.3 --out runs/a",
        "vidlab stabilize clip.mp4 --class person --select 320,240@0 --out runs/her",
        "vidlab stabilize clip.mp4 --truth truth/ --out runs/clip",
        "vidlab stabilize clip.mp4 --truth truth/ --out runs/clip --resume",
    )
    _add_video(parser)
    _add_stabilizing(parser)
    _add_out(parser)
    parser.add_argument(
        "--resume",
        action="store_true",
        help="go on with the same command's run if it was killed: it left .NAME.resume beside DIR, and loses "
        "about the last hundred frames; does nothing if DIR is complete",
    )
    parser.set_defaults(run=commands.stabilize)


def _add_stabilizing(parser: Parser) -> None:
    """Add everything that says how masks are stabilized, whichever video it is."""
    parser.add_argument(
        "--masks",
        metavar="PATH",
        help="masks of your own instead of a network: folder of PNGs (0 or 255), COCO results JSON, .npz, "
        "label maps (0 background, 255 ignored: a folder named labels, indexed PNGs, key labels of an .npz), "
        "or a result folder of vidlab segment",
    )
    parser.add_argument("--probs", action="store_true", help="the PNGs of --masks are probabilities, 255 = 1")
    _add_network(parser)
    parser.add_argument(
        "--method",
        metavar="NAME",
        help=f"{', '.join(METHODS)} (default {DEFAULT_METHOD}, or that of --params)",
    )
    parser.add_argument(
        "--params",
        metavar="BEST.json",
        help="method and tunables from a file of vidlab tune; --set wins over it",
    )
    parser.add_argument(
        "--set",
        dest="settings",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="set a tunable of the method; repeatable; vidlab params METHOD lists them",
    )
    add_options(parser, MethodParams, only=("tracker",))
    parser.add_argument(
        "--select",
        metavar="WHICH",
        help="write and measure one object alone: largest (covers most, summed over the clip), longest "
        "(found in most frames), or X,Y@T (at column X and row Y of frame T, from 0); needs instances, reads "
        "the clip twice",
    )
    parser.add_argument(
        "--truth", metavar="DIR", help="folder of PNGs with true masks: J and F are measured too"
    )
    parser.add_argument("--save-frames", action="store_true", help="write DIR/frames/ as well")
    for model in (EvidenceParams, SegmentParams, NetworkParams, SourceParams, WriterParams):
        add_options(parser, model)


def _evaluate(to: _Commands) -> None:
    parser = _command(to, "evaluate", evaluate.SUMMARY, evaluate.DESCRIPTION, *evaluate.EXAMPLES)
    evaluate.add_words(parser)
    parser.set_defaults(run=evaluate.run)


def _overlay(to: _Commands) -> None:
    parser = _command(to, "overlay", overlay.SUMMARY, overlay.DESCRIPTION, *overlay.EXAMPLES)
    overlay.add_words(parser)
    parser.set_defaults(run=overlay.run)


def _run(to: _Commands) -> None:
    parser = _command(
        to,
        "run",
        "execute a notebook with parameters (papermill)",
        "NOTEBOOK is a file, or the start of a name in notebooks/. It runs in its own folder; existing\n"
        "paths given here are taken from the current one.",
        "vidlab run hw2_01 --set method=median --set quick=true --out runs/median.ipynb",
    )
    parser.add_argument("notebook", metavar="NOTEBOOK", help="notebook to execute; it is not changed")
    parser.add_argument(
        "-p",
        "--set",
        dest="settings",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="set a parameter of the notebook; repeatable",
    )
    parser.add_argument("--out", metavar="FILE.ipynb", required=True, help="where the executed copy goes")
    parser.add_argument("--force", action="store_true", help="replace FILE.ipynb")
    parser.set_defaults(run=commands.run)


def _params(to: _Commands) -> None:
    parser = _command(
        to,
        "params",
        "list every tunable with range, unit, meaning and default",
        "Without METHOD: everything. With it: what --set takes for that method.",
        "vidlab params flow_fusion",
    )
    parser.add_argument(
        "method", metavar="METHOD", nargs="?", help=f"{', '.join(METHODS)}; or a flow, or a tracker"
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.set_defaults(run=commands.params)


def _info(to: _Commands) -> None:
    parser = _command(
        to,
        "info",
        "versions, devices, and which optional parts are there",
        "Reads; changes nothing.",
        "vidlab info",
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.set_defaults(run=commands.info)


def _command(to: _Commands, name: str, summary: str, description: str, *examples: str) -> Parser:
    parser = to.add_parser(
        name,
        help=summary,
        description=f"{summary[:1].upper()}{summary[1:]}.\n\n{description}",
        epilog="examples:\n" + "\n".join(f"  {example}" for example in examples),
        formatter_class=Layout,
        allow_abbrev=False,
    )
    _add_debug(parser)
    return parser


def _add_debug(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--debug", action="store_true", default=argparse.SUPPRESS, help="show the traceback of an error"
    )


def _add_video(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "video", metavar="VIDEO_OR_FOLDER", help="video file, or folder of numbered images (see --fps)"
    )


def _add_network(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--model",
        metavar="NAME",
        help=f"network that finds the masks (default {commands.DEFAULT_MODEL}); vidlab info lists them",
    )
    parser.add_argument(
        "--weights",
        metavar="FILE",
        help="weights of the network; without it its own are taken from the cache or downloaded; "
        "random is for timing only",
    )
    parser.add_argument(
        "--class",
        dest="classes",
        metavar="A,B",
        help="COCO or VOC names or COCO ids of the wanted classes (default: all)",
    )


def _add_out(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--out", metavar="DIR", required=True, help="folder for the results")
    parser.add_argument(
        "--force", action="store_true", help="replace a non-empty DIR, once the new result is complete"
    )
