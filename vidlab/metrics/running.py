"""Mean and spread of a stream of numbers, without keeping them."""

import math


class RunningStats:
    """Mean and standard deviation of what came so far; NaN means "undefined here" and is left out.

    Welford's update (Technometrics 1962), stable for long clips; constant memory.

    >>> stats = RunningStats()
    >>> for value in (1.0, math.nan, 3.0):
    ...     stats.update(value)
    >>> stats.n, stats.mean, stats.std
    (2, 2.0, 1.0)
    """

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget everything."""
        self.n = 0
        self._mean = 0.0
        self._squares = 0.0

    def update(self, value: float) -> None:
        """Take one number; NaN is left out."""
        if math.isnan(value):
            return
        self.n += 1
        delta = value - self._mean
        self._mean += delta / self.n
        self._squares += delta * (value - self._mean)

    @property
    def mean(self) -> float:
        """Mean of the defined numbers; NaN if there were none."""
        return self._mean if self.n else math.nan

    @property
    def std(self) -> float:
        """Population standard deviation (divided by n); NaN if there were none."""
        return math.sqrt(self._squares / self.n) if self.n else math.nan
