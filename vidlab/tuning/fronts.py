"""Accuracy against flicker: what nobody beats, where the front bends, and how much it covers."""

from collections.abc import Sequence

import numpy as np

Aims = tuple[float, ...]
"""Quality, more is better; then flicker, and maybe delay, less is better."""
CORNER = 1.0  # the flicker from which a hypervolume is measured: no mask has more


def front(points: Sequence[Aims]) -> list[int]:
    """Return the places of the points that no other one dominates, from the highest quality down.

    Of equal points the first.

    >>> front([(0.2, 0.0), (0.9, 0.5), (0.1, 0.3), (0.9, 0.5)])
    [1, 0]
    """
    costs = np.array(points, np.float64) * np.where(np.arange(len(points[0])) == 0, -1, 1)
    places = []
    for place, cost in enumerate(costs):
        as_good = (costs <= cost).all(axis=1)
        if not (as_good & (costs < cost).any(axis=1)).any() and not (costs[:place] == cost).all(axis=1).any():
            places.append(place)
    return sorted(places, key=lambda place: (costs[place].tolist(), place))


def hypervolume(points: Sequence[Aims]) -> float:
    """Return the area of quality and flicker that some points dominate; 0 for none.

    It is measured from the corner that no masks fall behind, quality 0 and flicker 1 (the S metric of Zitzler
    and Thiele, "Multiobjective Evolutionary Algorithms", IEEE TEVC 1999). Masks that are right, and as calm
    as the truth, cover 1; calmer ones more.

    >>> hypervolume([(0.5, 0.5), (0.8, 0.75)])
    0.325
    """
    covered, edge = 0.0, CORNER
    for quality, flicker, *_ in sorted(points, key=lambda point: (-point[0], point[1])):
        if flicker < edge:
            covered += quality * (edge - flicker)
            edge = flicker
    return covered


def knee(points: Sequence[Aims]) -> int:
    """Return the place of the point where a front bends: beyond it, little is gained for much.

    It is the point farthest from the line between the front's two ends, both axes scaled to them (Das, "On
    characterizing the knee of the Pareto curve", Structural Optimization 1999). On a front of one or two
    points, that of the best quality.

    Args:
        points: At least one; those that others dominate are passed over.

    >>> knee([(0.9, 0.5), (0.85, 0.1), (0.2, 0.0), (0.1, 0.3)])
    1
    """
    pairs = np.array([point[:2] for point in points], np.float64)
    on_front = front([(quality, flicker) for quality, flicker in pairs.tolist()])
    if len(on_front) < 3:
        return on_front[0]
    ends = pairs[on_front]
    scaled = (ends - ends.min(axis=0)) / np.ptp(ends, axis=0)
    return on_front[int(np.argmax(scaled[:, 0] - scaled[:, 1]))]
