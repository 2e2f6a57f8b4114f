"""Temporal stability T of DAVIS 2016: how much the outline changes its shape from frame to frame.

Perazzi et al., "A Benchmark Dataset and Evaluation Methodology for Video Object Segmentation", CVPR 2016.
Lower is calmer. T looks at the shape of one contour alone: it knows no truth and no motion, hardly sees a
shift, a change of size or a second object, and counts real deformation and occlusion as instability. Read it
beside `accuracy`.
"""

import math
from typing import Literal, get_args

from vidlab.errors import ParameterError, ShapeError
from vidlab.metrics.alignment import align_closed, cheapest_pairs
from vidlab.metrics.contours import main_contour
from vidlab.metrics.overlap import require_mask, require_pair
from vidlab.metrics.running import RunningStats
from vidlab.metrics.shape_context import Histograms, matching_cost, resample, shape_contexts
from vidlab.types import BoolMask

Compat = Literal["strict", "davis2016"]

SCALE = 5  # mean matching cost to T, as in DAVIS
MAX_POINTS = 5000  # a contour of more is noise, and matching two of them would take gigabytes


def temporal_stability(mask: BoolMask, previous: BoolMask) -> float:
    """T of one pair of frames: the mean cost of matching their contours, point by point, times 5.

    Of each mask the contour with the most vertices counts (`main_contour`), with points at most 3 px apart.
    Each point is described by its shape context; the two rows of points are aligned by dynamic time warping,
    of which each point keeps its cheapest partner. Time and memory grow with the product of the numbers of
    points: 570 each are a large object at 480p.

    Args:
        mask: bool (H, W), this frame.
        previous: bool (H, W), the frame before.

    Returns:
        [0, 5], lower is calmer; NaN where a mask has no contour (empty, or nothing but specks of about 2 px),
        or one of more than MAX_POINTS points.

    Raises:
        ShapeError: Another dtype, rank, or two sizes.

    >>> import numpy as np
    >>> wide, square = np.zeros((20, 40), bool), np.zeros((20, 40), bool)
    >>> wide[5:15, 5:35], square[5:15, 15:25] = True, True
    >>> temporal_stability(wide, wide[::-1]), round(temporal_stability(wide, square), 2)
    (0.0, 1.86)
    """
    require_pair(previous, mask, names=("previous", "mask"))
    before, now = _describe(previous), _describe(mask)
    return math.nan if before is None or now is None else _compare(before, now)


class TemporalStability:
    """T of a clip, one frame at a time; holds the description of one contour, never a mask.

    >>> import numpy as np
    >>> metric = TemporalStability()
    >>> square = np.zeros((20, 40), bool)
    >>> square[5:15, 15:25] = True
    >>> [metric.update(mask) for mask in (square, square, square & False, square)]
    [nan, 0.0, nan, nan]
    >>> metric.compute()
    0.0
    """

    def __init__(self, *, compat: Compat = "strict") -> None:
        """Choose which pairs count.

        Args:
            compat: `strict` takes all of them; `davis2016` leaves out the first and the last, as the official
                code does, so that a clip of three frames or fewer has no value.

        Raises:
            ParameterError: Another name.
        """
        if compat not in get_args(Compat):
            raise ParameterError(f"unknown compat '{compat}'; choose from: {', '.join(get_args(Compat))}")
        self._compat = compat
        self.reset()

    def reset(self) -> None:
        """Forget everything; the next frame is the first of a clip."""
        self._size_hw: tuple[int, ...] | None = None
        self._histograms: Histograms | None = None
        self._n_frames = 0
        self._all, self._inner = RunningStats(), RunningStats()
        self._last = math.nan

    def update(self, mask: BoolMask) -> float:
        """Take the next frame, bool (H, W).

        Returns:
            `temporal_stability` with the frame before; NaN for the first frame.

        Raises:
            ShapeError: Another dtype, rank, or size.
        """
        require_mask(mask, "mask")
        if self._size_hw not in (None, mask.shape):
            raise ShapeError(f"masks must match, got previous {self._size_hw} and mask {mask.shape}")
        self._size_hw = mask.shape
        before, self._histograms = self._histograms, _describe(mask)
        value = math.nan
        if before is not None and self._histograms is not None:
            value = _compare(before, self._histograms)
        self._n_frames += 1
        if self._n_frames > 3:  # the pair before is neither the first nor the last
            self._inner.update(self._last)
        self._last = value
        self._all.update(value)
        return value

    def compute(self) -> float:
        """Return the mean over the pairs that count and have a value; NaN if there are none."""
        return (self._all if self._compat == "strict" else self._inner).mean


def _describe(mask: BoolMask) -> Histograms | None:
    contour = main_contour(mask)
    points = None if contour is None else resample(contour.vertices)
    return None if points is None or len(points) > MAX_POINTS else shape_contexts(points)


def _compare(before: Histograms, now: Histograms) -> float:
    costs = matching_cost(before, now)
    pairs = cheapest_pairs(costs, align_closed(costs))
    return SCALE * float(costs[pairs[:, 0], pairs[:, 1]].mean())
