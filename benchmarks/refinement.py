"""What refining outlines by the picture buys, before a smoother and after it, and what it costs.

    python benchmarks/refinement.py             the tables
    python benchmarks/refinement.py --quick     the first frames of fewer clips: a look, no result
    python benchmarks/refinement.py --only real --refine guided
    python benchmarks/refinement.py --set guided_eps=1e-3 --set refine_reach=0.04

Masks are refined frame by frame and judged as they are (smoother: none) and after the stabilizers. On drawn
scenes every kind of network sees the same pictures: soft masks of a grid of 4 to 32 pixels, hard ones that
are frayed, and exact ones, which nothing should change. A change is against the same smoother without
refinement, in points; in brackets its 95 % interval, drawn over clips and within them over frames. worst is
the clip whose headline loses most; cost is time of the processor per frame, in units of what flow_fusion
takes. Nothing was tuned on the real sequences.
"""

import contest_films as films  # sets OMP_NUM_THREADS

# ruff: isort: split
import argparse
import sys
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass, field, replace
from multiprocessing import get_context
from pathlib import Path
from statistics import fmean
from typing import Any

import contest
import cv2
import numpy as np
from contest_clips import RULES, Clip, Seen, real_clips, synthetic_clip
from contest_methods import Method
from rich.console import Console
from rich.progress import track
from rich.table import Table

from vidlab.flow import to_gray
from vidlab.jobs.measuring import judging_flow, pair_motion
from vidlab.jobs.story import hardware
from vidlab.metrics.accuracy import Accuracy
from vidlab.metrics.bootstrap import Interval, paired_clips
from vidlab.metrics.consistency import Consistency
from vidlab.metrics.headline import headline
from vidlab.params import EvaluateParams, RefineParams
from vidlab.refinement import create_refiner
from vidlab.schema import parse_settings
from vidlab.synthetic import PROFILES, SuiteClip, suite
from vidlab.temporal.evidence import to_evidence
from vidlab.types import BoolMask

NONE, SMOOTHERS = "none", ("none", "flow_fusion", "flow_fusion_two_pass")
CAUSAL = "flow_fusion"  # whose time is the unit of cost
REFINERS = (NONE, "guided", "crf")
SIZE_HW, N_FRAMES, SEEDS = (270, 480), 24, (7, 8)  # seeds other than any that defaults were chosen on
SPEEDS, QUICK_SPEEDS, QUICK_FRAMES = ("0px", "1px", "3px", "6px"), ("3px",), 6
STRIDES = (4, 8, 16, 32)
RESAMPLES = 2000
METRICS = {
    "j": "J",
    "f": "F",
    "f_2px": "F 2px",
    "f_1px": "F 1px",
    "excess": "flicker",
    "headline": "headline",
}
CHANGES = ("f_2px", "f", "headline")  # the metrics whose change is shown


@dataclass
class Score:
    """What one version of a clip's masks is worth.

    Attributes:
        curves: Metric → one value per frame; of what only a clip has, one value.
        ms: Time of the processor per frame: refinement, smoother.
    """

    curves: dict[str, list[float]] = field(default_factory=dict)
    ms: tuple[float, float] = (0.0, 0.0)


Version = tuple[str, str]  # smoother, refiner
Scores = dict[str, dict[Version, Score]]  # clip → version → score


# ── clips ───────────────────────────────────────────────────────────────────────────────────────────────────
def kinds() -> dict[str, tuple[str, int]]:
    """Return the drawn networks: name → profile, and grid of its maps in pixels (0: hard masks)."""
    soft = {f"soft, grid of {stride} px": ("deeplab_like", stride) for stride in STRIDES}
    return {**soft, "hard, frayed": ("yolo_like", 0), "hard, exact": ("clean", 0)}


def drawn_clips(*, quick: bool, seeds: Iterable[int] = SEEDS) -> Iterator[Clip]:
    """Yield every kind of network on every scene; clips of one scene share its pictures."""
    n_frames, speeds = (QUICK_FRAMES, QUICK_SPEEDS) if quick else (N_FRAMES, SPEEDS)
    for seed in list(seeds)[: 1 if quick else None]:
        for scene in suite(size_hw=SIZE_HW, n_frames=n_frames, seed=seed):
            profile, _, speed = scene.name.partition("/")
            if profile == "deeplab_like" and speed in speeds:
                yield from (_drawn(scene, kind, film=f"{seed}/{speed}") for kind in kinds())


def _drawn(scene: SuiteClip, kind: str, *, film: str) -> Clip:
    profile, stride = kinds()[kind]
    errs = replace(PROFILES[profile], stride=stride or 1)
    seen = replace(scene, name=f"{film}, {kind}", profile=errs, soft=stride > 0)
    return replace(synthetic_clip(seen), group=kind, film=film)


def clips_of(part: str, *, quick: bool) -> list[Clip]:
    """List the clips of a part; there are no real ones where ../shared/real is absent."""
    if part == films.SYNTHETIC:
        return list(drawn_clips(quick=quick))
    clips = real_clips(max_frames=QUICK_FRAMES if quick else 0)
    return [clip for clip in clips if not quick or clip.film in films.QUICK_SEQUENCES]


# ── measuring ───────────────────────────────────────────────────────────────────────────────────────────────
def measure_film(clips: list[Clip], refiners: list[RefineParams]) -> Scores:
    """Measure every version of every clip of one film."""
    cv2.setNumThreads(1)
    methods = [films.ours(name, name) for name in SMOOTHERS]
    truth = list(clips[0].read_truth())
    scores: Scores = {}
    for clip in clips:
        seen = list(clip.read())
        runs = dict(_runs(seen, methods, refiners))
        judged = judge(seen, truth[: len(seen)], {version: found[0] for version, found in runs.items()})
        scores[clip.name] = {version: Score(judged[version], runs[version][1]) for version in runs}
    return scores


def _runs(seen: list[Seen], methods: list[Method], refiners: list[RefineParams]) -> Iterator[Any]:
    for params in refiners:
        refined, refine_ms = refine(seen, params)
        for method in methods:
            found = contest.run(method, refined)
            yield (method.name, params.refine), (found.masks, (refine_ms, found.ms_per_frame))


def refine(seen: list[Seen], params: RefineParams) -> tuple[list[Seen], float]:
    """Refine the masks of a clip; return them with the time of the processor per frame, ms."""
    refiner = create_refiner(params, level=RULES.prob_threshold)
    start_s = time.process_time()
    found = [refiner(each.observation, each.frame.image) for each in seen]
    ms = 1e3 * (time.process_time() - start_s) / len(seen)
    refined = []
    for each, observation in zip(seen, found, strict=True):
        evidence = to_evidence(observation, class_ids=each.evidence.class_ids, **RULES.model_dump())
        refined.append(Seen(each.frame, evidence, observation))
    return refined, ms


def judge(seen: list[Seen], truth: list[BoolMask], versions: dict[Version, Any]) -> dict[Version, Any]:
    """Judge versions of the masks of one clip, all along the same flow: metric → one value per frame."""
    flow, accuracy = judging_flow(EvaluateParams()), {version: Accuracy() for version in versions}
    calm = {version: Consistency() for version in (*versions, None)}  # None: the truth
    curves: dict[Version, dict[str, list[float]]] = {v: {name: [] for name in METRICS} for v in versions}
    before = None
    for t, each in enumerate(seen):
        gray = to_gray(each.frame.image)
        motion = None if before is None else pair_motion(flow, gray, before)
        along = {"flow_to_prev": motion and motion.flow_to_prev, "occluded": motion and motion.occluded}
        calm[None].update(truth[t], **along)
        for version, packed in versions.items():
            mask = packed[t].unpack()
            calm[version].update(mask, **along)
            frame = accuracy[version].update(mask, target=truth[t])
            for name in ("j", "f", "f_2px", "f_1px"):
                curves[version][name].append(getattr(frame, name))
        before = gray
    for version, found in curves.items():
        found["excess"] = [calm[None].compute() - calm[version].compute()]
        found["headline"] = [
            headline(j=fmean(found["j"]), f_2px=fmean(found["f_2px"]), excess_flicker=found["excess"][0])
        ]
    return curves


def measure(clips: list[Clip], refiners: list[RefineParams]) -> Scores:
    """Measure film by film, one process per core."""
    films_of: dict[str, list[Clip]] = {}
    for clip in clips:
        films_of.setdefault(clip.film, []).append(clip)
    found: Scores = {}
    with ProcessPoolExecutor(films.N_PROCESSES, mp_context=get_context("spawn")) as pool:
        waiting = [pool.submit(measure_film, film, refiners) for film in films_of.values()]
        for done in track(as_completed(waiting), "films", len(waiting), console=Console(stderr=True)):
            found.update(done.result())
    return {clip.name: found[clip.name] for clip in clips}


# ── tables ──────────────────────────────────────────────────────────────────────────────────────────────────
def change(scores: Scores, version: Version, *, metric: str) -> Interval:
    """Return by how many points refinement changed a metric under one smoother."""
    before, after = (
        {clip: [100 * value for value in found[v].curves[metric]] for clip, found in scores.items()}
        for v in ((version[0], NONE), version)
    )
    return paired_clips(before, after, rng=np.random.default_rng(0), resamples=RESAMPLES)


def summarize(scores: Scores) -> dict[Version, dict[str, Any]]:
    """Reduce the scores of some clips to a row per version."""
    rows: dict[Version, dict[str, Any]] = {}
    unit_ms = fmean(found[CAUSAL, NONE].ms[1] for found in scores.values())
    for version in next(iter(scores.values())):
        means = {
            name: fmean(fmean(found[version].curves[name]) for found in scores.values()) for name in METRICS
        }
        ms = fmean(found[version].ms[0] for found in scores.values())
        changes = {name: change(scores, version, metric=name) for name in CHANGES}
        worst = min(_headline_gain(found, version) for found in scores.values())
        rows[version] = {**means, "changes": changes, "worst": worst, "cost": ms / unit_ms, "ms": ms}
    return rows


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    return {**row, "changes": {name: asdict(interval) for name, interval in row["changes"].items()}}


def _headline_gain(found: dict[Version, Score], version: Version) -> float:
    before, after = (found[v].curves["headline"][0] for v in ((version[0], NONE), version))
    return 100 * (after - before)


def table_of(title: str, rows: dict[Version, dict[str, Any]]) -> Table:
    """Make the table of one group of clips."""
    table = Table(title=title)
    shown = [*METRICS.values(), *(f"{METRICS[name]}: change" for name in CHANGES), "worst", "cost"]
    for heading in ("smoother", "refined by", *shown):
        table.add_column(
            heading, justify="left" if heading in ("smoother", "refined by") else "right", no_wrap=True
        )
    for (smoother, refiner), row in rows.items():
        is_refined = refiner != NONE
        changes = [f"{c.mean:+.1f} [{c.low:+.1f}, {c.high:+.1f}]" for c in row["changes"].values()]
        last = (
            [*changes, f"{row['worst']:+.1f}", f"{row['cost']:.1f}×"]
            if is_refined
            else [""] * (len(CHANGES) + 2)
        )
        table.add_row(smoother, refiner, *(f"{row[name]:.3f}" for name in METRICS), *last)
    return table


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", choices=films.PARTS, help="one part")
    parser.add_argument(
        "--refine", nargs="+", choices=REFINERS[1:], default=REFINERS[1:], help="some of them"
    )
    parser.add_argument(
        "--set", dest="settings", action="append", default=[], metavar="NAME=VALUE", help="a tunable"
    )
    parser.add_argument("--quick", action="store_true", help="first frames of fewer clips: a look, no result")
    parser.add_argument("--json", type=Path, help="write everything here")
    args = parser.parse_args()
    refiners = [
        parse_settings(RefineParams, [*args.settings, f"refine={name}"]) for name in (NONE, *args.refine)
    ]
    console, made = Console(width=190), {"hardware": hardware(device="cpu"), "settings": args.settings}
    console.print(f"on {made['hardware']}, {films.N_PROCESSES} processes")
    for part in [args.only] if args.only else films.PARTS:
        clips = clips_of(part, quick=args.quick)
        if not clips:
            print(f"{part}: no clips here, left out", file=sys.stderr)
            continue
        scores = measure(clips, refiners)
        for group in dict.fromkeys(clip.group for clip in clips):
            of_group = {clip.name: scores[clip.name] for clip in clips if clip.group == group}
            rows = summarize(of_group)
            ordered = {v: rows[v] for name in SMOOTHERS for v in rows if v[0] == name}
            console.print(table_of(f"{part}, {group}: mean of {len(of_group)} clips", ordered))
            made[f"{part}, {group}"] = {", ".join(version): _plain(row) for version, row in ordered.items()}
    films.write_json(args.json, made)
    return 0


if __name__ == "__main__":
    films.run(main)
