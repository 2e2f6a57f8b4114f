"""TC: how well the classes of one frame agree with those of the frame before, carried along the flow.

Truth is not asked for: an empty, a full or a constant prediction is perfectly consistent, and one frozen on a
still scene too. Read it beside `accuracy`.
"""

import math
from typing import Any, Literal, get_args

import cv2
import numpy as np
from numpy.typing import NDArray

from vidlab.errors import ParameterError, ShapeError
from vidlab.flow.warp import inside_picture, require_flow, source_planes
from vidlab.metrics.labels import class_ious
from vidlab.metrics.overlap import require_mask
from vidlab.metrics.running import RunningStats
from vidlab.types import BoolMask, Float32Array

Labels = NDArray[np.bool_] | NDArray[np.uint8] | NDArray[np.int64]
Compat = Literal["strict", "plain"]

IGNORE = 255  # the label that says "do not judge this pixel"


def require_labels(labels: NDArray[Any], name: str) -> None:
    """Check that one frame's labels are bool, uint8 or int64 (H, W).

    Raises:
        ShapeError: They are not.
    """
    if labels.dtype not in (np.bool_, np.uint8, np.int64) or labels.ndim != 2:
        raise ShapeError(
            f"{name} must be bool, uint8 or int64 (H, W), got {labels.dtype.name} {labels.shape}"
        )


def pair_confusion(
    labels: Labels,
    previous: Labels,
    *,
    flow_to_prev: Float32Array,
    occluded: BoolMask | None,
    n_classes: int,
    compat: Compat,
) -> NDArray[np.int64]:
    """Count which class of this frame meets which class of the frame before, warped onto this one.

    Every pixel takes the label of the nearest pixel where the flow points (half to even).

    Args:
        labels: bool, uint8 or int64 (H, W), this frame: 0..K-1; 255 = ignore; a mask counts as 0 and 1.
        previous: As `labels`, the frame before.
        flow_to_prev: float32 (H, W, 2), pixels, (dx, dy): where each pixel of this frame was in the previous.
        occluded: bool (H, W), pixels to leave out (see `vidlab.flow.occluded`); None leaves none out.
        n_classes: K, 1..255.
        compat: What comes from outside the picture is left out by `strict`, and class 0 for `plain` (a
            remap that fills with 0, as evaluation scripts have it).

    Returns:
        int64 (K, K), pixels: rows are this frame's classes, columns the warped ones.

    Raises:
        ShapeError: Another dtype, rank, or two sizes.
        ParameterError: A label, `n_classes` or `compat` that does not exist.

    >>> before, now = np.array([[2, 0, 0]]), np.array([[0, 2, 1]])
    >>> right = np.zeros((1, 3, 2), np.float32) + np.float32([-1, 0])
    >>> pair_confusion(now, before, flow_to_prev=right, occluded=None, n_classes=3, compat="strict").tolist()
    [[0, 0, 0], [1, 0, 0], [0, 0, 1]]
    """
    _require_choice(n_classes, compat)
    now, before = _coded(labels, "labels", n_classes), _coded(previous, "previous", n_classes)
    if now.shape != before.shape:
        raise ShapeError(f"labels must match, got previous {before.shape} and labels {now.shape}")
    require_flow(flow_to_prev, now.shape, "flow_to_prev")
    x, y = (np.rint(plane) for plane in source_planes(flow_to_prev, top=0))
    remapped = cv2.remap(before, x, y, cv2.INTER_NEAREST, borderValue=0) if now.size else before
    warped = np.asarray(remapped, np.uint8)
    compared = (now != IGNORE) & (warped != IGNORE)
    if compat == "strict":
        compared &= inside_picture(x, y, height=len(now))
    if occluded is not None:
        require_mask(occluded, "occluded")
        if occluded.shape != now.shape:
            raise ShapeError(f"masks must match, got labels {now.shape} and occluded {occluded.shape}")
        compared &= ~occluded
    cells = now[compared].astype(np.int64) * n_classes + warped[compared]
    return np.bincount(cells, minlength=n_classes**2).reshape(n_classes, n_classes).astype(np.int64)


def frame_tc(
    labels: Labels,
    previous: Labels,
    *,
    flow_to_prev: Float32Array,
    occluded: BoolMask | None,
    n_classes: int,
    compat: Compat,
) -> float:
    """Temporal consistency TC of one pair: mean IoU of its classes with those of the frame before, warped.

    Liu et al., "Efficient Semantic Video Segmentation with Per-frame Inference", ECCV 2020. They leave no
    occlusion out; `vidlab.flow.occluded` tells what the frame before cannot know.

    Arguments and errors are those of `pair_confusion`.

    Returns:
        [0, 1], the mean over the classes that either frame shows; nothing to compare: NaN.

    >>> before, now = np.array([[True, False, False]]), np.array([[False, True, False]])
    >>> right = np.zeros((1, 3, 2), np.float32) + np.float32([-1, 0])
    >>> frame_tc(now, before, flow_to_prev=right, occluded=None, n_classes=2, compat="strict")
    1.0
    """
    confusion = pair_confusion(
        labels, previous, flow_to_prev=flow_to_prev, occluded=occluded, n_classes=n_classes, compat=compat
    )
    return _mean_defined(class_ious(confusion))


class ClassConsistency:
    """TC of a clip, one frame at a time: per pair, and over all pixels together; holds one frame's labels.

    To pool several clips, go on without a reset and give the first frame of each no flow.

    >>> metric = ClassConsistency(n_classes=2, compat="strict")
    >>> mask, still = np.eye(3, dtype=bool), np.zeros((3, 3, 2), np.float32)
    >>> [metric.update(mask, flow_to_prev=flow, occluded=None) for flow in (None, still)]
    [nan, 1.0]
    >>> metric.compute()
    {'tc': 1.0, 'tc_pooled': 1.0}
    """

    def __init__(self, *, n_classes: int, compat: Compat) -> None:
        """Choose how many classes there are, 1..255, and the rule for the border (see `pair_confusion`).

        Raises:
            ParameterError: `n_classes` or `compat` does not exist.
        """
        _require_choice(n_classes, compat)
        self._n_classes = n_classes
        self._compat: Compat = compat
        self.reset()

    def reset(self) -> None:
        """Forget everything; the next frame is the first of a clip."""
        self._labels: NDArray[np.uint8] | None = None
        self._stats = RunningStats()
        self._confusion = np.zeros((self._n_classes, self._n_classes), np.int64)

    @property
    def n_pairs(self) -> int:
        """Number of pairs in which there was something to compare."""
        return self._stats.n

    @property
    def confusion(self) -> NDArray[np.int64]:
        """All pairs' `pair_confusion` together, int64 (K, K), pixels; a copy."""
        return self._confusion.copy()

    def update(
        self, labels: Labels, *, flow_to_prev: Float32Array | None, occluded: BoolMask | None
    ) -> float:
        """Take the next frame.

        Args:
            labels: bool, uint8 or int64 (H, W); copied.
            flow_to_prev: float32 (H, W, 2), pixels; None where there is no flow (first frame, shot cut).
            occluded: bool (H, W), pixels to leave out, or None.

        Returns:
            `frame_tc` with the frame before; NaN without one, or without a flow.

        Raises:
            ShapeError: Another dtype, rank, or size.
            ParameterError: A label that does not exist.
        """
        coded = _coded(labels, "labels", self._n_classes)
        before, value = self._labels, math.nan
        if before is not None and flow_to_prev is not None:
            pair = pair_confusion(
                coded,
                before,
                flow_to_prev=flow_to_prev,
                occluded=occluded,
                n_classes=self._n_classes,
                compat=self._compat,
            )
            self._confusion += pair
            value = _mean_defined(class_ious(pair))
        self._labels = coded.copy()
        self._stats.update(value)
        return value

    def compute(self) -> dict[str, float]:
        """Return `tc`, the mean over pairs, and `tc_pooled`, the mean IoU of `confusion`; NaN without a pair.

        `plain` pools as the VSPW Evaluator does: a class that only warped frames show does not count.
        """
        ious = class_ious(self._confusion)
        if self._compat == "plain":
            ious[self._confusion.sum(axis=1) == 0] = math.nan
        return {"tc": self._stats.mean, "tc_pooled": _mean_defined(ious)}


def _require_choice(n_classes: int, compat: str) -> None:
    if not 1 <= n_classes <= IGNORE:
        raise ParameterError(f"n_classes must lie in 1..255, got {n_classes}")
    if compat not in get_args(Compat):
        raise ParameterError(f"unknown compat {compat!r}; choose from: {', '.join(get_args(Compat))}")


def _coded(labels: Labels, name: str, n_classes: int) -> NDArray[np.uint8]:
    """Return labels as uint8, which OpenCV can warp; shares memory with bool and uint8 input."""
    require_labels(labels, name)
    if labels.dtype == np.bool_:
        labels = labels.view(np.uint8)
    judged = labels[labels != IGNORE]
    if judged.size and (judged.min() < 0 or judged.max() >= n_classes):
        wrong = judged.min() if judged.min() < 0 else judged.max()
        raise ParameterError(f"{name} must lie in 0..{n_classes - 1}, or be 255 to be ignored, got {wrong}")
    return labels.astype(np.uint8, copy=False)


def _mean_defined(values: NDArray[np.float64]) -> float:
    defined = values[~np.isnan(values)]
    return float(defined.mean()) if defined.size else math.nan
