"""What flows between the rooms: frames, and what a network says about each of them."""

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from vidlab.errors import ShapeError

UInt8Image = NDArray[np.uint8]
BoolMask = NDArray[np.bool_]
Float32Array = NDArray[np.float32]

OBJECT_CLASS_ID = 0  # a mask of the user's own that names no class; COCO ids start at 1


@dataclass(frozen=True, slots=True)
class Frame:
    """One picture with its place in the source.

    Attributes:
        image: uint8 (H, W, 3), RGB, upright (rotation metadata already applied).
        index: Position among the frames the source shows, from 0, before any stride.
        pts_s: Presentation time in seconds, from the container; strictly increasing.
    """

    image: UInt8Image
    index: int
    pts_s: float


@dataclass(frozen=True, slots=True)
class VideoInfo:
    """What a source declares about itself; only decoding tells the truth about `n_frames`.

    Attributes:
        path: File or folder, as the user gave it.
        codec: Codec name, such as `h264`; `images` for a folder.
        size_hw: Height and width of the frames as delivered, upright, in pixels.
        fps: Average rate of the video, frames per second.
        n_frames: Declared number of frames; None where the container does not say.
        duration_s: Declared duration in seconds; None where the container does not say.
        rotation_deg: Counter-clockwise turn already applied to the frames: 0, 90, 180 or 270.
        time_base: Unit of the source's time stamps, in seconds.
    """

    path: str
    codec: str
    size_hw: tuple[int, int]
    fps: float
    n_frames: int | None
    duration_s: float | None
    rotation_deg: int
    time_base: Fraction


@dataclass(frozen=True, slots=True)
class Instances:
    """The objects that a network (or the user's file) found in one frame.

    Attributes:
        masks: bool (N, H, W).
        scores: float32 (N,), a detector's confidence, [0, 1].
        class_ids: int64 (N,), COCO category ids (1..90), or OBJECT_CLASS_ID.
        track_ids: int64 (N,), identities over time, or None before tracking.

    Raises:
        ShapeError: The arrays disagree about N, or have another dtype.
    """

    masks: BoolMask
    scores: Float32Array
    class_ids: NDArray[np.int64]
    track_ids: NDArray[np.int64] | None = None

    def __post_init__(self) -> None:
        _require(self.masks, "masks", np.bool_, 3)
        _require(self.scores, "scores", np.float32, 1)
        _require(self.class_ids, "class_ids", np.int64, 1)
        counts = {len(self.masks), len(self.scores), len(self.class_ids)}
        if self.track_ids is not None:
            _require(self.track_ids, "track_ids", np.int64, 1)
            counts.add(len(self.track_ids))
        if len(counts) > 1:
            raise ShapeError(
                f"masks, scores, class_ids and track_ids must have one length, got {sorted(counts)}"
            )

    def __len__(self) -> int:
        return len(self.scores)

    @property
    def size_hw(self) -> tuple[int, int]:
        """Height and width of the masks, in pixels."""
        return (int(self.masks.shape[1]), int(self.masks.shape[2]))

    def where(self, keep: NDArray[np.bool_]) -> "Instances":
        """Return the instances for which `keep`, bool (N,), is true."""
        tracks = None if self.track_ids is None else self.track_ids[keep]
        return Instances(self.masks[keep], self.scores[keep], self.class_ids[keep], tracks)

    @classmethod
    def empty(cls, size_hw: tuple[int, int]) -> "Instances":
        """No objects in a frame of this size."""
        return cls(np.zeros((0, *size_hw), bool), np.zeros(0, np.float32), np.zeros(0, np.int64))


@dataclass(frozen=True, slots=True)
class ClassProbs:
    """Soft masks of one frame: how probable each class is at each pixel, background left out.

    Attributes:
        probs: float32 (K, H, W), [0, 1].
        class_ids: One COCO id (or OBJECT_CLASS_ID) for each of the K maps.

    Raises:
        ShapeError: `probs` has another dtype or rank, or K differs from the number of ids.
    """

    probs: Float32Array
    class_ids: tuple[int, ...]

    def __post_init__(self) -> None:
        _require(self.probs, "probs", np.float32, 3)
        if len(self.probs) != len(self.class_ids):
            raise ShapeError(f"probs must hold one map per class, got {len(self.probs)} for {self.class_ids}")

    @property
    def size_hw(self) -> tuple[int, int]:
        """Height and width of the maps, in pixels."""
        return (int(self.probs.shape[1]), int(self.probs.shape[2]))


Observation = Instances | ClassProbs


def _require(array: NDArray[np.generic], name: str, dtype: type[np.generic], ndim: int) -> None:
    if array.dtype != dtype or array.ndim != ndim:
        wanted = np.dtype(dtype).name
        raise ShapeError(
            f"{name} must be {wanted} with {ndim} axes, got {array.dtype.name} with {array.ndim}"
        )
