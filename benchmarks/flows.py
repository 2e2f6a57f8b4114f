"""Which optical flow is most exact, what does each cost, and which one stabilizes masks best?

    python benchmarks/flows.py [--size 854x480] [--frames 10] [--clips 6] [--json runs/flows.json]
                               [--figure runs/flows.png] [--real-frames 24] [--no-real]
    python benchmarks/flows.py --quick

1. End-point error against the exact flow of drawn scenes with slow and fast motion: mean, by true speed, of
   pixels that both frames show and of occluded ones; Fl-all; and the time of the processor on one thread, as
   a multiple of DIS ultrafast on the same pair. Once at full size, once at that of the causal stabilizer.
2. What each does for masks, in the causal stabilizer at its own size: J, F, excess flicker along the exact
   motion, and headline, means over drawn clips that are not those of 1.
3. The same on the real sequences of ../shared/real, where that folder is there; flicker is judged by the
   Farnebäck flow of `EvaluateParams`, so that flow's own row is judged by itself.

A network whose weights are not on this machine runs with random ones for its time alone; its errors, and what
it would do for masks, stay empty.
"""

import argparse
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from statistics import fmean
from typing import Any

os.environ["OMP_NUM_THREADS"] = "1"  # read when NumPy, OpenCV and torch are loaded

import cv2
from matplotlib.figure import Figure
from rich.console import Console
from rich.table import Table

from vidlab.classes import class_ids
from vidlab.jobs import MaskFile, smoothers
from vidlab.jobs.flow_contest import (
    COST_LABEL,
    ERROR_HEADER,
    REFERENCE,
    Raced,
    answer,
    draw_scenes,
    entrants,
    error_row,
    race,
    stabilizers,
)
from vidlab.jobs.smoothers import Score
from vidlab.jobs.story import hardware
from vidlab.jobs.variants import RAW, measure_variants
from vidlab.metrics.summary import ClipSummary
from vidlab.params import FlowFusionParams, FlowParams, SourceParams
from vidlab.viz.flow_plots import plot_flows
from vidlab.viz.tables import signed

SEQUENCES = Path(__file__).resolve().parents[2] / "shared" / "real" / "sequences"
NETWORKS = {"YOLOv8n-seg": ("yolov8n_seg.json", False), "DeepLabV3": ("deeplabv3_probs", True)}
SCENE_SEED, CLIP_SEED = 700, 7100
SCENE_SPEEDS_PX = (2.0, 8.0, 24.0, 60.0)  # of 480 rows; other sizes move as much more or less
CLIP_SPEEDS_PX = (1.0, 4.0, 12.0)
PROFILES = ("yolo_like", "deeplab_like")
MASK_HEADER = ("flow", "J", "F", "F 2 px", "excess flicker", "headline", "over raw", "over DIS uf")


# ── 1: error and cost ───────────────────────────────────────────────────────────────────────────────────────
def error_facts(raced: Mapping[str, Raced]) -> dict[str, Any]:
    """Return what `--json` keeps of a race."""
    return {name: asdict(each) for name, each in raced.items()}


# ── 2 and 3: masks ──────────────────────────────────────────────────────────────────────────────────────────
def drawn_scores(
    flows: Mapping[str, FlowParams], *, size_hw: tuple[int, int], n_frames: int, n_clips: int
) -> list[dict[str, Score]]:
    """Stabilize drawn clips with every flow; return for each clip `raw` and each flow → its score."""
    methods = stabilizers(FlowFusionParams(), flows)
    found = []
    for place in range(n_clips):
        speed_px = CLIP_SPEEDS_PX[place // len(PROFILES) % len(CLIP_SPEEDS_PX)] * size_hw[0] / 480
        clip = smoothers.draw_clip(
            CLIP_SEED + place, size_hw=size_hw, n_frames=n_frames, speed_px=speed_px,
            profile=PROFILES[place % len(PROFILES)],
        )  # fmt: skip
        found.append(smoothers.score_all(clip, smoothers.smooth(clip, methods)))
    return found


def real_scores(flows: Mapping[str, FlowParams], *, max_frames: int, only: int) -> Iterator[dict[str, Score]]:
    """Yield the same for each real sequence and network; nothing where the sequences are not."""
    folders = sorted(SEQUENCES.iterdir()) if SEQUENCES.is_dir() else []
    methods = stabilizers(FlowFusionParams(), flows)
    for folder in folders[: only or None]:
        (target,) = json.loads((folder / "sequence.json").read_text("utf-8"))["target_classes"]
        for masks, probs in NETWORKS.values():
            measured = measure_variants(
                folder / "frames",
                masks_from=MaskFile(folder / masks, probs),
                variants=methods,
                class_ids=class_ids([target]),
                truth=folder / "truth",
                source=SourceParams(max_frames=max_frames),
            )
            yield {name: as_score(summary) for name, summary in measured.items()}


def as_score(found: ClipSummary) -> Score:
    """Return the same numbers of a clip that was measured with estimated motion; undefined ones are NaN."""
    values = (found.j_mean, found.f_mean, found.f_2px_mean, found.excess_flicker, found.headline)
    return Score(*(float("nan") if value is None else value for value in values))


def mask_rows(clips: Sequence[Mapping[str, Score]]) -> list[tuple[str, ...]]:
    """Return a row under `MASK_HEADER` for raw masks and for each flow: means over the clips."""
    means = {name: smoothers.mean_score([clip[name] for clip in clips]) for name in clips[0]}
    rows = []
    for name, mean in means.items():
        over = [
            [100 * (clip[name].headline - clip[base].headline) for clip in clips] for base in (RAW, REFERENCE)
        ]
        raw, reference = (f"{signed(fmean(each), 2)} (worst {signed(min(each), 2)})" for each in over)
        rows.append((name, *smoothers.score_cells(mean), *(("", "") if name == RAW else (raw, reference))))
    return rows


def headlines_of(clips: Sequence[Mapping[str, Score]]) -> dict[str, float]:
    """Return the mean headline of each flow, raw masks left out."""
    return {name: fmean(clip[name].headline for clip in clips) for name in clips[0] if name != RAW}


# ── output ──────────────────────────────────────────────────────────────────────────────────────────────────
def print_table(
    console: Console, header: Sequence[str], rows: Sequence[Sequence[str]], *, title: str
) -> None:
    """Print a table whose first column is text."""
    table = Table(title=title, title_justify="left")
    for place, heading in enumerate(header):
        table.add_column(heading, justify="right" if place else "left", no_wrap=True)
    for row in rows:
        table.add_row(*row)
    console.print(table)


def draw_figure(raced: Mapping[str, Raced], path: Path, *, title: str) -> None:
    """Draw error against cost of the flows whose error is known."""
    figure = Figure(figsize=(9, 4.5), layout="constrained")
    points = {name: (each.ratio, each.errors.epe or 0.0) for name, each in raced.items() if each.errors}
    plot_flows(
        figure.add_subplot(), points, title=title, xscale="log",
        xlabel=COST_LABEL, ylabel="mean end-point error (px)",
    )  # fmt: skip
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=120)


def arguments() -> argparse.Namespace:
    """Return the words of the command line, those of `--quick` filled in."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--size", default="854x480", metavar="WxH")
    parser.add_argument("--frames", type=int, default=10, help="of each drawn scene and clip")
    parser.add_argument("--clips", type=int, default=6, help="drawn clips to stabilize")
    parser.add_argument("--quick", action="store_true", help="small and few, one real sequence of 12 frames")
    parser.add_argument("--real-frames", type=int, default=0, help="of each real sequence, 0 for all")
    parser.add_argument("--no-real", action="store_true", help="leave ../shared/real alone")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--figure", type=Path)
    args = parser.parse_args()
    args.real_only = 0
    if args.quick:
        args.size, args.frames, args.clips, args.real_frames, args.real_only = "320x180", 4, 2, 12, 1
    return args


def main() -> None:
    """Print the tables."""
    args = arguments()
    cv2.setNumThreads(1)
    console = Console(width=190)
    width, height = (int(part) for part in args.size.split("x"))
    where = hardware(device="cpu")
    console.print(f"one thread, {where}, OpenCV {cv2.__version__}")
    speeds = [speed * height / 480 for speed in SCENE_SPEEDS_PX]
    scenes = draw_scenes(SCENE_SEED, size_hw=(height, width), n_frames=args.frames, speeds_px=speeds)
    facts: dict[str, Any] = {"hardware": where, "size": args.size, "frames": args.frames, "races": {}}
    races = {}
    for scale in (1.0, FlowFusionParams().flow_scale):
        raced = races[scale] = race(scenes, entrants(scale=scale))
        title = f"error and cost at {scale:g} of {args.size}, {len(scenes)} scenes of {args.frames} frames"
        rows = [error_row(name, each) for name, each in raced.items()]
        print_table(console, ERROR_HEADER, rows, title=title)
        facts["races"][f"{scale:g}"] = error_facts(raced)
    if args.figure:
        draw_figure(
            races[1.0], args.figure, title=f"Error against cost at {args.size}: low and left is better"
        )
    del scenes
    own = FlowFusionParams().flow_scale
    flows = entrants(scale=own)
    small = {"size_hw": (height, width), "n_frames": 2 * args.frames, "n_clips": args.clips}
    clips = {"drawn": drawn_scores(flows, **small)}
    if not args.no_real:
        clips["real"] = list(real_scores(flows, max_frames=args.real_frames, only=args.real_only))
    for kind, scores in clips.items():
        if not scores:
            console.print(f"{kind}: {SEQUENCES.name} are not here")
            continue
        title = (
            f"masks stabilized by flow_fusion at {own:g} of the size, {kind}, means of {len(scores)} clips"
        )
        print_table(console, MASK_HEADER, mask_rows(scores), title=title)
        console.print(f"{kind}: {answer(races[own], headlines_of(scores))}\n")
        facts[kind] = [{name: asdict(score) for name, score in clip.items()} for clip in scores]
    if args.json:
        args.json.parent.mkdir(parents=True, exist_ok=True)
        args.json.write_text(json.dumps(facts, indent=1, ensure_ascii=False), "utf-8")


if __name__ == "__main__":
    main()
