"""`vidlab track`: its words, and what it prints. Jobs are imported late: --help is instant."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vidlab.cli.commands import DEFAULT_MODEL, masks_source, wanted_classes
from vidlab.cli.options import Parser, add_options, given
from vidlab.errors import ParameterError
from vidlab.params import (
    DEFAULT_TRACKER,
    TRACKER_PARAMS,
    EvidenceParams,
    NetworkParams,
    SegmentParams,
    SourceParams,
    TrackingJudgeParams,
    WriterParams,
    tracker_params,
)

if TYPE_CHECKING:
    from vidlab.metrics.tracking import TrackingScore

SUMMARY = "tell which detection is which object, and judge it where the truth is known"
DESCRIPTION = """\
Gives the detections of every frame identities, which count from 1 and are never used again. FILE.txt holds
boxes in MOTChallenge's form (frame,id,x,y,w,h,score,-1,-1,-1, all from 1), FILE.json masks as COCO results
with track_id, FILE.mp4 a video in which everybody has a color; a folder holds all three, params.json, and
with --truth metrics.json. --tracker given takes the track_id that masks come with, to judge or to film it.

With --truth it prints HOTA (DetA: found, AssA: kept apart), MOTA, MOTP, IDF1 and identity switches: by masks
against COCO, by boxes against MOTChallenge's text."""
EXAMPLES = (
    "vidlab track clip.mp4 --masks detections.json --out runs/tracks.txt",
    "vidlab track frames/ --masks detections.json --tracker bytetrack --class person --out runs/people",
    "vidlab track clip.mp4 --masks a.json --tracker deepsort --set gallery=20 --truth gt.txt --out runs/a",
    "vidlab track clip.mp4 --masks mine.json --tracker given --truth truth.json --out runs/mine.mp4",
)
_ROWS = (
    ("HOTA ↑", "hota"),
    ("DetA ↑ (found)", "deta"),
    ("AssA ↑ (kept apart)", "assa"),
    ("LocA ↑ (overlap)", "loca"),
    ("MOTA ↑", "mota"),
    ("MOTP ↑", "motp"),
    ("IDF1 ↑", "idf1"),
    ("identity switches ↓", "n_switches"),
    ("missed ↓", "n_missed"),
    ("false ↓", "n_false"),
    ("lost for a while ↓", "n_broken"),
)


def add(to: Any, command: Callable[..., Parser]) -> None:
    """Add the command `vidlab track` and everything it takes."""
    parser = command(to, "track", SUMMARY, DESCRIPTION, *EXAMPLES)
    parser.set_defaults(run=run)
    parser.add_argument(
        "video", metavar="VIDEO_OR_FOLDER", help="video file, or folder of numbered images (see --fps)"
    )
    parser.add_argument(
        "--masks",
        metavar="PATH",
        help="detections of your own instead of a network: COCO results JSON, or a result folder with one",
    )
    parser.add_argument(
        "--model",
        metavar="NAME",
        help=f"network that finds the objects (default {DEFAULT_MODEL}); vidlab info lists them",
    )
    parser.add_argument("--weights", metavar="FILE", help="weights of the network")
    parser.add_argument(
        "--class",
        dest="classes",
        metavar="A,B",
        help="COCO or VOC names or COCO ids of the wanted classes (default: all)",
    )
    _add_tracker(parser)
    parser.add_argument(
        "--out",
        metavar="FILE_OR_DIR",
        required=True,
        help="FILE.txt, FILE.json, FILE.mp4, or a folder for all",
    )
    parser.add_argument("--force", action="store_true", help="replace it, once the new result is complete")
    for model in (
        TrackingJudgeParams,
        EvidenceParams,
        SegmentParams,
        NetworkParams,
        SourceParams,
        WriterParams,
    ):
        add_options(parser, model, only=("drop_below",) if model is EvidenceParams else ())


def _add_tracker(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--tracker",
        metavar="NAME",
        default=DEFAULT_TRACKER,
        help=f"{', '.join(TRACKER_PARAMS)} (default %(default)s)",
    )
    parser.add_argument(
        "--set",
        dest="settings",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="set a tunable of the tracker; repeatable; vidlab params TRACKER lists them",
    )
    parser.add_argument(
        "--looks-weights",
        metavar="FILE",
        help="weights of the network that tells looks apart (deepsort with appearance=resnet18, for one), "
        "or random; without it ImageNet's, from the cache or downloaded",
    )
    parser.add_argument(
        "--truth",
        metavar="FILE",
        help="who is truly where: MOTChallenge's .txt, or COCO's .json with track_id; prints the metrics",
    )


def run(args: argparse.Namespace) -> int:
    """Run `vidlab track`."""
    args.probs = False
    numbers = tracker_params(args.tracker, args.settings)
    classes, masks_from = wanted_classes(args.classes), masks_source(args)
    source, segment = given(args, SourceParams), given(args, SegmentParams)
    evidence = given(args, EvidenceParams)
    judge, writer = given(args, TrackingJudgeParams), given(args, WriterParams)
    if args.tracker == "given" and args.masks is None:
        raise ParameterError("given identities must come with masks, got a network; add --masks FILE")
    from vidlab.cli.progress import progress_bar
    from vidlab.cli.tables import print_paths
    from vidlab.jobs.tracking import TrackRules, track

    with progress_bar("tracking") as progress:
        result = track(
            Path(args.video),
            masks_from=masks_from,
            out=Path(args.out),
            tracker=args.tracker,
            params=numbers,
            looks_weights=args.looks_weights,
            truth=None if args.truth is None else Path(args.truth),
            class_ids=classes,
            rules=TrackRules(source, segment, evidence, judge, writer),
            force=args.force,
            progress=progress,
            command=["vidlab", *args.words],
        )
    looks = f", looks by {result.weights}" if result.weights else ""
    print(
        f"{result.n_frames} frames, {result.n_detections} detections of {result.n_tracks} objects "
        f"({args.tracker}{looks})"
    )
    if result.score is not None:
        _show(result.score, title=f"against {args.truth}")
    print_paths({"tracks": result.path})
    return 0


def _show(score: "TrackingScore", *, title: str) -> None:
    from vidlab.cli.tables import print_table
    from vidlab.viz.tables import number

    rows = [(label, _text(getattr(score, name), number)) for label, name in _ROWS]
    whole = f"{score.n_objects} objects in {score.n_frames} frames, {score.n_appearances} appearances"
    print_table(("metric", "value"), rows, title=f"{title}: {whole}", right=(1,))


def _text(value: float | int, number: Callable[[float | None, int], str]) -> str:
    if isinstance(value, int):
        return str(value)
    return number(None if value != value else value, 3)  # NaN: undefined
