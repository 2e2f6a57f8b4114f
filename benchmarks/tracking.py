"""Trackers compared: how well each keeps identities, what it costs, and what its mistakes do to stable masks.

    python benchmarks/tracking.py                      every plot, looks and detector, and ../shared/real
    python benchmarks/tracking.py --quick              few small clips: a look, no result
    python benchmarks/tracking.py --seed 3 --only synthetic
    python benchmarks/tracking.py --json runs/tracking.json

Scenes are those of `vidlab.synthetic.crossings`: identities are exact. HOTA, DetA, AssA, IDF1 and MOTA are
means of the clips, switches their sum; cost is the time of `step` over SORT's, without the detector's.
Trackers have the numbers of their papers, except in the table of stable masks: there they are as in `vidlab
stabilize --tracker`, and what is measured is flow fusion, causal, fed with their identities. Headline is that
of the union of all masks, which forgives whose pixels are whose; HOTA of the stable masks does not.

Of a sequence of ../shared/real one object is known: how often it changed its name, in which share of its
frames it went by its one best name (IDR), and in which share it was not found. The rest cannot be known.
"""

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from itertools import islice
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
from contest_clips import SEQUENCES
from rich.console import Console
from rich.progress import track
from rich.table import Table

from vidlab.classes import class_ids
from vidlab.errors import MissingExtraError, VidlabError
from vidlab.jobs import MaskFile
from vidlab.jobs.reading import open_reading
from vidlab.jobs.story import hardware
from vidlab.jobs.tracking_scenes import (
    SCORE_HEADER,
    Followed,
    Scene,
    cells,
    follow,
    judge,
    mean_tracking,
    raw_masks,
    stabilized,
    worth,
)
from vidlab.jobs.truth import MaskFolder
from vidlab.metrics.tracking import TrackingScore
from vidlab.params import DEFAULT_TRACKER, TRACKER_PARAMS, EvidenceParams, SourceParams, method_params
from vidlab.synthetic.crossings import DETECTORS, PLOTS, crossings
from vidlab.tracking import Tracker, create_method_tracker, create_tracker
from vidlab.types import Instances

SIZE_HW, N_FRAMES, SEED = (270, 480), 60, 7
QUICK_HW, QUICK_FRAMES, QUICK_DETECTORS = (180, 320), 32, ("exact", "missing")
NAMES = tuple(name for name in TRACKER_PARAMS if name != "given")
YARDSTICK = "sort"  # whose time is 1
METHOD = "flow_fusion"  # stabilizes under the identities
WITH_NETWORK = "deepsort, resnet18 with random weights"
PARTS = ("synthetic", "real")

Made = dict[str, dict[str, Any]]  # clip → tracker → what was measured


def trackers() -> dict[str, Callable[[], Tracker]]:
    """Return every tracker with the numbers of its paper, and DeepSORT with a network where torch is."""
    found: dict[str, Callable[[], Tracker]] = {name: partial(create_tracker, name) for name in NAMES}
    try:
        from vidlab.models.embeddings import create_embedding

        embed = create_embedding("resnet18", weights="random", device="cpu")
        found[WITH_NETWORK] = partial(create_tracker, "deepsort", embed=embed)
    except (ImportError, MissingExtraError):
        print("torch is not here: no network tells looks apart", file=sys.stderr)
    return found


# ── scenes with exact identities ────────────────────────────────────────────────────────────────────────────
def measure(scene: Scene, made: Mapping[str, Callable[[], Tracker]]) -> dict[str, Any]:
    """Follow one scene with every tracker, and make its masks stable under what each of them said."""
    record: dict[str, Any] = {"raw headline": worth(scene, raw_masks(scene)).headline}
    for name, create in made.items():
        followed: Followed = follow(scene, create())
        record[name] = {"score": followed.score, "ms": followed.ms_per_frame}
    for name in NAMES:
        params = method_params(METHOD, [f"tracker={name}"])
        said = follow(scene, create_method_tracker(params, evidence=EvidenceParams())).tracked
        kept, union = stabilized(scene, said, method=params)
        record[name] |= {"stable": kept, "headline": union.headline}
    return record


def overall_table(made: Made, names: Sequence[str]) -> Table:
    """Make the table of all clips: a row for each tracker."""
    table = _table(f"{len(made)} scenes", ("tracker", *SCORE_HEADER, "cost (SORT = 1)"))
    yardstick = fmean(record[YARDSTICK]["ms"] for record in made.values())
    for name in names:
        means = mean_tracking([record[name]["score"] for record in made.values()])
        cost = fmean(record[name]["ms"] for record in made.values()) / yardstick
        table.add_row(name, *cells(means), f"{cost:.1f}")
    return table


def split_table(made: Made, names: Sequence[str], *, by: int, values: Sequence[str], title: str) -> Table:
    """Make the table of HOTA and switches by one part of a clip's name: plot, looks or detector."""
    table = _table(title, ("tracker", *values))
    for name in names:
        shown = []
        for value in values:
            scores = [record[name]["score"] for clip, record in made.items() if clip.split(", ")[by] == value]
            means = mean_tracking(scores)
            shown.append(f"{means['hota']:.3f} ({means['n_switches']:.0f})")
        table.add_row(name, *shown)
    return table


def stable_table(made: Made) -> Table:
    """Make the table of stable masks under the identities of each tracker."""
    header = (
        "tracker",
        "headline ↑",
        "over raw (points)",
        "worst clip",
        "HOTA of stable masks ↑",
        "switches ↓",
    )
    table = _table(f"{METHOD}, fed with each tracker's identities", header)
    raw = {clip: record["raw headline"] for clip, record in made.items()}
    table.add_row("raw masks", f"{fmean(raw.values()):.3f}", "", "", "", "")
    for name in NAMES:
        gains = {clip: 100 * (record[name]["headline"] - raw[clip]) for clip, record in made.items()}
        worst = min(gains, key=lambda clip: gains[clip])
        means = mean_tracking([record[name]["stable"] for record in made.values()])
        table.add_row(
            name, f"{fmean(record[name]['headline'] for record in made.values()):.3f}",
            f"{fmean(gains.values()):+.1f}", f"{gains[worst]:+.1f} ({worst})",
            f"{means['hota']:.3f}", f"{means['n_switches']:.0f}",
        )  # fmt: skip
    return table


# ── real sequences ──────────────────────────────────────────────────────────────────────────────────────────
def measure_real(
    folder: Path, made: Mapping[str, Callable[[], Tracker]], *, max_frames: int
) -> dict[str, Any]:
    """Follow the one object of a sequence that is known; false detections are others, who are not."""
    wanted = class_ids(json.loads((folder / "sequence.json").read_text("utf-8"))["target_classes"])
    reading = open_reading(
        folder / "frames", masks_from=MaskFile(folder / "yolov8n_seg.json", False), class_ids=wanted,
        source=SourceParams(max_frames=max_frames), segment=None, evidence=EvidenceParams(),
    )  # fmt: skip
    masks = MaskFolder(folder / "truth", size_hw=None)
    truth = [_known(mask) for mask in islice(masks, max_frames or None)]
    record = {}
    for name, create in made.items():
        tracker = create()
        said = [tracker.step(frame.image, seen) for frame, seen in reading if isinstance(seen, Instances)]
        record[name] = judge(truth, said)
    return record


def _known(mask: np.ndarray) -> Instances:
    there = mask[np.newaxis][: int(mask.any())]
    n = len(there)
    return Instances(there, np.ones(n, np.float32), np.ones(n, np.int64), np.ones(n, np.int64))


def real_table(made: Mapping[str, Mapping[str, TrackingScore]], names: Sequence[str]) -> Table:
    """Make the table of the known objects: switches · IDR · share of frames without it."""
    table = _table("real sequences: switches · IDR · not found", ("tracker", *made))
    for name in names:
        scores = [record[name] for record in made.values()]
        shown = [f"{s.n_switches} · {s.idr:.2f} · {s.n_missed / max(s.n_appearances, 1):.2f}" for s in scores]
        table.add_row(name, *shown)
    return table


# ── command ─────────────────────────────────────────────────────────────────────────────────────────────────
def _table(title: str, header: Sequence[str]) -> Table:
    table = Table(title=title)
    for place, heading in enumerate(header):
        table.add_column(heading, justify="right" if place else "left", no_wrap=True)
    return table


def _plain(value: Any) -> Any:
    if isinstance(value, TrackingScore):
        return {name: None if number != number else number for name, number in asdict(value).items()}
    return {key: _plain(each) for key, each in value.items()} if isinstance(value, dict) else value


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", choices=PARTS, help="one part")
    parser.add_argument("--seed", type=int, default=SEED, help=f"of the scenes, default {SEED}")
    parser.add_argument("--quick", action="store_true", help="few small clips: a look, no result")
    parser.add_argument("--json", type=Path, help="write everything here, clip by clip")
    return parser.parse_args()


def _scenes(args: argparse.Namespace) -> Iterator[Scene]:
    size_hw, n_frames = (QUICK_HW, QUICK_FRAMES) if args.quick else (SIZE_HW, N_FRAMES)
    clips = crossings(size_hw=size_hw, n_frames=n_frames, seed=args.seed)
    chosen = [clip for clip in clips if not args.quick or clip.name.split(", ")[2] in QUICK_DETECTORS]
    for clip in track(chosen, f"{len(chosen)} scenes", console=Console(stderr=True)):
        yield Scene.of(clip)


def main() -> int:
    """Measure and print."""
    args = _parse()
    made = trackers()
    console = Console(width=160)
    console.print(f"on {hardware(device='cpu')}, default tracker {DEFAULT_TRACKER}", highlight=False)
    written: dict[str, Any] = {"hardware": hardware(device="cpu"), "seed": args.seed}
    if args.only in (None, "synthetic"):
        scenes: Made = {scene.name: measure(scene, made) for scene in _scenes(args)}
        written["scenes"] = _plain(scenes)
        detectors = QUICK_DETECTORS if args.quick else tuple(DETECTORS)
        console.print(overall_table(scenes, list(made)))
        for place, values, title in (
            (0, PLOTS, "HOTA (switches) by plot"),
            (1, ("unlike", "alike"), "HOTA (switches) by looks"),
            (2, detectors, "HOTA (switches) by detector"),
        ):
            console.print(split_table(scenes, list(made), by=place, values=values, title=title))
        console.print(stable_table(scenes))
    folders = sorted(SEQUENCES.iterdir()) if SEQUENCES.is_dir() else []
    if args.only in (None, "real") and folders:
        shown = folders[:2] if args.quick else folders
        limit = QUICK_FRAMES if args.quick else 0
        real = {folder.name: measure_real(folder, made, max_frames=limit) for folder in shown}
        written["real"] = _plain(real)
        console.print(real_table(real, list(made)))
    elif not folders:
        print("real: no sequences here, left out", file=sys.stderr)
    if args.json:
        args.json.parent.mkdir(parents=True, exist_ok=True)
        args.json.write_text(json.dumps(written, indent=1) + "\n", "utf-8")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except VidlabError as error:
        sys.exit(str(error))
