"""How near masks are to the truth: region J and boundary F of DAVIS, Dice.

J and F are those of Perazzi et al., "A Benchmark Dataset and Evaluation Methodology for Video Object
Segmentation", CVPR 2016, with the conventions of the public davis2017-evaluation.
"""

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from vidlab.errors import ParameterError
from vidlab.metrics.overlap import count_px, dice, iou, require_mask, require_pair
from vidlab.metrics.running import RunningStats
from vidlab.types import BoolMask

EDGE_TOLERANCE = 0.008  # fraction of the image diagonal, as in DAVIS


def davis_tolerance_px(size_hw: tuple[int, int]) -> int:
    """Return the DAVIS tolerance of F: ceil(0.008 · image diagonal), in pixels.

    >>> davis_tolerance_px((480, 854))
    8
    """
    return math.ceil(EDGE_TOLERANCE * float(np.linalg.norm(size_hw)))


def region_j(pred: BoolMask, target: BoolMask) -> float:
    """Region similarity J of DAVIS 2016: intersection over union.

    Args:
        pred: bool (H, W).
        target: bool (H, W), the truth.

    Returns:
        [0, 1]; empty union: 1.

    Raises:
        ShapeError: Another dtype, rank, or two sizes.

    >>> region_j(np.eye(2, dtype=bool), np.ones((2, 2), bool))
    0.5
    """
    require_pair(pred, target, names=("pred", "target"))
    return iou(pred, target)


def boundary_px(mask: BoolMask) -> BoolMask:
    """Mark the boundary pixels of a mask, as DAVIS does.

    A pixel is one if it differs from its right, lower or lower-right neighbour; the last row looks right
    only, the last column down only, the last corner never. The frame of the picture is no boundary: a
    full mask has none.

    Args:
        mask: bool (H, W).

    Returns:
        bool (H, W), one pixel wide; it also holds background pixels, left of and above the mask.

    Raises:
        ShapeError: Another dtype or rank.

    >>> boundary_px(np.array([[False, False, False], [False, True, True]])).astype(int)
    array([[1, 1, 1],
           [1, 0, 0]])
    """
    require_mask(mask, "mask")
    edge = np.zeros(mask.shape, np.bool_)
    edge[:, :-1] = mask[:, :-1] ^ mask[:, 1:]
    edge[:-1] |= mask[:-1] ^ mask[1:]
    edge[:-1, :-1] |= mask[:-1, :-1] ^ mask[1:, 1:]
    return edge


@dataclass(frozen=True, slots=True)
class BoundaryScore:
    """How two boundaries match.

    Attributes:
        f: Harmonic mean of precision and recall, [0, 1].
        precision: Share of the prediction's boundary near the truth's.
        recall: Share of the truth's boundary near the prediction's.
    """

    f: float
    precision: float
    recall: float


def boundary_score(pred: BoolMask, target: BoolMask, *, tolerance_px: int) -> BoundaryScore:
    """Boundary precision, recall and F of DAVIS 2016.

    A boundary pixel (see `boundary_px`) matches when the other boundary has a pixel within `tolerance_px`,
    dx² + dy² ≤ tolerance². F cannot see a jitter below the tolerance.

    Args:
        pred: bool (H, W).
        target: bool (H, W), the truth.
        tolerance_px: Radius in which boundaries match; `davis_tolerance_px` gives the official one; higher
            forgives more.

    Returns:
        F = 2PR/(P+R), 0 if P+R is 0. Neither has a boundary: all 1 (so empty against full gives 1). Only the
        prediction has one: P 0, R 1, F 0. Only the truth has one: P 1, R 0, F 0.

    Raises:
        ShapeError: Another dtype, rank, or two sizes.
        ParameterError: A negative tolerance.

    >>> square = np.zeros((20, 20), bool)
    >>> square[5:15, 5:15] = True
    >>> boundary_score(square, np.roll(square, 1, axis=1), tolerance_px=1).f
    1.0
    """
    require_pair(pred, target, names=("pred", "target"))
    if tolerance_px < 0:
        raise ParameterError(f"tolerance_px must be 0 or more, got {tolerance_px}")
    pred, target = _crop_to_both(pred, target)
    pred_edge, target_edge = boundary_px(pred), boundary_px(target)
    n_pred, n_target = count_px(pred_edge), count_px(target_edge)
    if not n_pred or not n_target:
        precision, recall = float(not n_pred), float(not n_target)
    else:
        precision = count_px(pred_edge & _within(target_edge, tolerance_px)) / n_pred
        recall = count_px(target_edge & _within(pred_edge, tolerance_px)) / n_target
    total = precision + recall
    return BoundaryScore(2 * precision * recall / total if total else 0.0, precision, recall)


def boundary_f(pred: BoolMask, target: BoolMask, *, tolerance_px: int) -> float:
    """Boundary F of DAVIS 2016: the `f` of `boundary_score`.

    Args:
        pred: bool (H, W).
        target: bool (H, W), the truth.
        tolerance_px: Radius in which boundaries match, in pixels; higher forgives more.

    Returns:
        [0, 1]; no boundary on either side: 1; on one side only: 0.

    Raises:
        ShapeError: Another dtype, rank, or two sizes.
        ParameterError: A negative tolerance.

    >>> boundary_f(np.zeros((4, 4), bool), np.eye(4, dtype=bool), tolerance_px=1)
    0.0
    """
    return boundary_score(pred, target, tolerance_px=tolerance_px).f


@dataclass(frozen=True, slots=True)
class FrameAccuracy:
    """One frame against the truth: `region_j`, `boundary_f` at the DAVIS tolerance, `dice`; [0, 1]."""

    j: float
    f: float
    dice: float


class Accuracy:
    """J, F, J&F and Dice of a clip, one frame at a time, all frames in; constant memory.

    >>> metric = Accuracy()
    >>> frame = metric.update(np.eye(3, dtype=bool), target=np.eye(3, dtype=bool))
    >>> metric.compute()
    {'j': 1.0, 'f': 1.0, 'jf': 1.0, 'dice': 1.0}
    """

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget everything."""
        self._stats = {name: RunningStats() for name in ("j", "f", "dice")}

    def update(self, pred: BoolMask, *, target: BoolMask) -> FrameAccuracy:
        """Take the next frame, bool (H, W), with its truth, bool (H, W).

        Raises:
            ShapeError: Another dtype, rank, or two sizes.
        """
        tolerance_px = davis_tolerance_px((pred.shape[0], pred.shape[1])) if pred.ndim == 2 else 0
        frame = FrameAccuracy(
            region_j(pred, target), boundary_f(pred, target, tolerance_px=tolerance_px), dice(pred, target)
        )
        for name, stats in self._stats.items():
            stats.update(getattr(frame, name))
        return frame

    def compute(self) -> dict[str, float]:
        """Return the means over all frames so far; `jf` is (J + F) / 2; NaN before the first frame."""
        j, f, dice_mean = (self._stats[name].mean for name in ("j", "f", "dice"))
        return {"j": j, "f": f, "jf": (j + f) / 2, "dice": dice_mean}


def _crop_to_both(pred: BoolMask, target: BoolMask) -> tuple[BoolMask, BoolMask]:
    """Cut away what is background in both, but for one pixel, which may be boundary."""
    if not pred.size:
        return pred, target
    x, y, width, height = cv2.boundingRect((pred | target).view(np.uint8))
    rows = slice(max(y - 1, 0), y + height + 1)
    columns = slice(max(x - 1, 0), x + width + 1)
    return pred[rows, columns], target[rows, columns]


def _within(edge: BoolMask, radius_px: int) -> BoolMask:
    """Mark the pixels within a distance of an edge: dilate with a disk, row by row of the disk.

    One horizontal dilation per width of the disk, shifted to the rows of that width; O(radius) per pixel.
    """
    height, width = edge.shape
    padded = np.zeros((height + 2 * radius_px, width), np.uint8)
    spans: dict[int, NDArray[np.uint8]] = {}
    for row in range(2 * radius_px + 1):
        half = math.isqrt(radius_px**2 - (row - radius_px) ** 2)
        if half not in spans:
            line = np.ones((1, 2 * half + 1), np.uint8)
            spans[half] = np.asarray(cv2.dilate(edge.view(np.uint8), line), np.uint8)
        padded[row : row + height] |= spans[half]
    return padded[radius_px : radius_px + height].view(np.bool_)
