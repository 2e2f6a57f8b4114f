"""What does a batch cost beside the work, and how does that grow to thousands of videos?

    python benchmarks/batch.py [--quick] [--json runs/batch.json]        efficiency, overhead, growth
    python benchmarks/batch.py --hour [--quick] [--json runs/batch_hour.json]      an hour, and ten minutes

Efficiency: the same clips by one process and by two, rounds interleaved, one thread for the arithmetic of
each. Overhead: clips of two frames, in turn in this process and by each engine. Growth: thousands of tasks
through plan, engine and report, by an engine that answers at once, so that what is left is the driver's own
time and memory; and by real engines. From these, what thousands of videos take on more machines than there
are here is extrapolated; every table says from what.
"""

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "OPENCV_FOR_THREADS_NUM")
os.environ.update(dict.fromkeys(THREADS, "1"))  # before any library counts the cores

import batch_tables  # noqa: E402
from batch_clips import copy_clip, emptied, plan, write_clip  # noqa: E402
from batch_growth import measure_growth  # noqa: E402
from batch_hour import VIDEOS, measure_hours  # noqa: E402

from vidlab.batch.engines import create_engine  # noqa: E402
from vidlab.batch.work import Event, Task, run_task  # noqa: E402
from vidlab.errors import MissingExtraError  # noqa: E402
from vidlab.jobs.story import hardware  # noqa: E402
from vidlab.params import BatchParams  # noqa: E402

METHOD = "flow_fusion"
SIZE_HW = (180, 320)
TINY_HW, TINY_FRAMES = (36, 64), 2
ENGINES: dict[str, dict[str, Any]] = {
    "local": {},
    "local, a process each": {"tasks_per_worker": 1},
    "ray": {},
}
DRIVEN = ("local", "ray")  # by thousands of tasks
MINUTE_FRAMES = 60 * 25


@dataclass(frozen=True)
class Timed:
    """One run of an engine.

    Attributes:
        start_s: Until the first task told that it works, or was done.
        total_s: Until the last outcome.
    """

    start_s: float
    total_s: float


def time_engine(name: str, tasks: list[Task], *, jobs: int) -> Timed:
    """Run tasks by an engine."""
    params = BatchParams(jobs=jobs, threads_per_task=1, **ENGINES[name])
    engine = create_engine(name.partition(",")[0], params=params, options=None, out=tasks[0].out)
    begun_s = time.perf_counter()
    first: list[float] = []

    def told(event: Event) -> None:
        if event.done and not first:
            first.append(time.perf_counter() - begun_s)

    for outcome in engine.run(tasks, report=told):
        if not outcome.succeeded:
            raise SystemExit(f"a task failed: {outcome.error}")
        told(Event(0, outcome.key, "", done=1))
    return Timed(first[0], time.perf_counter() - begun_s)


def measure_efficiency(root: Path, *, n_clips: int, n_frames: int, rounds: int) -> list[dict[str, Any]]:
    """Time every engine with one process and with two, on the same clips."""
    for number in range(n_clips):
        write_clip(root, f"clip{number}", size_hw=SIZE_HW, n_frames=n_frames, seed=number)
    times: dict[tuple[str, int], list[Timed]] = {}
    for round_number in range(rounds):
        for name in available():
            for jobs in (1, 2) if round_number % 2 else (2, 1):
                tasks = plan(root, out=emptied(root / "out"), method=METHOD)
                times.setdefault((name, jobs), []).append(time_engine(name, tasks, jobs=jobs))
                print(f"  {name}, {jobs}: {times[name, jobs][-1].total_s:.1f} s", file=sys.stderr, flush=True)
    return [efficiency_of(name, times[name, 1], times[name, 2]) for name in available()]


def efficiency_of(name: str, one: list[Timed], two: list[Timed]) -> dict[str, Any]:
    """Return medians over rounds, and the speed-up as a share of two."""
    starts = [statistics.median(run.start_s for run in runs) for runs in (one, two)]
    totals = [statistics.median(run.total_s for run in runs) for runs in (one, two)]
    worked = [total - start for total, start in zip(totals, starts, strict=True)]
    return {
        "engine": name,
        "start_s": starts,
        "total_s": totals,
        "efficiency": totals[0] / (2 * totals[1]),
        "efficiency_after_start": worked[0] / (2 * worked[1]),
    }


def measure_overhead(root: Path, *, n_tasks: int) -> list[dict[str, Any]]:
    """Time clips of two frames: in turn in this process, then by one process of each engine."""
    write_clip(root, "tiny", size_hw=TINY_HW, n_frames=TINY_FRAMES, seed=0)
    copy_clip(root, "tiny", n_copies=n_tasks)
    tasks = plan(root, out=emptied(root / "out"), method=METHOD)
    run_task(tasks[0])  # imports
    begun_s = time.perf_counter()
    for task in tasks[1:]:
        run_task(task)
    here_s = (time.perf_counter() - begun_s) / (n_tasks - 1)
    found = [
        {"engine": "this process", "n_tasks": n_tasks - 1, "start_s": 0.0, "task_s": here_s, "over_s": 0.0}
    ]
    for name in available():
        tasks = plan(root, out=emptied(root / "out"), method=METHOD)
        timed = time_engine(name, tasks, jobs=1)
        task_s = (timed.total_s - timed.start_s) / (n_tasks - 1)
        found.append({
            "engine": name, "n_tasks": n_tasks, "start_s": timed.start_s, "task_s": task_s,
            "over_s": task_s - here_s,
        })  # fmt: skip
    return found


def extrapolate(found: dict[str, Any], *, frames_per_s: float) -> list[dict[str, Any]]:
    """Predict batches of videos of a minute, by the engine local.

    A batch takes its start, and then as long as its slowest part: the workers, each video at the speed of
    one process plus the overhead of a task, at the efficiency that two had; or the driver.
    """
    over = next(one for one in found["overhead"] if one["engine"] == "local")
    share = min(1.0, next(e["efficiency_after_start"] for e in found["efficiency"] if e["engine"] == "local"))
    small, large = found["growth"][0], found["growth"][-1]
    n_more = large["n_tasks"] - small["n_tasks"]
    driver_s = (large["seconds"] - small["seconds"]) / n_more
    memory_mb = (large["peak_mb"] - small["peak_mb"]) / n_more
    video_s = MINUTE_FRAMES / frames_per_s
    rows = []
    for n_videos in (100, 1_000, 10_000, 100_000):
        for at_once in (2, 16, 128):
            workers_s = n_videos * (video_s + max(0.0, over["over_s"])) / (share * at_once)
            busy_s = n_videos * driver_s
            total_s = over["start_s"] + max(workers_s, busy_s, video_s)
            rows.append({
                "n_videos": n_videos, "at_once": at_once, "hours": total_s / 3600,
                "efficiency": n_videos * video_s / (at_once * total_s), "driver_busy": busy_s / total_s,
                "driver_mb": small["peak_mb"] + (n_videos - small["n_tasks"]) * memory_mb,
            })  # fmt: skip
    return rows


def available() -> list[str]:
    """Name the engines that are installed."""
    names = []
    for name in ENGINES:
        try:
            create_engine(name.partition(",")[0], params=BatchParams(), options=None, out=Path("runs"))
            names.append(name)
        except MissingExtraError as error:
            print(f"{name} is left out: {error}", file=sys.stderr)
    return names


def speed_of(root: Path) -> float:
    """Return frames/s of one clip of the efficiency's in this process, without anybody beside it."""
    tasks = plan(root, out=emptied(root / "out"), method=METHOD)
    run_task(tasks[0])
    outcome = run_task(tasks[1])
    return outcome.frames_per_s or 0.0


def measure_all(root: Path, *, quick: bool) -> dict[str, Any]:
    """Measure everything but the long videos."""
    clips = (
        {"n_clips": 4, "n_frames": 25, "rounds": 1} if quick else {"n_clips": 8, "n_frames": 250, "rounds": 3}
    )
    found: dict[str, Any] = {"efficiency": measure_efficiency(root / "efficiency", **clips)}
    found["frames_per_s"] = speed_of(root / "efficiency")
    found["overhead"] = measure_overhead(root / "overhead", n_tasks=4 if quick else 40)
    sizes = (50, 200) if quick else (500, 2_000, 8_000)
    found["growth"], found["driven"] = measure_growth(
        root / "growth", sizes=sizes, engines={name: ENGINES[name] for name in available() if name in DRIVEN},
        n_driven=6 if quick else 1_000,
    )  # fmt: skip
    found["scale"] = extrapolate(found, frames_per_s=found["frames_per_s"])
    return found | {"clips": clips, "size_hw": SIZE_HW, "method": METHOD}


def main() -> None:
    """Measure, print, and write what was found if asked."""
    args = parsed()
    if args.read:
        found = json.loads(args.read.read_text("utf-8"))
    else:
        with tempfile.TemporaryDirectory(dir=args.scratch, prefix="batch-") as folder:
            if args.hour:
                found = {
                    "hours": measure_hours(Path(folder), masks=args.masks, quick=args.quick, only=args.only)
                }
            else:
                found = measure_all(Path(folder), quick=args.quick)
        found = {"hardware": hardware(device="cpu"), "quick": args.quick, **found}
    print(f"{found['hardware']}; one thread for the arithmetic of each process")
    for table in batch_tables.tables(found):
        print(f"\n{table.text}", flush=True)
    if args.json:
        args.json.parent.mkdir(parents=True, exist_ok=True)
        args.json.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", "utf-8")
    if args.doc:
        batch_tables.fill(args.doc, found)


def parsed() -> argparse.Namespace:
    """Return the words of the command."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="small sizes: shows that it runs, no figures")
    parser.add_argument("--hour", action="store_true", help="only the long videos, end to end")
    parser.add_argument("--only", choices=tuple(VIDEOS), help="one of the long videos")
    parser.add_argument("--masks", choices=("own", "demo"), default="own", help="of the long videos")
    parser.add_argument("--scratch", type=Path, help="folder for clips and results; an hour takes some GB")
    parser.add_argument("--read", type=Path, metavar="JSON", help="what was measured before; measure nothing")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--doc", type=Path, help="put the tables into a page, such as docs/scale.md")
    return parser.parse_args()


if __name__ == "__main__":
    main()
