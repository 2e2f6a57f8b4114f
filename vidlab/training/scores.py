"""How well predicted classes meet the true ones: Dice and IoU of each class, all pixels pooled."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vidlab.metrics.labels import class_ious
from vidlab.metrics.statistics import mean
from vidlab.training.losses import IGNORE


@dataclass(frozen=True, slots=True, eq=False)
class Scores:
    """What all pictures so far say together.

    Attributes:
        dice: float64 (K,), [0, 1], Dice of each class; NaN for one that nobody shows.
        iou: float64 (K,), [0, 1], intersection over union of each class.
        shown: Classes that are no background: what the means are over.
    """

    dice: NDArray[np.float64]
    iou: NDArray[np.float64]
    shown: tuple[int, ...]

    @property
    def mean_dice(self) -> float:
        """Mean Dice of the classes that are no background, [0, 1]; NaN if nobody shows one."""
        return mean(self.dice[list(self.shown)])

    @property
    def miou(self) -> float:
        """Mean IoU of the same, [0, 1]."""
        return mean(self.iou[list(self.shown)])


class ScoreCount:
    """Counts pixels of true and predicted class; memory is K² numbers, on the device where pictures are.

    >>> count = ScoreCount(2, shown=(1,), device="cpu")
    >>> count.update(torch.tensor([[[0, 1, 1]]]), torch.tensor([[[0, 0, 1]]]))
    >>> count.compute().dice.round(3).tolist()
    [0.667, 0.667]
    """

    def __init__(self, n_classes: int, *, shown: tuple[int, ...], device: str) -> None:
        """Begin with no picture; see `Scores` for what `shown` is."""
        self._n_classes, self._shown = n_classes, shown
        self._confusion = torch.zeros(n_classes**2, dtype=torch.int64, device=device)  # truth, prediction

    def update(self, pred: Tensor, target: Tensor) -> None:
        """Count classes, int64 (N, H, W); pixels whose truth is `IGNORE` are left out."""
        counted = target != IGNORE
        cells = target[counted] * self._n_classes + pred[counted]
        self._confusion += torch.bincount(cells, minlength=self._n_classes**2)

    def compute(self) -> Scores:
        """Return the scores of all pictures so far."""
        confusion = self._confusion.reshape(self._n_classes, -1).cpu().numpy()
        iou = class_ious(confusion)
        return Scores(2 * iou / (1 + iou), iou, self._shown)
