"""Masks of `supervision.Detections` made stable: detections in, detections out, all the rest carried along.

    smoother = DetectionsSmoother()
    for image in frames:
        detections = smoother(image, sv.Detections.from_ultralytics(model(image)[0]))

(`supervision.DetectionsSmoother` averages boxes, and says of itself that it is not for masks.)
"""

from collections import deque
from dataclasses import replace
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from vidlab.errors import MissingExtraError, ShapeError, UsageError
from vidlab.smoother import InstanceSmoother, StableInstances
from vidlab.smoother.forms import ChannelOrder, to_rgb
from vidlab.smoother.masks import DEFAULT_METHOD, SURE, split_settings
from vidlab.tracking.boxes import box_of
from vidlab.types import OBJECT_CLASS_ID, BoolMask, Float32Array, Instances, UInt8Image

try:
    import supervision as sv
except ImportError:
    raise MissingExtraError.for_feature("smoothing supervision's detections", extra="tracking") from None

KEPT_FRAMES = 300  # an object unseen for so long is not the same any more: its last detection is forgotten


class DetectionsSmoother:
    """Makes the masks of `supervision.Detections` stable, frame by frame.

    What comes back are the objects that the stable masks show: one that was missed for a few frames is still
    there, with its last confidence. Of each:

    - `mask`: bool (N, H, W), stable, without overlap; `xyxy`: float32, the box around it, half-open.
    - `tracker_id`: yours, if your detections have it; otherwise from `vidlab.tracking.Associator`, from 1.
      Every track is made stable by itself.
    - `confidence`, `class_id`, `data`: those of its last detection; None where yours are.

    `metadata` is the frame's own.
    """

    def __init__(
        self, method: str = DEFAULT_METHOD, *, channel_order: ChannelOrder = "rgb", **settings: Any
    ) -> None:
        """Choose how masks are made stable.

        Args:
            method: One of `vidlab.params.METHODS`.
            channel_order: Of the images; "bgr" as OpenCV and `sv.get_video_frames_generator` read them.
            **settings: Tunables of the method, and of `EvidenceParams`, such as `min_score=0.4`.

        Raises:
            ParameterError: The method or a setting is unknown, or a value lies outside its range.
        """
        params, rules = split_settings(method, settings)
        self._method, self._channel_order = method, channel_order
        self._smoother = InstanceSmoother(params, evidence=rules)
        self.delay = self._smoother.delay
        self.reset()

    def reset(self) -> None:
        """Forget everything; the next frame is frame 0 of a clip."""
        self._smoother.reset()
        self._waiting: deque[sv.Detections] = deque()  # without masks, oldest first
        self._of_track: dict[int, tuple[int, sv.Detections]] = {}  # frame and row of its last detection
        self._of_class: dict[int, sv.Detections] = {}  # the latest row of each class, for what is yet to come

    def __call__(self, image: UInt8Image, detections: sv.Detections) -> sv.Detections:
        """Take one frame, uint8 (H, W, 3), and return its stable detections at once.

        Raises:
            ShapeError: Detections have no masks, or masks of another size than the image.
            UsageError: The method needs frames to come first (use `step` and `flush`), or only some frames
                have a tracker_id.
        """
        if self.delay:
            raise UsageError(
                f"a method that is called frame by frame must have no delay, got {self._method!r} with "
                f"{self.delay} frames; use step() and flush(), or method={DEFAULT_METHOD!r}"
            )
        ((_, stable),) = self.step(image, detections)
        return stable

    def step(self, image: UInt8Image, detections: sv.Detections) -> list[tuple[int, sv.Detections]]:
        """Take one frame; return what is complete now, up to `delay` frames late: pairs of index and result.

        Arguments and errors are those of a call.
        """
        image = to_rgb(image, channel_order=self._channel_order)
        found = to_instances(detections, size_hw=(image.shape[0], image.shape[1]))
        done = self._smoother.step(image, found)
        self._waiting.append(replace(detections, mask=None))
        self._of_class.update(_by_class(detections, found))
        return [self._result(one) for one in done]

    def flush(self) -> list[tuple[int, sv.Detections]]:
        """Return the results still owed, oldest first; the next frame is frame 0 of another clip."""
        done = [self._result(one) for one in self._smoother.flush()]
        self.reset()
        return done

    def _result(self, stable: StableInstances) -> tuple[int, sv.Detections]:
        own, tracks = self._waiting.popleft(), cast(NDArray[np.int64], stable.instances.track_ids)
        for track_id, row in zip(tracks.tolist(), stable.rows.tolist(), strict=True):
            if row >= 0:
                self._of_track[track_id] = stable.index, _row(own, row)
        old = [t for t, (seen, _) in self._of_track.items() if stable.index - seen > KEPT_FRAMES]
        for track_id in old:
            del self._of_track[track_id]
        return stable.index, self._detections(stable.instances, tracks, own)

    def _detections(self, found: Instances, tracks: NDArray[np.int64], own: sv.Detections) -> sv.Detections:
        rows = [self._row_of(int(t), int(c)) for t, c in zip(tracks, found.class_ids, strict=True)]
        if not rows:
            empty = sv.Detections.empty()
            nothing = np.zeros((0, *found.size_hw), bool)
            return replace(empty, mask=nothing, tracker_id=np.zeros(0, np.int64), metadata=own.metadata)
        merged = sv.Detections.merge(_alike(rows))
        confidence = None if merged.confidence is None else found.scores.astype(merged.confidence.dtype)
        return replace(
            merged,
            xyxy=boxes_of(found.masks),
            mask=found.masks,
            confidence=confidence,
            tracker_id=tracks,
            metadata=own.metadata,
        )

    def _row_of(self, track_id: int, class_id: int) -> sv.Detections:
        """Return what is known of a track: its last detection; looking ahead, one of its class may be all."""
        if track_id in self._of_track:
            return self._of_track[track_id][1]
        return self._of_class[class_id]


def to_instances(detections: sv.Detections, *, size_hw: tuple[int, int]) -> Instances:
    """Read detections as instances; without confidence they count as sure, without class as of one.

    Args:
        detections: With masks, dense or compact.
        size_hw: Height and width of the image, in pixels.

    Raises:
        ShapeError: There are no masks, or they are of another size.
    """
    n = len(detections)
    if n == 0:
        return Instances.empty(size_hw)
    if detections.mask is None:
        raise ShapeError(
            f"detections must have masks, got {n} with boxes only; take a network that segments, "
            "such as yolov8n-seg, and keep its masks"
        )
    masks: BoolMask = np.asarray(detections.mask, np.bool_)
    if masks.shape != (n, *size_hw):
        raise ShapeError(f"masks must be as large as the image, {(n, *size_hw)}, got {masks.shape}")
    scores: Float32Array = np.full(n, SURE)
    if detections.confidence is not None:
        scores = np.asarray(detections.confidence, np.float32)
    classes: NDArray[np.int64] = np.full(n, OBJECT_CLASS_ID, np.int64)
    if detections.class_id is not None:
        classes = np.asarray(detections.class_id, np.int64)
    tracks = None if detections.tracker_id is None else np.asarray(detections.tracker_id, np.int64)
    return Instances(masks, scores, classes, tracks)


def boxes_of(masks: BoolMask) -> Float32Array:
    """Return the box around each mask, float32 (N, 4), pixels, (x0, y0, x1, y1), half-open."""
    return np.array([box_of(mask) for mask in masks], np.float32).reshape(len(masks), 4)


def _alike(rows: list[sv.Detections]) -> list[sv.Detections]:
    """Leave of single detections what all of them have: frames may know different things."""
    keys = set.intersection(*(set(row.data) for row in rows))
    some = {
        name for name in ("confidence", "class_id") if all(getattr(row, name) is not None for row in rows)
    }
    return [
        sv.Detections(
            xyxy=row.xyxy,
            confidence=row.confidence if "confidence" in some else None,
            class_id=row.class_id if "class_id" in some else None,
            data={key: row.data[key] for key in row.data if key in keys},
        )
        for row in rows
    ]


def _by_class(detections: sv.Detections, found: Instances) -> dict[int, sv.Detections]:
    return {int(class_id): _row(detections, row) for row, class_id in enumerate(found.class_ids)}


def _row(detections: sv.Detections, row: int) -> sv.Detections:
    """Return one detection without its mask, as arrays of its own."""
    return cast(sv.Detections, replace(detections, mask=None)[np.array([row])])
