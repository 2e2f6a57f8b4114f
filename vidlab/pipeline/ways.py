"""The ways of preprocessing side by side: what each takes and copies, and how far apart their results are."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from vidlab.params import PreprocessParams
from vidlab.pipeline.copies import Copy, trace
from vidlab.pipeline.networks import Channels
from vidlab.pipeline.preprocess import WAYS, Way, difference, preprocessor
from vidlab.profiling import TwoClocks, measure_both_ways, synchronizer
from vidlab.types import UInt8Image

HEADER = (
    "way", "batch", "ms/frame", "fastest to slowest", "clock that does not wait (ms)", "written (MB)",
    "sent (MB)", "waits", "off by (levels of 255)",
)  # fmt: skip
_REPEATS = 3  # of a call in a round
REFERENCE: Way = "device"  # it does not round to bytes in between


@dataclass(frozen=True, slots=True)
class WayResult:
    """One way of preparing one batch.

    Attributes:
        way: Its name.
        device: Where the result goes.
        n_frames: Frames in the batch.
        clocks: Of each round: a clock that waits for the device, and one that does not.
        copies: What each operation copies.
        off_by: Mean and largest difference from `device`, in levels of 0..255.
    """

    way: Way
    device: str
    n_frames: int
    clocks: tuple[TwoClocks, ...]
    copies: tuple[Copy, ...]
    off_by: tuple[float, float]

    @property
    def rounds_ms(self) -> list[float]:
        """Milliseconds per frame of each round, until the device was done."""
        return [1000 * each.synchronized.median_s / self.n_frames for each in self.clocks]

    @property
    def ms(self) -> float:
        """Their median."""
        return statistics.median(self.rounds_ms)

    @property
    def unsynchronized_ms(self) -> float:
        """Milliseconds per frame until the call returned: what a careless clock shows."""
        return statistics.median(1000 * each.unsynchronized.median_s / self.n_frames for each in self.clocks)


def compare_ways(
    images: Sequence[UInt8Image],
    *,
    params: PreprocessParams,
    mean: Channels,
    std: Channels,
    device: str,
    rounds: int,
) -> list[WayResult]:
    """Prepare one batch in every way, over and over, rounds interleaved.

    Args:
        images: uint8 (H, W, 3), RGB, all of one size.
        params: Size and resampling.
        mean: Subtracted per channel, for values in [0, 1].
        std: Divided by per channel.
        device: Where results go, resolved.
        rounds: How often each way is timed.
    """
    ways = {
        way: preprocessor(
            way, size_hw=params.size_hw, resampling=params.resampling, mean=mean, std=std, device=device
        )
        for way in WAYS
    }
    clocks: dict[Way, list[TwoClocks]] = {way: [] for way in ways}
    wait = synchronizer(device)
    for _ in range(rounds):
        for way, prepare in ways.items():
            timed = measure_both_ways(
                lambda prepare=prepare: prepare(images),  # type: ignore[misc]
                synchronize=wait,
                n_warmup=1,
                n_repeats=_REPEATS,
            )
            clocks[way].append(timed)
    right = ways[REFERENCE](images)
    return [
        WayResult(
            way,
            device,
            len(images),
            tuple(clocks[way]),
            tuple(trace(prepare, images)),
            difference(right, prepare(images), std=std),
        )
        for way, prepare in ways.items()
    ]


def way_rows(results: Sequence[WayResult]) -> list[tuple[str, ...]]:
    """Return what `HEADER` names for each result; waits are counted on a CUDA device only."""
    return [
        (
            one.way,
            str(one.n_frames),
            f"{one.ms:.2f}",
            f"{min(one.rounds_ms):.2f} to {max(one.rounds_ms):.2f}",
            f"{one.unsynchronized_ms:.2f}",
            f"{sum(copy.bytes_written for copy in one.copies) / 1e6 / one.n_frames:.2f}",
            f"{sum(copy.bytes_moved for copy in one.copies) / 1e6 / one.n_frames:.2f}",
            str(sum(copy.n_waits for copy in one.copies)) if one.device.startswith("cuda") else "–",
            f"mean {one.off_by[0]:.2f}, max {one.off_by[1]:.2f}",
        )
        for one in results
    ]
