"""Draw a scene frame by frame, and know for every pixel whose it is and where it was."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from vidlab.synthetic.actors import Affine, Pose, Sprite
from vidlab.synthetic.spec import SceneSpec
from vidlab.synthetic.stage import NO_CLASS, Actor, Camera, Stage
from vidlab.synthetic.textures import background
from vidlab.synthetic.truth import PARTS_PER_OBJECT, Surfaces, instances_of, occluded
from vidlab.types import BoolMask, Float32Array, Instances, UInt8Image

HALF_COVERED = 128  # of 255: the mask's edge
WORLD_MARGIN = 0.35  # painted world beyond the frame on each side; beyond that it is mirrored

PixelT = TypeVar("PixelT", np.uint8, np.float32)


@dataclass(frozen=True, slots=True)
class SceneFrame:
    """One drawn frame and everything there is to know about it.

    Attributes:
        image: uint8 (H, W, 3), RGB.
        instances: Every object of which a pixel can be seen: exact visible masks (coverage ≥ ½), COCO ids,
            identities, scores 1.
        flow_to_prev: float32 (H, W, 2), pixels (dx, dy): where each visible surface point was in the
            previous frame; 0 in the first frame.
        occluded: bool (H, W), the surface was not visible in the previous frame (hidden or outside); all
            true in the first frame.
        index: Number of the frame, from 0.
        pts_s: index / fps, seconds; a drawn scene has no other clock.
    """

    image: UInt8Image
    instances: Instances
    flow_to_prev: Float32Array
    occluded: BoolMask
    index: int
    pts_s: float


@dataclass(slots=True)
class _Canvas:
    """The frame while it is drawn."""

    color: Float32Array  # (H, W, 3)
    surface: Surfaces  # (H, W): 0 background, else track_id * PARTS_PER_OBJECT + part
    flow: Float32Array  # (H, W, 2)


@dataclass(frozen=True, slots=True)
class _Patch:
    """One object, drawn alone on its part of the frame."""

    window: tuple[slice, slice]
    rgba: Float32Array  # (h, w, 4), premultiplied, alpha 0..255
    part: NDArray[np.int16]  # (h, w), −1 where the object covers less than half
    x: Float32Array  # (h, w), object coordinates of the pixel, waves undone
    y: Float32Array


def iter_scene(spec: SceneSpec) -> Iterator[SceneFrame]:
    """Draw a scene, one frame at a time; memory does not grow with its length.

    Args:
        spec: What to draw. Equal specs give equal frames.

    Yields:
        The frames in order.
    """
    rng = np.random.default_rng(spec.seed)
    stage, camera, film = Stage(spec, rng=rng), Camera(spec, rng=rng), _Film(spec, rng=rng)
    world = _World(spec, horizon=stage.horizon, rng=rng)
    surface_before: Surfaces | None = None
    view_before = view = camera.view(0)
    for index in range(spec.n_frames):
        if index:
            stage.step()
            view_before, view = view, camera.view(index)
        canvas = world.draw(view, view_before)
        for actor in stage.actors:
            _draw_actor(canvas, actor, view=view, view_before=view_before, shutter=spec.motion_blur)
        hidden = occluded(canvas.surface, surface_before, canvas.flow)
        surface_before = canvas.surface
        if index == 0:
            canvas.flow[:] = 0
        instances = instances_of(canvas.surface, stage.actors)
        yield SceneFrame(
            film.expose(canvas.color, index), instances, canvas.flow, hidden, index, index / spec.fps
        )


class _World:
    """The painted background, larger than the frame."""

    def __init__(self, spec: SceneSpec, *, horizon: float, rng: np.random.Generator) -> None:
        self._size_hw, self._shutter = spec.size_hw, spec.motion_blur
        height, width = spec.size_hw
        self._margin = (int(height * WORLD_MARGIN), int(width * WORLD_MARGIN))
        full = (height + 2 * self._margin[0], width + 2 * self._margin[1])
        line = (horizon * height + self._margin[0]) / full[0]
        painted = background(full, horizon=line, clutter=spec.clutter, rng=rng)
        self._picture = np.round(painted).astype(np.uint8)

    def draw(self, view: Affine, view_before: Affine) -> _Canvas:
        height, width = self._size_hw
        to_picture = np.linalg.inv(view)
        to_picture[:2, 2] += self._margin[::-1]
        color: UInt8Image = np.asarray(cv2.warpAffine(
            self._picture, to_picture[:2], (width, height),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, borderMode=cv2.BORDER_REFLECT,
        ), np.uint8)  # fmt: skip
        back = view_before @ np.linalg.inv(view) - np.eye(3)
        ys, xs = np.arange(height, dtype=np.float32), np.arange(width, dtype=np.float32)
        flow = np.empty((height, width, 2), np.float32)
        for axis in (0, 1):
            a, b, c = back[axis].astype(np.float32)
            flow[..., axis] = a * xs[None] + (b * ys + c)[:, None]
        drift = flow[height // 2, width // 2]
        color = _smear(color, velocity=(float(drift[0]), float(drift[1])), shutter=self._shutter)
        return _Canvas(color.astype(np.float32), np.zeros(self._size_hw, np.int32), flow)


class _Film:
    """What lens, light and sensor do to a drawn frame."""

    def __init__(self, spec: SceneSpec, *, rng: np.random.Generator) -> None:
        self._spec, self._rng = spec, rng
        self._phase = rng.uniform(0, 2 * np.pi, 2)
        self._period = rng.uniform([20, 60], [60, 200])
        height, width = spec.size_hw
        grain = rng.standard_normal((height + 32, width + 64, 3), dtype=np.float32)
        self._grain = grain * np.float32(spec.noise)

    def expose(self, color: Float32Array, index: int) -> UInt8Image:
        spec = self._spec
        if spec.defocus_px > 0.2:
            color = np.asarray(cv2.GaussianBlur(color, (0, 0), spec.defocus_px), np.float32)
        swing = np.sin(2 * np.pi * index / self._period + self._phase)
        color = color * np.float32(1 + spec.light_change * (0.4 * swing[0] + 0.6 * swing[1]))
        if spec.noise:
            y, x = int(self._rng.integers(32)), int(self._rng.integers(64))
            color += self._grain[y : y + color.shape[0], x : x + color.shape[1]]
        return np.asarray(cv2.convertScaleAbs(np.maximum(color, 0)), np.uint8)  # rounds and saturates


def _draw_actor(canvas: _Canvas, actor: Actor, *, view: Affine, view_before: Affine, shutter: float) -> None:
    to_image = view @ actor.pose.to_world
    if actor.look.shape.on_ground and actor.look.class_id != NO_CLASS:
        _cast_shadow(canvas.color, to_image, bottom=actor.look.bottom, half_width=actor.look.half_width)
    origin = (view_before @ actor.pose_before.to_world - to_image)[:2, 2]
    velocity = (float(origin[0]), float(origin[1]))
    patch = _draw_patch(
        actor, to_image, size_hw=canvas.surface.shape, reach=np.hypot(*velocity) * shutter / 2
    )
    if patch is None:
        return
    rgba = _smear(patch.rgba, velocity=velocity, shutter=shutter)
    _lay_over(canvas.color[patch.window], rgba)
    rows, columns = np.nonzero(patch.part >= 0)
    part = patch.part[rows, columns]
    canvas.surface[patch.window][rows, columns] = actor.track_id * PARTS_PER_OBJECT + part
    still = np.array_equal(view, view_before) and actor.pose.same_as(actor.pose_before)
    before = view_before @ actor.pose_before.to_world
    x, y = patch.x[rows, columns], patch.y[rows, columns]
    moved_x, moved_y = (x, y) if still else _carry_back(x, y, part, actor, before)
    here = np.stack([columns + patch.window[1].start, rows + patch.window[0].start], axis=1)
    there = here if still else np.stack([moved_x, moved_y], axis=1)
    canvas.flow[patch.window][rows, columns] = there - here


def _lay_over(below: Float32Array, rgba: Float32Array) -> None:
    clear = 1 - rgba[..., 3] * np.float32(1 / 255)
    below *= cv2.merge([clear] * below.shape[2])  # a broadcast over the last axis is five times slower
    below += rgba[..., : below.shape[2]]


def _carry_back(
    x: Float32Array, y: Float32Array, part: NDArray[np.int16], actor: Actor, to_image_before: Affine
) -> tuple[Float32Array, Float32Array]:
    """Take object points of this frame to their image positions in the previous one."""
    limbs = actor.pose_before.limbs @ np.linalg.inv(actor.pose.limbs)
    a = limbs[part].astype(np.float32)
    x, y = a[:, 0, 0] * x + a[:, 0, 1] * y + a[:, 0, 2], a[:, 1, 0] * x + a[:, 1, 1] * y + a[:, 1, 2]
    x, y = actor.pose_before.waves.apply(x, y)
    m = to_image_before.astype(np.float32)
    return m[0, 0] * x + m[0, 1] * y + m[0, 2], m[1, 0] * x + m[1, 1] * y + m[1, 2]


def _draw_patch(actor: Actor, to_image: Affine, *, size_hw: tuple[int, ...], reach: float) -> _Patch | None:
    pose, sprites = actor.pose, actor.look.sprites
    corners = np.stack([_moved(sprite, limb) for sprite, limb in zip(sprites, pose.limbs, strict=True)])
    on_image = corners @ to_image[:2, :2].T + to_image[:2, 2]
    slack = pose.waves.reach * np.abs(to_image[:2, :2]).max() + 1.5
    window = _window(on_image.reshape(-1, 2), slack=slack + reach, size_hw=size_hw)
    if window is None:
        return None
    x, y = _object_coordinates(window, to_image, pose)
    rgba = np.zeros((*x.shape, 4), np.float32)
    part = np.full(x.shape, -1, np.int16)
    for number, (sprite, limb) in enumerate(zip(sprites, pose.limbs, strict=True)):
        inner = _window(on_image[number] - (window[1].start, window[0].start), slack=slack, size_hw=x.shape)
        if inner is None:
            continue
        pixels = _sample(sprite, limb, x[inner], y[inner])
        _lay_over(rgba[inner], pixels.astype(np.float32))
        part[inner][pixels[..., 3] >= HALF_COVERED] = number
    return _Patch(window, rgba, part, x, y)


def _moved(sprite: Sprite, limb: Affine) -> NDArray[np.float64]:
    return np.asarray(sprite.corners @ limb[:2, :2].T + limb[:2, 2])


def _window(
    points: NDArray[np.float64], *, slack: float, size_hw: tuple[int, ...]
) -> tuple[slice, slice] | None:
    """Smallest rectangle around points, cut to the picture; None where nothing is left."""
    low = np.maximum(np.floor(points.min(0) - slack), 0).astype(int)
    high = np.minimum(np.ceil(points.max(0) + slack) + 1, size_hw[::-1]).astype(int)
    if (high <= low).any():
        return None
    return slice(int(low[1]), int(high[1])), slice(int(low[0]), int(high[0]))


def _object_coordinates(
    window: tuple[slice, slice], to_image: Affine, pose: Pose
) -> tuple[Float32Array, Float32Array]:
    inverse = np.linalg.inv(to_image)
    ys = np.arange(window[0].start, window[0].stop)
    xs = np.arange(window[1].start, window[1].stop)
    x, y = (
        ((inverse[axis, 1] * ys + inverse[axis, 2])[:, None] + inverse[axis, 0] * xs[None]).astype(np.float32)
        for axis in (0, 1)
    )
    return pose.waves.undo(x, y)


def _sample(sprite: Sprite, limb: Affine, x: Float32Array, y: Float32Array) -> UInt8Image:
    m = (sprite.from_object @ np.linalg.inv(limb)).astype(np.float32)
    map_x = m[0, 0] * x + m[0, 1] * y + m[0, 2]
    map_y = m[1, 0] * x + m[1, 1] * y + m[1, 2]
    return np.asarray(cv2.remap(sprite.rgba, map_x, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT))


def _smear(pixels: NDArray[PixelT], *, velocity: tuple[float, float], shutter: float) -> NDArray[PixelT]:
    """Blur along the motion, as an open shutter does."""
    length = float(np.hypot(*velocity)) * shutter
    if length < 1.0:
        return pixels
    half = int(np.ceil(length / 2))
    kernel = np.zeros((2 * half + 1, 2 * half + 1), np.float32)
    for share in np.linspace(-0.5, 0.5, 4 * half + 1):
        x, y = half + share * length * np.array(velocity) / np.hypot(*velocity)
        left, top = min(int(x), 2 * half - 1), min(int(y), 2 * half - 1)
        across, down = x - left, y - top
        kernel[top : top + 2, left : left + 2] += np.outer((1 - down, down), (1 - across, across))
    blurred = cv2.filter2D(pixels, -1, kernel / kernel.sum(), borderType=cv2.BORDER_REPLICATE)
    return np.asarray(blurred, pixels.dtype)


def _cast_shadow(color: Float32Array, to_image: Affine, *, bottom: float, half_width: float) -> None:
    x, y = to_image[:2, :2] @ (0.0, bottom) + to_image[:2, 2]
    scale = float(np.hypot(*to_image[:2, 0]))
    radii = (max(0.7 * half_width * scale, 2.0), max(0.055 * scale, 2.0))
    box = np.array([(x - 1.6 * radii[0], y - 1.6 * radii[1]), (x + 1.6 * radii[0], y + 1.6 * radii[1])])
    window = _window(box, slack=0, size_hw=color.shape[:2])
    if window is None:
        return
    dx = (np.arange(window[1].start, window[1].stop, dtype=np.float32) - np.float32(x)) / np.float32(radii[0])
    dy = (np.arange(window[0].start, window[0].stop, dtype=np.float32) - np.float32(y)) / np.float32(radii[1])
    square = (dx**2)[None] + (dy**2)[:, None]
    color[window] *= (1 - 0.45 * np.exp(-(square**1.5)))[..., None].astype(np.float32)
