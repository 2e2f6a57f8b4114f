"""Procedural colour: noise of many scales, stripes, spots, and the ground on which it all happens."""

import cv2
import numpy as np
from numpy.typing import NDArray

from vidlab.synthetic.outlines import Rng
from vidlab.synthetic.shapes import blob
from vidlab.types import Float32Array

FIXED_POINT_BITS = 4  # of the polygon corners given to OpenCV: 1/16 pixel


def octave_noise(size_hw: tuple[int, int], *, coarsest_px: float, octaves: int, rng: Rng) -> Float32Array:
    """Sum noise of halving scales.

    Returns:
        float32 (H, W), mean about 0, standard deviation about 1.
    """
    height, width = size_hw
    total = np.zeros(size_hw, np.float32)
    weight, cell, power = 1.0, max(coarsest_px, 1.0), 0.0
    for _ in range(octaves):
        grid = rng.standard_normal((int(height / cell) + 3, int(width / cell) + 3), dtype=np.float32)
        scaled = (max(int(grid.shape[1] * cell), width), max(int(grid.shape[0] * cell), height))
        fine = cv2.resize(grid, scaled, interpolation=cv2.INTER_CUBIC if cell > 1 else cv2.INTER_NEAREST)
        total += np.float32(weight) * fine[:height, :width]
        power += weight**2
        weight, cell = weight * 0.6, cell / 2
        if cell < 1:
            break
    return np.asarray(total * np.float32(1.3 / np.sqrt(power)), np.float32)


NATURAL = (  # fur, earth, cloth, stone: most of what a camera sees is not saturated
    (28, 26, 25), (62, 46, 36), (96, 68, 46), (140, 104, 70), (186, 152, 112), (214, 196, 168),
    (236, 232, 224), (120, 120, 122), (72, 76, 82), (168, 172, 176), (52, 62, 92), (126, 52, 46),
)  # fmt: skip
GROUNDS = (
    (78, 98, 52), (104, 116, 66), (134, 120, 92), (172, 154, 122), (92, 92, 94), (128, 126, 122),
    (84, 66, 50), (58, 82, 96), (196, 192, 186), (66, 88, 58),
)  # fmt: skip
SKIES = (
    (150, 184, 220), (190, 208, 226), (208, 210, 212), (164, 172, 178), (226, 214, 196), (112, 124, 112),
    (88, 108, 84), (178, 160, 140), (120, 116, 120),
)  # fmt: skip
SHARE_NATURAL = 0.7  # of all colours; the others are anything, so that no colour is foreign to a network


def random_color(rng: Rng, *, palette: tuple[tuple[int, int, int], ...] = NATURAL) -> Float32Array:
    """Draw an RGB colour near one of a palette, or sometimes any colour, float32 (3,), 0..255."""
    if rng.random() < SHARE_NATURAL:
        color = np.array(palette[rng.integers(len(palette))]) * rng.uniform(0.8, 1.2) + rng.normal(0, 8, 3)
    else:
        tint = rng.normal(0, 1, 3) * rng.choice([15.0, 50.0])
        color = rng.uniform(35, 220) + tint - tint.mean()
    return np.clip(color, 8, 245).astype(np.float32)


def random_texture(size_hw: tuple[int, int], *, rng: Rng) -> Float32Array:
    """Draw a texture of one of several kinds, so that no class has a colour of its own.

    Returns:
        float32 (H, W, 3), RGB, 0..255.
    """
    height, width = size_hw
    base, other = random_color(rng), random_color(rng)
    rough = octave_noise(size_hw, coarsest_px=height / rng.uniform(2, 10), octaves=5, rng=rng)
    kind = rng.choice(["plain", "noise", "stripes", "spots", "two_tone"], p=[0.35, 0.3, 0.1, 0.1, 0.15])
    y, x = np.mgrid[:height, :width].astype(np.float32) / np.float32(height)
    if kind == "plain":
        share = np.zeros(size_hw, np.float32)
    elif kind == "noise":
        share = np.clip(0.5 + 0.4 * rough, 0, 1)
    elif kind == "stripes":
        turn = rng.uniform(0, np.pi)
        wave = np.sin(
            (x * np.cos(turn) + y * np.sin(turn)) * rng.uniform(25, 90) + rough * rng.uniform(0, 1.2)
        )
        share = np.clip(0.5 + 2 * wave, 0, 1)
    elif kind == "spots":
        fine = octave_noise(size_hw, coarsest_px=height / rng.uniform(8, 20), octaves=2, rng=rng)
        share = np.clip(0.5 + 4 * (fine - rng.uniform(0.5, 1.2)), 0, 1)
    else:
        share = np.clip(0.5 + 20 * (y - rng.uniform(0.35, 0.6) + 0.03 * rough), 0, 1)
    color = base + share[..., None] * (other - base)
    grain = 1 + rng.uniform(0.03, 0.12) * rough
    return np.clip(color * grain[..., None], 0, 255).astype(np.float32)


def fill(size_hw: tuple[int, int], outlines: tuple[NDArray[np.float64], ...]) -> Float32Array:
    """Coverage of the union of polygons given in pixels (x, y), float32 (H, W), [0, 1], anti-aliased."""
    canvas = np.zeros((size_hw[0] * 2, size_hw[1] * 2), np.uint8)
    for outline in outlines:
        fixed = np.round((outline * 2 + 0.5) * 2**FIXED_POINT_BITS).astype(np.int32)
        cv2.fillPoly(canvas, [fixed], 255, cv2.LINE_AA, FIXED_POINT_BITS)
    small = cv2.resize(canvas, (size_hw[1], size_hw[0]), interpolation=cv2.INTER_AREA)
    return small.astype(np.float32) / np.float32(255)


def relief(coverage: Float32Array, *, round_px: float, light: tuple[float, float]) -> Float32Array:
    """Brightness of a silhouette lit as if it were rounded, float32 (H, W), about 0.6..1.3."""
    depth = cv2.distanceTransform((coverage >= 0.5).astype(np.uint8), cv2.DIST_L2, 3)
    near = np.clip(depth / np.float32(round_px), 0, 1)
    height = cv2.GaussianBlur(np.sqrt(near * (2 - near)), (0, 0), max(round_px * 0.25, 0.8))
    slope_x = cv2.Sobel(height, cv2.CV_32F, 1, 0, scale=round_px / 8)
    slope_y = cv2.Sobel(height, cv2.CV_32F, 0, 1, scale=round_px / 8)
    lit = 0.72 + 0.28 * height + 0.22 * (slope_x * light[0] + slope_y * light[1])
    return np.asarray(np.clip(lit, 0.45, 1.35), np.float32)


def background(size_hw: tuple[int, int], *, horizon: float, clutter: float, rng: Rng) -> Float32Array:
    """Paint a sky or wall above the horizon, ground below, and things of no class on both.

    Args:
        size_hw: Height and width of the picture, pixels.
        horizon: Row where the ground begins, as a fraction of the height.
        clutter: Amount of painted things, [0, 1].
        rng: Source of every draw.

    Returns:
        float32 (H, W, 3), RGB, 0..255.
    """
    height, width = size_hw
    rows = np.linspace(0, 1, height, dtype=np.float32)[:, None, None]
    above = random_color(rng, palette=SKIES) + (rows - horizon) * rng.uniform(-30, 80)
    below = random_color(rng, palette=GROUNDS) + (rows - horizon) * rng.uniform(-50, 40)
    wavy = octave_noise((1, width), coarsest_px=width / 4, octaves=5, rng=rng)[0] * rng.uniform(0, 0.03)
    is_ground = np.clip((rows[..., 0] - horizon - wavy[None]) * height / 3, 0, 1)[..., None]
    soft = octave_noise(size_hw, coarsest_px=height / 2, octaves=7, rng=rng)[..., None]
    fine = octave_noise(size_hw, coarsest_px=height / 16, octaves=5, rng=rng)[..., None]
    tint = rng.normal(0, 6, 3).astype(np.float32)
    sky = above + soft * (rng.uniform(4, 26) + tint)
    ground = below + soft * (rng.uniform(4, 16) + tint) + fine * rng.uniform(5, 24)
    picture = np.clip(sky + is_ground * (ground - sky), 0, 255).astype(np.float32)
    things = sorted(horizon + (1 - horizon) * rng.uniform(-0.25, 1.0, int(clutter * 40)) ** 3)
    for foot in things:  # far ones first
        _paint_thing(picture, foot=foot * height, horizon=horizon, rng=rng)
    blur = rng.choice([0.0, 0.0, 1.0, 2.5]) * height / 480
    return picture if blur < 0.3 else np.asarray(cv2.GaussianBlur(picture, (0, 0), blur))


def _paint_thing(picture: Float32Array, *, foot: float, horizon: float, rng: Rng) -> None:
    height, width = picture.shape[:2]
    nearness = max(foot / height - horizon, 0.0)
    size = height * rng.uniform(0.03, 0.12) * (1 + 3 * nearness)
    x, y = rng.uniform(0, width), foot - size * 0.4
    outlines = tuple(o * size + (x, y) for o in blob(rng).parts[0].outlines)
    corners = np.concatenate(outlines)
    x0, y0 = np.clip(corners.min(0).astype(int) - 2, 0, (width - 2, height - 2))
    x1, y1 = np.clip(corners.max(0).astype(int) + 3, (x0 + 2, y0 + 2), (width, height))
    cover = fill((y1 - y0, x1 - x0), tuple(o - (x0, y0) for o in outlines))
    color = random_texture((y1 - y0, x1 - x0), rng=rng)
    color *= relief(cover, round_px=max(size * 0.2, 2), light=(-0.4, -0.8))[..., None]
    patch = picture[y0:y1, x0:x1]
    patch += (cover * np.float32(rng.uniform(0.5, 1.0)))[..., None] * (color - patch)
