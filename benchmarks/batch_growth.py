"""How a batch's driver grows with the number of tasks: `benchmarks/batch.py` runs it, one process per number.

    python benchmarks/batch_growth.py ROOT N ENGINE [JSON]      prints what it found as JSON

The engine `instant` gives every task the outcome of the first, whose video was really done, and writes it
where a real one would: what remains is plan, prediction of the disk, records and report.
"""

import json
import resource
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from batch_clips import copy_clip, emptied, plan, write_clip

from vidlab.batch.engines import create_engine
from vidlab.batch.running import run_batch
from vidlab.batch.store import OUTCOME
from vidlab.batch.work import Engine, Outcome, Report, Task, run_task
from vidlab.params import BatchParams

INSTANT = "instant"
METHOD = "flow_fusion"
TINY_HW, TINY_FRAMES = (36, 64), 2


class Instant:
    """An engine that takes no time."""

    n_workers = 1
    is_detached = False

    def __init__(self, outcome: Outcome) -> None:
        """Take what every task is to give."""
        self._outcome = outcome

    def run(self, tasks: Sequence[Task], *, report: Report) -> Iterator[Outcome]:
        """Write and yield the outcome of every task."""
        del report
        for task in tasks:
            outcome = replace(self._outcome, key=task.key)
            folder = Path(task.folder)
            folder.mkdir(parents=True)
            (folder / OUTCOME).write_text(outcome.to_json(), "utf-8")
            yield outcome


def measure_growth(
    root: Path, *, sizes: Sequence[int], engines: Mapping[str, Mapping[str, Any]], n_driven: int
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Measure the driver at several numbers of tasks, and with real engines at one.

    Args:
        root: Folder to work in.
        sizes: Numbers of tasks for the engine that takes no time.
        engines: Name → fields of `BatchParams`, of the real ones.
        n_driven: Number of tasks for those.
    """
    growth = [_measured(root / str(n_tasks), n_tasks, INSTANT, {}) for n_tasks in sizes]
    driven = [
        _measured(root / "driven" / str(place), n_driven, name, fields)
        for place, (name, fields) in enumerate(engines.items())
    ]
    return growth, driven


def _measured(root: Path, n_tasks: int, engine: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    words = [sys.executable, __file__, str(root), str(n_tasks), engine, json.dumps(dict(fields))]
    done = subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    print(f"  {engine}, {n_tasks} tasks: {found['run_s']:.1f} s", file=sys.stderr, flush=True)
    return found


def measure(root: Path, *, n_tasks: int, engine: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Plan and run so many tasks, then start again with everything done."""
    write_clip(emptied(root), "tiny", size_hw=TINY_HW, n_frames=TINY_FRAMES, seed=0)
    copy_clip(root, "tiny", n_copies=n_tasks)
    outcome = run_task(plan(root, out=root / "one", method=METHOD)[0])  # imports, too
    out, params = emptied(root / "out"), BatchParams(jobs=2, threads_per_task=1, **fields)

    def make() -> Engine:
        if engine == INSTANT:
            return Instant(outcome)
        return create_engine(engine.partition(",")[0], params=params, options=None, out=out)

    begun_s, cpu_s = time.perf_counter(), time.process_time()
    tasks = plan(root, out=out, method=METHOD)
    planned_s = time.perf_counter()
    result = run_batch(tasks, out=out, engine=make(), params=params)
    run_s, cpu_s = time.perf_counter() - planned_s, time.process_time() - cpu_s
    if not result.succeeded:
        raise SystemExit(next(o.error for o in result.outcomes if o is not None and o.error))
    again_s = time.perf_counter()
    run_batch(plan(root, out=out, method=METHOD), out=out, engine=make(), params=params)
    return {
        "engine": engine, "n_tasks": n_tasks, "plan_s": planned_s - begun_s, "run_s": run_s, "cpu_s": cpu_s,
        "seconds": planned_s - begun_s + run_s, "again_s": time.perf_counter() - again_s,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000,
        "report_mb": (result.report.stat().st_size + result.table.stat().st_size) / 1e6,
    }  # fmt: skip


if __name__ == "__main__":
    place, number, name, settings = sys.argv[1:]
    print(json.dumps(measure(Path(place), n_tasks=int(number), engine=name, fields=json.loads(settings))))
