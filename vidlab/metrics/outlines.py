"""Outlines of a mask: closed walks along the edges between object and background.

They run on the grid of pixel corners. A corner (x, y) is the upper left one of pixel (x, y), so a lone pixel
has the outline (x, y), (x, y+1), (x+1, y+1), (x+1, y), (x, y): first down, counter-clockwise on the screen.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from vidlab.metrics.overlap import require_mask
from vidlab.types import BoolMask


class Outline(NamedTuple):
    """One closed walk in steps of one pixel edge.

    Attributes:
        corners: int64 (n, 2), (x, y), pixels; the first is repeated at the end, no other comes twice.
        is_hole: The walk goes round background.
    """

    corners: NDArray[np.int64]
    is_hole: bool


class _Piece(NamedTuple):
    """Part of an outline between two crossings."""

    corners: list[int]  # numbers of the corners, both crossings included
    along: bool  # walked like this, it has the object on its left


class _Edges(NamedTuple):
    """All edges between object and background, each with the object on its left, sorted by first corner."""

    starts: list[int]  # number of the corner where each edge starts: row * stride + column, ascending
    ends: list[int]
    follows: list[int]  # the edge that starts where this one ends; -1 where several do: a crossing
    stride: int  # corners in a row


def trace_outlines(mask: BoolMask) -> list[Outline]:
    """Trace the outlines of all parts and holes of a mask.

    An outline starts at the upper left corner of its topmost, then leftmost pixel and goes down first. Where
    four edges meet (two pixels touch by their corners), the walk always turns, and a loop that closes there
    is cut off as an outline of its own, so no outline touches itself.

    The official code of DAVIS 2016 (Perazzi et al., CVPR 2016) leaves the order to a hash table. It comes out
    like this: outlines without crossings first, the last start in reading order before the others. Then the
    pieces between crossings are numbered from the last crossing to the first, at each up, left, down, right;
    a walk begins with the lowest number left, at the later of its two crossings, and goes on with the lowest
    number left that turns.

    Args:
        mask: bool (H, W).

    Returns:
        The outlines in that order; none for an empty mask.

    Raises:
        ShapeError: Another dtype or rank.

    >>> [outline.corners.tolist() for outline in trace_outlines(np.ones((1, 1), bool))]
    [[[0, 0], [0, 1], [1, 1], [1, 0], [0, 0]]]
    """
    require_mask(mask, "mask")
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return []
    edges = _find_edges(mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1])
    used = bytearray(len(edges.starts))
    pieces = _cut_at_crossings(edges, used)
    origin = np.array([columns[0], rows[0]])
    outlines = []
    for walk, is_hole in [*_free_walks(edges, used)][::-1]:
        outlines.append(Outline(_to_xy(walk, edges.stride) + origin, is_hole))
    for walk, along in _walk_pieces(pieces):
        corners = _to_xy(walk, edges.stride)
        outlines.append(Outline(corners + origin, (twice_area(corners) > 0) == along))
    return outlines


def twice_area(corners: NDArray[np.int64]) -> int:
    """Return twice the signed area of a closed polygon, (n, 2): positive if it runs clockwise on the screen.

    >>> twice_area(np.array([[0, 0], [2, 0], [2, 1], [0, 0]]))
    2
    """
    x, y = corners.T
    return int(np.dot(x[:-1], y[1:]) - np.dot(x[1:], y[:-1]))


def _to_xy(walk: list[int], stride: int) -> NDArray[np.int64]:
    y, x = np.divmod(np.array(walk, np.int64), stride)
    return np.stack([x, y], axis=1)


def _find_edges(mask: BoolMask) -> _Edges:
    """List the edges of a mask that is not empty, and which follows which."""
    padded = np.pad(mask, 1)
    stride = mask.shape[1] + 1
    left, right = padded[1:-1, :-1], padded[1:-1, 1:]  # of upright edges, (h, stride), numbered like corners
    above, below = padded[:-1, 1:-1], padded[1:, 1:-1]  # of level edges, (h + 1, stride - 1)
    down, up = np.flatnonzero(right & ~left), np.flatnonzero(left & ~right) + stride
    to_right, to_left = np.flatnonzero(above & ~below), np.flatnonzero(below & ~above)
    to_right += to_right // (stride - 1)
    to_left += to_left // (stride - 1) + 1
    starts = np.concatenate([down, up, to_right, to_left])
    steps = np.repeat([stride, -stride, 1, -1], [len(down), len(up), len(to_right), len(to_left)])
    order = np.argsort(starts, kind="stable")
    starts, ends = starts[order], (starts + steps)[order]
    follows = np.searchsorted(starts, ends)
    crossing = np.append(starts[1:] == starts[:-1], False)[follows]
    return _Edges(starts.tolist(), ends.tolist(), np.where(crossing, -1, follows).tolist(), stride)


def _chain(first: int, edges: _Edges, used: bytearray) -> list[int]:
    """Follow the edges from one of them to a crossing or to where it started; return the corners."""
    corners = [edges.starts[first]]
    edge = first
    while edge >= 0 and not used[edge]:
        used[edge] = True
        corners.append(edges.ends[edge])
        edge = edges.follows[edge]
    return corners


def _free_walks(edges: _Edges, used: bytearray) -> Iterator[tuple[list[int], bool]]:
    """Walk the outlines without crossings: the unused edges, in reading order of their start."""
    edge = used.find(0)
    while edge >= 0:
        walk = _chain(edge, edges, used)
        is_hole = walk[1] != walk[0] + edges.stride  # with the object on the left it would go right, not down
        yield (walk[::-1] if is_hole else walk), is_hole
        edge = used.find(0, edge)


def _cut_at_crossings(edges: _Edges, used: bytearray) -> list[_Piece]:
    """Find the pieces between crossings, each away from its last crossing, in the order of their numbers."""
    direction = {-edges.stride: 0, -1: 1, edges.stride: 2, 1: 3}  # up, left, down, right
    numbered = []
    starts = np.array(edges.starts)
    same = np.flatnonzero(starts[1:] == starts[:-1])
    for first in np.concatenate([same, same + 1]).tolist():
        walk = _chain(first, edges, used)
        ahead = (-walk[0], direction[walk[1] - walk[0]])
        back = (-walk[-1], direction[walk[-2] - walk[-1]])
        numbered.append((ahead, _Piece(walk, True)) if ahead < back else (back, _Piece(walk[::-1], False)))
    return [piece for _, piece in sorted(numbered)]


def _walk_pieces(pieces: list[_Piece]) -> Iterator[tuple[list[int], bool]]:
    """Join numbered pieces to outlines; each comes with whether the walk has the object on its left."""
    departures: defaultdict[tuple[int, bool], list[int]] = defaultdict(list)
    for number, piece in enumerate(pieces):
        departures[piece.corners[0], piece.along].append(number)
        if piece.corners[0] != piece.corners[-1]:
            departures[piece.corners[-1], not piece.along].append(number)
    unused = bytearray(b"\1") * len(pieces)
    for first, (_, sense) in enumerate(pieces):
        if unused[first]:
            walk = _walk_from(first, sense, pieces=pieces, departures=departures, unused=unused)
            yield from ((loop, sense) for loop in walk)


def _walk_from(
    number: int,
    sense: bool,
    *,
    pieces: list[_Piece],
    departures: defaultdict[tuple[int, bool], list[int]],
    unused: bytearray,
) -> Iterator[list[int]]:
    """Walk until nothing is open; cut off each loop as soon as the walk comes back to a crossing.

    With the sense kept (object on the left, or on the right), every way on is a turn: two of the four edges
    lead in and two, at right angles to them, lead out.
    """
    trail: list[list[int]] = []
    place: dict[int, int] = {}  # crossing: where in the trail the walk left it
    while True:
        unused[number] = False
        corners = pieces[number].corners if pieces[number].along == sense else pieces[number].corners[::-1]
        place[corners[0]] = len(trail)
        trail.append(corners)
        crossing = corners[-1]
        if crossing in place:
            loop = trail[place[crossing] :]
            del trail[place[crossing] :]
            for part in loop:
                del place[part[0]]
            yield _join(loop)
        if not trail:
            return
        number = next(n for n in departures[crossing, sense] if unused[n])


def _join(parts: Iterable[list[int]]) -> list[int]:
    joined: list[int] = []
    for part in parts:
        joined += part[1:] if joined else part
    return joined
