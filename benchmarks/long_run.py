"""Does resident memory stay where it is, however long the video?

    python benchmarks/long_run.py [--frames 108000] [--size 854x480] [--methods …] [--no-truth | --alone]
        [--json OUT]

Each method runs in a process of its own over a synthetic clip of a few frames, played again and again: no
decoding, no files, but everything else that a job holds: stabilizer, frames that wait, tracks, metrics of
raw and stable masks against the truth, curves, and the summary at the end. Resident memory is read at 1,000
frames, when all buffers are full, and then at every power of ten, at the end, and after the summary.

What grows, grows by numbers per frame, whatever the size of the picture: `--size 96x64` shows a full length
sooner, and `--alone` runs the stabilizer without the rest of the job, on one class of objects. What 108,000
frames add must stay below 50 MB. It is told from the medians of the first and the last quarter of all
readings after the first thousand frames, since the moves of a few MB that the allocator makes drown what a
short run adds, and from what the summary adds.
"""

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterator
from itertools import cycle, islice
from operator import attrgetter
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from vidlab.jobs.curves import StateCurves
from vidlab.jobs.drive import drive
from vidlab.jobs.measuring import Measuring, Prediction
from vidlab.jobs.packing import ClassMasks, PackedRaw, strongest
from vidlab.jobs.tracks import drive_tracks
from vidlab.params import METHODS, EvaluateParams, EvidenceParams, method_params
from vidlab.synthetic import PROFILES, corrupt_instances, iter_scene, random_scene
from vidlab.temporal import create_stabilizer
from vidlab.temporal.evidence import to_evidence, track_evidence
from vidlab.temporal.protocol import Evidence
from vidlab.tracking import create_associator, identified
from vidlab.types import BoolMask, Frame, Instances

LIMIT_MB, FULL_LENGTH = 50.0, 108_000  # an hour at 30 frames/s
SETTLED = 1_000  # frames after which every buffer has been full once
READ_EVERY = 20  # frames
LOOP_FRAMES = 24


def resident_mb() -> float:
    """Read this process's resident memory, in millions of bytes."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / 1e6


def looped(size_hw: tuple[int, int]) -> "Iterator[tuple[Frame, Instances, BoolMask]]":
    """Play a short scene with flickering masks forever, there and back: frame, detections, truth."""
    scene = list(iter_scene(random_scene(7, size_hw=size_hw, n_frames=LOOP_FRAMES)))
    instances = (frame.instances for frame in scene)
    found = list(corrupt_instances(instances, profile=PROFILES["yolo_like"], rng=np.random.default_rng(7)))
    there = list(zip(scene, found, strict=True))
    for index, (frame, detections) in enumerate(cycle(there + there[::-1])):
        truth = np.asarray(frame.instances.masks.any(axis=0))
        yield Frame(frame.image, index, index / 30), detections, truth


def run(method: str, *, size_hw: tuple[int, int], n_frames: int, has_truth: bool) -> dict[str, object]:
    """Run one method as a job would; return resident memory by number of frames, and the speed."""
    log = MemoryLog(n_frames)
    params = method_params(method)
    associator = create_associator(params, evidence=EvidenceParams())
    measuring = Measuring(("raw", "stable"), params=EvaluateParams(davis_t=False), judged=has_truth)
    curves = StateCurves()
    truths: deque[BoolMask] = deque()

    def items() -> "Iterator[tuple[Frame, Evidence, PackedRaw]]":
        for frame, detections, truth in islice(looped(size_hw), n_frames):
            truths.append(truth)
            raw = to_evidence(detections, class_ids=None, **EvidenceParams().model_dump())
            tracked = identified(associator.step(frame.image, detections))
            yield frame, track_evidence(tracked, rules=EvidenceParams()), PackedRaw(raw, tracked)

    driven = drive_tracks(create_stabilizer(params), items(), tracked_of=attrgetter("tracked"))
    for n_done, (frame, packed, stable) in enumerate(driven, start=1):
        raw, calm = packed.masks(), ClassMasks(stable.class_ids, stable.masks)
        predictions = {
            "raw": Prediction(raw.union, packed.probs()),
            "stable": Prediction(calm.union, strongest(stable.probs)),
        }
        truth = truths.popleft()
        measuring.update(frame, predictions, target=truth if has_truth else None)
        curves.update(stable, pts_s=frame.pts_s)
        log.read(n_done)
    summaries = measuring.compute(), measuring.truth()
    found = log.result(method)
    del summaries
    return found


def run_alone(method: str, *, size_hw: tuple[int, int], n_frames: int) -> dict[str, object]:
    """Run one stabilizer and nothing else, on one class of evidence made beforehand."""
    log = MemoryLog(n_frames)
    played = list(islice(looped(size_hw), 2 * LOOP_FRAMES))
    main_class = next(int(detections.class_ids[0]) for _, detections, _ in played if len(detections))
    loop = [
        (frame, to_evidence(detections, class_ids=(main_class,), **EvidenceParams().model_dump()), None)
        for frame, detections, _ in played
    ]
    items = islice(cycle(loop), n_frames)
    for n_done, _ in enumerate(drive(create_stabilizer(method_params(method)), items), start=1):
        log.read(n_done)
    return log.result(method)


class MemoryLog:
    """Resident memory over one run."""

    def __init__(self, n_frames: int) -> None:
        """Start the clock of a run of so many frames."""
        self._n_frames = n_frames
        self._read_at = {SETTLED, *(10**k for k in range(4, 9)), n_frames}
        self._memory: dict[str, float] = {}
        self._readings: list[float] = []
        self._start_s = self._end_s = time.perf_counter()

    def read(self, n_done: int) -> None:
        """Look at the memory after a frame, where it is time to."""
        if n_done > SETTLED and n_done % READ_EVERY == 0:
            self._readings.append(resident_mb())
        if n_done in self._read_at:
            self._memory[str(n_done)] = resident_mb()
            self._end_s = time.perf_counter()

    def result(self, method: str) -> dict[str, object]:
        """Say what the run took, and what a full length would add."""
        memory = {**self._memory, "summary": resident_mb()}
        added = (memory["summary"] - memory[str(self._n_frames)]) / self._n_frames
        growth = (slope(self._readings) + max(0.0, added)) * FULL_LENGTH
        speed = self._n_frames / (self._end_s - self._start_s)
        return {"method": method, "resident_mb": memory, "growth_mb": growth, "frames_per_s": speed}


def slope(readings: list[float]) -> float:
    """Return what each frame adds, in MB: the rise from the first to the last quarter of readings."""
    quarter = len(readings) // 4
    rise = statistics.median(readings[-quarter:]) - statistics.median(readings[:quarter])
    return rise / (READ_EVERY * (len(readings) - quarter))


def main() -> None:
    """Print the table; with --one, run one method and print JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--frames", type=int, default=FULL_LENGTH)
    parser.add_argument("--size", default="854x480", metavar="WxH")
    parser.add_argument("--methods", nargs="+", default=list(METHODS), choices=METHODS)
    parser.add_argument("--no-truth", action="store_true", help="measure without truth: faster, fewer curves")
    parser.add_argument(
        "--alone", action="store_true", help="the stabilizer alone: no tracks, no metrics, no curves"
    )
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    if args.frames < 2 * SETTLED:
        parser.error(f"--frames must be at least {2 * SETTLED}, got {args.frames}")
    width, height = (int(part) for part in args.size.split("x"))
    size_hw = (height, width)
    if args.one:
        (method,) = args.methods
        if args.alone:
            found = run_alone(method, size_hw=size_hw, n_frames=args.frames)
        else:
            found = run(method, size_hw=size_hw, n_frames=args.frames, has_truth=not args.no_truth)
        print(json.dumps(found))
        return
    options = ["--frames", str(args.frames), "--size", args.size]
    options += ["--no-truth"] * args.no_truth + ["--alone"] * args.alone
    results = []
    for method in args.methods:
        words = [sys.executable, __file__, "--one", "--methods", method, *options]
        done = subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True)
        results.append(json.loads(done.stdout))
        show(results[-1:], args.frames)
    if len(results) > 1:
        show(results, args.frames)
    if args.json:
        args.json.write_text(json.dumps(results, indent=1))


def show(results: list[dict[str, object]], n_frames: int) -> None:
    """Print one row per method."""
    counts = list(results[0]["resident_mb"])
    table = Table(title=f"resident memory in MB after so many frames, of {n_frames}")
    table.add_column("method")
    for heading in (*counts, f"growth at {FULL_LENGTH}", "limit", "frames/s"):
        table.add_column(heading, justify="right")
    for result in results:
        grown = result["growth_mb"]
        verdict = "held" if grown < LIMIT_MB else "NOT held"
        memory = [f"{mb:.1f}" for mb in result["resident_mb"].values()]
        speed = f"{result['frames_per_s']:.1f}"
        table.add_row(result["method"], *memory, f"{grown:.1f}", f"{LIMIT_MB:.0f}, {verdict}", speed)
    Console(width=140).print(table)


if __name__ == "__main__":
    main()
