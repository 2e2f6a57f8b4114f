"""Accuracy against flicker: where the front bends, and how much it covers."""

from collections.abc import Sequence

import numpy as np

Pair = tuple[float, float]
"""Quality, more is better, and flicker, less is better; both in [0, 1]."""


def hypervolume(points: Sequence[Pair]) -> float:
    """Return the share of the unit square that some points dominate; 0 for none.

    What no method would fall behind is quality 0 and flicker 1: the corner from which is measured (the S
    metric of Zitzler and Thiele, "Multiobjective Evolutionary Algorithms", IEEE TEVC 1999).

    >>> hypervolume([(0.5, 0.5), (0.8, 0.75)])
    0.325
    """
    covered = best = 0.0
    edge = 1.0
    for quality, flicker in sorted(points, key=lambda pair: (-pair[0], pair[1])):
        flicker = min(max(flicker, 0.0), 1.0)
        if flicker < edge:
            best = quality
            covered += best * (edge - flicker)
            edge = flicker
    return covered


def knee(points: Sequence[Pair]) -> int:
    """Return the place of the point where a front bends: beyond it, little is gained for much.

    It is the point farthest from the line between the front's two ends, both axes scaled to them (Das, "On
    characterizing the knee of the Pareto curve", Structural Optimization 1999). On a front of one or two
    points, that of the best quality.

    Args:
        points: At least one; those that others dominate are passed over.

    >>> knee([(0.9, 0.5), (0.85, 0.1), (0.2, 0.0), (0.1, 0.3)])
    1
    """
    on_front = front(points)
    pairs = np.array([points[place] for place in on_front], np.float64)
    spans = np.ptp(pairs, axis=0)
    if len(on_front) < 3:
        return on_front[0]
    scaled = (pairs - pairs.min(axis=0)) / spans
    return on_front[int(np.argmax(scaled[:, 0] - scaled[:, 1]))]


def front(points: Sequence[Pair]) -> list[int]:
    """Return the places of the points that no other one dominates, from the highest quality down.

    Of equal points the first.

    >>> front([(0.2, 0.0), (0.9, 0.5), (0.1, 0.3), (0.9, 0.5)])
    [1, 0]
    """
    places, calmest = [], np.inf
    for place in sorted(range(len(points)), key=lambda place: (-points[place][0], points[place][1], place)):
        if points[place][1] < calmest:
            places.append(place)
            calmest = points[place][1]
    return places
