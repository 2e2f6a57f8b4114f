"""How near the outlines of two masks are: boundary F of DAVIS, at any tolerance.

F is that of Perazzi et al., "A Benchmark Dataset and Evaluation Methodology for Video Object Segmentation",
CVPR 2016, with the conventions of the public davis2017-evaluation.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from vidlab.errors import ParameterError
from vidlab.metrics import bitmap
from vidlab.metrics.overlap import require_mask, require_pair
from vidlab.types import BoolMask

EDGE_TOLERANCE = 0.008  # fraction of the image diagonal, as in DAVIS


def davis_tolerance_px(size_hw: tuple[int, int]) -> int:
    """Return the DAVIS tolerance of F: ceil(0.008 · image diagonal), in pixels.

    >>> davis_tolerance_px((480, 854))
    8
    """
    return math.ceil(EDGE_TOLERANCE * float(np.linalg.norm(size_hw)))


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
    width_px = mask.shape[1]
    edges = bitmap.boundaries(bitmap.pack([mask], spare_px=1), width_px=width_px)
    unpacked: BoolMask = bitmap.unpack(edges, width_px=width_px)[0]
    return unpacked


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


def boundary_scores(pred: BoolMask, target: BoolMask, *, tolerances_px: Sequence[int]) -> list[BoundaryScore]:
    """Boundary precision, recall and F of DAVIS 2016 at several tolerances, the edges found once.

    A boundary pixel (see `boundary_px`) matches when the other boundary has a pixel within the tolerance,
    dx² + dy² ≤ tolerance². F cannot see a jitter below the tolerance.

    Args:
        pred: bool (H, W).
        target: bool (H, W), the truth.
        tolerances_px: Radii in which boundaries match; `davis_tolerance_px` gives the official one; higher
            forgives more.

    Returns:
        One for each tolerance: F = 2PR/(P+R), 0 if P+R is 0. Neither has a boundary: all 1 (so empty against
        full gives 1). Only the prediction has one: P 0, R 1, F 0. Only the truth has one: P 1, R 0, F 0.

    Raises:
        ShapeError: Another dtype, rank, or two sizes.
        ParameterError: A negative tolerance.

    >>> square = np.zeros((20, 20), bool)
    >>> square[5:15, 5:15] = True
    >>> [score.f for score in boundary_scores(square, np.roll(square, 2, axis=1), tolerances_px=[0, 1, 2])]
    [0.45, 0.55, 1.0]
    """
    require_pair(pred, target, names=("pred", "target"))
    for tolerance_px in tolerances_px:
        if tolerance_px < 0:
            raise ParameterError(f"tolerance_px must be 0 or more, got {tolerance_px}")
    pair = crop_to_both(pred, target)
    width_px = pair[0].shape[1]
    spare_px = min(max(tolerances_px, default=0), width_px)
    edges = bitmap.boundaries(bitmap.pack(pair, spare_px=spare_px), width_px=width_px)
    n_pred, n_target = bitmap.count(edges).tolist()
    if not n_pred or not n_target:
        return [_score(float(not n_pred), float(not n_target))] * len(tolerances_px)
    near = bitmap.within(edges, tolerances_px, width_px=width_px)
    matched = (bitmap.count(edges & one[::-1]).tolist() for one in near)
    return [_score(in_pred / n_pred, in_target / n_target) for in_pred, in_target in matched]


def boundary_score(pred: BoolMask, target: BoolMask, *, tolerance_px: int) -> BoundaryScore:
    """Boundary precision, recall and F of DAVIS 2016: `boundary_scores` at one tolerance.

    Args:
        pred: bool (H, W).
        target: bool (H, W), the truth.
        tolerance_px: Radius in which boundaries match, in pixels; higher forgives more.

    Returns:
        As `boundary_scores` states it, for empty input too.

    Raises:
        ShapeError: Another dtype, rank, or two sizes.
        ParameterError: A negative tolerance.

    >>> boundary_score(np.zeros((4, 4), bool), np.eye(4, dtype=bool), tolerance_px=1)
    BoundaryScore(f=0.0, precision=1.0, recall=0.0)
    """
    return boundary_scores(pred, target, tolerances_px=(tolerance_px,))[0]


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


def crop_to_both(pred: BoolMask, target: BoolMask) -> tuple[BoolMask, BoolMask]:
    """Cut away what is background in both, but for one pixel, which may be boundary.

    J, Dice and F stay as they are, and cost less.

    Args:
        pred: bool (H, W).
        target: bool (H, W).

    Returns:
        Two views, bool (h, w); both empty: of no or few pixels.

    Raises:
        ShapeError: Another dtype, rank, or two sizes.

    >>> [mask.shape for mask in crop_to_both(np.eye(9, 9, 7, dtype=bool), np.zeros((9, 9), bool))]
    [(3, 3), (3, 3)]
    """
    require_pair(pred, target, names=("pred", "target"))
    if not pred.size:
        return pred, target
    x, y, width, height = cv2.boundingRect((pred | target).view(np.uint8))
    rows = slice(max(y - 1, 0), y + height + 1)
    columns = slice(max(x - 1, 0), x + width + 1)
    return pred[rows, columns], target[rows, columns]


def _score(precision: float, recall: float) -> BoundaryScore:
    total = precision + recall
    return BoundaryScore(2 * precision * recall / total if total else 0.0, precision, recall)
