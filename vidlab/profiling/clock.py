"""Clocks that wait for the device: a GPU returns from a call long before the work is done.

call   ▏launch▕                            the clock that stops here measures the launch
GPU          ▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇
waited                            ▏        the clock that stops here measures the work
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from vidlab.errors import ParameterError

Clock = Callable[[], float]
Synchronize = Callable[[], None]

# Below this share of the true time a clock did not wait for the device; ordinary jitter stays far above it.
TRUSTED_SHARE = 0.8


@dataclass(frozen=True, slots=True)
class Timing:
    """How long something took, over and over; what was left out as warm-up is part of the statement.

    Attributes:
        samples_s: Seconds of each repeat, in order, at least one.
        n_warmup: Repeats before them that were left out.
        warmup_s: Seconds that those took together.
    """

    samples_s: tuple[float, ...]
    n_warmup: int
    warmup_s: float

    def __post_init__(self) -> None:
        if not self.samples_s:
            raise ParameterError("a timing must hold at least one repeat, got none")

    @property
    def n(self) -> int:
        """Repeats that count."""
        return len(self.samples_s)

    @property
    def median_s(self) -> float:
        """The middle repeat, in seconds."""
        return float(np.median(self.samples_s))

    @property
    def p95_s(self) -> float:
        """What 95 % of the repeats stay below, in seconds."""
        return float(np.percentile(self.samples_s, 95))

    @property
    def mean_s(self) -> float:
        """The mean repeat, in seconds: what throughput depends on."""
        return float(np.mean(self.samples_s))

    def __str__(self) -> str:
        """Say it with its circumstances.

        >>> print(Timing((0.031, 0.030, 0.035), n_warmup=2, warmup_s=1.5))
        31.0 ms (p95 34.6 ms, n = 3; 2 warm-up calls of 1.5 s left out)
        """
        return f"{in_ms(self.median_s)} (p95 {in_ms(self.p95_s)}, n = {self.n}; {self.warmup_text})"

    @property
    def warmup_text(self) -> str:
        """Say what was left out."""
        if not self.n_warmup:
            return "no warm-up left out"
        calls = "call" if self.n_warmup == 1 else "calls"
        return f"{self.n_warmup} warm-up {calls} of {self.warmup_s:.2g} s left out"


@dataclass(frozen=True, slots=True)
class TwoClocks:
    """The same calls, timed without and with waiting for the device.

    Attributes:
        unsynchronized: Until the call returned.
        synchronized: Until the device was done.
    """

    unsynchronized: Timing
    synchronized: Timing

    @property
    def is_fooled(self) -> bool:
        """Whether the clock that does not wait shows something else than the work."""
        return self.unsynchronized.median_s < TRUSTED_SHARE * self.synchronized.median_s

    def __str__(self) -> str:
        """Say what a clock shows that does not wait, and what is true."""
        short, true = self.unsynchronized.median_s, self.synchronized.median_s
        said = f"measured {in_ms(short)}, synchronized {in_ms(true)} (n = {self.synchronized.n})"
        if not self.is_fooled:
            return f"{said}: the call itself waits, so both clocks agree"
        times = f"{true / short:,.0f} times" if short > 0 else "infinitely"
        return f"{said}: without synchronizing this would look {times} faster than it is"


def in_ms(seconds: float) -> str:
    """Write a time in milliseconds, with digits that a reader needs.

    >>> in_ms(0.0000213), in_ms(0.0311), in_ms(2.5)
    ('0.02 ms', '31.1 ms', '2,500 ms')
    """
    value = seconds * 1000
    return f"{value:,.2f} ms" if value < 1 else f"{value:,.1f} ms" if value < 100 else f"{value:,.0f} ms"


def synchronizer(device: str) -> Synchronize:
    """Return the function that waits until a device has done all it was asked for.

    Args:
        device: `cpu`, `cuda`, `cuda:N` or `mps`; the CPU has nothing to wait for, and loads no torch.

    Raises:
        ParameterError: There is no such device.
    """
    kind = device.partition(":")[0]
    if kind in ("cpu", "tensorrt"):  # ONNX Runtime returns when TensorRT is done
        return _nothing
    if kind not in ("cuda", "mps"):
        raise ParameterError(f"device must be cpu, cuda, cuda:N or mps, got {device!r}")
    import torch

    if kind == "mps":
        return torch.mps.synchronize
    return lambda: torch.cuda.synchronize(device)


def measure(
    work: Callable[[], Any],
    *,
    synchronize: Synchronize,
    n_warmup: int,
    n_repeats: int,
    clock: Clock = time.perf_counter,
) -> Timing:
    """Time a call, waiting for the device at both ends.

    Args:
        work: The call.
        synchronize: Waits for the device, as `synchronizer` returns it.
        n_warmup: Calls that are made first and left out.
        n_repeats: Calls that count, at least 1.
        clock: Seconds; a test passes its own.
    """
    return measure_both_ways(
        work, synchronize=synchronize, n_warmup=n_warmup, n_repeats=n_repeats, clock=clock
    ).synchronized


def measure_both_ways(
    work: Callable[[], Any],
    *,
    synchronize: Synchronize,
    n_warmup: int,
    n_repeats: int,
    clock: Clock = time.perf_counter,
) -> TwoClocks:
    """Time each call twice at once: until it returns, and until the device is done; see `measure`."""
    if n_repeats < 1 or n_warmup < 0:
        raise ParameterError(f"repeats must be at least 1 after 0 or more, got {n_repeats} after {n_warmup}")
    returned, done = [], []
    for _ in range(n_warmup + n_repeats):
        synchronize()  # nothing that was queued before counts
        start_s = clock()
        work()
        returned.append(clock() - start_s)
        synchronize()
        done.append(clock() - start_s)
    return TwoClocks(_after_warmup(returned, n_warmup), _after_warmup(done, n_warmup))


def _after_warmup(samples_s: list[float], n_warmup: int) -> Timing:
    return Timing(tuple(samples_s[n_warmup:]), n_warmup, sum(samples_s[:n_warmup]))


def _nothing() -> None:
    """Wait for the CPU, whose calls return when they are done."""
