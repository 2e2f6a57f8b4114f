"""`vidlab stream`: its words, and what it prints. The pipeline is imported late: --help is instant."""

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vidlab.cli.options import Parser, add_options, add_timed_weights, given
from vidlab.params import (
    DEFAULT_NETWORK,
    NetworkParams,
    ScheduleParams,
    SegmentParams,
    SourceParams,
    StreamParams,
)

if TYPE_CHECKING:
    from vidlab.models import StagedSegmenter
    from vidlab.pipeline.latency import LatencyReport
    from vidlab.pipeline.schedules import Step
    from vidlab.video import Source

SUMMARY = "run a network on a video as it comes, in near real time, and say how late results are"
DESCRIPTION = """\
Plays the video by its own time stamps, as a camera would. A frame's latency runs from when it was due to
its result; what happens to frames that come too fast is the policy's business. Prints p50, p95 and p99 of
the latency, frames dropped, deadlines missed, throughput, and two kinds of jitter: the standard deviation of
the latency, and the mean difference between successive intervals of the results.
--compare runs the same video offline too, and under every policy, in one table."""
EXAMPLES = (
    "vidlab stream clip.mp4 --budget-ms 100",
    "vidlab stream clip.mp4 --policy every_n --every 4 --max-frames 200",
    "vidlab stream clip.mp4 --compare --plot runs/latency.png",
)


def add(to: Any, command: Callable[..., Parser]) -> None:
    """Add the command `vidlab stream` and everything it takes."""
    parser = command(to, "stream", SUMMARY, DESCRIPTION, *EXAMPLES)
    parser.set_defaults(run=run)
    parser.add_argument("video", metavar="VIDEO", help="video file, or folder of numbered images")
    parser.add_argument(
        "--model",
        metavar="NAME",
        help=f"network to run (default {DEFAULT_NETWORK}); vidlab info lists them",
    )
    add_timed_weights(parser)
    parser.add_argument(
        "--compare", action="store_true", help="run offline and under every policy too, in one table"
    )
    parser.add_argument("--plot", metavar="FILE.png", help="write a histogram of the latencies")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    add_options(parser, StreamParams)
    add_options(parser, ScheduleParams)
    add_options(parser, SegmentParams, only=("device",))
    add_options(parser, NetworkParams)
    add_options(parser, SourceParams)


def run(args: argparse.Namespace) -> int:
    """Run `vidlab stream`."""
    params, source_params = given(args, StreamParams), given(args, SourceParams)
    schedule, device = given(args, ScheduleParams), given(args, SegmentParams).device
    from vidlab.models import create_for_timing, resolve_device_of
    from vidlab.video import open_source

    source = open_source(args.video, fps=source_params.fps)
    model = args.model or DEFAULT_NETWORK
    device = resolve_device_of(model, device)
    segmenter = create_for_timing(
        model, weights=args.weights, device=device, options=given(args, NetworkParams)
    )
    steps = _warmed(segmenter, source, device)
    reports = _reports(
        source,
        steps,
        params=params,
        schedule=schedule,
        n_frames=source_params.max_frames or None,
        compare=args.compare,
    )
    if args.json:
        _print_json(reports, segmenter, device)
    else:
        _print(reports, f"{_title(source, segmenter, device)}, {params.speed:g} × real time")
    if args.plot is not None:
        _plot(Path(args.plot), reports, name=Path(args.video).name)
    return 0


def _warmed(segmenter: "StagedSegmenter", source: "Source", device: str) -> "list[Step]":
    """Return the stages after one frame went through them: what is set up then is no frame's latency."""
    from vidlab.pipeline.compare import network_steps
    from vidlab.profiling import synchronizer

    steps = network_steps(segmenter, synchronize=None if device == "cpu" else synchronizer(device))
    value: Any = next(iter(source))
    for step in steps:
        value = step.work(value)
    return steps


def _reports(
    source: "Source",
    steps: "list[Step]",
    *,
    params: StreamParams,
    schedule: ScheduleParams,
    n_frames: int | None,
    compare: bool,
) -> "dict[str, LatencyReport]":
    from vidlab.pipeline import compare as runs

    if compare:
        return runs.compare(source, steps, params=params, schedule=schedule, n_frames=n_frames)
    streamed = runs.run_stream(
        source, steps, params=params, patience_s=schedule.patience_s, n_frames=n_frames
    )
    return {f"streamed, {params.policy}": streamed}


def _title(source: "Source", segmenter: "StagedSegmenter", device: str) -> str:
    height, width = source.info.size_hw
    video = f"{Path(source.info.path).name}: {width}×{height}, {source.info.fps:.4g} frames/s"
    return f"{video}; {segmenter.name} with weights {segmenter.weights}, on {device}"


def _print(reports: "dict[str, LatencyReport]", title: str) -> None:
    from vidlab.cli.tables import print_lines, print_table
    from vidlab.pipeline.latency import HEADER, latency_rows

    print_table(HEADER, latency_rows(reports), title=title, right=range(1, len(HEADER)))
    lines = []
    for name, one in reports.items():
        if one.n_late is not None and one.n_shown:
            share = 100 * (one.n_shown - one.n_late) / one.n_frames
            lines.append(
                f"{name}: {share:.0f} % of {one.n_frames} frames had a result within {one.budget_ms:g} ms"
            )
    print_lines("in time", lines)


def _print_json(reports: "dict[str, LatencyReport]", segmenter: "StagedSegmenter", device: str) -> None:
    content = {
        "model": segmenter.name,
        "weights": segmenter.weights,
        "device": device,
        "runs": {name: one.to_dict() for name, one in reports.items()},
    }
    print(json.dumps(content, indent=2, ensure_ascii=False))


def _plot(path: Path, reports: "dict[str, LatencyReport]", *, name: str) -> None:
    from matplotlib.figure import Figure

    from vidlab.cli.tables import print_paths
    from vidlab.viz.latency import plot_latency_histogram

    figure = Figure(figsize=(9, 3.6), layout="constrained")
    plot_latency_histogram(figure.add_subplot(), reports, title=f"{name}: from due to result")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)
    print_paths({"histogram": path})
