"""How sure a mean change is: intervals from drawing blocks of frames, and whole clips, again and again."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vidlab.errors import ParameterError, ShapeError

TAILS_PERCENT = (2.5, 97.5)  # of the resampled means: a 95 % interval
CHUNK_DRAWS = 1_000_000  # blocks drawn at a time: 8 MB of places, however long the clip

Curve = Iterable[float | None]


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean with its 95 % interval (percentiles of the resampled means).

    Attributes:
        mean: Mean of the values.
        low: Lower end.
        high: Upper end.
        n: How many values, frames or clips.
        p_better: Share of the resampled means above 0, [0, 1].
    """

    mean: float
    low: float
    high: float
    n: int
    p_better: float


def to_array(curve: Curve) -> NDArray[np.float64]:
    """Turn one value per frame into float64 (T,); NaN where it is None.

    >>> to_array([None, 0.5]).tolist()
    [nan, 0.5]
    """
    return np.array([np.nan if value is None else float(value) for value in curve], np.float64)


def paired_change(before: Curve, after: Curve, *, rng: np.random.Generator, resamples: int) -> Interval:
    """Return the mean change per frame of one clip with a bootstrap interval.

    Frames undefined in either are left out. Neighboring frames resemble one another, so whole blocks of them
    are drawn (moving blocks of about the cube root of n, after Künsch, "The Jackknife and the Bootstrap for
    General Stationary Observations", Annals of Statistics 1989); drawing single frames would promise too
    much. The interval tells of more frames of this clip, not of other clips.

    Args:
        before: One value per frame, None or NaN where undefined.
        after: The same after stabilizing.
        rng: Draws the blocks.
        resamples: Draws; more steadies the ends of the interval.

    Returns:
        The change, after − before; `n` counts frames. No frame to compare: n 0, the rest NaN.

    Raises:
        ShapeError: The two differ in length.
        ParameterError: Less than one draw.

    >>> change = paired_change([0.1, 0.2], [0.2, 0.3], rng=np.random.default_rng(0), resamples=100)
    >>> round(change.low, 6), round(change.mean, 6), round(change.high, 6), change.n, change.p_better
    (0.1, 0.1, 0.1, 2, 1.0)
    """
    _require_draws(resamples)
    changes = _changes(before, after)
    if not changes.size:
        return _interval(changes, changes)
    return _interval(changes, _block_means(changes, resamples, rng))


def paired_clips(
    before: Mapping[str, Curve], after: Mapping[str, Curve], *, rng: np.random.Generator, resamples: int
) -> Interval:
    """Return the mean change over clips with a two-level bootstrap interval.

    Each draw takes as many clips as there are, with replacement, and within each drawn clip blocks of its
    frames, as `paired_change` does (Davison and Hinkley, "Bootstrap Methods and their Application", 1997,
    section 3.8). The statistic is the mean over clips of the mean over their frames: long clips do not
    outweigh short ones. One clip only is drawn every time: the interval is then over its frames alone, and
    says nothing of other clips. A handful of clips still promises too much.

    Args:
        before: Clip → one value per frame, None or NaN where undefined.
        after: The same clips after stabilizing.
        rng: Draws clips and blocks.
        resamples: Draws; more steadies the ends of the interval.

    Returns:
        The change, after − before; `n` counts the clips with a frame to compare. None: n 0, the rest NaN.

    Raises:
        ShapeError: The curves of a clip differ in length.
        ParameterError: The two do not hold the same clips; less than one draw.

    >>> before, after = {"a": [0.0, 0.0], "b": [0.0]}, {"a": [1.0, 1.0], "b": [3.0]}
    >>> change = paired_clips(before, after, rng=np.random.default_rng(0), resamples=1000)
    >>> change.low, change.mean, change.high, change.n
    (1.0, 2.0, 3.0, 2)
    """
    _require_draws(resamples)
    if before.keys() != after.keys():
        odd = ", ".join(sorted(before.keys() ^ after.keys()))
        raise ParameterError(f"both sides must hold the same clips, got {odd} on one side only")
    changes = [_changes(before[name], after[name]) for name in sorted(before)]
    changes = [curve for curve in changes if curve.size]
    means = np.array([curve.mean() for curve in changes], np.float64)
    if not changes:
        return _interval(means, means)
    drawn = rng.integers(0, len(changes), size=(resamples, len(changes)))
    resampled = np.empty(drawn.shape)
    for number, curve in enumerate(changes):
        here = drawn == number
        resampled[here] = _block_means(curve, int(np.count_nonzero(here)), rng)
    return _interval(means, resampled.mean(axis=1))


def _require_draws(resamples: int) -> None:
    if resamples < 1:
        raise ParameterError(f"resamples must be at least 1, got {resamples}")


def _changes(before: Curve, after: Curve) -> NDArray[np.float64]:
    """Change of each frame that is defined on both sides."""
    first, second = to_array(before), to_array(after)
    if first.shape != second.shape:
        raise ShapeError(f"curves must have one length, got {len(first)} and {len(second)}")
    changes = second - first
    return np.asarray(changes[~np.isnan(changes)])


def _interval(values: NDArray[np.float64], resampled: NDArray[np.float64]) -> Interval:
    if not values.size:
        return Interval(np.nan, np.nan, np.nan, 0, np.nan)
    low, high = np.percentile(resampled, TAILS_PERCENT)
    better = float(np.mean(resampled > 0))
    return Interval(float(values.mean()), float(low), float(high), int(values.size), better)


def _block_means(values: NDArray[np.float64], n_draws: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Mean of n values in moving blocks, drawn `n_draws` times: float64 (n_draws,)."""
    n = len(values)
    block = max(1, round(n ** (1 / 3)))
    n_blocks = -(-n // block)
    rows = max(1, CHUNK_DRAWS // n_blocks)
    sums = np.concatenate([[0.0], np.cumsum(values)])
    lengths = np.full(n_blocks, block)
    lengths[-1] = n - block * (n_blocks - 1)  # the last block is cut, so that n values are drawn
    means = [np.empty(0)]
    for first in range(0, n_draws, rows):
        starts = rng.integers(0, n - block + 1, size=(min(rows, n_draws - first), n_blocks))
        means.append((sums[starts + lengths] - sums[starts]).sum(axis=1) / n)
    return np.concatenate(means)
