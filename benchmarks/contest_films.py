"""The contest on many films: which clips, which methods, one process per core, and what they gained."""

import os

os.environ["OMP_NUM_THREADS"] = "1"  # before NumPy and OpenCV are loaded: one process per core instead

from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import partial
from multiprocessing import get_context

from contest import Method, Record, contest
from contest_clips import Clip, real_clips, synthetic_clip
from rich.console import Console
from rich.progress import track

from vidlab.params import MethodParams, method_params
from vidlab.synthetic import suite
from vidlab.temporal import create_stabilizer

SYNTHETIC, REAL = "synthetic", "real"
PARTS = (SYNTHETIC, REAL)
RAW, TRUTH = "raw", "truth"
SIZE_HW = (270, 480)
QUICK_FRAMES, QUICK_PROFILES = 16, ("yolo_like", "deeplab_like", "missed_mostly")
N_PROCESSES = 2

Results = dict[str, dict[str, Record]]  # clip → method → record


def ours(name: str, method: str, *settings: str) -> Method:
    """Enter a method of this package by its settings, `name=value`."""
    return entered(name, method_params(method, settings))


def entered(name: str, params: MethodParams) -> Method:
    """Enter a method of this package."""
    return Method(name, partial(create_stabilizer, params), params.model_dump())


def clips_of(part: str, *, n_frames: int, seed: int, quick: bool) -> list[Clip]:
    """List the clips of a part.

    Args:
        part: One of `PARTS`; there are no real clips where ../shared/real is absent.
        n_frames: Of each synthetic clip.
        seed: Of the synthetic suite.
        quick: The first frames of fewer clips.
    """
    if part == REAL:
        return list(real_clips(max_frames=QUICK_FRAMES if quick else 0))
    clips = suite(size_hw=SIZE_HW, n_frames=QUICK_FRAMES if quick else n_frames, seed=seed)
    wanted = [clip for clip in clips if not quick or clip.name.partition("/")[0] in QUICK_PROFILES]
    return [synthetic_clip(clip) for clip in wanted]


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
