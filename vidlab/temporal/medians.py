"""Medians over time by minima and maxima of whole pictures, which processors are quick at."""

import operator
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from typing import NamedTuple

import numpy as np

from vidlab.temporal.combine import BAND_PX, bands, flattened, write_mask
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

    At the ends of a clip, where windows grow and shrink by one map, the even ones need the same two.
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

    def of_maps(
        self,
        maps: Sequence[ClassMap],
        offsets: Sequence[int],
        *,
        out: Float32Array,
        mask: BoolMask | None = None,
    ) -> None:
        """Write the median of the maps; quicker for a window that is one map further than the last."""
        if len(maps) == 1:
            self._of_few(maps, out=out, mask=mask)
            return
        shared, single = self._split(maps)
        known = self._knows(shared)
        if not known and self._middle.shape[1:] != out.shape:
            self._middle = np.empty((2, *out.shape), np.float32)
        low, high, flat_out, *other = flattened((*self._middle, out, *single))
        # backwards: what the window before wrote last is still in the cache
        for band in reversed([*bands(out.size)]) if known else self._share(shared):
            result = flat_out[band]
            if other:
                # processors wait for the first of two the least: it is the one that is in no cache
                np.minimum(other[0][band], high[band], out=result)
                np.maximum(result, low[band], out=result)
            else:
                _mean(low[band], high[band], out=result)
            write_mask(result, band, mask=mask)

    def _split(self, maps: Sequence[ClassMap]) -> tuple[Sequence[ClassMap], Sequence[ClassMap]]:
        """Return an even number of maps, whose middle two matter, and the single one, if any, left over."""
        if len(maps) % 2 == 0:
            return maps, ()
        return (maps[:-1], maps[-1:]) if self._knows(maps[:-1]) else (maps[1:], maps[:1])

    def _knows(self, maps: Sequence[ClassMap]) -> bool:
        return len(maps) == len(self._shared) and all(map(operator.is_, self._shared, maps))

    def _share(self, maps: Sequence[ClassMap]) -> Iterator[slice]:
        """Find the middle two of an even number of maps; yields each band when it is there."""
        self._shared = list(maps)
        low, high = flattened(self._middle)
        for band, (one, other) in self._middles(maps[::-1]):
            np.minimum(one, other, out=low[band])
            np.maximum(one, other, out=high[band])
            yield band

    def _of_few(self, maps: Sequence[ClassMap], *, out: Float32Array, mask: BoolMask | None = None) -> None:
        (result,) = flattened((out,))
        for band, middle in self._middles(maps):
            if len(middle) == 1:
                np.copyto(result[band], middle[0])
            else:
                _mean(*middle, out=result[band])
            write_mask(result[band], band, mask=mask)

    def _middles(self, maps: Sequence[ClassMap]) -> Iterator[tuple[slice, list[ClassMap]]]:
        """Yield for every band what the middle one or two of the maps are, valid until the next."""
        if len(self._buffers) <= len(maps):
            self._buffers = np.empty((len(maps) + 1, BAND_PX), np.float32)
        flat, buffers = flattened(maps), list(self._buffers)
        for band in bands(flat[0].size):
            planes = [values[band] for values in flat]
            if planes[0].size < BAND_PX:
                buffers = [buffer[: planes[0].size] for buffer in buffers]
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


def _mean(one: ClassMap, other: ClassMap, *, out: Float32Array) -> None:
    np.add(one, other, out=out)
    np.multiply(out, np.float32(0.5), out=out)


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
    steps, middle = _plan(len(planes))
    places = [*planes, *buffers]
    for extreme, one, other, into in steps:
        extreme(places[one], places[other], out=places[into])
    return [places[place] for place in middle]


class _Step(NamedTuple):
    """The minimum or maximum of what lies in two places, and the place into which it is written."""

    extreme: np.ufunc
    one: int
    other: int
    into: int


@cache
def _plan(n_planes: int) -> tuple[list[_Step], list[int]]:
    """Return the steps to the middle one or two of so many planes, and where these lie in the end.

    Planes have the first places, buffers those behind them.
    """
    # the largest of so many has more than half of all below it, or equal: it cannot be in the middle
    n_first = min(n_planes, n_planes // 2 + 2)
    pool, waiting = (
        _Pool(range(n_first), buffers=range(n_planes, 2 * n_planes + 1)),
        [*range(n_first, n_planes)],
    )
    while len(pool.places) > 2:
        pool.drop_extremes()
        if waiting:
            pool.places.append(waiting.pop())
    return pool.steps, pool.places


class _Pool:
    """Places of planes whose smallest and largest are thrown away, pixel by pixel, and the steps to it."""

    def __init__(self, places: Iterable[int], *, buffers: Iterable[int]) -> None:
        """Take places of planes, which are never written to, and of buffers, which are."""
        self.places = list(places)
        self.steps: list[_Step] = []
        self._buffers = frozenset(buffers)
        self._free = sorted(self._buffers, reverse=True)  # the one used last comes first: it is in the cache

    def drop_extremes(self) -> None:
        """Throw away smallest and largest of three or more planes."""
        n_planes = len(self.places)
        for low in range(0, n_planes - 1, 2):
            self._order(low, low + 1)
        single = [n_planes - 1] if n_planes % 2 else []  # has no partner, and may be either extreme
        *lows, last_low = [*range(2, n_planes - 1, 2), *single]
        for other in lows:
            self._order(0, other)
        self._put(last_low, np.maximum, self.places[0])
        *highs, last_high = [*range(3, n_planes, 2), *single]
        for other in highs:
            self._order(other, 1)
        self._put(last_high, np.minimum, self.places[1])
        for extreme in self.places[:2]:
            self._release(extreme)
        del self.places[:2]

    def _order(self, low: int, high: int) -> None:
        one, other = self.places[low], self.places[high]
        self.places[low] = self._free.pop()
        self.steps.append(_Step(np.minimum, one, other, self.places[low]))
        self._put(high, np.maximum, one)
        self._release(one)

    def _put(self, which: int, extreme: np.ufunc, other: int) -> None:
        """Replace a plane by its minimum or maximum with another one."""
        place = self.places[which]
        self.places[which] = place if place in self._buffers else self._free.pop()
        self.steps.append(_Step(extreme, place, other, self.places[which]))

    def _release(self, place: int) -> None:
        if place in self._buffers:
            self._free.append(place)
