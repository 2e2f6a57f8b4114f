"""Medians over time by minima and maxima of whole pictures, which processors are quick at."""

import operator
from collections.abc import Iterator, Sequence

import numpy as np

from vidlab.temporal.combine import BAND_PX, bands, flattened
from vidlab.temporal.window import ClassMap
from vidlab.types import BoolMask, Float32Array


class Median:
    """Median over time; of an even number of maps the mean of the two in the middle.

    The median is what is left when smallest and largest are thrown away again and again, among as few maps at
    a time as can be sure of it (Paeth, "Median Finding on a 3×3 Grid", Graphics Gems, 1990): minima and
    maxima of whole bands, no sorting of pixels.

    Two windows of odd length that follow each other share all maps but one each. Of those they share only the
    two in the middle matter, found once for both: the median lies between them, at the map that is not shared
    if that lies there too.

        a │ b  c  d  e │           median of a…e = a, clipped to the middle two of b…e
          │ b  c  d  e │ f         median of b…f = f, clipped to the middle two of b…e
    """

    def __init__(self) -> None:
        """Set up empty buffers."""
        self._buffers = np.empty((0, 0), np.float32)
        self._shared: list[ClassMap] = []  # the maps whose middle two are these
        self._middle: Float32Array = np.empty((2, 0, 0), np.float32)

    def by_count(self, offsets: Sequence[int]) -> Float32Array | None:
        """Return 0 up to half of the frames, 1 above, 0.5 for exactly half."""
        n_frames = len(offsets)
        return np.asarray((np.sign(2 * np.arange(n_frames + 1) - n_frames) + 1) / 2, np.float32)

    def of_maps(self, maps: Sequence[ClassMap], offsets: Sequence[int], *, out: Float32Array) -> None:
        """Write the median of the maps; quicker for a window that is one map further than the last."""
        if len(maps) % 2 == 0 or len(maps) == 1:
            self._of_few(maps, out=out)
            return
        known = len(maps) == len(self._shared) + 1 and all(map(operator.is_, self._shared, maps))
        if not known:
            self._share(maps[1:])
        low, high, single, result = flattened((*self._middle, maps[-1] if known else maps[0], out))
        for band in bands(result.size):
            np.minimum(high[band], single[band], out=result[band])
            np.maximum(low[band], result[band], out=result[band])

    def _share(self, maps: Sequence[ClassMap]) -> None:
        """Find the middle two of an even number of maps."""
        if self._middle.shape[1:] != maps[0].shape:
            self._middle = np.empty((2, *maps[0].shape), np.float32)
        self._shared = list(maps)
        low, high = flattened(self._middle)
        for band, (one, other) in self._middles(maps):
            np.minimum(one, other, out=low[band])
            np.maximum(one, other, out=high[band])

    def _of_few(self, maps: Sequence[ClassMap], *, out: Float32Array) -> None:
        (result,) = flattened((out,))
        for band, middle in self._middles(maps):
            if len(middle) == 1:
                np.copyto(result[band], middle[0])
            else:
                np.add(middle[0], middle[1], out=result[band])
                np.multiply(result[band], np.float32(0.5), out=result[band])

    def _middles(self, maps: Sequence[ClassMap]) -> Iterator[tuple[slice, list[ClassMap]]]:
        """Yield for every band what the middle one or two of the maps are, valid until the next."""
        if len(self._buffers) <= len(maps):
            self._buffers = np.empty((len(maps) + 1, BAND_PX), np.float32)
        flat = flattened(maps)
        for band in bands(flat[0].size):
            planes = [values[band] for values in flat]
            buffers = list(self._buffers[:, : planes[0].size])
            yield band, middle_of_planes(planes, buffers=buffers)

    def of_seen(
        self, maps: Float32Array, offsets: Sequence[int], *, seen: BoolMask, out: Float32Array
    ) -> None:
        """Write the median of the maps where they were seen.

        Where one was not seen, 0 and 1 take turns in its place, which moves no median. If their number is odd
        one of them is too many: beginning with 0 gives the lower of the two in the middle, with 1 the upper.
        """
        if seen.all():
            self._of_few(list(maps), out=out)
            return
        upper = np.empty_like(out)
        self._of_few(_filled_in_turns(maps, seen, first=0), out=out)
        self._of_few(_filled_in_turns(maps, seen, first=1), out=upper)
        out += upper
        out *= np.float32(0.5)


def _filled_in_turns(maps: Float32Array, seen: BoolMask, *, first: int) -> list[Float32Array]:
    filled = list(maps.copy())
    turn = np.full(seen.shape[1:], bool(first))
    for plane, present in zip(filled, seen, strict=True):
        np.copyto(plane, turn, where=~present)
        turn ^= ~present
    return filled


def middle_of_planes(planes: Sequence[ClassMap], *, buffers: Sequence[Float32Array]) -> list[ClassMap]:
    """Return the middle one of an odd number of planes, or the middle two, in no order, of an even one.

    Args:
        planes: Any shape, [0, 1], one for all; left alone.
        buffers: At least one more than planes, of that shape; the results may lie in them.

    >>> planes = [np.array(values, np.float32) for values in ([3, 1], [9, 1], [5, 2])]
    >>> middle_of_planes(planes, buffers=[np.empty(2, np.float32) for _ in range(4)])
    [array([5., 1.], dtype=float32)]
    """
    # the largest of so many has more than half of all below it, or equal: it cannot be in the middle
    n_first = min(len(planes), len(planes) // 2 + 2)
    pool, waiting = _Pool(planes[:n_first], buffers), list(planes[n_first:])
    while len(pool.planes) > 2:
        pool.drop_extremes()
        if waiting:
            pool.planes.append(waiting.pop())
    return pool.planes


class _Pool:
    """Planes whose smallest and largest are thrown away, pixel by pixel."""

    def __init__(self, planes: Sequence[ClassMap], buffers: Sequence[Float32Array]) -> None:
        """Take planes, which are never written to, and buffers, which are."""
        self.planes = list(planes)
        self._free = list(buffers)
        self._ours = {id(buffer) for buffer in buffers}

    def drop_extremes(self) -> None:
        """Throw away smallest and largest of three or more planes."""
        n_planes = len(self.planes)
        for low in range(0, n_planes - 1, 2):
            self._order(low, low + 1)
        single = [n_planes - 1] if n_planes % 2 else []  # has no partner, and may be either extreme
        *lows, last_low = [*range(2, n_planes - 1, 2), *single]
        for other in lows:
            self._order(0, other)
        self._put(last_low, np.maximum, self.planes[0])
        *highs, last_high = [*range(3, n_planes, 2), *single]
        for other in highs:
            self._order(other, 1)
        self._put(last_high, np.minimum, self.planes[1])
        for extreme in self.planes[:2]:
            self._release(extreme)
        del self.planes[:2]

    def _order(self, low: int, high: int) -> None:
        one, other = self.planes[low], self.planes[high]
        self.planes[low] = np.minimum(one, other, out=self._free.pop())
        self._put(high, np.maximum, one)
        self._release(one)

    def _put(self, place: int, extreme: np.ufunc, other: ClassMap) -> None:
        """Replace a plane by its minimum or maximum with another one."""
        plane = self.planes[place]
        into = plane if id(plane) in self._ours else self._free.pop()
        self.planes[place] = extreme(plane, other, out=into)

    def _release(self, plane: ClassMap) -> None:
        if id(plane) in self._ours:
            self._free.append(np.asarray(plane, np.float32))
