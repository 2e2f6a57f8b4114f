"""How near label maps are to the truth: IoU of each class, their mean, pixel accuracy."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vidlab.errors import ParameterError, ShapeError
from vidlab.metrics.statistics import mean

Labels = NDArray[np.uint8] | NDArray[np.int64]


def class_ious(confusion: NDArray[np.int64]) -> NDArray[np.float64]:
    """IoU of every class of a confusion matrix.

    Args:
        confusion: int64 (K, K), pixels.

    Returns:
        float64 (K,), [0, 1]; NaN for a class that neither rows nor columns have.

    >>> class_ious(np.array([[2, 1, 0], [1, 0, 0], [0, 0, 0]])).tolist()
    [0.5, 0.0, nan]
    """
    both = np.diagonal(confusion).astype(np.float64)
    either = confusion.sum(axis=0) + confusion.sum(axis=1) - np.diagonal(confusion)
    ious = np.full(len(both), np.nan)
    np.divide(both, either, out=ious, where=either > 0)
    return ious


def class_iou(
    pred: Labels, target: Labels, *, n_classes: int, ignore_label: int | None
) -> NDArray[np.float64]:
    """Intersection over union of each class, over all pixels of a frame or of a clip together.

    The measure of PASCAL VOC (Everingham et al., IJCV 2015), from one confusion matrix.

    Args:
        pred: uint8 or int64 (H, W) or (T, H, W), classes 0..n_classes-1.
        target: uint8 or int64, the same shape, the truth.
        n_classes: K, classes counted, background among them.
        ignore_label: Pixels whose truth is this label do not count, whatever was predicted there; by custom
            255. If it is one of the classes, that class has no IoU. None: every pixel counts.

    Returns:
        float64 (K,), [0, 1]; NaN for a class that neither has, as for every class of an empty clip.

    Raises:
        ShapeError: Another dtype, rank, or two sizes.
        ParameterError: No classes, or a label outside 0..n_classes-1 where it counts.

    >>> pred, target = np.array([[0, 0, 1, 1]]), np.array([[0, 1, 1, 255]])
    >>> class_iou(pred, target, n_classes=3, ignore_label=255)
    array([0.5, 0.5, nan])
    """
    _require_labels(pred, target, ranks=(2, 3))
    overlap = ClassOverlap(n_classes=n_classes, ignore_label=ignore_label)
    height, width = pred.shape[-2:]
    frames = (labels.reshape(-1, height, width) if labels.size else () for labels in (pred, target))
    for one, truth in zip(*frames, strict=True):
        overlap.update(one, target=truth)
    return overlap.compute().iou


@dataclass(frozen=True, slots=True, eq=False)
class ClassScores:
    """What all frames so far say together.

    Attributes:
        iou: float64 (n_classes,), [0, 1]; NaN for a class in neither, and for the ignored one.
        miou: Mean of the defined ones; NaN if there are none.
        pixel_accuracy: Share of the counted pixels whose label is right; NaN if no pixel counted.
    """

    iou: NDArray[np.float64]
    miou: float
    pixel_accuracy: float


class ClassOverlap:
    """IoU of each class over a clip, one frame at a time; memory is n_classes² counts, for any length.

    >>> metric = ClassOverlap(n_classes=2, ignore_label=255)
    >>> metric.update(np.array([[0, 1]]), target=np.array([[0, 0]]))
    0.25
    >>> metric.compute()
    ClassScores(iou=array([0.5, 0. ]), miou=0.25, pixel_accuracy=0.5)
    """

    def __init__(self, *, n_classes: int, ignore_label: int | None) -> None:
        """Declare the classes 0..n_classes-1; see `class_iou`.

        Raises:
            ParameterError: No classes.
        """
        if n_classes < 1:
            raise ParameterError(f"n_classes must be 1 or more, got {n_classes}")
        self._n_classes = n_classes
        self._ignore_label = ignore_label
        self.reset()

    def reset(self) -> None:
        """Forget everything."""
        self._confusion = np.zeros((self._n_classes, self._n_classes), np.int64)  # truth, prediction

    def update(self, pred: Labels, *, target: Labels) -> float:
        """Take the next frame, uint8 or int64 (H, W), with its truth, the same.

        Returns:
            This frame's mean IoU, over the classes that either of the two shows; NaN if no pixel counts.

        Raises:
            ShapeError: Another dtype, rank, or two sizes.
            ParameterError: A label outside 0..n_classes-1 where it counts.
        """
        _require_labels(pred, target, ranks=(2,))
        if self._ignore_label is not None:
            counts = target != self._ignore_label
            pred, target = pred[counts], target[counts]
        _require_range(pred, "pred", n_classes=self._n_classes)
        _require_range(target, "target", n_classes=self._n_classes)
        cells = target.astype(np.intp) * self._n_classes + pred.astype(np.intp)
        confusion = np.bincount(cells.reshape(-1), minlength=self._n_classes**2)
        confusion = confusion.reshape(self._n_classes, self._n_classes)
        self._confusion += confusion
        return mean(self._iou(confusion))

    def compute(self) -> ClassScores:
        """Return the scores of all frames so far, their pixels pooled; NaN before the first."""
        iou = self._iou(self._confusion)
        n_pixels = int(self._confusion.sum())
        right = int(np.trace(self._confusion))
        return ClassScores(iou, mean(iou), right / n_pixels if n_pixels else float("nan"))

    def _iou(self, confusion: NDArray[np.int64]) -> NDArray[np.float64]:
        iou = class_ious(confusion)
        if self._ignore_label is not None and 0 <= self._ignore_label < self._n_classes:
            iou[self._ignore_label] = np.nan
        return iou


def _require_labels(pred: Labels, target: Labels, *, ranks: tuple[int, ...]) -> None:
    axes = " or ".join({2: "(H, W)", 3: "(T, H, W)"}[rank] for rank in ranks)
    for labels, name in ((pred, "pred"), (target, "target")):
        if labels.dtype not in (np.uint8, np.int64) or labels.ndim not in ranks:
            raise ShapeError(f"{name} must be uint8 or int64 {axes}, got {labels.dtype.name} {labels.shape}")
    if pred.shape != target.shape:
        raise ShapeError(f"labels must match, got pred {pred.shape} and target {target.shape}")


def _require_range(labels: Labels, name: str, *, n_classes: int) -> None:
    """Name the lowest label below 0, or else the highest one beyond the classes."""
    if not labels.size:
        return
    lowest, highest = int(labels.min()), int(labels.max())
    if lowest < 0 or highest >= n_classes:
        wrong = lowest if lowest < 0 else highest
        raise ParameterError(
            f"{name} labels must lie in 0..{n_classes - 1}, got {wrong}; "
            "pixels that have no class need ignore_label in the target"
        )
