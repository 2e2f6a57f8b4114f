"""`vidlab evaluate`: its words, and how results are shown. Jobs are imported late: --help is instant."""

import argparse
import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vidlab.cli.options import add_options, given
from vidlab.params import EvaluateParams, SourceParams

if TYPE_CHECKING:
    from vidlab.jobs import EvaluateResult
    from vidlab.jobs.evaluate_clips import ClipsResult
    from vidlab.jobs.labels import LabelsResult
    from vidlab.jobs.progress import Progress
    from vidlab.metrics.bootstrap import Interval

FEW_CLIPS = 10  # fewer hardly show how clips differ: an interval drawn from them is too narrow

SUMMARY = "measure masks: how accurate, how calm, how consistent with the motion"
DESCRIPTION = """\
Stability needs only masks; --truth adds accuracy (J, F), --video what is measured along the motion (MC,
flicker, jitter), both together excess flicker: what flickers beyond the truth itself. Says in words
what the numbers mean. --against compares two results on the same frames, with 95 % intervals.

If DIR holds a folder of masks for each of several clips, every clip is measured: truth is then
DIR/NAME or DIR/NAME/truth, video DIR/NAME/frames, DIR/NAME or DIR/NAME.mp4, the rival DIR/NAME.

--out writes metrics.json, curves.csv, plots/, and the worst frames as pictures."""
EXAMPLES = (
    "vidlab evaluate --masks runs/dog --truth truth/ --video frames/ --out runs/dog_report",
    "vidlab evaluate --masks runs/dog --against runs/dog/raw --truth truth/ --video frames/",
    "vidlab evaluate --masks results/ --against rival/ --truth sequences/ --video sequences/",
    "vidlab evaluate --masks runs/street --labels --truth labels/ --video clip.mp4",
    "vidlab evaluate --masks runs/dog/raw --json",
)


def add_words(parser: argparse.ArgumentParser) -> None:
    """Add everything `vidlab evaluate` takes."""
    parser.add_argument(
        "--masks",
        metavar="DIR",
        required=True,
        help="folder of PNGs, a result folder (its masks/), or a folder of these, one for each clip",
    )
    parser.add_argument("--truth", metavar="DIR", help="folder of PNGs with true masks, one per frame")
    parser.add_argument("--video", metavar="VIDEO_OR_FOLDER", help="the frames, for the optical flow")
    parser.add_argument("--against", metavar="DIR", help="masks to compare with, as --masks")
    parser.add_argument(
        "--labels",
        action="store_true",
        help="the PNGs are class indices, 255 = ignore (of a result folder its labels/): IoU of each class",
    )
    parser.add_argument("--json", action="store_true", help="print JSON, curves included, instead of tables")
    parser.add_argument("--out", metavar="DIR", help="folder for metrics, curves, plots and worst frames")
    parser.add_argument(
        "--force", action="store_true", help="replace a non-empty DIR, once the new result is complete"
    )
    for model in (EvaluateParams, SourceParams):
        add_options(parser, model)


def run(args: argparse.Namespace) -> int:
    """Run `vidlab evaluate`; 1 if a clip of several could not be measured."""
    source, params = given(args, SourceParams), given(args, EvaluateParams)
    paths = {name: _path(args, name) for name in ("truth", "video", "against", "out")}
    options: dict[str, Any] = {
        **paths,
        "source": source,
        "params": params,
        "force": args.force,
        "command": ["vidlab", *args.words],
    }
    from vidlab.jobs.clips import holds_clips

    masks = Path(args.masks)
    if args.labels:
        return _labels(masks, options, as_json=args.json)
    if holds_clips(masks):
        return _clips(masks, options, as_json=args.json)
    return _clip(masks, options, as_json=args.json)


def _clip(masks: Path, options: dict[str, Any], *, as_json: bool) -> int:
    from vidlab import jobs
    from vidlab.cli.progress import progress_bar

    with progress_bar("evaluating") as progress:
        result = jobs.evaluate(masks, progress=progress, **options)
    if as_json:
        _print_json(result.to_json())
    else:
        _show_clip(result)
        _show_folder(options["out"])
    return 0


def _clips(masks: Path, options: dict[str, Any], *, as_json: bool) -> int:
    from vidlab.cli.progress import progress_bar
    from vidlab.jobs.evaluate_clips import evaluate_clips

    @contextmanager
    def progress(title: str) -> "Iterator[Progress]":
        with progress_bar(f"evaluating {title}") as advance:
            yield advance

    result = evaluate_clips(masks, progress=progress, **options)
    if as_json:
        _print_json(result.to_json())
    else:
        _show_clips(result, title=str(masks))
        _show_folder(options["out"])
    for name, trouble in result.failures.items():
        print(f"vidlab: clip {name}: {' '.join(trouble.split())}", file=sys.stderr)
    return 1 if result.failures else 0


def _labels(masks: Path, options: dict[str, Any], *, as_json: bool) -> int:
    from vidlab.cli.progress import progress_bar
    from vidlab.jobs.labels import evaluate_labels

    with progress_bar("evaluating") as progress:
        result = evaluate_labels(masks, progress=progress, **options)
    if as_json:
        _print_json(result.to_json())
    else:
        _show_labels(result)
        _show_folder(options["out"])
    return 0


def _show_clip(result: "EvaluateResult") -> None:
    from vidlab.cli.tables import print_lines, print_sections
    from vidlab.viz.tables import against_rows, summary_rows

    summary, other, judge = result.summary, result.against_summary, result.params.judge_flow
    title = f"{result.masks}, {summary.n_frames} frames"
    if other is None:
        truth = result.truth_summary
        header = ["metric", "masks"] + ["truth"] * (truth is not None)
        sections = summary_rows(summary, truth=truth, judge=judge)
        print_sections(header, sections, title=title, right=(1, 2))
    else:
        header = ["metric", "masks", "against", "difference"]
        sections = against_rows(summary, other, judge=judge)
        print_sections(header, sections, title=f"{title}, against {result.against}", right=(1, 2, 3))
        _show_intervals(result.intervals, title="mean difference per frame; blocks of frames drawn again")
    print_lines("in words", result.words)
    print_lines("the difference in words", result.change_words)


def _show_clips(result: "ClipsResult", *, title: str) -> None:
    from vidlab.cli.tables import print_table
    from vidlab.viz.tables import CLIP_HEADER, clip_rows

    clips = {name: one.summary for name, one in result.results.items()}
    others = {name: one.against_summary for name, one in result.results.items()}
    against = {name: one for name, one in others.items() if one is not None}
    if against:
        title += ", in brackets the difference, masks − against"
    if clips:
        rows = clip_rows(clips, mean=result.mean, against=against, against_mean=result.against_mean or {})
        print_table(CLIP_HEADER, rows, title=title, right=range(1, len(CLIP_HEADER)))
    title = "mean difference over clips; clips, and blocks of frames in them, drawn again"
    if len(clips) < FEW_CLIPS:
        title += " (so few clips promise too much)"
    _show_intervals(result.intervals, title=title)


def _show_labels(result: "LabelsResult") -> None:
    from vidlab.cli.tables import print_sections
    from vidlab.viz.tables import label_rows

    summary, other = result.summary, result.against_summary
    versions = [summary] if other is None else [summary, other]
    header = ("metric", "masks") if other is None else ("metric", "masks", "against", "difference")
    title = f"labels of {result.paths.masks}, {summary.n_frames} frames"
    print_sections(header, label_rows(versions, names=result.names), title=title, right=(1, 2, 3))
    _show_intervals(result.intervals, title="mean difference per frame; blocks of frames drawn again")


def _show_intervals(intervals: "Mapping[str, Interval]", *, title: str) -> None:
    from vidlab.cli.tables import print_table
    from vidlab.viz.tables import INTERVAL_HEADER, interval_rows

    rows = interval_rows(intervals)
    if rows:
        print_table(INTERVAL_HEADER, rows, title=title, right=(1, 2, 3, 4))


def _show_folder(out: Path | None) -> None:
    if out is not None:
        from vidlab.cli.tables import print_paths

        print_paths({"results": out})


def _print_json(content: Mapping[str, Any]) -> None:
    print(json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False))


def _path(args: argparse.Namespace, name: str) -> Path | None:
    value = getattr(args, name)
    return None if value is None else Path(value)
