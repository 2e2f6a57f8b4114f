"""What a scene is made of: one frozen record, and a constructor that draws it from a seed."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from vidlab.errors import ParameterError
from vidlab.synthetic.shapes import SHAPES

CLASS_IDS = tuple(SHAPES)  # every class that can be drawn, COCO ids
MIN_SIDE_PX = 16  # below this no silhouette can be told from another


@dataclass(frozen=True, slots=True)
class Role:
    """One object placed by hand; it walks straight on, and nobody replaces it when it has left.

    Attributes:
        class_id: COCO id.
        size: Height, as a fraction of the frame height.
        x: Centre in the first frame, as a fraction of the width; outside [0, 1] it is yet to enter.
        bottom: Lowest point, as a fraction of the height; larger stands in front.
        speed_px: Mean speed along x, pixels per frame; negative walks to the left.
        look: Roles of one class and one number look alike; None gives a look of its own.
        turns_at: Frame from which it walks back; 0 walks straight on.
    """

    class_id: int
    size: float
    x: float
    bottom: float
    speed_px: float
    look: int | None = None
    turns_at: int = 0


@dataclass(frozen=True, slots=True)
class SceneSpec:
    """Everything that decides a scene; equal specs give equal pixels.

    Attributes:
        seed: Seed of every random draw.
        size_hw: Height and width, pixels.
        n_frames: Number of frames.
        fps: Frames per second, for `pts_s`.
        n_objects: Objects that share the scene at any time; one that left is replaced by a new identity.
        classes: COCO ids to draw from, repeats weigh.
        cast: Objects placed by hand, instead of `n_objects` drawn ones.
        speed_px: Mean speed of the objects over the ground, pixels per frame.
        min_size: Height of the farthest object, as a fraction of the frame height.
        max_size: Height of the nearest object, as a fraction of the frame height.
        enter_leave: Share of objects that cross the frame and leave; the others stay, to and fro, [0, 1].
        occlusion: Things of no class that stand in front (poles, bushes), a whole number.
        distractors: Moving shapes of no class, a whole number.
        clutter: Amount of shapes of no class painted on the background, [0, 1].
        articulation: Size of limb movements, 0 is rigid, 1 natural.
        deformation: Size of the smooth non-rigid waves, 0 is none, 1 natural.
        rotation_deg: Largest sway of an object, degrees.
        scaling: Relative change of an object's size over time, 0.1 is ±10 %.
        camera_pan_px: Mean speed of the camera, pixels per frame.
        camera_zoom: Relative change of the camera's zoom over time.
        camera_shake_px: Standard deviation of the hand shake, pixels.
        motion_blur: Share of the frame time in which the shutter is open, [0, 1].
        defocus_px: Sigma of the blur of the whole picture, pixels.
        noise: Standard deviation of the sensor noise, grey levels.
        light_change: Relative swing of the brightness over time, 0.2 is ±20 %.
    """

    seed: int
    size_hw: tuple[int, int]
    n_frames: int
    fps: float = 25.0
    n_objects: int = 3
    classes: tuple[int, ...] = CLASS_IDS
    cast: tuple[Role, ...] = ()
    speed_px: float = 2.0
    min_size: float = 0.25
    max_size: float = 0.6
    enter_leave: float = 0.5
    occlusion: int = 1
    distractors: int = 1
    clutter: float = 0.5
    articulation: float = 1.0
    deformation: float = 1.0
    rotation_deg: float = 4.0
    scaling: float = 0.06
    camera_pan_px: float = 0.5
    camera_zoom: float = 0.03
    camera_shake_px: float = 0.0
    motion_blur: float = 0.5
    defocus_px: float = 0.5
    noise: float = 4.0
    light_change: float = 0.08

    def __post_init__(self) -> None:
        if min(self.size_hw) < MIN_SIDE_PX:
            raise ParameterError(f"size_hw must be at least {MIN_SIDE_PX} pixels a side, got {self.size_hw}")
        wanted = self.classes + tuple(role.class_id for role in self.cast)
        unknown = [class_id for class_id in wanted if class_id not in SHAPES]
        if unknown or not self.classes:
            known = ", ".join(map(str, CLASS_IDS))
            raise ParameterError(f"classes must be COCO ids from {known}, got {wanted}")
        for name in ("n_frames", "n_objects", "occlusion", "distractors", "speed_px", "noise", "defocus_px"):
            if getattr(self, name) < 0:
                raise ParameterError(f"{name} must not be negative, got {getattr(self, name)}")
        if not 0 < self.min_size <= self.max_size:
            raise ParameterError(
                f"sizes must satisfy 0 < min_size <= max_size, got {self.min_size} and {self.max_size}"
            )
        if self.fps <= 0:
            raise ParameterError(f"fps must be positive, got {self.fps}")


def random_scene(seed: int, *, size_hw: tuple[int, int], n_frames: int, **fixed: Any) -> SceneSpec:
    """Draw a varied scene from a seed; settings given by name stay as given.

    Args:
        seed: Seed of the spec and of everything in the scene.
        size_hw: Height and width, pixels.
        n_frames: Number of frames.
        **fixed: Fields of `SceneSpec` that are not drawn.

    Raises:
        ParameterError: A field is unknown or out of range.

    >>> random_scene(1, size_hw=(90, 160), n_frames=5, speed_px=3.0).speed_px
    3.0
    """
    rng = np.random.default_rng([seed, 0x5CE11E])
    drawn: dict[str, Any] = {
        "n_objects": int(rng.integers(1, 6)),
        "speed_px": float(rng.choice([0.5, 1.0, 2.0, 3.0, 5.0, 8.0])) * size_hw[0] / 270,
        "min_size": float(rng.uniform(0.12, 0.35)),
        "max_size": float(rng.uniform(0.45, 0.95)),
        "enter_leave": float(rng.uniform(0.2, 0.9)),
        "occlusion": int(rng.integers(0, 4)),
        "distractors": int(rng.integers(0, 4)),
        "clutter": float(rng.uniform(0.0, 1.0)),
        "articulation": float(rng.uniform(0.6, 1.3)),
        "deformation": float(rng.uniform(0.0, 1.6)),
        "rotation_deg": float(rng.uniform(0.0, 12.0)),
        "scaling": float(rng.uniform(0.0, 0.15)),
        "camera_pan_px": float(rng.choice([0.0, 0.5, 1.5, 3.0])) * size_hw[0] / 270,
        "camera_zoom": float(rng.uniform(0.0, 0.12)),
        "camera_shake_px": float(rng.choice([0.0, 0.0, 0.4, 1.0])) * size_hw[0] / 270,
        "motion_blur": float(rng.uniform(0.0, 0.9)),
        "defocus_px": float(rng.choice([0.0, 0.4, 0.8, 1.5])),
        "noise": float(rng.uniform(0.0, 12.0)),
        "light_change": float(rng.uniform(0.0, 0.25)),
    }
    spec = SceneSpec(seed=seed, size_hw=size_hw, n_frames=n_frames)
    try:
        return replace(spec, **{**drawn, **fixed})
    except TypeError as error:
        raise ParameterError(f"settings must be fields of SceneSpec, got {sorted(fixed)}") from error
