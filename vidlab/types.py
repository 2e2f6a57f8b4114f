"""What flows between the rooms: frames, and what a network says about each of them."""

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from vidlab.errors import ParameterError, ShapeError

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


@dataclass(frozen=True, slots=True)
class Segment:
    """One region of a panoptic picture.

    Attributes:
        id: Its number in the picture, from 1.
        class_id: COCO id, one of a class of the user's own, or OBJECT_CLASS_ID.
        score: Confidence, [0, 1].
        is_thing: It is one object; otherwise it is stuff, all of its class that there is.
    """

    id: int
    class_id: int
    score: float
    is_thing: bool


@dataclass(frozen=True, slots=True)
class Panoptic:
    """One frame shared out: no pixel belongs to two segments, some may belong to none.

    The one type into which everything a network can say fits: things alone are Instances, stuff alone is a
    label map. `vidlab.masks.panoptic` makes it of these, and reads and writes COCO's files of it.

    Attributes:
        ids: int32 (H, W), the id of each pixel's segment; 0 where there is none.
        segments: All segments, those that show no pixel included.

    Raises:
        ShapeError: `ids` has another dtype or rank.
        ParameterError: An id is below 1 or used twice, or a pixel has one that no segment has.
    """

    ids: NDArray[np.int32]
    segments: tuple[Segment, ...]

    def __post_init__(self) -> None:
        _require(self.ids, "ids", np.int32, 2)
        known = {segment.id for segment in self.segments}
        if len(known) < len(self.segments) or min(known, default=1) < 1:
            raise ParameterError(
                f"ids of segments must start at 1 and differ, got {[segment.id for segment in self.segments]}"
            )
        unknown = set(np.unique(self.ids).tolist()) - known - {0}
        if unknown:
            raise ParameterError(f"every pixel must belong to a segment or to 0, got the id {min(unknown)}")

    @property
    def size_hw(self) -> tuple[int, int]:
        """Height and width of the picture, in pixels."""
        return (int(self.ids.shape[0]), int(self.ids.shape[1]))

    def things(self) -> Instances:
        """Return the things, in the order of the segments."""
        return self._instances([segment for segment in self.segments if segment.is_thing])

    def instances(self) -> Instances:
        """Return every segment as an instance, stuff too: one of each class, so that a tracker follows it."""
        return self._instances(list(self.segments))

    def stuff(self) -> ClassProbs:
        """Return one map for each class of stuff, exactly 0 or 1, ids ascending."""
        segments = [segment for segment in self.segments if not segment.is_thing]
        class_ids = tuple(sorted({segment.class_id for segment in segments}))
        maps = np.zeros((len(class_ids), *self.size_hw), np.float32)
        for segment in segments:
            maps[class_ids.index(segment.class_id)][self.ids == segment.id] = 1
        return ClassProbs(maps, class_ids)

    def labels(self) -> NDArray[np.uint8]:
        """Return each pixel's class, uint8 (H, W); 0 where there is none, as for OBJECT_CLASS_ID."""
        labels = np.zeros(self.size_hw, np.uint8)
        for segment in self.segments:
            labels[self.ids == segment.id] = segment.class_id
        return labels

    def _instances(self, segments: "list[Segment]") -> Instances:
        ids = np.array([segment.id for segment in segments], np.int32)
        return Instances(
            self.ids == ids[:, np.newaxis, np.newaxis],
            np.array([segment.score for segment in segments], np.float32),
            np.array([segment.class_id for segment in segments], np.int64),
        )


def _require(array: NDArray[np.generic], name: str, dtype: type[np.generic], ndim: int) -> None:
    if array.dtype != dtype or array.ndim != ndim:
        wanted = np.dtype(dtype).name
        raise ShapeError(
            f"{name} must be {wanted} with {ndim} axes, got {array.dtype.name} with {array.ndim}"
        )
