"""One frame seen from inside the stabilizer: every step's part in its result."""

from dataclasses import dataclass, replace
from itertools import islice
from operator import attrgetter
from pathlib import Path

import cv2
import numpy as np

from vidlab.errors import ParameterError
from vidlab.flow import Motion, MotionEstimator, flow_of, warp
from vidlab.flow.warp import resize_map
from vidlab.jobs.reading import MasksFrom, open_reading
from vidlab.jobs.tracks import announced
from vidlab.params import EvidenceParams, FlowFusionParams, FusionParams, SegmentParams, SourceParams
from vidlab.temporal import Evidence, StableFrame, create_stabilizer
from vidlab.temporal.fusion import carrier
from vidlab.tracking import TrackBook, create_method_tracker
from vidlab.types import BoolMask, Float32Array, UInt8Image


@dataclass(frozen=True, slots=True)
class FrameSteps:
    """What each step of the causal method made of one object in one frame: of a track, or of a class.

    Attributes:
        index: Frame, from 0.
        class_id: COCO id of its class.
        image: uint8 (H, W, 3), RGB.
        found: float32 (H, W), [0, 1], step 1: what the network says of it in this frame alone.
        flow_to_prev: float32 (H, W, 2), pixels, step 2: where each pixel was in the frame before.
        lost: bool (H, W): pixels whose flow there and back disagree.
        carried: float32 (H, W), [0, 1]: the probability of the frame before, carried along the flow.
        carried_weight: float32 (H, W), [0, 1], steps 3 and 4: memory, less where motion is doubtful.
        vote: Weight of this frame, (0, 1], step 5a: small where the mask suddenly shrank.
        fused: float32 (H, W), [0, 1]: the running probability after this frame.
        threshold: Step 5b: a pixel above it belongs to the mask.
        confidence: Step 6: running confidence that the object is there, [0, 1].
        miss_streak: Frames in a row in which the network did not find it.
        mask: bool (H, W), the result.
    """

    index: int
    class_id: int
    image: UInt8Image
    found: Float32Array
    flow_to_prev: Float32Array
    lost: BoolMask
    carried: Float32Array
    carried_weight: Float32Array
    vote: float
    fused: Float32Array
    threshold: float
    confidence: float
    miss_streak: int
    mask: BoolMask


def look_inside(
    video: Path,
    *,
    masks_from: MasksFrom,
    index: int,
    params: FusionParams,
    class_ids: tuple[int, ...] | None = None,
    source: SourceParams | None = None,
    segment: SegmentParams | None = None,
    evidence: EvidenceParams | None = None,
) -> FrameSteps:
    """Run the causal method up to a frame and return what its steps did there, for the largest object.

    Args:
        video: Video file, or folder of numbered images.
        masks_from: The masks to stabilize, or the network that finds them.
        index: The frame, from 1: the first has no frame before it.
        params: The tunables; those of the method that looks ahead are taken without looking ahead.
        class_ids: COCO ids of the wanted classes; None takes all.
        source: How frames are read; None takes the defaults of `SourceParams`, and so on.
        segment: How the network is run.
        evidence: Which detections count.

    Raises:
        ParameterError: The clip has no such frame, it starts a shot, or there is no object.
        SourceError: Video or masks cannot be used.
    """
    reading = open_reading(
        video,
        masks_from=masks_from,
        class_ids=class_ids,
        source=source,
        segment=segment,
        evidence=evidence,
    )
    causal = FlowFusionParams(**{name: getattr(params, name) for name in FusionParams.model_fields})
    stabilizer = create_stabilizer(causal)
    estimator = MotionEstimator(flow_of(causal), cut_similarity=causal.cut_similarity, both_ways=False)
    motion: Motion | None = None
    said: Evidence | None = None
    n_seen = 0
    results: list[StableFrame] = []
    image: UInt8Image | None = None
    stabilizer.reset()
    book = TrackBook()
    associator = create_method_tracker(causal, evidence=evidence or EvidenceParams())
    items = reading.with_evidence(associate=associator.step)
    told = announced(items, book=book, tracked_of=attrgetter("tracked"))
    for frame, said, _ in islice(told, index + 1):
        n_seen += 1
        image, motion = frame.image, estimator.step(frame.image)
        results = [*results, *stabilizer.step(frame.image, said)][-2:]
    carried = motion is not None and not motion.is_cut and n_seen > index and bool(results[-1].states)
    if image is None or said is None or motion is None or not carried:
        raise ParameterError(f"index must be a frame with an object and a frame before it, got {index}")
    before, now = results
    shown = _described(index, image, motion, said, before=before, now=now, params=causal)
    is_track = reading.kind == "instances"  # then identities stand where else the classes do
    return replace(shown, class_id=book.class_of(shown.class_id)) if is_track else shown


def _described(
    index: int,
    image: UInt8Image,
    motion: Motion,
    said: Evidence,
    *,
    before: StableFrame,
    now: StableFrame,
    params: FusionParams,
) -> FrameSteps:
    size_hw = (image.shape[0], image.shape[1])
    k = int(np.argmax([state.area_px for state in now.states]))
    class_id = now.class_ids[k]
    nothing = np.zeros(size_hw, np.float32)
    carried_from = before.probs[before.class_ids.index(class_id)] if class_id in before.class_ids else nothing
    to_prev = np.zeros((*size_hw, 2), np.float32) if now.flow_to_prev is None else now.flow_to_prev
    step = carrier(
        motion.to_prev,
        motion.lost,
        error=motion.error,
        size_hw=size_hw,
        carry=params.carry,
        motion_weight=params.motion_weight,
        motion_px=params.motion_px,
        lost_keep=params.lost_keep,
        flow_error=params.flow_error,
    )
    lost = cv2.resize(motion.lost.view(np.uint8), size_hw[::-1], interpolation=cv2.INTER_NEAREST) > 0
    has = class_id in said.class_ids
    state = now.states[k]
    return FrameSteps(
        index=index,
        class_id=class_id,
        image=image,
        found=said.probs[said.class_ids.index(class_id)] if has else nothing,
        flow_to_prev=to_prev,
        lost=np.asarray(lost),
        carried=warp(carried_from, to_prev) if params.carry else carried_from,
        carried_weight=resize_map(step.keep, size_hw) * np.float32(params.memory),
        vote=state.weight,
        fused=now.probs[k],
        threshold=state.threshold,
        confidence=state.confidence,
        miss_streak=state.miss_streak,
        mask=now.masks[k],
    )
