"""What the traps for metrics are set in: drawn clips and pictures of which everything is known."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from vidlab.errors import ParameterError
from vidlab.jobs.drive import drive
from vidlab.params import EvidenceParams, MethodParams
from vidlab.synthetic import PROFILES, Role, SceneFrame, SceneSpec, corrupt_instances, iter_scene
from vidlab.temporal import create_stabilizer
from vidlab.temporal.evidence import to_evidence
from vidlab.temporal.protocol import Evidence
from vidlab.types import BoolMask, Frame, UInt8Image

_DOG = 18  # COCO id
_DOG_SIZE, _DOG_X, _DOG_BOTTOM = 0.55, 0.3, 0.85  # shares of the picture: inside it for a while


@dataclass(frozen=True, slots=True)
class DrawnClip:
    """A drawn clip with its truth and what a network could have said about it.

    Attributes:
        frames: Every frame, with its exact motion.
        truth: bool (T, H, W).
        evidence: What the network says, frame by frame.
    """

    frames: list[SceneFrame]
    truth: BoolMask
    evidence: list[Evidence]

    @property
    def raw(self) -> BoolMask:
        """The network's own masks, bool (T, H, W)."""
        return np.stack([step.raw.any(axis=0) for step in self.evidence])

    @property
    def images(self) -> list[UInt8Image]:
        """The pictures, uint8 (H, W, 3), RGB."""
        return [frame.image for frame in self.frames]


def draw_clip(seed: int, *, size_hw: tuple[int, int], n_frames: int, speed_px: float) -> DrawnClip:
    """Draw a dog that walks across the picture, and masks of it as a network like YOLO finds them.

    Args:
        seed: Another seed is another dog, ground, and other mistakes.
        size_hw: Height and width, pixels.
        n_frames: Frames.
        speed_px: Mean speed of the dog, pixels per frame.

    Raises:
        ParameterError: The size or the number of frames cannot be drawn.
    """
    dog = Role(_DOG, size=_DOG_SIZE, x=_DOG_X, bottom=_DOG_BOTTOM, speed_px=speed_px)
    spec = SceneSpec(seed, size_hw, n_frames, cast=(dog,), occlusion=0, distractors=0)
    frames = list(iter_scene(spec))
    rng = np.random.default_rng([seed, 1])
    found = corrupt_instances((f.instances for f in frames), profile=PROFILES["yolo_like"], rng=rng)
    settings = EvidenceParams().model_dump()
    evidence = [to_evidence(seen, class_ids=(_DOG,), **settings) for seen in found]
    return DrawnClip(frames, np.stack([frame.instances.masks.any(axis=0) for frame in frames]), evidence)


def stabilize_clip(clip: DrawnClip, method: MethodParams) -> BoolMask:
    """Return the clip's masks after stabilizing, bool (T, H, W)."""
    items = (
        (Frame(frame.image, frame.index, frame.pts_s), step, None)
        for frame, step in zip(clip.frames, clip.evidence, strict=True)
    )
    stable = [result.masks for *_, result in drive(create_stabilizer(method), items)]
    return np.stack([masks.any(axis=0) for masks in stable])


def zoom_in(
    image: UInt8Image, mask: BoolMask, *, n_frames: int, factor: float
) -> tuple[list[UInt8Image], BoolMask]:
    """Film a still picture while the lens zooms in on its object, steadily.

    Args:
        image: uint8 (H, W, 3), RGB.
        mask: bool (H, W), the object.
        n_frames: Frames.
        factor: How much larger the object is in the last frame.

    Returns:
        The pictures, and bool (T, H, W).

    Raises:
        ParameterError: There is no object.
    """
    if not mask.any():
        raise ParameterError("mask must show an object to zoom in on, got an empty one")
    rows, columns = np.nonzero(mask)
    middle = (float(columns.mean()), float(rows.mean()))
    size = (mask.shape[1], mask.shape[0])
    images, masks = [], []
    for scale in np.linspace(1, factor, n_frames):
        lens = cv2.getRotationMatrix2D(middle, 0, float(scale))
        images.append(np.asarray(cv2.warpAffine(image, lens, size), np.uint8))
        seen = cv2.warpAffine(mask.view(np.uint8), lens, size, flags=cv2.INTER_NEAREST)
        masks.append(np.asarray(seen, np.uint8).view(np.bool_))
    return images, np.stack(masks)


def draw_still(
    seed: int, *, cast: tuple[Role, ...], size_hw: tuple[int, int]
) -> tuple[UInt8Image, NDArray[np.uint8]]:
    """Draw one picture of objects placed by hand, each of a class of its own.

    Args:
        seed: Another seed is another picture.
        cast: The objects.
        size_hw: Height and width, pixels.

    Returns:
        uint8 (H, W, 3), RGB, and labels, uint8 (H, W): 0 is no object, 1 the first of the cast, and so on.
    """
    spec = SceneSpec(seed, size_hw, 1, cast=cast, occlusion=0, distractors=0)
    (frame,) = iter_scene(spec)
    labels = np.zeros(size_hw, np.uint8)
    for label, role in enumerate(cast, 1):
        labels[frame.instances.masks[frame.instances.class_ids == role.class_id].any(axis=0)] = label
    return frame.image, labels
