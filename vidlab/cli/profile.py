"""`vidlab profile`: its words, and what it prints. Jobs are imported late: --help is instant."""

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vidlab.cli.options import Parser, add_options, given
from vidlab.params import ProfileParams, SegmentParams, SourceParams

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
BUSY_LOAD = 0.5  # of the cores taken by others: times mean little then


def add(to: Any, command: Callable[..., Parser]) -> None:
    """Add the command `vidlab profile` and everything it takes."""
    parser = command(to, "profile", SUMMARY, DESCRIPTION, *EXAMPLES)
    parser.set_defaults(run=run)
    parser.add_argument("video", metavar="VIDEO", help="video file, or folder of numbered images")
    parser.add_argument(
        "--model",
        metavar="NAME",
        help="network to time, or none for decoding and preprocessing alone (default "
        "lraspp_mobilenet_v3_large); vidlab info lists them",
    )
    parser.add_argument(
        "--weights",
        metavar="FILE",
        help="weights of the network, or random; without it its own where they are on this machine, else "
        "random ones, which every output says",
    )
    parser.add_argument("--out", metavar="DIR", help="folder for numbers and pictures")
    parser.add_argument(
        "--force", action="store_true", help="replace a non-empty DIR, once the new result is complete"
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of sentences")
    add_options(parser, ProfileParams)
    add_options(parser, SegmentParams, only=("device",))
    add_options(parser, SourceParams, only=("fps",))


def run(args: argparse.Namespace) -> int:
    """Run `vidlab profile`."""
    params, segment = given(args, ProfileParams), given(args, SegmentParams)
    source = SourceParams(fps=given(args, SourceParams).fps)
    from vidlab.cli.progress import progress_bar
    from vidlab.jobs.profile import DEFAULT_MODEL, profile
    from vidlab.jobs.profile_report import to_dict

    with progress_bar("profiling") as progress:
        result = profile(
            Path(args.video),
            model=args.model or DEFAULT_MODEL,
            weights=args.weights,
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

    print(_title(result, name=name))
    print_table(
        ("stage, alone", "median ms", "p95 ms", "share", "cores busy"),
        _rows(result),
        title="",
        right=(1, 2, 3, 4),
    )
    print_lines("speed", [str(speed) for speed in result.speeds.values()])
    if result.clocks is not None:
        print_lines("clock", [str(result.clocks)])
    _show_timeline(result)
    print_lines("verdict", [*result.verdict.lines(), _gave(result)])
    print_lines("next thing to try", [str(found) for found in result.suggestions[:1]])
    print_lines("after that", [str(found) for found in result.suggestions[1 : 1 + _MORE]])
    print_lines("lost frames", result.losses)
    if result.folder is not None:
        print_paths({"results": result.folder, "timeline": result.folder / "timeline.png"})


def _title(result: "ProfileResult", *, name: str) -> str:
    from vidlab.jobs.profile_work import N_ROUNDS

    height, width = result.video.size_hw
    model = "no network"
    if result.model != "none":
        model = f"{result.model} with weights {result.weights}"
    batch = "" if result.item_frames == 1 else f" in items of {result.item_frames}"
    warmup = next(iter(result.timings.values())).warmup_text
    machine = f"{result.device}, {result.verdict.n_cores:g} cores"
    lines = [
        f"{name}: {width}×{height} {result.video.codec}, {model}, on {machine}",
        f"{result.n_frames} frames{batch} in each run, {N_ROUNDS} interleaved rounds; {warmup}",
    ]
    if result.load > BUSY_LOAD * result.verdict.n_cores:
        lines.append(
            f"others are at work here (load {result.load:.1f}): all times are longer than yours alone"
        )
    return "\n".join([*lines, ""])


def _rows(result: "ProfileResult") -> list[tuple[str, ...]]:
    whole_s = sum(stage.mean_s for stage in result.verdict.stages)
    return [
        (
            stage.name,
            f"{1000 * result.timings[stage.name].median_s:.2f}",
            f"{1000 * result.timings[stage.name].p95_s:.2f}",
            f"{100 * stage.mean_s / whole_s:.0f} %",
            f"{stage.cores:.1f}",
        )
        for stage in result.verdict.stages
    ]


def _show_timeline(result: "ProfileResult") -> None:
    from vidlab.viz.timeline import middle_of, text_gantt

    for name, spans in result.spans.items():
        print(f"timeline, {name}, {_SHOWN_ITEMS} items from the middle")
        for line in text_gantt(middle_of(spans, n_items=_SHOWN_ITEMS), width=_COLUMNS):
            print(f"  {line}")
    print()


def _gave(result: "ProfileResult") -> str:
    elapsed, off = result.elapsed_s, 100 * result.prediction_error
    taken = f"{elapsed['sequential']:.2f} s stage after stage, {elapsed['overlapped']:.2f} s overlapped"
    direction = "longer" if off >= 0 else "shorter"
    return (
        f"overlap did make it {result.reached_speedup:.2f} times as fast: {taken}; "
        f"predicted {result.verdict.overlapped_s:.2f} s, {abs(off):.0f} % {direction}"
    )
