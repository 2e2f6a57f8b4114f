"""The stages of a video and a model, and the three ways in which a profile runs them."""

import time
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import cycle, islice, pairwise
from typing import Any

import numpy as np

from vidlab.jobs.progress import Progress
from vidlab.models.protocol import StagedSegmenter
from vidlab.pipeline import Step, overlapped, sequential
from vidlab.pipeline.networks import IMAGENET_MEAN, IMAGENET_STD
from vidlab.pipeline.preprocess import resize_opencv
from vidlab.profiling import StageCost, StageMeter, Timeline, Timing, synchronizer
from vidlab.profiling.next_steps import DECODE, INFER, POSTPROCESS, PREPROCESS
from vidlab.types import Float32Array, UInt8Image
from vidlab.video import Source

NONE = "none"
_INPUT_SHORT_PX = 520  # of the input that is prepared where there is no model: torchvision's for segmentation
_KEPT_ITEMS = 8  # decoded ones that the later stages are timed on, over and over: memory is bounded
N_ROUNDS = 2  # interleaved, so that what else the machine does meets all runs alike
_RUNS = 3 * N_ROUNDS  # in each round: stages alone, one after the other, overlapped
_MIN_ITEMS = 4  # fewer say nothing about overlap

Images = list[UInt8Image]


@dataclass(frozen=True, slots=True)
class Workload:
    """What is done to each item, and where.

    Attributes:
        source: The video.
        item_frames: Frames in an item.
        works: Stage → work, in order, without decoding.
        device: Where the network runs.
    """

    source: Source
    item_frames: int
    works: dict[str, Callable[[Any], Any]]
    device: str

    def items(self, n_items: int) -> Generator[Images, None, None]:
        """Decode items of frames; whole ones, as many as asked for and as there are."""
        frames = (frame.image for frame in self.source)
        for _ in range(n_items):
            item = list(islice(frames, self.item_frames))
            if len(item) < self.item_frames:
                return
            yield item

    def device_of(self, stage: str) -> str:
        """Say what a stage occupies."""
        return self.device if stage == INFER else "cpu"

    def steps(self) -> list[Step]:
        """Return the stages after decoding for a schedule."""
        on_cpu = self.device == "cpu"
        wait = None if on_cpu else synchronizer(self.device)
        steps = [Step(name, work) for name, work in self.works.items()]
        return [
            replace(step, synchronize=wait, parallel=on_cpu) if step.name == INFER else step for step in steps
        ]

    def joins(self, stage: str) -> bool:
        """Whether a stage runs, overlapped, in the thread of the one before it."""
        return self.device == "cpu" and stage == POSTPROCESS


def workload(source: Source, *, segmenter: StagedSegmenter | None, item_frames: int, device: str) -> Workload:
    """Set up the stages of a network, or without one decoding and preparing alone."""
    if segmenter is None:
        return Workload(source, item_frames, {PREPROCESS: _prepare}, "cpu")
    works = {PREPROCESS: segmenter.prepare, INFER: segmenter.infer, POSTPROCESS: segmenter.finish}
    return Workload(source, item_frames, works, device)


@dataclass(frozen=True, slots=True)
class WarmUp:
    """What came first and does not count.

    Attributes:
        n_items: Items that went through all stages.
        seconds: What they took.
        item_s: What the fastest of them took: the first guess of an item's time.
    """

    n_items: int
    seconds: float
    item_s: float


def warm_up(work: Workload, *, n_items: int) -> WarmUp:
    """Run items through all stages and forget them; one at least, to see how long it takes."""
    wait = synchronizer(work.device)
    marks = [time.perf_counter()]
    for item in work.items(max(1, n_items)):
        value: Any = item
        for stage in work.works.values():
            value = stage(value)
        wait()
        marks.append(time.perf_counter())
    taken = [after - before for before, after in pairwise(marks)]
    return WarmUp(len(taken), sum(taken), min(taken, default=0.0))


def items_in(seconds: float, *, item_s: float, most: int) -> int:
    """Return how many items all runs can take in the time that is left."""
    fitting = int(seconds / (_RUNS * item_s)) if item_s > 0 else most
    return max(1, min(most, max(_MIN_ITEMS, fitting)))


class Runs:
    """All runs of a profile, round by round.

    Attributes:
        timelines: Schedule → what ran when, in each round.
    """

    def __init__(self, work: Workload, *, queue_size: int, progress: Progress) -> None:
        """Set up the runs of a workload."""
        self._work, self._queue_size, self._progress = work, queue_size, progress
        self._meters = {
            name: StageMeter(
                name, synchronize=synchronizer(work.device_of(name)), device=work.device_of(name)
            )
            for name in (DECODE, *work.works)
        }
        self.timelines: dict[str, list[Timeline]] = {"sequential": [], "overlapped": []}
        self.sample: Images = []
        self.n_items = 0
        self._n_done = 0

    def run(self, n_items: int) -> None:
        """Run so many items, or as many as there are, in every way and round."""
        self.n_items = n_items
        for _ in range(N_ROUNDS):
            self.n_items = self._alone(self.n_items)
            for name in self.timelines:
                self._schedule(name)

    def costs(self, *, n_cores: float) -> list[StageCost]:
        """Return what each stage costs alone, in the order of the pipeline."""
        return [
            replace(meter.cost(n_cores=n_cores), joins=self._work.joins(name))
            for name, meter in self._meters.items()
        ]

    def crowding(self) -> float:
        """Share of the time that a stage, alone, wanted cores in which other programs had them, [0, 1].

        Decoding is left out: its own threads, more than there are cores, take them from each other.
        """
        return max(meter.crowding for name, meter in self._meters.items() if name != DECODE)

    def timings(self, warmed: WarmUp) -> dict[str, Timing]:
        """Return stage → its seconds per item, alone."""
        return {
            name: meter.timing(n_warmup=warmed.n_items, warmup_s=warmed.seconds)
            for name, meter in self._meters.items()
        }

    def _alone(self, n_items: int) -> int:
        """Decode all, then run the others on the first decoded items; return the items there were."""
        kept, n_decoded = self._decode(n_items)
        self.sample = kept[0]
        for item in islice(cycle(kept), n_decoded):
            value: Any = item
            for name, stage in self._work.works.items():
                with self._meters[name].item():
                    value = stage(value)
            self._tell()
        return n_decoded

    def _decode(self, n_items: int) -> tuple[list[Images], int]:
        kept: list[Images] = []
        items = self._work.items(n_items)
        for n_decoded in range(n_items):
            try:
                with self._meters[DECODE].item():
                    item = next(items)
            except StopIteration:
                return kept, n_decoded
            if len(kept) < _KEPT_ITEMS:
                kept.append(item)
        items.close()
        return kept, n_items

    def _schedule(self, name: str) -> None:
        timeline, items, steps = Timeline(), self._work.items(self.n_items), self._work.steps()
        if name == "sequential":
            results = sequential(items, steps, timeline=timeline)
        else:
            results = overlapped(items, steps, timeline=timeline, queue_size=self._queue_size)
        with closing(results):
            for _ in results:
                self._tell()
        self.timelines[name].append(timeline)

    def _tell(self) -> None:
        self._n_done += 1
        self._progress(self._n_done * self._work.item_frames, _RUNS * self.n_items * self._work.item_frames)


def _prepare(images: Sequence[UInt8Image]) -> Float32Array:
    """Resize and normalize on the CPU, without torch: float32 (N, 3, h, w)."""
    height, width = images[0].shape[:2]
    scale = _INPUT_SHORT_PX / min(height, width)
    size_hw = (max(1, round(height * scale)), max(1, round(width * scale)))
    mean, std = (np.array(values, np.float32) for values in (IMAGENET_MEAN, IMAGENET_STD))
    small = np.stack([resize_opencv(image, size_hw=size_hw, antialias=False) for image in images])
    normal: Float32Array = (small.astype(np.float32) / np.float32(255) - mean) / std
    return np.ascontiguousarray(normal.transpose(0, 3, 1, 2))
