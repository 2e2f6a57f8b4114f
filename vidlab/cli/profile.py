"""`vidlab profile`: its words, and what it prints. Jobs are imported late: --help is instant."""

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vidlab.cli.options import Parser, add_options, add_timed_weights, given
from vidlab.params import DEFAULT_NETWORK, NetworkParams, ProfileParams, SegmentParams, SourceParams

if TYPE_CHECKING:
    from vidlab.jobs.profile import ProfileResult

SUMMARY = "say where the time goes for a video and a model, and what to try next"
DESCRIPTION = """\
Times decoding, preprocessing, the network and postprocessing, each alone; then the whole, one stage after
the other and overlapped. Prints which stage bounds, what overlap can give at most and did give, and the next
thing to try with the gain that it should have. Model-only and end-to-end always stand together.
With --out: DIR/profile.json, DIR/stages.png, DIR/timeline.png and DIR/timeline.json."""
EXAMPLES = (
    "vidlab profile clip.mp4",
    "vidlab profile clip.mp4 --model maskrcnn_resnet50_fpn --device cuda --batch-frames 4 --out runs/where",
    "vidlab profile clip.mp4 --model none --json",
)
_COLUMNS = 88  # of the timeline
_SHOWN_ITEMS = 6
_MORE = 4  # suggestions after the first


def add(to: Any, command: Callable[..., Parser]) -> None:
    """Add the command `vidlab profile` and everything it takes."""
    parser = command(to, "profile", SUMMARY, DESCRIPTION, *EXAMPLES)
    parser.set_defaults(run=run)
    parser.add_argument("video", metavar="VIDEO", help="video file, or folder of numbered images")
    parser.add_argument(
        "--model",
        metavar="NAME",
        help="network to time, or none for decoding and preprocessing alone "
        f"(default {DEFAULT_NETWORK}); vidlab info lists them",
    )
    add_timed_weights(parser)
    parser.add_argument("--out", metavar="DIR", help="folder for numbers and pictures")
    parser.add_argument(
        "--force", action="store_true", help="replace a non-empty DIR, once the new result is complete"
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of sentences")
    add_options(parser, ProfileParams)
    add_options(parser, SegmentParams, only=("device",))
    add_options(parser, NetworkParams)
    add_options(parser, SourceParams, only=("fps",))


def run(args: argparse.Namespace) -> int:
    """Run `vidlab profile`."""
    params, segment = given(args, ProfileParams), given(args, SegmentParams)
    source = SourceParams(fps=given(args, SourceParams).fps)
    from vidlab.cli.progress import progress_bar
    from vidlab.jobs.profile import profile
    from vidlab.jobs.profile_report import to_dict

    with progress_bar("profiling") as progress:
        result = profile(
            Path(args.video),
            model=args.model or DEFAULT_NETWORK,
            weights=args.weights,
            options=given(args, NetworkParams),
            out=None if args.out is None else Path(args.out),
            params=params,
            source=source,
            segment=segment,
            force=args.force,
            progress=progress,
            command=["vidlab", *args.words],
        )
    if args.json:
        print(json.dumps(to_dict(result), indent=2, ensure_ascii=False))
    else:
        _show(result, name=Path(args.video).name)
    return 0


def _show(result: "ProfileResult", *, name: str) -> None:
    from vidlab.cli.tables import print_lines, print_paths, print_table
    from vidlab.jobs.profile_wording import STAGE_HEADER, gave_text, stage_rows, title_lines

    print("\n".join([*title_lines(result, name=name), ""]))
    print_table(
        STAGE_HEADER,
        stage_rows(result),
        title="",
        right=(1, 2, 3, 4),
    )
    print_lines("speed", [str(speed) for speed in result.speeds.values()])
    if result.clocks is not None:
        print_lines("clock", [str(result.clocks)])
    _show_timeline(result)
    print_lines("verdict", [*result.verdict.lines(), gave_text(result)])
    print_lines("next thing to try", [str(found) for found in result.suggestions[:1]])
    print_lines("after that", [str(found) for found in result.suggestions[1 : 1 + _MORE]])
    print_lines("lost frames", result.losses)
    if result.folder is not None:
        print_paths({"results": result.folder, "timeline": result.folder / "timeline.png"})


def _show_timeline(result: "ProfileResult") -> None:
    from vidlab.viz.timeline import middle_of, text_gantt

    for name, spans in result.spans.items():
        print(f"timeline, {name}, {_SHOWN_ITEMS} items from the middle")
        for line in text_gantt(middle_of(spans, n_items=_SHOWN_ITEMS), width=_COLUMNS):
            print(f"  {line}")
    print()
