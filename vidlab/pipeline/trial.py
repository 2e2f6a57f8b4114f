"""Overlap tried out: the same work one stage after the other and overlapped, against what it could give."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from vidlab.params import ScheduleParams
from vidlab.pipeline.compare import run_offline
from vidlab.pipeline.latency import LatencyReport, report_offline
from vidlab.pipeline.schedules import Step
from vidlab.profiling import Span, Timeline
from vidlab.profiling.overlap import StageCost, overlapped_s

HEADER = (
    "pipeline", "each stage alone (ms/item)", "sequential (s)", "overlapped (s)", "predicted (s)", "speed-up",
    "at most", "bound by", "latency p50 (ms), sequential", "overlapped",
)  # fmt: skip
CORES = "the cores"


@dataclass(frozen=True, slots=True)
class Trial:
    """One pipeline, run both ways.

    Attributes:
        sequential: Spans of the run one after the other, in which every stage is alone.
        overlapped: Spans of the overlapped run.
        n_cores: Cores that the stages share.
        stage_cores: Cores that each stage keeps busy while it is at work: 1 for one thread, 0 for waiting.
        queue_size: Items that could wait between two stages.
    """

    sequential: tuple[Span, ...]
    overlapped: tuple[Span, ...]
    n_cores: float
    stage_cores: float
    queue_size: int

    @property
    def costs(self) -> list[StageCost]:
        """What each stage costs, in order."""
        samples: dict[str, list[float]] = {}
        for span in self.sequential:
            samples.setdefault(span.stage, []).append(span.elapsed_s)
        return [StageCost(name, tuple(each), self.stage_cores) for name, each in samples.items()]

    @property
    def reports(self) -> tuple[LatencyReport, LatencyReport]:
        """Latencies of both runs, sequential first."""
        return report_offline(self.sequential), report_offline(self.overlapped)

    @property
    def predicted_s(self) -> float:
        """Seconds that the overlapped run should take, from the costs alone."""
        n_items = self.reports[0].n_frames
        return overlapped_s(self.costs, n_items=n_items, queue_size=self.queue_size, n_cores=self.n_cores)

    @property
    def speedup(self) -> float:
        """How many times faster the overlapped run was."""
        before, after = self.reports
        return before.elapsed_s / after.elapsed_s

    @property
    def bound_by(self) -> str:
        """The slowest stage, or the cores, where all work divided by them takes longer."""
        slowest = max(self.costs, key=lambda cost: cost.mean_s)
        shared_s = sum(cost.core_s for cost in self.costs) / self.n_cores
        return CORES if shared_s > slowest.mean_s else slowest.name

    @property
    def most_speedup(self) -> float:
        """What no schedule can exceed, however many items: sum of the stages over what bounds them."""
        means = [cost.mean_s for cost in self.costs]
        shared_s = sum(cost.core_s for cost in self.costs) / self.n_cores
        return sum(means) / max(*means, shared_s)


def try_overlap(
    frames: Iterable[object],
    steps: Sequence[Step],
    *,
    params: ScheduleParams,
    n_frames: int,
    n_cores: float,
    stage_cores: float,
) -> Trial:
    """Run a pipeline both ways.

    Args:
        frames: The source; it is read twice.
        steps: What happens to each item.
        params: Size of the queues, and patience.
        n_frames: Items of each run.
        n_cores: Cores that the stages share.
        stage_cores: Cores that each stage keeps busy while it is at work.
    """
    timelines = {"sequential": Timeline(), "overlapped": Timeline()}
    for schedule, timeline in timelines.items():
        run_offline(
            frames,
            steps,
            schedule="sequential" if schedule == "sequential" else "overlapped",
            params=params,
            n_frames=n_frames,
            timeline=timeline,
        )
    spans = (timelines["sequential"].spans, timelines["overlapped"].spans)
    return Trial(*spans, n_cores, stage_cores, params.queue_size)


def trial_rows(trials: dict[str, Trial]) -> list[tuple[str, ...]]:
    """Return what `HEADER` names for each trial."""
    rows: list[tuple[str, ...]] = []
    for name, trial in trials.items():
        before, after = trial.reports
        rows.append(
            (
                name,
                ", ".join(f"{cost.name} {1000 * cost.mean_s:.1f}" for cost in trial.costs),
                f"{before.elapsed_s:.2f}",
                f"{after.elapsed_s:.2f}",
                f"{trial.predicted_s:.2f}",
                f"{trial.speedup:.2f} ×",
                f"{trial.most_speedup:.2f} ×",
                trial.bound_by,
                f"{before.percentile_ms(50):.0f}",
                f"{after.percentile_ms(50):.0f}",
            )
        )
    return rows


def window_of(spans: Sequence[Span], *, length_s: float) -> list[Span]:
    """Cut out what ran in the middle of a run, spans at the edges shortened.

    A stretch of time shows which stages are at work together; a stretch of items would not, as items wait
    in queues between their stages.

    Args:
        spans: What ran when, at least one.
        length_s: Length of the window, in seconds; a shorter run is taken whole.
    """
    begin_s, end_s = min(span.start_s for span in spans), max(span.end_s for span in spans)
    first_s = max(begin_s, (begin_s + end_s - length_s) / 2)
    last_s = min(end_s, first_s + length_s)
    return [
        replace(span, start_s=max(span.start_s, first_s), end_s=min(span.end_s, last_s))
        for span in spans
        if span.start_s < last_s and span.end_s > first_s
    ]
