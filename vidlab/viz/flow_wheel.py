"""Optical flow in the colors in which it is published: hue is direction, paleness is slowness.

The wheel of Baker et al., "A Database and Evaluation Methodology for Optical Flow", IJCV 2011: 55 hues, more
of them where the eye tells more apart; white where nothing moves, darker beyond the full color, black where
nothing is known.
"""

from functools import cache

import numpy as np
from numpy.typing import NDArray

from vidlab.errors import ParameterError, ShapeError
from vidlab.types import Float32Array, UInt8Image
from vidlab.viz.overlay import panel_size, resize_image, side_by_side

# Steps from each of six corners of the color cube to the next: red, yellow, green, cyan, blue, magenta.
CORNERS = ((1, 0, 0), (1, 1, 0), (0, 1, 0), (0, 1, 1), (0, 0, 1), (1, 0, 1))
STEPS = (15, 6, 4, 11, 13, 6)
BEYOND = 0.75  # brightness of motion longer than the full color's
MAX_WIDTH_PX = 1920  # of a picture: what browsers and screens take without scaling
LEGEND_SHARE = 0.22  # of the shorter side: diameter of a wheel drawn into a picture
LEGEND_PX = (40, 160)  # at least and at most


def color_flow(flow: Float32Array, *, full_px: float) -> UInt8Image:
    """Color a flow in the standard wheel.

    Args:
        flow: float32 (H, W, 2), pixels, (dx, dy); not finite where it is unknown.
        full_px: Length drawn in full color, pixels; `longest` of a flow shows all of it.

    Returns:
        uint8 (H, W, 3), RGB.

    Raises:
        ShapeError: Another dtype or rank.
        ParameterError: `full_px` is not positive.

    >>> to_the_right, still = np.float32([[[4, 0]]]), np.float32([[[0, 0]]])
    >>> color_flow(to_the_right, full_px=4).tolist(), color_flow(still, full_px=4).tolist()
    ([[[255, 0, 0]]], [[[255, 255, 255]]])
    """
    if flow.dtype != np.float32 or flow.ndim != 3 or flow.shape[2] != 2:
        raise ShapeError(f"a flow must be float32 (H, W, 2), got {flow.dtype.name} {flow.shape}")
    if not full_px > 0:
        raise ParameterError(f"full_px must be positive, got {full_px}")
    unknown = ~np.isfinite(flow).all(axis=-1)
    dx, dy = (np.where(unknown, 0, flow[..., axis]) / np.float32(full_px) for axis in (0, 1))
    length = np.hypot(dx, dy)[..., None]
    wheel = _wheel()
    # a turn, clockwise on the screen from the right, where the wheel begins with red
    place = np.arctan2(dy, dx) / (2 * np.pi) % 1.0 * (len(wheel) - 1)
    first = place.astype(np.int64)
    part = (place - first)[..., None]
    hue = (1 - part) * wheel[first] + part * wheel[(first + 1) % len(wheel)]
    colors = np.where(length <= 1, 1 - length * (1 - hue), BEYOND * hue)
    colors[unknown] = 0
    return np.asarray(np.floor(255 * colors), np.uint8)


def longest(flow: Float32Array) -> float:
    """Return the length of the longest known displacement, pixels; 1 where nothing moves.

    >>> longest(np.float32([[[3, 4], [np.nan, 0]]]))
    5.0
    """
    return _length_at(flow, 100)


def fast(flow: Float32Array) -> float:
    """Return a length that a hundredth of the known displacements exceeds, pixels; 1 where nothing moves.

    One wrong pixel then does not make a picture pale.
    """
    return _length_at(flow, 99)


def _length_at(flow: Float32Array, percentile: float) -> float:
    length = np.hypot(flow[..., 0], flow[..., 1])
    known = length[np.isfinite(length)]
    found = float(np.percentile(known, percentile)) if known.size else 0.0
    return found if found > 0 else 1.0


def wheel_legend(size_px: int) -> UInt8Image:
    """Draw the wheel: a color where its motion points to from the middle, white outside.

    Args:
        size_px: Side of the picture, pixels.

    Returns:
        uint8 (size_px, size_px, 3), RGB.
    """
    axis = (np.arange(size_px, dtype=np.float32) - (size_px - 1) / 2) / max(size_px / 2, 1)
    flow = np.dstack(np.meshgrid(axis, axis)).astype(np.float32)
    drawn = color_flow(flow, full_px=1.0)
    drawn[np.hypot(flow[..., 0], flow[..., 1]) > 1] = 255
    return drawn


def flow_picture(flow: Float32Array, *, full_px: float, caption: str) -> UInt8Image:
    """Compose a flow in color, with the wheel in a corner and what it means above.

    Args:
        flow: float32 (H, W, 2), pixels, (dx, dy).
        full_px: Length drawn in full color, pixels.
        caption: What is shown.

    Returns:
        uint8 (H', W', 3), RGB, height and width even.

    Raises:
        ShapeError: Another dtype or rank.
        ParameterError: `full_px` is not positive.
    """
    drawn = color_flow(flow, full_px=full_px)
    roomy = panel_size((drawn.shape[0], drawn.shape[1]), n_panels=1, max_width_px=MAX_WIDTH_PX)
    drawn = resize_image(drawn, size_hw=roomy)
    side = int(np.clip(LEGEND_SHARE * min(drawn.shape[:2]), *LEGEND_PX))
    if side < min(drawn.shape[:2]):
        wheel = wheel_legend(side)
        corner = drawn[-side:, -side:]
        inside = (wheel != 255).any(axis=-1)
        corner[inside] = wheel[inside]
    return side_by_side([drawn], captions=[f"{caption} · full color {full_px:.3g} px"])


@cache
def _wheel() -> NDArray[np.float64]:
    """The hues in their order, float64 (55, 3), RGB, [0, 1]."""
    hues = []
    for place, n_steps in enumerate(STEPS):
        here, there = (np.array(CORNERS[(place + k) % len(CORNERS)]) for k in (0, 1))
        # in whole levels, as published
        hues += [(255 * here + (there - here) * (255 * step // n_steps)) / 255 for step in range(n_steps)]
    return np.array(hues)
