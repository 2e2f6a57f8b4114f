"""How late, how steady, how many: a run in one line, offline and streamed alike.

Two kinds of jitter are told, as they answer two questions:

    latency SD       standard deviation of the latencies: how far a result is from where it usually comes
    interval jitter  mean of |gap − gap before it| over the gaps between successive results: how unevenly a
                     viewer sees them come; steady stutter counts, a slow drift does not
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vidlab.errors import ShapeError
from vidlab.pipeline.streaming import Stream
from vidlab.profiling import Span

HEADER = (
    "run", "frames", "shown", "dropped", "late", "frames/s", "p50 (ms)", "p95 (ms)", "p99 (ms)",
    "latency SD (ms)", "interval jitter (ms)",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class LatencyReport:
    """What a run did, for a table.

    Attributes:
        latencies_ms: float64 (n,), of every shown frame: from when it was due (offline: from the start of its
            decoding) to its result.
        done_s: float64 (n,), when each result was there.
        n_frames: Frames that came.
        elapsed_s: From when the first frame was due, or its decoding began, to the last result.
        budget_ms: What a result may take; None where nothing was due, as offline.
    """

    latencies_ms: NDArray[np.float64]
    done_s: NDArray[np.float64]
    n_frames: int
    elapsed_s: float
    budget_ms: float | None

    @property
    def n_shown(self) -> int:
        """Frames with a result."""
        return len(self.latencies_ms)

    @property
    def n_dropped(self) -> int:
        """Frames without one."""
        return self.n_frames - self.n_shown

    @property
    def n_late(self) -> int | None:
        """Results after the budget: missed deadlines; None where there is no budget."""
        return None if self.budget_ms is None else int((self.latencies_ms > self.budget_ms).sum())

    @property
    def frames_per_s(self) -> float:
        """Results per second; NaN without one."""
        return self.n_shown / self.elapsed_s if self.n_shown and self.elapsed_s > 0 else math.nan

    def percentile_ms(self, percent: float) -> float:
        """Latency that this share of the results stays below; NaN without results."""
        return float(np.percentile(self.latencies_ms, percent)) if self.n_shown else math.nan

    @property
    def latency_sd_ms(self) -> float:
        """Standard deviation of the latency; NaN without results."""
        return float(self.latencies_ms.std()) if self.n_shown else math.nan

    @property
    def interval_jitter_ms(self) -> float:
        """Mean absolute difference of successive intervals between results; NaN for fewer than three."""
        gaps_ms = 1000 * np.diff(self.done_s)
        return float(np.abs(np.diff(gaps_ms)).mean()) if len(gaps_ms) > 1 else math.nan

    def to_dict(self) -> dict[str, float | int | None]:
        """Return everything but the single latencies, for JSON; undefined values are None."""
        values = {
            "n_frames": self.n_frames,
            "n_shown": self.n_shown,
            "n_dropped": self.n_dropped,
            "n_late": self.n_late,
            "budget_ms": self.budget_ms,
            "frames_per_s": self.frames_per_s,
            **{f"p{percent}_ms": self.percentile_ms(percent) for percent in (50, 95, 99)},
            "latency_sd_ms": self.latency_sd_ms,
            "interval_jitter_ms": self.interval_jitter_ms,
        }
        return {name: None if _is_nan(value) else value for name, value in values.items()}


def report_stream(stream: Stream, *, budget_ms: float) -> LatencyReport:
    """Run a stream to its end and sum it up; results are dropped, so that memory does not grow.

    Args:
        stream: Not yet iterated over.
        budget_ms: What a result may take.
    """
    times = [(shown.due_s, shown.done_s) for shown in stream]
    due_s, done_s = [due for due, _ in times], [done for _, done in times]
    return report(due_s, done_s, n_frames=stream.n_frames, budget_ms=budget_ms)


def report_offline(spans: Iterable[Span]) -> LatencyReport:
    """Sum up a run of `sequential` or `overlapped` from its timeline; every stage must number frames alike.

    A frame's latency is the time from the start of its first stage to the end of its last, the waiting in
    queues included.
    """
    begun: dict[int, float] = {}
    done: dict[int, float] = {}
    for span in spans:
        begun[span.item] = min(span.start_s, begun.get(span.item, span.start_s))
        done[span.item] = max(span.end_s, done.get(span.item, span.end_s))
    items = sorted(begun)
    times = [begun[item] for item in items], [done[item] for item in items]
    return report(*times, n_frames=len(items), budget_ms=None)


def report(due_s: ArrayLike, done_s: ArrayLike, *, n_frames: int, budget_ms: float | None) -> LatencyReport:
    """Sum up a run.

    Args:
        due_s: float (n,), when each shown frame was due, in seconds.
        done_s: float (n,), when its result was there.
        n_frames: Frames that came, at least n.
        budget_ms: What a result may take, or None.

    Raises:
        ShapeError: The two differ in length.
    """
    due, done = np.asarray(due_s, np.float64), np.asarray(done_s, np.float64)
    if due.shape != done.shape:
        raise ShapeError(f"times must have one length, got {due.shape} due and {done.shape} done")
    elapsed_s = float(done.max() - due.min()) if len(done) else 0.0
    return LatencyReport(1000 * (done - due), done, n_frames, elapsed_s, budget_ms)


def latency_rows(reports: Mapping[str, LatencyReport]) -> list[tuple[str, ...]]:
    """Return what `HEADER` names for each run."""
    return [
        (
            name,
            str(one.n_frames),
            str(one.n_shown),
            str(one.n_dropped),
            "–" if one.n_late is None else str(one.n_late),
            _text(one.frames_per_s),
            *(_text(one.percentile_ms(percent)) for percent in (50, 95, 99)),
            _text(one.latency_sd_ms),
            _text(one.interval_jitter_ms),
        )
        for name, one in reports.items()
    ]


def _text(value: float) -> str:
    return "–" if _is_nan(value) else f"{value:,.1f}"


def _is_nan(value: float | None) -> bool:
    return isinstance(value, float) and math.isnan(value)
