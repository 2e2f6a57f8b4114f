"""How much of the change between two masks motion does not explain: the mask against its warped predecessor.

The flow decides what counts as motion, and comes from the caller as an array. An empty or a frozen mask on a
still scene is perfectly consistent: read it beside `accuracy`.
"""

import cv2
import numpy as np

from vidlab.flow.warp import inside_picture, require_flow, source_planes
from vidlab.metrics.overlap import iou, require_mask, require_pair
from vidlab.metrics.running import RunningStats
from vidlab.types import BoolMask, Float32Array


def warped_iou(
    mask: BoolMask, previous: BoolMask, *, flow_to_prev: Float32Array, occluded: BoolMask | None
) -> float:
    """IoU of a mask with its predecessor warped onto this frame, over the pixels both can see.

    Every pixel takes the label of the nearest pixel where the flow points (half to even). Left out: pixels
    whose source lies outside the picture, and the occluded ones. This is the flow-compensated consistency of
    one pair; after the temporal consistency of Liu et al., "Efficient Semantic Video Segmentation with
    Per-frame Inference", ECCV 2020, which leaves no occlusion out.

    Args:
        mask: bool (H, W), this frame.
        previous: bool (H, W), the frame before.
        flow_to_prev: float32 (H, W, 2), pixels, (dx, dy): where each pixel of this frame was in the previous.
        occluded: bool (H, W), pixels to leave out (see `vidlab.flow.occluded`); None leaves out only what
            comes from outside the picture.

    Returns:
        [0, 1]; both empty where they are compared: 1.

    Raises:
        ShapeError: Another dtype, rank, or two sizes.

    >>> before, now = np.array([[True, False, False]]), np.array([[False, True, False]])
    >>> one_px_right = np.zeros((1, 3, 2), np.float32) + np.float32([-1, 0])
    >>> warped_iou(now, before, flow_to_prev=one_px_right, occluded=None)
    1.0
    """
    require_pair(previous, mask, names=("previous", "mask"))
    require_flow(flow_to_prev, mask.shape, "flow_to_prev")
    x, y = (np.rint(plane) for plane in source_planes(flow_to_prev, top=0))
    compared = inside_picture(x, y, height=len(mask))
    if occluded is not None:
        require_pair(mask, occluded, names=("mask", "occluded"))
        compared &= ~occluded
    warped = cv2.remap(previous.view(np.uint8), x, y, cv2.INTER_NEAREST, borderValue=0)
    return iou(mask & compared, np.asarray(warped, np.uint8).view(np.bool_) & compared)


class Consistency:
    """Flow-compensated consistency ("MC") of a clip, one frame at a time; holds one mask.

    >>> metric = Consistency()
    >>> mask, still = np.eye(3, dtype=bool), np.zeros((3, 3, 2), np.float32)
    >>> [metric.update(mask, flow_to_prev=flow, occluded=None) for flow in (None, still)]
    [nan, 1.0]
    >>> metric.compute()
    1.0
    """

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget everything; the next frame is the first of a clip."""
        self.forget()
        self._stats = RunningStats()

    def forget(self) -> None:
        """Forget the last frame, not the mean: the next frame has none before it, as after a gap."""
        self._mask: BoolMask | None = None

    @property
    def n_pairs(self) -> int:
        """Number of pairs that were compared."""
        return self._stats.n

    def update(
        self, mask: BoolMask, *, flow_to_prev: Float32Array | None, occluded: BoolMask | None
    ) -> float:
        """Take the next frame.

        Args:
            mask: bool (H, W); copied.
            flow_to_prev: float32 (H, W, 2), pixels; None where there is no flow (first frame, shot cut).
            occluded: bool (H, W), pixels to leave out, or None.

        Returns:
            `warped_iou` with the frame before; NaN without one, or without a flow.

        Raises:
            ShapeError: Another dtype, rank, or size.
        """
        require_mask(mask, "mask")
        value = float("nan")
        if self._mask is not None and flow_to_prev is not None:
            value = warped_iou(mask, self._mask, flow_to_prev=flow_to_prev, occluded=occluded)
        self._mask = mask.copy()
        self._stats.update(value)
        return value

    def compute(self) -> float:
        """Return the mean over the pairs that were compared; NaN if there were none."""
        return self._stats.mean
