"""How much of the change between two masks motion does not explain: the mask against its warped predecessor.

The flow decides what counts as motion, and comes from the caller as an array. An empty or a frozen mask on a
still scene is perfectly consistent: read it beside `accuracy`.
"""

import cv2
import numpy as np

from vidlab.errors import ShapeError
from vidlab.metrics.overlap import iou, require_mask, require_pair
from vidlab.metrics.running import RunningStats
from vidlab.types import BoolMask, Float32Array

# Forward-backward test of Sundaram, Brox and Keutzer, ECCV 2010, with their constants: the two flows of a
# visible pixel cancel, up to a share of their own length and half a pixel.
RELATIVE_SLACK = 0.01
ABSOLUTE_SLACK_PX2 = 0.5
BAND_ROWS = 32  # a picture is tested in bands: whole-picture temporaries are fresh memory, 4× slower at 480p


def occluded(flow_to_prev: Float32Array, flow_from_prev: Float32Array) -> BoolMask:
    """Mark the pixels of this frame that were hidden, or outside the picture, in the previous one.

    With u the flow to the previous frame and v the flow back from where it points (bilinear), a pixel counts
    as hidden if |u + v|² > 0.01 · (|u|² + |v|²) + 0.5 px² (Sundaram, Brox and Keutzer, "Dense Point
    Trajectories by GPU-Accelerated Large Displacement Optical Flow", ECCV 2010).

    Args:
        flow_to_prev: float32 (H, W, 2), pixels, (dx, dy): where each pixel of this frame was in the previous.
        flow_from_prev: float32 (H, W, 2), pixels, (dx, dy): where each pixel of the previous frame went.

    Returns:
        bool (H, W).

    Raises:
        ShapeError: Another dtype, rank, or two sizes.

    >>> still = np.zeros((1, 3, 2), np.float32)
    >>> occluded(still + np.float32([1, 0]), still - np.float32([1, 0]))
    array([[False, False,  True]])
    """
    _require_flow(flow_to_prev, flow_to_prev.shape[:2], "flow_to_prev")
    _require_flow(flow_from_prev, flow_to_prev.shape[:2], "flow_from_prev")
    hidden = np.empty(flow_to_prev.shape[:2], np.bool_)
    for top in range(0, len(hidden), BAND_ROWS):
        band = flow_to_prev[top : top + BAND_ROWS]
        hidden[top : top + BAND_ROWS] = _occluded_band(band, flow_from_prev, top=top)
    return hidden


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
        occluded: bool (H, W), pixels to leave out (see `occluded`); None leaves out only what comes from
            outside the picture.

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
    _require_flow(flow_to_prev, mask.shape, "flow_to_prev")
    x, y = (np.rint(plane) for plane in _sources(flow_to_prev, top=0))
    compared = _inside(x, y, height=len(mask))
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
        self._mask: BoolMask | None = None
        self._stats = RunningStats()

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


def _occluded_band(flow_to_prev: Float32Array, flow_from_prev: Float32Array, *, top: int) -> BoolMask:
    x, y = _sources(flow_to_prev, top=top)
    back = np.asarray(
        cv2.remap(flow_from_prev, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), np.float32
    )
    gap = _squared_length(flow_to_prev + back)
    slack = RELATIVE_SLACK * (_squared_length(flow_to_prev) + _squared_length(back)) + ABSOLUTE_SLACK_PX2
    inside = _inside(np.rint(x), np.rint(y), height=len(flow_from_prev))
    return np.asarray(~inside | (gap > slack), np.bool_)


def _sources(flow_to_prev: Float32Array, *, top: int) -> tuple[Float32Array, Float32Array]:
    """Return where each pixel of some rows, from `top` on, was: planes x and y.

    Two planes, for remap: given one map of pairs and an empty second, OpenCV 5.0.0 reads past it.
    """
    height, width = flow_to_prev.shape[:2]
    columns: Float32Array = np.arange(width, dtype=np.float32)
    rows: Float32Array = np.arange(top, top + height, dtype=np.float32)[:, None]
    return flow_to_prev[..., 0] + columns, flow_to_prev[..., 1] + rows


def _inside(nearest_x: Float32Array, nearest_y: Float32Array, *, height: int) -> BoolMask:
    width = nearest_x.shape[1]
    inside: BoolMask = (nearest_x >= 0) & (nearest_x < width) & (nearest_y >= 0) & (nearest_y < height)
    return inside


def _squared_length(flow: Float32Array) -> Float32Array:
    return np.asarray(flow[..., 0] ** 2 + flow[..., 1] ** 2, np.float32)


def _require_flow(flow: Float32Array, size_hw: tuple[int, ...], name: str) -> None:
    if flow.dtype != np.float32 or flow.shape != (*size_hw, 2):
        wanted = (*size_hw, 2)
        raise ShapeError(f"{name} must be float32 {wanted}, got {flow.dtype.name} {flow.shape}")
