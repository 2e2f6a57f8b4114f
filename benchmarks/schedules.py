"""Does overlap reach what it can? Its throughput against the slowest stage alone, in one run.

    python benchmarks/schedules.py [--video FILE] [--rounds 5] [--json OUT]

Each pipeline is timed stage by stage alone, sequentially and overlapped, rounds interleaved.

- Stages that share no core (sleeping ones: a device, a network, a disk would wait like that). The limit is
  the slowest stage alone; owed: at least 0.95 of its throughput.
- One thread for each stage, on few cores. There two stages at work slow each other even where each has a
  core: they share caches, memory, the clock, and, as hyperthreads do, the units of a core. The limit is what
  the machine does when all stages run at once in processes of their own, on items that are there already,
  with nothing handed on: until the last one is through. Owed is 0.95 of its throughput. Where that takes no
  longer than the slowest stage alone, the limit is that stage. Processor seconds of the stages alone, divided
  by the cores, are shown beside both: a bound on paper.

Runs are timed whole, from the first item's start to the last result: filling and emptying the pipeline counts
against it, and weighs less the more items there are.

The cores are all that this process may use, never fewer: a bound taken from a busy moment would be easy to
hold. Instead, right before and after each overlapped run one busy process for each core tells how many were
free. Where that is far from all, the line says so and is no verdict: stages alone and overlapped then met
different load. The network's weights are random unless torch's cache holds its own: its cost is the same.
Results are checked to be the same both ways.
"""

import os

os.environ["OMP_NUM_THREADS"] = "1"  # before NumPy and torch are loaded: one thread for each stage

import argparse
import json
import multiprocessing
import statistics
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from rich.console import Console
from rich.table import Table

from vidlab.jobs.story import hardware
from vidlab.params import DEFAULT_NETWORK, PreprocessParams, ScheduleParams
from vidlab.pipeline import Step, overlapped, sequential
from vidlab.profiling import Timeline, available_cores

FREE = 0.9  # of the cores must be free for a verdict
TIE = 1.05  # times the slowest stage alone: stages at once that take no longer do not slow each other
OWED = 0.95  # of the throughput that the limit allows
KEPT = 6  # items on which a stage is timed alone, over and over: no fresh memory for each
BUSY_S = 0.1  # that the cores are watched
SAMPLE = Path(__file__).resolve().parents[1] / "data" / "sample" / "video.mp4"
SLEEPS_MS = [(10, 10, 10), (5, 10, 5), (2, 5, 15), (15, 1, 2)]


@dataclass(frozen=True)
class Round:
    """Seconds for all items of a pipeline, in one round.

    Attributes:
        alone_s: Stage → seconds by itself.
        work_s: Stage → processor seconds by itself.
        at_once_s: All stages at once, each by itself in a process of its own.
        sequential_s: One stage after the other.
        overlapped_s: In threads.
        free_cores: How many cores were free around the overlapped run.
    """

    alone_s: dict[str, float]
    work_s: dict[str, float]
    at_once_s: float
    sequential_s: float
    overlapped_s: float
    free_cores: float

    @property
    def paper_s(self) -> float:
        """All processor work, shared evenly by the cores."""
        return sum(self.work_s.values()) / available_cores()

    @property
    def slowest_s(self) -> float:
        """The slowest stage alone."""
        return max(self.alone_s.values())


@dataclass
class Case:
    """One pipeline: `source` makes its items anew, `works` says what each stage does to one."""

    name: str
    source: Callable[[], Iterator[Any]]
    works: dict[str, Callable[[Any], Any]]
    n_items: int
    rounds: list[Round] = field(default_factory=list)

    def run(self) -> None:
        """Time everything once more."""
        steps = [Step(name, work) for name, work in self.works.items()]
        stages = self._stages()
        alone_s, work_s = self._alone(stages)
        right, sequential_s = timed(lambda: list(sequential(self.source(), steps, timeline=Timeline())))
        at_once_s = self._at_once(stages)
        before = free_cores()
        schedule = overlapped(
            self.source(), steps, timeline=Timeline(), queue_size=ScheduleParams().queue_size
        )
        found, overlapped_s = timed(lambda: list(schedule))
        if not all(np.array_equal(a, b) for a, b in zip(right, found, strict=True)):
            raise SystemExit(f"{self.name}: overlap changed the results")
        free = statistics.mean((before, free_cores()))
        self.rounds.append(Round(alone_s, work_s, at_once_s, sequential_s, overlapped_s, free))

    def _stages(self) -> dict[str, Callable[[], Any]]:
        """Return each stage by itself, for all items; its inputs are a few kept ones, over and over."""
        kept = list(islice(self.source(), KEPT))
        stages: dict[str, Callable[[], Any]] = {"decode": lambda: deque(self.source(), maxlen=1)}
        for name, work in self.works.items():
            inputs = kept

            def drain(work: Callable[[Any], Any] = work, inputs: list[Any] = inputs) -> None:
                deque(map(work, islice(cycle(inputs), self.n_items)), maxlen=1)

            stages[name] = drain
            kept = [work(item) for item in inputs]
        return stages

    def _alone(self, stages: dict[str, Callable[[], Any]]) -> tuple[dict[str, float], dict[str, float]]:
        """Time each stage while nothing else runs: seconds, and processor seconds."""
        alone_s, work_s = {}, {}
        for name, stage in stages.items():
            begun_s = time.process_time()
            _, alone_s[name] = timed(stage)
            work_s[name] = time.process_time() - begun_s
        return alone_s, work_s

    def _at_once(self, stages: dict[str, Callable[[], Any]]) -> float:
        """Run every stage in a process of its own, nothing handed on; return the seconds to the last end."""
        context = multiprocessing.get_context("fork")
        ready = context.Barrier(len(stages) + 1)

        def run(stage: Callable[[], Any]) -> None:
            ready.wait()
            stage()

        workers = [context.Process(target=run, args=(stage,)) for stage in stages.values()]
        for worker in workers:
            worker.start()
        ready.wait()
        _, seconds = timed(lambda: [worker.join() for worker in workers])
        if any(worker.exitcode for worker in workers):
            raise SystemExit(f"{self.name}: a stage could not run by itself")
        return seconds

    def middle(self, measure: Callable[[Round], float]) -> float:
        """Median over the rounds."""
        return statistics.median(measure(each) for each in self.rounds)


def timed(work: Callable[[], Any]) -> tuple[Any, float]:
    """Return the result and the seconds that it took."""
    begun_s = time.perf_counter()
    return work(), time.perf_counter() - begun_s


def free_cores() -> float:
    """How many cores one busy process for each core gets, while nothing else of ours runs."""
    n_workers = int(available_cores())
    with multiprocessing.get_context("fork").Pool(n_workers) as pool:
        return sum(pool.map(_share, [BUSY_S] * n_workers, chunksize=1))


def _share(seconds: float) -> float:
    """Compute for so many seconds by the clock; return the share of a core that came of it."""
    begun_s, begun_work_s = time.perf_counter(), time.process_time()
    while time.perf_counter() < begun_s + seconds:
        pass
    return (time.process_time() - begun_work_s) / (time.perf_counter() - begun_s)


def sleeping(durations_ms: Sequence[float], *, n_items: int) -> Case:
    """A pipeline whose stages wait."""
    first, *others = durations_ms

    def source() -> Iterator[int]:
        for item in range(n_items):
            time.sleep(first / 1000)
            yield item

    def sleeper(duration_ms: float) -> Callable[[Any], Any]:
        def work(item: Any) -> Any:
            time.sleep(duration_ms / 1000)
            return item

        return work

    works = {f"sleep {place}": sleeper(duration) for place, duration in enumerate(others, start=1)}
    listed = " | ".join(f"{duration:g}" for duration in durations_ms)
    return Case(f"sleep {listed} ms", source, works, n_items)


def blurring(*, n_items: int) -> Case:
    """Three stages of equal work: more than two cores can do at the pace of one stage."""
    image = np.random.default_rng(0).integers(0, 256, (540, 960, 3), np.uint8)

    def blur(picture: np.ndarray) -> np.ndarray:
        return np.asarray(cv2.GaussianBlur(picture, (0, 0), 6))

    works = {"blur 1": blur, "blur 2": blur}
    return Case("three blurs", lambda: (blur(image) for _ in range(n_items)), works, n_items)


def network(video: Path, *, size_hw: tuple[int, int], n_items: int) -> Case:
    """Decoding, preprocessing and a network, one thread each."""
    import torch

    from vidlab.pipeline.networks import timed_network
    from vidlab.pipeline.preprocess import preprocessor

    torch.set_num_threads(1)
    chosen = timed_network(DEFAULT_NETWORK, device="cpu")
    prepare = preprocessor(
        "opencv",
        size_hw=size_hw,
        resampling=PreprocessParams().resampling,
        mean=chosen.mean,
        std=chosen.std,
        device="cpu",
    )
    works = {
        "preprocess": lambda image: prepare([image]),
        "infer": lambda batch: chosen.to_labels(chosen(batch)),
    }
    name = f"decode {video.name} | {size_hw[1]}×{size_hw[0]} | LRASPP, weights {chosen.weights}"
    return Case(name, lambda: islice(decode_with_one_thread(video), n_items), works, n_items)


def decode_with_one_thread(video: Path) -> Iterator[np.ndarray]:
    """Give RGB frames for ever, from the start again at the end."""
    import av

    while True:
        with av.open(str(video)) as container:
            stream = container.streams.video[0]
            stream.thread_type = "NONE"
            for frame in container.decode(stream):
                yield frame.reformat(format="rgb24", threads=1).to_ndarray()


def verdict(case: Case) -> dict[str, Any]:
    """Compare with the limit: the ratio of each round, and which of the two bounds it was."""
    stages = case.rounds[0].alone_s
    alone_s = {stage: case.middle(lambda each, stage=stage: each.alone_s[stage]) for stage in stages}
    slowest, slowest_s = max(alone_s.items(), key=lambda pair: pair[1])
    slowed = case.middle(lambda each: each.at_once_s) > TIE * slowest_s
    limits_s = [each.at_once_s if slowed else each.slowest_s for each in case.rounds]
    ratios = [limit_s / each.overlapped_s for limit_s, each in zip(limits_s, case.rounds, strict=True)]
    return {
        "bound by": "the machine" if slowed else slowest,
        "ratio": statistics.median(ratios),
        "lowest": min(ratios),
        "highest": max(ratios),
        "held": statistics.median(ratios) >= OWED,
        "free_cores": case.middle(lambda each: each.free_cores),
    }


def word(found: dict[str, Any]) -> str:
    """Say held or NOT held, or that nobody can tell: the machine was busy."""
    held = "held" if found["held"] else "NOT held"
    if found["free_cores"] >= FREE * available_cores():
        return held
    return f"{held}, but no verdict: {found['free_cores']:.1f} of {available_cores():g} cores were free"


def show(cases: Sequence[Case]) -> None:
    """Print the table and a line for each limit."""
    table = Table(title=f"seconds, medians of {len(cases[0].rounds)} interleaved rounds")
    columns = (
        "pipeline",
        "items",
        "each alone",
        "work / cores",
        "all at once",
        "sequential",
        "overlapped",
        "speed-up",
        "free cores",
    )
    for name in (*columns, "bound by"):
        table.add_column(name, justify="left" if name in ("pipeline", "bound by") else "right")
    for case in cases:
        alone = (
            case.middle(lambda each, stage=stage: each.alone_s[stage]) for stage in case.rounds[0].alone_s
        )
        table.add_row(
            case.name,
            str(case.n_items),
            " | ".join(f"{seconds:.2f}" for seconds in alone),
            f"{case.middle(lambda each: each.paper_s):.2f}",
            f"{case.middle(lambda each: each.at_once_s):.2f}",
            f"{case.middle(lambda each: each.sequential_s):.2f}",
            f"{case.middle(lambda each: each.overlapped_s):.2f}",
            f"{case.middle(lambda each: each.sequential_s / each.overlapped_s):.2f}",
            f"{case.middle(lambda each: each.free_cores):.1f}",
            verdict(case)["bound by"],
        )
    Console(width=160).print(table)
    for case in cases:
        found = verdict(case)
        print(
            f"{word(found)}: {case.name}: overlapped throughput is "
            f"{found['ratio']:.3f} ({found['lowest']:.3f} to {found['highest']:.3f}) of what "
            f"{found['bound by']} allows, owed {OWED}"
        )


def main() -> None:
    """Measure, print, and write the figures if asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument(
        "--video", type=Path, default=SAMPLE, help="clip to decode (default: the sample scene)"
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--items", type=int, default=120, help="items of a run")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    print(hardware(device="cpu"))
    cases = [sleeping(durations, n_items=options.items) for durations in SLEEPS_MS]
    sizes = [(240, 432), (120, 216)]
    cases += [network(options.video, size_hw=size_hw, n_items=options.items) for size_hw in sizes]
    cases.append(blurring(n_items=options.items))
    for case in cases:
        case.run()  # the warm-up
        case.rounds.clear()
    for _ in range(options.rounds):
        for case in cases:
            case.run()
    show(cases)
    if options.json:
        results = {
            case.name: {"rounds": [vars(each) for each in case.rounds], **verdict(case)} for case in cases
        }
        options.json.write_text(json.dumps(results, indent=2, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
