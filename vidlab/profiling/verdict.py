"""Which stage bounds a pipeline, how much overlap can give at most, and what it gives on this machine."""

from collections.abc import Sequence
from dataclasses import dataclass

from vidlab.profiling.clock import in_ms
from vidlab.profiling.overlap import CPU, StageCost, joined, overlapped_s, sequential_s, threads_of

# The stage that bounds is the one whose acceleration speeds up the whole most: each is tried with this share
# of its time. Close to 1, so that no other stage takes over meanwhile.
_NUDGED = 0.95


@dataclass(frozen=True, slots=True)
class Limit:
    """A time per item that no schedule can beat.

    Attributes:
        name: What sets it: a stage, the cores, or a device.
        item_s: Seconds per item.
        stages: Stages that fill it.
    """

    name: str
    item_s: float
    stages: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What follows from the costs of the stages; nothing in it was measured with overlap.

    Attributes:
        stages: What each stage costs alone, in the order of the pipeline.
        n_items: Items that flow through.
        queue_size: Items that wait between two stages.
        n_cores: Cores that the stages share.
        limits: What no schedule can beat, tightest first.
        bottleneck: The stage whose acceleration speeds up the overlapped pipeline most.
        sequential_s: Seconds for all items, one stage after the other.
        overlapped_s: Predicted seconds for all items with overlap, filling and draining included.
    """

    stages: tuple[StageCost, ...]
    n_items: int
    queue_size: int
    n_cores: float
    limits: tuple[Limit, ...]
    bottleneck: str
    sequential_s: float
    overlapped_s: float

    @property
    def predicted_speedup(self) -> float:
        """How many times faster overlap should make this many items."""
        return _ratio(self.sequential_s, self.overlapped_s)

    @property
    def largest_speedup(self) -> float:
        """How many times faster overlap can be at most: endless items, endless queues."""
        return _ratio(sum(stage.mean_s for stage in self.stages), self.limits[0].item_s)

    @property
    def limit_text(self) -> str:
        """Say what cannot be beaten, and by what."""
        tightest = self.limits[0]
        if len(tightest.stages) > 1:
            sharing = ", ".join(tightest.stages)
            return f"{sharing} share {tightest.name}, which takes {in_ms(tightest.item_s)} per item"
        return f"it takes {in_ms(tightest.item_s)} per item"

    def lines(self) -> list[str]:
        """Say it in sentences."""
        alone_s = sum(stage.mean_s for stage in self.stages)
        run = f"{self.n_items} items, queues of {self.queue_size} and {_cores(self.n_cores)}"
        return [
            f"{self.bottleneck} bounds the pipeline: {self.limit_text}; "
            f"stage after stage an item takes {in_ms(alone_s)}",
            f"overlap can make it {self.largest_speedup:.2f} times as fast at most; "
            f"for these {run} it should be {self.predicted_speedup:.2f} times",
        ]


def judge(stages: Sequence[StageCost], *, n_items: int, queue_size: int, n_cores: float) -> Verdict:
    """Say what bounds a pipeline and what overlap can give.

    Args:
        stages: What each stage costs alone, in the order of the pipeline.
        n_items: Items that flow through, at least 1.
        queue_size: Items that wait between two stages, at least 1.
        n_cores: Cores that all stages share.

    Raises:
        ParameterError: There are no stages, items, queues or cores.
    """

    def together_s(line: Sequence[StageCost]) -> float:
        return overlapped_s(line, n_items=n_items, queue_size=queue_size, n_cores=n_cores)

    nudged = {
        stage.name: together_s([other.scaled(_NUDGED) if other is stage else other for other in stages])
        for stage in stages
    }
    return Verdict(
        stages=tuple(stages),
        n_items=n_items,
        queue_size=queue_size,
        n_cores=n_cores,
        limits=limits(stages, n_cores=n_cores),
        bottleneck=min(nudged, key=lambda name: nudged[name]),
        sequential_s=sequential_s(stages, n_items=n_items),
        overlapped_s=together_s(stages),
    )


def limits(stages: Sequence[StageCost], *, n_cores: float) -> tuple[Limit, ...]:
    """Return what no schedule can beat, tightest first.

    A stage works on one item at a time: its own time is a limit, and so is that of stages in one thread. All
    processor work has to fit on the cores.
    Stages of one device have to fit on it together.

    >>> infer, decode = StageCost("infer", (0.03,), cores=1.5), StageCost("decode", (0.02,), cores=2)
    >>> [(limit.name, round(limit.item_s, 4)) for limit in limits([decode, infer], n_cores=2)]
    [('the 2 cores', 0.0425), ('infer', 0.03), ('decode', 0.02)]
    """
    found = [Limit(stage.name, stage.mean_s, (stage.name,)) for stage in stages]
    for members in threads_of(stages):
        if len(members) > 1:
            names = tuple(stage.name for stage in members)
            found.append(Limit("one thread", joined(members).mean_s, names))
    on_cores = tuple(stage.name for stage in stages if stage.cores > 0)
    if len(on_cores) > 1:
        work_s = sum(stage.core_s for stage in stages)
        found.append(Limit(f"the {_cores(n_cores)}", work_s / n_cores, on_cores))
    for device in sorted({stage.device for stage in stages} - {CPU}):
        sharing = [stage for stage in stages if stage.device == device]
        if len(sharing) > 1:
            names = tuple(stage.name for stage in sharing)
            found.append(Limit(device, sum(stage.mean_s for stage in sharing), names))
    return tuple(sorted(found, key=lambda limit: -limit.item_s))


def _ratio(before_s: float, after_s: float) -> float:
    return before_s / after_s if after_s > 0 else 1.0


def _cores(n_cores: float) -> str:
    return f"{n_cores:g} core" if n_cores == 1 else f"{n_cores:g} cores"
