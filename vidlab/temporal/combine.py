"""How a window filter makes one map out of those of several frames: weighted means and medians.

Pictures are combined in bands of pixels, whose copies stay in the processor's cache.
"""

from collections.abc import Iterator, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from vidlab.temporal.window import ClassMap
from vidlab.types import BoolMask, Float32Array

# Nine float32 bands are 1.2 MB; a multiple of the blocks of BLAS, so that its sums are, to the bit, those of
# whole pictures.
BAND_PX = 32768


class Combine(Protocol):
    """Turns the maps of one class in the frames of a window into one map."""

    def by_count(self, offsets: Sequence[int]) -> Float32Array | None:
        """Return the result for hard masks, where only the number of frames that show the class decides.

        Args:
            offsets: Places of the frames, 0 for the one whose result it is.

        Returns:
            float32 (T + 1,), the result for 0 to T frames; None where it matters which frames they are.
        """

    def of_maps(self, maps: Sequence[ClassMap], offsets: Sequence[int], *, out: Float32Array) -> None:
        """Combine T maps (H, W), [0, 1], into `out`, float32 (H, W); `offsets` as above."""

    def of_seen(
        self, maps: Float32Array, offsets: Sequence[int], *, seen: BoolMask, out: Float32Array
    ) -> None:
        """Combine, at each pixel, the frames that saw it.

        Args:
            maps: float32 (T, H, W), [0, 1].
            offsets: Places of the frames, 0 for the one whose result it is.
            seen: bool (T, H, W); at each pixel at least one.
            out: float32 (H, W), overwritten.
        """


class WeightedMean:
    """Mean over time with one weight per frame of the window."""

    def __init__(self, weights: NDArray[np.float64]) -> None:
        """Take the weights, float64 (window,), the middle one for the frame itself; any sum."""
        self._weights = weights
        self._bands = _Bands()

    def by_count(self, offsets: Sequence[int]) -> Float32Array | None:
        """Return 0, 1/T, … 1 where all weights are equal; None where they are not."""
        shares = self._shares(offsets)
        if (shares != shares[0]).any():
            return None
        # added one by one in float32, as `of_maps` does: hard and soft maps give the same bits
        return np.add.accumulate(np.concatenate([np.zeros(1, np.float32), shares]))

    def of_maps(self, maps: Sequence[ClassMap], offsets: Sequence[int], *, out: Float32Array) -> None:
        """Write the weighted mean of the maps."""
        shares = self._shares(offsets)
        for band, result in self._bands.of(maps, out=out):
            np.dot(shares, band, out=result)

    def of_seen(
        self, maps: Float32Array, offsets: Sequence[int], *, seen: BoolMask, out: Float32Array
    ) -> None:
        """Write the mean of the maps where they were seen; their weights are scaled to a sum of 1."""
        shares = self._shares(offsets)
        weight = np.empty_like(out)
        self.of_maps(list(seen.view(np.uint8)), offsets, out=weight)
        for band, result in self._bands.of(list(maps * seen), out=out):
            np.dot(shares, band, out=result)
        out /= weight

    def _shares(self, offsets: Sequence[int]) -> Float32Array:
        chosen = self._weights[len(self._weights) // 2 + np.asarray(offsets)]
        return np.asarray(chosen / chosen.sum(), np.float32)


class Median:
    """Median over time; of an even number of maps the mean of the two in the middle.

    The median is what is left when smallest and largest are thrown away again and again, among as few maps at
    a time as can be sure of it (Paeth, "Median Finding on a 3×3 Grid", Graphics Gems, 1990): minima and
    maxima of whole bands, no sorting of pixels.
    """

    def __init__(self) -> None:
        """Set up empty buffers."""
        self._bands = _Bands()

    def by_count(self, offsets: Sequence[int]) -> Float32Array | None:
        """Return 0 up to half of the frames, 1 above, 0.5 for exactly half."""
        n_frames = len(offsets)
        return np.asarray((np.sign(2 * np.arange(n_frames + 1) - n_frames) + 1) / 2, np.float32)

    def of_maps(self, maps: Sequence[ClassMap], offsets: Sequence[int], *, out: Float32Array) -> None:
        """Write the median of the maps."""
        for band, result in self._bands.of(maps, out=out):
            median_of_planes(band, out=result)

    def of_seen(
        self, maps: Float32Array, offsets: Sequence[int], *, seen: BoolMask, out: Float32Array
    ) -> None:
        """Write the median of the maps where they were seen.

        Where one was not seen, 0 and 1 take turns in its place, which moves no median. If their number is odd
        one of them is too many: beginning with 0 gives the lower of the two in the middle, with 1 the upper.
        """
        if seen.all():
            self.of_maps(list(maps), offsets, out=out)
            return
        upper = np.empty_like(out)
        self.of_maps(_filled_in_turns(maps, seen, first=0), offsets, out=out)
        self.of_maps(_filled_in_turns(maps, seen, first=1), offsets, out=upper)
        out += upper
        out *= np.float32(0.5)


def gaussian_weights(window: int, sigma: float) -> NDArray[np.float64]:
    """Return `window` weights of a Gaussian, `sigma` in frames; the middle one is 1.

    >>> gaussian_weights(3, 1.0).round(3).tolist()
    [0.607, 1.0, 0.607]
    """
    offsets = np.arange(window) - window // 2
    return np.asarray(np.exp(-0.5 * np.square(offsets / sigma)))


class _Bands:
    """Cuts maps into bands, in a buffer that is used again and again."""

    def __init__(self) -> None:
        self._buffer = np.empty(0, np.float32)

    def of(
        self, maps: Sequence[ClassMap], *, out: Float32Array
    ) -> Iterator[tuple[Float32Array, Float32Array]]:
        """Yield copies of a band of all maps, float32 (T, n), valid until the next, and its part of `out`."""
        results = out.reshape(-1)
        flat = [values.reshape(-1) for values in maps]
        if self._buffer.size < len(flat) * BAND_PX:
            self._buffer = np.empty(len(flat) * BAND_PX, np.float32)
        for start in range(0, results.size, BAND_PX):
            result = results[start : start + BAND_PX]
            band = self._buffer[: len(flat) * result.size].reshape(len(flat), -1)
            for plane, values in zip(band, flat, strict=True):
                np.copyto(plane, values[start : start + BAND_PX])
            yield band, result


def _filled_in_turns(maps: Float32Array, seen: BoolMask, *, first: int) -> list[Float32Array]:
    filled = list(maps.copy())
    turn = np.full(seen.shape[1:], bool(first))
    for plane, present in zip(filled, seen, strict=True):
        np.copyto(plane, turn, where=~present)
        turn ^= ~present
    return filled


def median_of_planes(planes: Float32Array, *, out: Float32Array) -> None:
    """Write the median of T planes, float32 (T, …), which are overwritten; `out` is a workplace too.

    >>> out = np.empty(2, np.float32)
    >>> median_of_planes(np.array([[3, 1], [9, 1], [5, 2]], np.float32), out=out)
    >>> out.tolist()
    [5.0, 1.0]
    """
    waiting = list(planes)
    # the largest of so many has more than half of all below it, or equal: it cannot be in the middle
    n_first = min(len(waiting), len(waiting) // 2 + 2)
    pool, waiting = waiting[:n_first], waiting[n_first:]
    spare = out
    while len(pool) > 2:
        pool, spare = _without_extremes(pool, spare)
        if waiting:
            pool.append(waiting.pop())
    if len(pool) == 1:
        np.copyto(out, pool[0])
    else:
        np.add(pool[0], pool[1], out=out)
        np.multiply(out, np.float32(0.5), out=out)


def _without_extremes(
    pool: list[Float32Array], spare: Float32Array
) -> tuple[list[Float32Array], Float32Array]:
    """Throw away smallest and largest of three or more planes; return the others and an unused plane."""
    pool = pool.copy()

    def order(low: int, high: int) -> None:
        nonlocal spare
        np.minimum(pool[low], pool[high], out=spare)
        np.maximum(pool[low], pool[high], out=pool[high])
        pool[low], spare = spare, pool[low]

    for low in range(0, len(pool) - 1, 2):
        order(low, low + 1)
    single = [len(pool) - 1] if len(pool) % 2 else []  # has no partner, and may be either extreme
    *lows, last_low = [*range(2, len(pool) - 1, 2), *single]
    for other in lows:
        order(0, other)
    np.maximum(pool[0], pool[last_low], out=pool[last_low])
    *highs, last_high = [*range(3, len(pool), 2), *single]
    for other in highs:
        order(other, 1)
    np.minimum(pool[1], pool[last_high], out=pool[last_high])
    return pool[2:], spare
