"""What does each classical filter cost per frame, and how much faster than SciPy is it, on one core?

    python benchmarks/filters.py [--size 854x480] [--rounds 5] [--json OUT]

The clip is a synthetic scene held in memory, with one class: hard masks of a flickering instance network,
soft ones of a semantic network, and noise: SciPy compares pixel by pixel and is the slower the more these
differ, ours never are. The rivals are `median_filter(size=(window, 1, 1))`, `uniform_filter1d` and
`gaussian_filter1d` of SciPy over the whole clip at once, uint8 for the median of hard masks and float32
otherwise, and a threshold; ours take frame after frame, share out the pixels among classes and count areas as
well. Neither has to find out which masks are hard: those of instances say so. All values are checked to be
the rival's, save at the ends of the clip, where windows are cut off and SciPy mirrors. Filters that
follow the motion estimate the flow both ways; nothing stands beside them.

Rounds are interleaved, and the time is the processor's, so that a busy machine matters little.
"""

import os

os.environ["OMP_NUM_THREADS"] = "1"  # before NumPy and OpenCV are loaded: one core for all

import argparse
import json
import platform
import statistics
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import scipy
from rich.console import Console
from rich.table import Table
from scipy import ndimage

from vidlab.params import EvidenceParams, GaussianParams, method_params
from vidlab.synthetic import PROFILES, corrupt_instances, corrupt_probs, iter_scene, random_scene
from vidlab.temporal import create_stabilizer
from vidlab.temporal.evidence import to_evidence
from vidlab.temporal.protocol import Evidence, StableFrame
from vidlab.types import Float32Array, UInt8Image

LIMIT = 20.0  # the median must be at least this many times faster than SciPy's
N_FRAMES = 60  # a short real clip: the start, when nothing is in the cache, counts as much as there
TOLERANCE = 1e-5  # SciPy adds in another order and precision

Clip = dict[str, list[Evidence]]
Filtered = np.ndarray


@dataclass(frozen=True, slots=True)
class Case:
    """One filter with its settings, and SciPy's function that computes the same, if there is one."""

    method: str
    settings: tuple[str, ...]
    reach: int
    rival: Callable[[Filtered], Filtered] | None

    @property
    def name(self) -> str:
        """Words for the table."""
        return " ".join((self.method, *self.settings))


def median(window: int) -> Case:
    """Median over a window."""
    return Case(
        "median",
        (f"window={window}",),
        window // 2,
        lambda clip: ndimage.median_filter(clip, size=(window, 1, 1)),
    )


def moving_average(window: int) -> Case:
    """Mean over a window."""
    return Case(
        "moving_average",
        (f"window={window}",),
        window // 2,
        lambda clip: ndimage.uniform_filter1d(clip.astype(np.float32), window, axis=0),
    )


def gaussian(window: int) -> Case:
    """Gaussian over a window."""
    sigma = GaussianParams().sigma
    return Case(
        "gaussian",
        (f"window={window}",),
        window // 2,
        lambda clip: ndimage.gaussian_filter1d(clip.astype(np.float32), sigma, axis=0, radius=window // 2),
    )


FOLLOW = "follow_motion=true"
CASES = (
    *(median(window) for window in (3, 5, 7, 9)),
    *(moving_average(window) for window in (5, 9)),
    *(gaussian(window) for window in (5, 9)),
    Case("exponential", (), 0, None),
    *(Case(method, (FOLLOW,), 2, None) for method in ("median", "moving_average", "gaussian")),
    Case("exponential", (FOLLOW,), 0, None),
)


def make_clip(size_hw: tuple[int, int], *, seed: int) -> tuple[list[UInt8Image], Clip]:
    """Render a scene, and the evidence that two kinds of networks give on it."""
    scene = list(iter_scene(random_scene(seed, size_hw=size_hw, n_frames=N_FRAMES)))
    truth = [frame.instances for frame in scene]
    wanted = (int(truth[0].class_ids[0]),)
    hard = corrupt_instances(truth, profile=PROFILES["yolo_like"], rng=np.random.default_rng(seed))
    soft = corrupt_probs(
        truth, class_ids=wanted, profile=PROFILES["deeplab_like"], rng=np.random.default_rng(seed)
    )
    rules = EvidenceParams().model_dump()
    clip = {
        kind: [to_evidence(one, class_ids=wanted, **rules) for one in found]
        for kind, found in (("hard", hard), ("soft", soft))
    }
    noise = np.random.default_rng(seed).random((N_FRAMES, 1, *size_hw), dtype=np.float32)
    clip["noise"] = [Evidence(wanted, probs, probs > 0.5, np.ones(1, np.float32)) for probs in noise]
    return [frame.image for frame in scene], clip


def ours(case: Case, images: list[UInt8Image], evidence: list[Evidence]) -> Iterator[StableFrame]:
    """Run a filter over the clip, frame by frame."""
    stabilizer = create_stabilizer(method_params(case.method, case.settings))
    stabilizer.reset()
    for image, one in zip(images, evidence, strict=True):
        yield from stabilizer.step(image, one)
    yield from stabilizer.flush()


def for_rival(evidence: list[Evidence], *, kind: str) -> Filtered:
    """Return the clip (T, H, W) as suits SciPy best: uint8 for hard masks, float32 for soft ones."""
    maps: Float32Array = np.stack([one.probs[0] for one in evidence])
    return maps.astype(np.uint8) if kind == "hard" else maps


def ms_per_frame(work: Callable[[], object]) -> float:
    """Time one run over the clip."""
    start = time.process_time()
    work()
    return (time.process_time() - start) * 1e3 / N_FRAMES


def check(results: Iterable[StableFrame], expected: Filtered, *, case: Case) -> None:
    """Stop unless both gave the same values, where windows are whole."""
    found = np.stack([frame.probs[0] for frame in results])
    inner = slice(case.reach, len(found) - case.reach)
    worst = float(np.abs(found[inner] - expected[inner]).max())
    if worst > TOLERANCE:
        raise SystemExit(f"{case.name} must equal SciPy's, got a difference of {worst:g}")


def measure(size_hw: tuple[int, int], *, rounds: int) -> list[dict[str, float | str]]:
    """Return the median ms per frame of every filter and of its rival, rounds interleaved, one warm-up."""
    images, clip = make_clip(size_hw, seed=7)
    rows = [(case, kind) for case in CASES for kind in clip if case.rival or kind != "noise"]
    times: dict[tuple[str, str], tuple[list[float], list[float]]] = {
        (c.name, kind): ([], []) for c, kind in rows
    }
    for round_index in range(rounds + 1):
        for case, kind in rows:
            elapsed = [ms_per_frame(lambda: deque(ours(case, images, clip[kind]), maxlen=0))]  # noqa: B023
            if case.rival is not None:
                maps, rival = for_rival(clip[kind], kind=kind), case.rival
                elapsed.append(ms_per_frame(lambda: rival(maps) > 0.5))  # noqa: B023
                if not round_index:
                    check(ours(case, images, clip[kind]), rival(maps), case=case)
            if round_index:
                for values, one in zip(times[case.name, kind], elapsed, strict=False):
                    values.append(one)
    return [_row(case, kind, *times[case.name, kind]) for case, kind in rows]


def _row(case: Case, kind: str, mine: list[float], rivals: list[float]) -> dict[str, float | str]:
    row: dict[str, float | str] = {"filter": case.name, "masks": kind, "ms": statistics.median(mine)}
    if rivals:
        row["SciPy, ms"] = statistics.median(rivals)
        row["× faster"] = statistics.median(r / m for r, m in zip(rivals, mine, strict=True))
    return row


def print_table(console: Console, rows: list[dict[str, float | str]], *, title: str) -> None:
    """Print a row per filter and kind of masks, and whether the limit held."""
    table = Table(title=title)
    for heading in ("filter", "masks", "ms", "SciPy, ms", "× faster"):
        table.add_column(heading, justify="left" if heading in ("filter", "masks") else "right")
    for row in rows:
        rival = (f"{row['SciPy, ms']:.2f}", f"{row['× faster']:.1f}") if "× faster" in row else ("", "")
        table.add_row(str(row["filter"]), str(row["masks"]), f"{row['ms']:.2f}", *rival)
    console.print(table)
    for kind in dict.fromkeys(row["masks"] for row in rows):
        medians = [row for row in rows if row["masks"] == kind and str(row["filter"]).startswith("median w")]
        lowest = min(float(row["× faster"]) for row in medians)
        verdict = "held" if lowest >= LIMIT else "NOT held"
        console.print(
            f"limit for the median, {kind}: {LIMIT:.0f} × SciPy's, {verdict} (lowest {lowest:.1f} ×)"
        )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--size", default="854x480", metavar="WxH")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    cv2.setNumThreads(1)
    width, height = (int(part) for part in args.size.split("x"))
    rows = measure((height, width), rounds=args.rounds)
    console = Console(width=120)
    console.print(
        f"{platform.processor() or platform.machine()}, one of {os.cpu_count()} cores, "
        f"NumPy {np.__version__}, SciPy {scipy.__version__}"
    )
    title = f"{args.size}, median of {args.rounds} interleaved rounds, {N_FRAMES} frames"
    print_table(console, rows, title=title)
    if args.json:
        args.json.write_text(json.dumps(rows, indent=1, ensure_ascii=False))


if __name__ == "__main__":
    main()
