"""The contest on many films: which clips, which methods, one process per core, and what they gained."""

import os

os.environ["OMP_NUM_THREADS"] = "1"  # before NumPy and OpenCV are loaded: one process per core instead

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from statistics import fmean
from typing import Any, NoReturn

from contest import Record, contest
from contest_clips import RULES, Clip, real_clips, synthetic_clip
from contest_methods import Method
from rich.console import Console
from rich.progress import track

from vidlab.errors import VidlabError
from vidlab.params import FusionParams, MethodParams, method_params
from vidlab.synthetic import suite
from vidlab.temporal import create_stabilizer
from vidlab.tracking import create_method_tracker

SYNTHETIC, REAL = "synthetic", "real"
PARTS = (SYNTHETIC, REAL)
RAW, TRUTH = "raw", "truth"
SIZE_HW = (270, 480)
QUICK_FRAMES, QUICK_SPEEDS = 10, ("3px", "12px")
QUICK_PROFILES, QUICK_SEQUENCES = ("yolo_like", "deeplab_like", "missed_mostly"), ("car-shadow", "dog")
N_FRAMES, SEED = 40, 7  # another seed than any that parameters were chosen on
N_PROCESSES = 2

Results = dict[str, dict[str, Record]]  # clip → method → record


def ours(name: str, method: str, *settings: str) -> Method:
    """Enter a method of this package by its settings, `name=value`."""
    return entered(name, method_params(method, settings))


def entered(name: str, params: MethodParams) -> Method:
    """Enter a method of this package, as `vidlab stabilize` runs it.

    Only classical filters, and `none`, hear one map per class: they stand for what others do.
    """
    keeps_apart = isinstance(params, FusionParams)
    associate = partial(create_method_tracker, params, evidence=RULES) if keeps_apart else None
    return Method(name, partial(create_stabilizer, params), params.model_dump(), associate=associate)


def clips_of(part: str, *, n_frames: int, seed: int, quick: bool) -> list[Clip]:
    """List the clips of a part.

    Args:
        part: One of `PARTS`; there are no real clips where ../shared/real is absent.
        n_frames: Of each synthetic clip.
        seed: Of the synthetic suite.
        quick: The first frames of fewer clips.
    """
    if part == REAL:
        clips = list(real_clips(max_frames=QUICK_FRAMES if quick else 0))
        return [clip for clip in clips if not quick or clip.film in QUICK_SEQUENCES]
    scenes = suite(size_hw=SIZE_HW, n_frames=QUICK_FRAMES if quick else n_frames, seed=seed)
    return [synthetic_clip(scene) for scene in scenes if not quick or _is_quick(scene.name)]


def _is_quick(name: str) -> bool:
    profile, _, speed = name.partition("/")
    return profile in QUICK_PROFILES and speed in QUICK_SPEEDS


def measure(clips: list[Clip], methods: list[Method]) -> Results:
    """Measure every method on every clip, film by film, one process per core."""
    films: dict[str, list[Clip]] = {}
    for clip in clips:
        films.setdefault(clip.film, []).append(clip)
    found: Results = {}
    said = f"{len(methods)} methods on {len(films)} films"
    with ProcessPoolExecutor(N_PROCESSES, mp_context=get_context("spawn")) as pool:
        waiting = [pool.submit(contest, film, methods) for film in films.values()]
        for done in track(as_completed(waiting), said, len(waiting), console=Console(stderr=True)):
            found.update(done.result())
    return {clip.name: found[clip.name] for clip in clips}


def gain(found: Mapping[str, Record], method: str) -> float:
    """Return the change of (J + F) / 2 against raw, in points."""
    return 100 * ((found[method]["jf"] or 0.0) - (found[RAW]["jf"] or 0.0))


def row_of(results: Results, name: str) -> dict[str, Any]:
    """Reduce the records of some clips to the numbers of one version of the masks."""
    gains = {clip: gain(found, name) for clip, found in results.items()}
    worst = min(gains, key=lambda clip: gains[clip])
    left = [found[name]["left_behind"] or 0.0 for found in results.values() if found[name]["gone"]]
    return {
        "gain": fmean(gains.values()),
        "worst": gains[worst],
        "worst_clip": worst,
        "mc": fmean(number(found[name]["mc"]) for found in results.values()),
        "excess_dis": fmean(number(f[TRUTH]["mc"]) - number(f[name]["mc"]) for f in results.values()),
        "excess_farneback": fmean(number(found[name]["excess_flicker"]) for found in results.values()),
        "ghosts": fmean(left) if left else None,
    }


def number(value: float | None) -> float:
    """Return a value of a record, 0 where it is undefined."""
    return 0.0 if value is None else value


# ── commands ────────────────────────────────────────────────────────────────────────────────────────────────
def command(doc: str | None) -> argparse.ArgumentParser:
    """Return a parser of what every command on these films understands."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=PARTS, help="one part")
    parser.add_argument("--seed", type=int, default=SEED, help=f"of the synthetic suite, default {SEED}")
    parser.add_argument("--frames", type=int, default=N_FRAMES, help=f"per clip there, default {N_FRAMES}")
    parser.add_argument("--quick", action="store_true", help="first frames of fewer clips: a look, no result")
    parser.add_argument("--json", type=Path, help="write everything here, clip by clip")
    return parser


def measured(args: argparse.Namespace, methods: list[Method]) -> Iterator[tuple[str, Results]]:
    """Measure what a command asks for; yield group by group: all that is drawn, each real network."""
    for part in [args.only] if args.only else PARTS:
        clips = clips_of(part, n_frames=args.frames, seed=args.seed, quick=args.quick)
        if not clips:
            print(f"{part}: no clips here, left out", file=sys.stderr)
            continue
        results = measure(clips, methods)
        names = {clip.name: clip.group if part == REAL else part for clip in clips}
        for group in dict.fromkeys(names.values()):
            yield group, {clip: found for clip, found in results.items() if names[clip] == group}


def run(main: Callable[[], int]) -> NoReturn:
    """Run a command and leave; what this package refuses is said in one line."""
    try:
        sys.exit(main())
    except VidlabError as error:
        sys.exit(str(error))


def write_json(path: Path | None, made: Any) -> None:
    """Write what a command made, if it is asked to."""
    if path:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(made, indent=1) + "\n", "utf-8")
