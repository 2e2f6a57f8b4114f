"""How long stages take together: each in a thread of its own, bounded queues between, cores to share.

What is known is what each stage costs alone. What follows is arithmetic: a stage works on its next item when
it has one and has got rid of the last; it is slowed while the stages at work want more cores than there are,
or share a device.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from vidlab.errors import ParameterError

CPU = "cpu"
_DONE = 1e-12  # of an item's work: what is left by rounding


@dataclass(frozen=True, slots=True)
class StageCost:
    """What one stage costs when it runs alone.

    Attributes:
        name: Name of the stage.
        samples_s: Seconds for each item of a measurement, at least one; later items repeat them in order.
        cores: Cores that it wants meanwhile: its processor seconds over its seconds, on a quiet machine. More
            than 1 where it has threads of its own, near 0 where it waits for a device or a disk.
        device: What it has to itself or shares with other stages of that device; `cpu` for none.
        joins: It runs in the thread of the stage before it: an item goes through both before the next one.
    """

    name: str
    samples_s: tuple[float, ...]
    cores: float = 1.0
    device: str = CPU
    joins: bool = False

    def __post_init__(self) -> None:
        if not self.samples_s or min(self.samples_s) < 0 or self.cores < 0:
            raise ParameterError(
                f"stage {self.name!r} must have costs of 0 or more, got {len(self.samples_s)} samples "
                f"on {self.cores:g} cores"
            )

    @property
    def mean_s(self) -> float:
        """Seconds per item, alone."""
        return float(np.mean(self.samples_s))

    @property
    def core_s(self) -> float:
        """Processor seconds per item."""
        return self.mean_s * self.cores

    def cost_s(self, item: int) -> float:
        """Seconds for one item, alone."""
        return self.samples_s[item % len(self.samples_s)]

    def scaled(self, share: float) -> "StageCost":
        """Return the stage with this share of its time, on as many cores."""
        return replace(self, samples_s=tuple(share * sample for sample in self.samples_s))


def sequential_s(stages: Sequence[StageCost], *, n_items: int) -> float:
    """Return the seconds of all stages one after the other."""
    return sum(stage.cost_s(item) for stage in stages for item in range(n_items))


def overlapped_s(stages: Sequence[StageCost], *, n_items: int, queue_size: int, n_cores: float) -> float:
    """Predict the seconds from the first start to the last end when the stages overlap.

    Args:
        stages: In the order of the pipeline.
        n_items: Items that flow through, from an empty pipeline to an empty pipeline.
        queue_size: Items that wait between two stages, at least 1.
        n_cores: Cores that all stages share.

    Raises:
        ParameterError: There are no stages, items, queues or cores.
    """
    if not stages or n_items < 1 or queue_size < 1 or n_cores <= 0:
        raise ParameterError(
            "an overlap needs stages, items, queues and cores, "
            f"got {len(stages)}, {n_items}, {queue_size} and {n_cores:g}"
        )
    threads = [joined(members) for members in threads_of(stages)]
    line = _Line(threads, n_items=n_items, queue_size=queue_size)
    now_s = 0.0
    while line.move():
        rates = _rates(threads, line.working(), n_cores=n_cores)
        step_s = min(line.left_s[place] / rate for place, rate in rates.items())
        now_s += step_s
        for place, rate in rates.items():
            line.left_s[place] -= step_s * rate
    return now_s


def threads_of(stages: Sequence[StageCost]) -> list[list[StageCost]]:
    """Group stages by the threads that they run in."""
    threads: list[list[StageCost]] = []
    for stage in stages:
        if stage.joins and threads:
            threads[-1].append(stage)
        else:
            threads.append([stage])
    return threads


def joined(stages: Sequence[StageCost]) -> StageCost:
    """Return what stages of one thread cost as one; the device is that of the first."""
    n_samples = max(len(stage.samples_s) for stage in stages)
    samples = tuple(sum(stage.cost_s(item) for stage in stages) for item in range(n_samples))
    alone_s, core_s = sum(stage.mean_s for stage in stages), sum(stage.core_s for stage in stages)
    name = ", ".join(stage.name for stage in stages)
    return StageCost(name, samples, cores=core_s / alone_s if alone_s > 0 else 0.0, device=stages[0].device)


class _Line:
    """Where every item is. A stage that cannot put its result into a full queue waits with it."""

    def __init__(self, stages: Sequence[StageCost], *, n_items: int, queue_size: int) -> None:
        self._stages, self._n_items, self._queue_size = stages, n_items, queue_size
        self.left_s = [0.0] * len(stages)
        self._taken = [0] * len(stages)  # items that each stage has begun
        self._given = [0] * len(stages)  # items that each stage has put into the queue after it

    def working(self) -> list[int]:
        """Return the stages at work."""
        return [place for place in range(len(self._stages)) if self._is_busy(place)]

    def move(self) -> bool:
        """Give and take all that can be given and taken; whether any stage is at work then."""
        moved = True
        while moved:
            moved = False
            for place in reversed(range(len(self._stages))):
                while self._give(place) or self._take(place):
                    moved = True
        return bool(self.working())

    def _is_busy(self, place: int) -> bool:
        return self._taken[place] > self._given[place] and self.left_s[place] > _DONE

    def _give(self, place: int) -> bool:
        if self._taken[place] == self._given[place] or self._is_busy(place):
            return False
        is_last = place == len(self._stages) - 1
        if not is_last and self._given[place] - self._taken[place + 1] >= self._queue_size:
            return False
        self._given[place] += 1
        return True

    def _take(self, place: int) -> bool:
        there = self._n_items if place == 0 else self._given[place - 1]
        if self._taken[place] > self._given[place] or self._taken[place] == there:
            return False
        self.left_s[place] = self._stages[place].cost_s(self._taken[place])
        self._taken[place] += 1
        return True


def _rates(stages: Sequence[StageCost], working: Sequence[int], *, n_cores: float) -> dict[int, float]:
    """Return how fast each stage at work goes, 1 as when alone."""
    rates = _core_shares({place: stages[place].cores for place in working}, n_cores=n_cores)
    for place in working:
        device = stages[place].device
        if device != CPU:
            sharing = sum(stages[other].device == device for other in working)
            rates[place] = min(rates[place], 1 / sharing)
    return rates


def _core_shares(wanted: dict[int, float], *, n_cores: float) -> dict[int, float]:
    """Share cores as a fair scheduler does: threads that want little get it, the others get equal parts.

    A stage that wants 1.8 cores has two threads that want 0.9 each.
    """
    shares = dict.fromkeys(wanted, 1.0)
    left, n_threads = n_cores, sum(math.ceil(cores) for cores in wanted.values())
    for place, cores in sorted(wanted.items(), key=lambda item: item[1] / max(1, math.ceil(item[1]))):
        if cores > 0:
            own = math.ceil(cores)
            got = min(cores, left * own / n_threads)
            shares[place] = got / cores
            left, n_threads = left - got, n_threads - own
    return shares
