"""The same video and the same work, offline and streamed: one report for each way to run it."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import count, islice
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from vidlab.models.protocol import StagedSegmenter
from vidlab.params import Policy, PreprocessParams, ScheduleParams, StreamParams
from vidlab.pipeline.latency import LatencyReport, report_offline, report_stream
from vidlab.pipeline.networks import TimedNetwork
from vidlab.pipeline.preprocess import Way, preprocessor
from vidlab.pipeline.schedules import Step, overlapped, sequential
from vidlab.pipeline.streaming import Sleep, Stream
from vidlab.profiling import Timeline
from vidlab.profiling.clock import Synchronize
from vidlab.types import Frame

POLICIES: tuple[Policy, ...] = ("latest", "block", "every_n")
Offline = Literal["sequential", "overlapped"]
OFFLINE: tuple[Offline, ...] = ("sequential", "overlapped")


def network_steps(segmenter: StagedSegmenter, *, synchronize: Synchronize | None) -> list[Step]:
    """Return the three stages of a network for one frame at a time.

    Args:
        segmenter: The network.
        synchronize: Waits for its device; None for the CPU.
    """
    return [
        Step("preprocess", lambda frame: segmenter.prepare([frame.image])),
        Step("infer", segmenter.infer, synchronize=synchronize, parallel=synchronize is None),
        Step("postprocess", lambda found: segmenter.finish(found)[0]),
    ]


def prepared_steps(network: TimedNetwork, *, params: PreprocessParams, way: Way) -> list[Step]:
    """Return preprocessing and a network as two stages, for one frame at a time; the result is an array.

    Args:
        network: The network.
        params: Size and resampling of its input.
        way: How frames are prepared.
    """
    prepare = preprocessor(
        way,
        size_hw=params.size_hw,
        resampling=params.resampling,
        mean=network.mean,
        std=network.std,
        device=network.device,
    )
    return [
        Step("preprocess", lambda frame: prepare([frame.image])),
        # Its result is on the CPU, so that it waits for the device by itself.
        Step("infer", lambda batch: network.to_labels(network(batch)), parallel=network.device == "cpu"),
    ]


def run_stream(
    frames: Iterable[Frame],
    steps: Sequence[Step],
    *,
    params: StreamParams,
    patience_s: float | None = None,
    n_frames: int | None = None,
    timeline: Timeline | None = None,
    sleep: Sleep = time.sleep,
) -> LatencyReport:
    """Stream a clip to its end, decoded ahead in a thread of its own, and sum it up.

    Args:
        frames: In order of presentation.
        steps: What happens to each frame that is shown.
        params: Policy, budget, speed and the rest.
        patience_s: Longest wait for one decoded frame, in seconds; None waits as long as it takes.
        n_frames: Stop after so many frames; None takes all.
        timeline: Takes the spans, decoding included; None keeps none.
        sleep: Waits for a number of seconds.
    """
    timeline = timeline or Timeline()
    source = islice(frames, n_frames)
    ahead = overlapped(source, [], timeline=timeline, queue_size=params.read_ahead, patience_s=patience_s)
    stream = Stream(ahead, steps, params=params, timeline=timeline, sleep=sleep)
    return report_stream(stream, budget_ms=params.budget_ms)


def run_offline(
    frames: Iterable[object],
    steps: Sequence[Step],
    *,
    schedule: Offline,
    params: ScheduleParams,
    n_frames: int | None = None,
    timeline: Timeline | None = None,
) -> LatencyReport:
    """Work through a clip as fast as it goes, nothing due and nothing dropped, and sum it up.

    Args:
        frames: Frames, or whatever the steps take.
        steps: What happens to each frame; each gives one result for one.
        schedule: One stage after the other, or overlapped.
        params: Size of the queues, and patience.
        n_frames: Stop after so many frames; None takes all.
        timeline: Takes the spans; None keeps none.
    """
    timeline = timeline or Timeline()
    source = islice(frames, n_frames)
    if schedule == "sequential":
        results = sequential(source, steps, timeline=timeline)
    else:
        results = overlapped(
            source, steps, timeline=timeline, queue_size=params.queue_size, patience_s=params.patience_s
        )
    for _ in results:
        pass
    return report_offline(timeline.spans)


def compare(
    frames: Iterable[Frame],
    steps: Sequence[Step],
    *,
    params: StreamParams,
    schedule: ScheduleParams,
    n_frames: int | None = None,
    told: Callable[[str], None] = lambda _: None,
) -> dict[str, LatencyReport]:
    """Run one clip in all five ways: offline in both schedules, streamed under each policy.

    Args:
        frames: The source; it is read five times.
        steps: What happens to each frame.
        params: Budget, speed, `every`; the policy is each of them in turn.
        schedule: For the offline runs.
        n_frames: Stop each run after so many frames; None takes all.
        told: Called with the name of each run before it begins.

    Returns:
        Name of the run, such as `offline, overlapped` or `streamed, latest`, → its report.
    """
    reports = {}
    for kind in OFFLINE:
        told(f"offline, {kind}")
        reports[f"offline, {kind}"] = run_offline(
            frames, steps, schedule=kind, params=schedule, n_frames=n_frames
        )
    for policy in POLICIES:
        told(f"streamed, {policy}")
        chosen = params.model_copy(update={"policy": policy})
        reports[f"streamed, {policy}"] = run_stream(
            frames, steps, params=chosen, patience_s=schedule.patience_s, n_frames=n_frames
        )
    return reports


class Sleeper:
    """A pipeline of known cost: stages that wait, as for a device of their own; re-iterable."""

    def __init__(self, durations_ms: Sequence[float]) -> None:
        """Take the milliseconds of each stage, the source's first."""
        self._durations_ms = durations_ms

    def __iter__(self) -> Iterator[int]:
        """Give numbers without end."""
        for number in count():
            time.sleep(self._durations_ms[0] / 1000)
            yield number

    @property
    def steps(self) -> list[Step]:
        """The stages after the source, named as those of a real pipeline are."""
        names = ("preprocess", "infer", "postprocess")
        return [
            Step(name, partial(_after_s, duration_ms / 1000))
            for name, duration_ms in zip(names, self._durations_ms[1:], strict=False)
        ]


def _after_s(seconds: float, item: object) -> object:
    time.sleep(seconds)
    return item


def batches_of(frames: Iterable[Frame], *, size: int, n_batches: int) -> Iterator[NDArray[np.uint8]]:
    """Stack frames to whole batches, uint8 (N, H, W, 3); fewer than `n_batches` where the frames end."""
    images = (frame.image for frame in frames)
    for _ in range(n_batches):
        batch = list(islice(images, size))
        if len(batch) < size:
            return
        yield np.stack(batch)
