"""Polygons and the parts made of them: the vocabulary in which silhouettes are drawn."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]
Rng = np.random.Generator
Color = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Decal:
    """A patch of plain colour painted on a part: a window, an eye."""

    outline: Points
    color: Color


@dataclass(frozen=True, slots=True)
class Part:
    """One rigid piece of an object.

    Attributes:
        outlines: Polygons, float64 (N, 2), whose union is the piece.
        material: Which of the object's textures it wears.
        pivot: Point it turns about, (x, y).
        parent: Index of an earlier part that carries it, or None.
        motion: `swing` is a sine, `bend` one-sided (a knee), `spin` rolls, `flap` squeezes along y.
        amount: Amplitude, radians (for `flap` the share of the height; for `spin` the radius of the wheel).
        phase: Lead over the object's gait, radians.
        rate: Cycles per gait cycle.
        rest: Angle at rest, radians.
        shade: Brightness; far limbs are darker.
        decals: Painted details.
    """

    outlines: tuple[Points, ...]
    material: int = 0
    pivot: tuple[float, float] = (0.0, 0.0)
    parent: int | None = None
    motion: Literal["swing", "bend", "spin", "flap"] = "swing"
    amount: float = 0.0
    phase: float = 0.0
    rate: float = 1.0
    rest: float = 0.0
    shade: float = 1.0
    decals: tuple[Decal, ...] = ()


@dataclass(frozen=True, slots=True)
class Shape:
    """A silhouette of one class.

    Attributes:
        parts: Back to front; a parent stands before its children.
        stride: Distance travelled in one gait cycle, in units of the object's size; 0 moves by the clock.
        softness: How much of the scene's deformation it shows.
        on_ground: Stands on the ground and casts a shadow there.
    """

    parts: tuple[Part, ...]
    stride: float = 1.0
    softness: float = 1.0
    on_ground: bool = True


def ellipse(center: tuple[float, float], radii: tuple[float, float], *, angle: float = 0.0) -> Points:
    """Return an ellipse as a polygon, `angle` in radians clockwise on the screen."""
    turn = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    x, y = radii[0] * np.cos(turn), radii[1] * np.sin(turn)
    cos, sin = np.cos(angle), np.sin(angle)
    return np.stack([center[0] + cos * x - sin * y, center[1] + sin * x + cos * y], axis=1)


def limb(start: tuple[float, float], end: tuple[float, float], *, widths: tuple[float, float]) -> Points:
    """Return a capsule that tapers from `widths[0]` to `widths[1]` (full widths)."""
    a, b = np.array(start), np.array(end)
    along = np.arctan2(*(b - a)[::-1])
    back = along + np.pi / 2 + np.linspace(0, np.pi, 12)
    front = along - np.pi / 2 + np.linspace(0, np.pi, 12)
    first = a + widths[0] / 2 * np.stack([np.cos(back), np.sin(back)], axis=1)
    second = b + widths[1] / 2 * np.stack([np.cos(front), np.sin(front)], axis=1)
    return np.concatenate([first, second])


def smooth(corners: list[tuple[float, float]], *, rounds: int = 3) -> Points:
    """Round the corners of a closed polygon (Chaikin's corner cutting)."""
    points = np.array(corners, float)
    for _ in range(rounds):
        following = np.roll(points, -1, axis=0)
        points = np.stack([0.75 * points + 0.25 * following, 0.25 * points + 0.75 * following], axis=1)
        points = points.reshape(-1, 2)
    return points
