"""How many cores there are to share, and how many of them a stage wants."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from vidlab.profiling.clock import Clock, Synchronize, Timing
from vidlab.profiling.overlap import CPU, StageCost

_TASKS = Path("/proc/self/task")
_QUOTA = Path("/sys/fs/cgroup/cpu.max")  # of a container: microseconds of work per microseconds, or `max`


def available_cores(quota: Path = _QUOTA) -> float:
    """Return the cores that this process may use: its affinity, or a container's lower quota."""
    affinity = getattr(os, "sched_getaffinity", None)
    cores = float(len(affinity(0)) if affinity else os.cpu_count() or 1)
    try:
        allowed, period = quota.read_text().split()
        return min(cores, int(allowed) / int(period))
    except (OSError, ValueError, ZeroDivisionError):  # no container, or no quota
        return cores


def waited_for_cores_s(tasks: Path = _TASKS) -> float:
    """Return the seconds that all threads of this process have waited for a core that another thread had.

    Linux counts it for each thread that is still there; elsewhere this is 0.
    """
    waited_ns = 0
    for counts in tasks.glob("*/schedstat"):
        with suppress(OSError, ValueError, IndexError):  # the thread has just ended
            waited_ns += int(counts.read_text().split()[1])
    return waited_ns / 1e9


class StageMeter:
    """Times a stage that runs alone: seconds of each item, and how many cores it wants meanwhile.

    It has to run alone: the processor's time is that of the whole process, helper threads of decoders and
    networks included, and nobody can tell whose thread worked.
    """

    def __init__(
        self,
        name: str,
        *,
        synchronize: Synchronize,
        device: str = CPU,
        clock: Clock = time.perf_counter,
        core_clock: Clock = time.process_time,
    ) -> None:
        """Set up an empty meter.

        Args:
            name: Name of the stage.
            synchronize: Waits for the stage's device, as `synchronizer` returns it.
            device: What the stage occupies.
            clock: Seconds.
            core_clock: Processor seconds of all threads of this process.
        """
        self.name, self._device = name, device
        self._synchronize, self._clock, self._core_clock = synchronize, clock, core_clock
        self._samples_s: list[float] = []
        self._core_s = self._waited_s = 0.0

    @contextmanager
    def item(self) -> Iterator[None]:
        """Count the work of a `with` block as one item, unless it raises."""
        waited_s = waited_for_cores_s()
        self._synchronize()
        start_s, start_core_s = self._clock(), self._core_clock()
        yield
        self._synchronize()
        self._samples_s.append(self._clock() - start_s)
        self._core_s += self._core_clock() - start_core_s
        self._waited_s += max(0.0, waited_for_cores_s() - waited_s)

    @property
    def crowding(self) -> float:
        """Share of the time that it wanted cores in which others had them, [0, 1]; 0 on a quiet machine."""
        wanted_s = self._core_s + self._waited_s
        return self._waited_s / wanted_s if wanted_s > 0 else 0.0

    def cost(self, *, n_cores: float) -> StageCost:
        """Return what the stage costs, on no more cores than there are.

        Time that its threads wait for a core counts as wanting one: on a crowded machine, too, a stage that
        never waits for anything else wants one for each thread.

        Raises:
            ParameterError: It has seen no item.
        """
        taken_s = sum(self._samples_s)
        wanted_s = self._core_s + self._waited_s
        cores = min(n_cores, wanted_s / taken_s) if taken_s > 0 else 0.0
        return StageCost(self.name, tuple(self._samples_s), cores=cores, device=self._device)

    def timing(self, *, n_warmup: int, warmup_s: float) -> Timing:
        """Return the seconds of each item, with what was left out before the meter ran."""
        return Timing(tuple(self._samples_s), n_warmup, warmup_s)
