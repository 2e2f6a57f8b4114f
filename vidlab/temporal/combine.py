"""How a window filter makes one map out of those of several frames; and weighted means.

Pictures are combined in bands of pixels, whose copies stay in the processor's cache.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from vidlab.temporal.window import ClassMap
from vidlab.types import BoolMask, Float32Array

# Few calls, and not much memory; a multiple of the blocks of BLAS (4096), so that its sums are, to the bit,
# those of whole pictures.
BAND_PX = 65536


class Combine(Protocol):
    """Turns the maps of one class in the frames of a window into one map."""

    def by_count(self, offsets: Sequence[int]) -> Float32Array | None:
        """Return the result for hard masks, where only the number of frames that show the class decides.

        Args:
            offsets: Places of the frames, 0 for the one whose result it is.

        Returns:
            float32 (T + 1,), the result for 0 to T frames; None where it matters which frames they are.
        """

    def of_maps(
        self,
        maps: Sequence[ClassMap],
        offsets: Sequence[int],
        *,
        out: Float32Array,
        mask: BoolMask | None = None,
    ) -> None:
        """Combine T maps.

        Args:
            maps: (H, W) each, [0, 1].
            offsets: As above.
            out: float32 (H, W), overwritten.
            mask: bool (H, W), overwritten with where `out` is above 0.5; None if nobody asks.
        """

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
        self._stack = _Stack()

    def by_count(self, offsets: Sequence[int]) -> Float32Array | None:
        """Return 0, 1/T, … 1 where all weights are equal; None where they are not."""
        shares = self._shares(offsets)
        if (shares != shares[0]).any():
            return None
        # added one by one in float32, as `of_maps` does: hard and soft maps give the same bits
        return np.add.accumulate(np.concatenate([np.zeros(1, np.float32), shares]))

    def of_maps(
        self,
        maps: Sequence[ClassMap],
        offsets: Sequence[int],
        *,
        out: Float32Array,
        mask: BoolMask | None = None,
    ) -> None:
        """Write the weighted mean of the maps."""
        shares = self._shares(offsets)
        flat, (result,) = flattened(maps), flattened((out,))
        for band in bands(result.size):
            np.dot(shares, self._stack.of(flat, band), out=result[band])
            write_mask(result[band], band, mask=mask)

    def of_seen(
        self, maps: Float32Array, offsets: Sequence[int], *, seen: BoolMask, out: Float32Array
    ) -> None:
        """Write the mean of the maps where they were seen; their weights are scaled to a sum of 1."""
        weight = np.empty_like(out)
        self.of_maps(list(seen.view(np.uint8)), offsets, out=weight)
        self.of_maps(list(maps * seen), offsets, out=out)
        out /= weight

    def _shares(self, offsets: Sequence[int]) -> Float32Array:
        chosen = self._weights[len(self._weights) // 2 + np.asarray(offsets)]
        return np.asarray(chosen / chosen.sum(), np.float32)


def gaussian_weights(window: int, sigma: float) -> NDArray[np.float64]:
    """Return `window` weights of a Gaussian, `sigma` in frames; the middle one is 1.

    >>> gaussian_weights(3, 1.0).round(3).tolist()
    [0.607, 1.0, 0.607]
    """
    offsets = np.arange(window) - window // 2
    return np.asarray(np.exp(-0.5 * np.square(offsets / sigma)))


def bands(n_pixels: int) -> Iterator[slice]:
    """Cut pixels into bands.

    >>> [(band.start, band.stop) for band in bands(100000)]
    [(0, 65536), (65536, 100000)]
    """
    for start in range(0, n_pixels, BAND_PX):
        yield slice(start, min(start + BAND_PX, n_pixels))


def flattened(maps: Iterable[NDArray[Any]]) -> list[NDArray[Any]]:
    """Return maps without rows; they share memory with the maps where these have no gaps."""
    return [values.reshape(-1) for values in maps]


def write_mask(result: Float32Array, band: slice, *, mask: BoolMask | None) -> None:
    """Write where a band of a result is above 0.5, while it is in the cache; no mask takes nothing.

    >>> mask = np.zeros((2, 2), bool)
    >>> write_mask(np.array([0.6, 0.4], np.float32), slice(2, 4), mask=mask)
    >>> mask.tolist()
    [[False, False], [True, False]]
    """
    if mask is not None:
        np.greater(result, 0.5, out=mask.reshape(-1)[band])


class _Stack:
    """Copies of a band of several maps, one behind the other, in a buffer that is used again and again."""

    def __init__(self) -> None:
        self._buffer = np.empty(0, np.float32)

    def of(self, flat: Sequence[ClassMap], band: slice) -> Float32Array:
        """Return the band of T maps without rows, float32 (T, n), valid until the next call."""
        n_pixels = band.stop - band.start
        if self._buffer.size < len(flat) * n_pixels:
            self._buffer = np.empty(len(flat) * BAND_PX, np.float32)
        stack = self._buffer[: len(flat) * n_pixels].reshape(len(flat), n_pixels)
        for plane, values in zip(stack, flat, strict=True):
            np.copyto(plane, values[band])
        return stack
