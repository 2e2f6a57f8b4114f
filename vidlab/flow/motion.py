"""Motion between neighbouring frames of a stream, both ways, with what in it can be trusted."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vidlab.flow.consistency import color_error, occluded
from vidlab.flow.estimator import FlowEstimator, Picture, as_seen
from vidlab.flow.warp import resize_flow, shrink, warp
from vidlab.types import BoolMask, Float32Array, UInt8Image

CUT_SIDE_PX = 64  # pictures this small keep layout and lose detail that motion alone would change


@dataclass(frozen=True, slots=True)
class Motion:
    """How the previous frame became this one; fields are kept at the size at which they were estimated.

    Attributes:
        to_prev: float32 (h, w, 2), in small pixels: where this frame's pixels were in the previous frame.
        to_next: float32 (h, w, 2), in small pixels: where the previous frame's pixels are in this one.
        lost: bool (h, w), on this frame's grid: what the previous frame does not show.
        lost_next: bool (h, w), on the previous frame's grid: what this frame no longer shows; all False where
            the estimator was told that nobody looks back.
        error: float32 (h, w), on this frame's grid: how badly the flow explains it (see `color_error`).
        error_next: float32 (h, w), the same on the previous frame's grid; zeros where nobody looks back.
        is_cut: The two frames belong to different shots; the fields mean nothing.
    """

    to_prev: Float32Array
    to_next: Float32Array
    lost: BoolMask
    lost_next: BoolMask
    error: Float32Array
    error_next: Float32Array
    is_cut: bool


class MotionEstimator:
    """Turns a stream of frames into a stream of `Motion`; remembers one small frame."""

    def __init__(self, flow: FlowEstimator, *, cut_similarity: float, both_ways: bool) -> None:
        """Take the flow to use.

        Args:
            flow: Estimates the displacements.
            cut_similarity: A frame whose correlation with the motion-compensated previous frame is below this
                starts a new shot, [-1, 1]; higher finds more cuts, and takes fast motion for one.
            both_ways: Also tell what is lost from the previous frame to this one, for backward passes.
        """
        self._flow = flow
        self._cut_similarity = cut_similarity
        self._both_ways = both_ways
        self._previous: tuple[Picture, NDArray[np.uint8]] | None = None  # as the flow sees it, and gray

    def reset(self) -> None:
        """Forget the previous frame."""
        self._previous = None

    def step(self, image: UInt8Image) -> Motion | None:
        """Take a frame, uint8 (H, W, 3) RGB; return its motion, None for the first frame."""
        scale = self._flow.scale_for(image.shape[:2])
        seen = self._flow.shrink(as_seen(image, color=self._flow.sees_color))
        this = as_seen(seen, color=False)
        before, self._previous = self._previous, (seen, this)
        if before is None or before[0].shape != seen.shape:
            return None
        seen_before, previous = before
        to_prev = self._flow.small(seen, seen_before, scale=scale)
        to_next = self._flow.small(seen_before, seen, scale=scale)
        lost = occluded(to_prev, to_next, scale=scale)
        lost_next = occluded(to_next, to_prev, scale=scale) if self._both_ways else np.zeros_like(lost)
        error = color_error(this, previous, flow_to_prev=to_prev)
        error_next = np.zeros_like(error)
        if self._both_ways:
            error_next = color_error(previous, this, flow_to_prev=to_next)
        is_cut = similarity(this, previous, to_prev=to_prev) < self._cut_similarity
        return Motion(to_prev, to_next, lost, lost_next, error, error_next, is_cut)


def similarity(this: NDArray[np.uint8], previous: NDArray[np.uint8], *, to_prev: Float32Array) -> float:
    """Correlate a frame with the previous one carried along the flow; lights going up or down do not matter.

    Args:
        this: uint8 (H, W), gray.
        previous: uint8 (H, W), gray.
        to_prev: float32 (H, W, 2), pixels.

    Returns:
        Pearson correlation of the two pictures at a small size, [-1, 1]; 1 for two flat pictures.
    """
    scale = min(1.0, CUT_SIDE_PX / min(this.shape))
    size_hw = (max(1, round(this.shape[0] * scale)), max(1, round(this.shape[1] * scale)))
    now, before = (shrink(gray, size_hw).astype(np.float32) for gray in (this, previous))
    flow = resize_flow(to_prev, size_hw)
    seen = warp(np.ones_like(before), flow) > 0.5
    a, b = now[seen], warp(before, flow)[seen]
    if a.size == 0:
        return -1.0
    a, b = a - a.mean(), b - b.mean()
    norm = float(np.sqrt(np.square(a).sum() * np.square(b).sum()))
    flat = 1.0 * np.sqrt(a.size)  # pictures whose contrast is under one gray level carry no evidence of a cut
    return 1.0 if norm <= flat else float((a * b).sum() / norm)
