"""One object of a scene: its painted parts, and where every point of them is in each frame."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from vidlab.synthetic.outlines import Part, Points, Rng, Shape
from vidlab.synthetic.textures import fill, random_texture, relief
from vidlab.types import Float32Array, UInt8Image

Affine = NDArray[np.float64]  # (3, 3), acts on columns (x, y, 1)

SPRITE_MARGIN_PX = 3
LARGEST_SPRITE_PX = 320  # per unit of height: sharp enough for what fills a frame of 480 lines


@dataclass(frozen=True, slots=True)
class Sprite:
    """A painted part.

    Attributes:
        rgba: uint8 (h, w, 4), colour already multiplied by coverage.
        from_object: Affine from object units to sprite pixels.
        corners: float64 (4, 2), the sprite's corners in object units.
        part: What it shows and how it moves.
    """

    rgba: UInt8Image
    from_object: Affine
    corners: Points
    part: Part


@dataclass(frozen=True, slots=True)
class Waves:
    """A smooth deformation with an exact inverse: a wave along y that depends on x, then one along x.

        y' = y + a sin(k x + p)         x' = x + b sin(m y' + q)

    The values are (a, k, p) and (b, m, q), in object units and radians.
    """

    along_y: tuple[float, float, float]
    along_x: tuple[float, float, float]

    def apply(self, x: Float32Array, y: Float32Array) -> tuple[Float32Array, Float32Array]:
        """Move points of the undeformed object to where they are."""
        (a, k, p), (b, m, q) = self.along_y, self.along_x
        if a:
            y = y + np.float32(a) * np.sin(np.float32(k) * x + np.float32(p))
        if b:
            x = x + np.float32(b) * np.sin(np.float32(m) * y + np.float32(q))
        return x, y

    def undo(self, x: Float32Array, y: Float32Array) -> tuple[Float32Array, Float32Array]:
        """Return where points were before `apply`."""
        (a, k, p), (b, m, q) = self.along_y, self.along_x
        if b:
            x = x - np.float32(b) * np.sin(np.float32(m) * y + np.float32(q))
        if a:
            y = y - np.float32(a) * np.sin(np.float32(k) * x + np.float32(p))
        return x, y

    @property
    def reach(self) -> float:
        """Farthest any point moves, in object units."""
        return abs(self.along_y[0]) + abs(self.along_x[0])


@dataclass(frozen=True, slots=True)
class Pose:
    """Where an object is in one frame: parts move rigidly, then waves bend it, then it goes into the world.

    Attributes:
        limbs: float64 (P, 3, 3), one affine per part, within the object.
        waves: The smooth deformation.
        to_world: Affine from object units to world pixels.
    """

    limbs: NDArray[np.float64]
    waves: Waves
    to_world: Affine

    def same_as(self, other: "Pose") -> bool:
        """Whether nothing moved between the two."""
        return (
            np.array_equal(self.limbs, other.limbs)
            and self.waves == other.waves
            and np.array_equal(self.to_world, other.to_world)
        )


@dataclass(frozen=True, slots=True)
class Look:
    """An object as built once: its painted parts and its extent in units of its own size."""

    class_id: int
    shape: Shape
    sprites: tuple[Sprite, ...]
    bottom: float
    half_width: float


def translate(x: float, y: float) -> Affine:
    """Return the affine that moves by (x, y)."""
    return np.array([[1, 0, x], [0, 1, y], [0, 0, 1]], float)


def turn_and_scale(angle: float, scale_x: float, scale_y: float) -> Affine:
    """Return the affine that scales, then turns by `angle` radians, about the origin."""
    cos, sin = np.cos(angle), np.sin(angle)
    return np.array([[cos * scale_x, -sin * scale_y, 0], [sin * scale_x, cos * scale_y, 0], [0, 0, 1]])


def build_look(class_id: int, shape: Shape, *, size_px: float, rng: Rng) -> Look:
    """Paint a shape at the resolution at which it will be seen.

    The object's unit becomes its size: its height, or 0.6 of its width where it is wide.
    """
    everything = np.concatenate([outline for part in shape.parts for outline in part.outlines])
    low, high = everything.min(0), everything.max(0)
    unit = max(high[1] - low[1], 0.6 * (high[0] - low[0]))
    center = (low + high) / 2
    pixels = float(np.clip(size_px * 1.1, 24, LARGEST_SPRITE_PX))
    span = np.ceil((high - low) / unit * pixels).astype(int) + 2 * SPRITE_MARGIN_PX
    canvases = [random_texture((int(span[1]), int(span[0])), rng=rng) for _ in range(2)]
    skin = np.array([205, 160, 130], np.float32) * np.float32(rng.uniform(0.35, 1.15))
    plain = [skin, rng.uniform(15, 130) * np.array([1, 0.85, 0.7]), rng.uniform(20, 50) * np.ones(3)]
    materials = canvases + [np.broadcast_to(np.float32(c), canvases[0].shape) for c in plain]
    light = (float(rng.uniform(-0.8, 0.8)), -0.7)
    sprites = tuple(
        _paint(part, materials[part.material], low=low, center=center, unit=unit, pixels=pixels, light=light)
        for part in shape.parts
    )
    half_width = float((high[0] - low[0]) / unit / 2)
    return Look(class_id, shape, sprites, float((high[1] - low[1]) / unit / 2), half_width)


def _paint(
    part: Part, material: Float32Array, *, low: Points, center: Points, unit: float, pixels: float,
    light: tuple[float, float],
) -> Sprite:  # fmt: skip
    scale = pixels / unit
    corners = np.concatenate(part.outlines)
    begin = np.floor((corners.min(0) - low) * scale).astype(int) - SPRITE_MARGIN_PX
    width, height = np.ceil((corners.max(0) - low) * scale).astype(int) - begin + SPRITE_MARGIN_PX + 1
    to_pixels = scale * np.eye(2)
    outlines = tuple((o - low) @ to_pixels - begin for o in part.outlines)
    cover = fill((int(height), int(width)), outlines)
    rows = np.clip(np.arange(height) + begin[1], 0, material.shape[0] - 1)
    columns = np.clip(np.arange(width) + begin[0], 0, material.shape[1] - 1)
    color = material[rows[:, None], columns[None]].copy()
    for decal in part.decals:
        stain = fill((int(height), int(width)), ((decal.outline - low) @ to_pixels - begin,))[..., None]
        color += stain * (np.array(decal.color, np.float32) - color)
    thick = 2 * np.sqrt(cover.sum() / np.pi) * 0.35
    color *= (relief(cover, round_px=max(float(thick), 2.0), light=light) * np.float32(part.shade))[..., None]
    rgba = np.dstack([np.clip(color, 0, 255) * cover[..., None], 255 * cover])
    from_object = translate(-begin[0], -begin[1]) @ turn_and_scale(0, pixels, pixels)
    from_object = from_object @ translate(*((center - low) / unit))
    box = np.array([[-1, -1], [width, -1], [width, height], [-1, height]], float)
    rest = _apply(np.linalg.inv(from_object), box)
    moved = _normalized(part, center=center, unit=unit)
    return Sprite(np.round(rgba).astype(np.uint8), from_object, rest, moved)


def _normalized(part: Part, *, center: Points, unit: float) -> Part:
    x, y = (np.array(part.pivot) - center) / unit
    amount = part.amount / unit if part.motion == "spin" else part.amount
    return replace(part, pivot=(float(x), float(y)), amount=amount)


def _apply(affine: NDArray[np.floating], points: Points) -> Points:
    return np.asarray(points @ affine[:2, :2].T + affine[:2, 2])


def limb_affines(look: Look, *, gait: float, travelled: float, articulation: float) -> NDArray[np.float64]:
    """Place every part within its object.

    Args:
        look: The object.
        gait: Phase of its walk, radians.
        travelled: Distance rolled, in units of its size (wheels).
        articulation: Factor on the amplitudes of limbs; wheels roll whatever it is.

    Returns:
        float64 (P, 3, 3).
    """
    placed: list[Affine] = []
    for sprite in look.sprites:
        part = sprite.part
        wave = float(np.sin(gait * part.rate + part.phase))
        stretch, angle = 1.0, 0.0
        if part.motion == "swing":
            angle = part.rest + part.amount * articulation * wave
        elif part.motion == "bend":
            angle = part.rest + part.amount * articulation * max(0.0, wave) ** 2
        elif part.motion == "spin":
            angle = travelled / part.amount
        else:
            stretch = 1 - part.amount * articulation * (1 - wave) * 0.7
            stretch = stretch if abs(stretch) > 0.08 else 0.08  # never edge-on: the map must stay invertible
        own = (
            translate(*part.pivot)
            @ turn_and_scale(angle, 1, stretch)
            @ translate(-part.pivot[0], -part.pivot[1])
        )
        placed.append(own if part.parent is None else placed[part.parent] @ own)
    return np.stack(placed)
