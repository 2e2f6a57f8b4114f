"""What a network is trained to make small: cross-entropy, Dice and their kin, on scores and class indices.

Every loss takes scores, float (N, K, H, W), any real, and targets, int64 (N, H, W), 0..K-1; pixels of
`IGNORE` count nowhere. It returns one number, 0 or more; 0 where no pixel counts.
"""

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from vidlab.params import FitParams

IGNORE = 255  # the class index of pixels that nobody judges
SMOOTH = 1.0  # pixels added above and below in Dice: a class that nobody shows costs nothing

Loss = Callable[[Tensor, Tensor], Tensor]
Activation = Literal["softmax", "sigmoid"]


def cross_entropy(scores: Tensor, target: Tensor) -> Tensor:
    """Return the mean cross-entropy of the counted pixels, in nats; classes compete (softmax)."""
    losses = F.cross_entropy(scores, target, ignore_index=IGNORE, reduction="sum")
    return losses / _n_counted(target)


def dice(scores: Tensor, target: Tensor, *, activation: Activation = "softmax") -> Tensor:
    """Return 1 − Dice (Milletari et al., 3DV 2016), [0, 1]: summed over the batch, the mean of the classes.

    Probabilities stand for the predicted region. Of each class, with p predicted and t true, it is
    (2 · Σ p·t + 1) / (Σ p + Σ t + 1), the sums going over all counted pixels of the batch.

    >>> scores = torch.tensor([[[[9.0, 9.0]], [[-9.0, -9.0]]]])
    >>> round(float(dice(scores, torch.tensor([[[0, 1]]]))), 3)
    0.375
    """
    counted, true = _one_hot(scores, target)
    probs = (scores.softmax(dim=1) if activation == "softmax" else scores.sigmoid()) * counted
    axes = (0, 2, 3)
    both, either = (probs * true).sum(axes), probs.sum(axes) + true.sum(axes)
    return (1 - (2 * both + SMOOTH) / (either + SMOOTH)).mean()


def binary_cross_entropy(scores: Tensor, target: Tensor) -> Tensor:
    """Return the mean cross-entropy of every class by itself (sigmoid), over classes and counted pixels."""
    counted, true = _one_hot(scores, target)
    losses = F.binary_cross_entropy_with_logits(scores, true, reduction="none") * counted
    return losses.sum() / (_n_counted(target) * scores.shape[1])


def reference(scores: Tensor, target: Tensor, *, dice_weight: float) -> Tensor:
    """Return `dice_weight` · Dice + binary cross-entropy, each class by itself: the reference recipe."""
    of_regions = dice(scores, target, activation="sigmoid")
    return dice_weight * of_regions + binary_cross_entropy(scores, target)


def focal(scores: Tensor, target: Tensor, *, gamma: float) -> Tensor:
    """Return the focal loss (Lin et al., ICCV 2017): cross-entropy times (1 − p) to the power of `gamma`.

    p is the probability that a pixel's true class is given (softmax): what is sure already weighs little.
    """
    losses = F.cross_entropy(scores, target, ignore_index=IGNORE, reduction="none")
    return ((1 - torch.exp(-losses)) ** gamma * losses).sum() / _n_counted(target)


def activation_of(params: FitParams) -> Activation:
    """Return how a network trained with a loss turns scores into probabilities."""
    return "sigmoid" if params.loss == "reference" else "softmax"


def loss_of(params: FitParams, *, epoch: int) -> Loss:
    """Return the loss of an epoch, from 0: `ce_then_dice` changes on the way."""
    if params.loss == "reference":
        return lambda scores, target: reference(scores, target, dice_weight=params.dice_weight)
    if params.loss == "focal":
        return lambda scores, target: focal(scores, target, gamma=params.focal_gamma)
    if params.loss == "dice" or (params.loss == "ce_then_dice" and epoch >= params.ce_epochs):
        return dice
    return cross_entropy


def _n_counted(target: Tensor) -> Tensor:
    return (target != IGNORE).sum().clamp(min=1)


def _one_hot(scores: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Return which pixels count, float (N, 1, H, W), and where each class is, float (N, K, H, W)."""
    counted = (target != IGNORE).unsqueeze(1)
    true = F.one_hot(target.where(target != IGNORE, 0), scores.shape[1]).movedim(-1, 1)
    return counted.to(scores.dtype), (true * counted).to(scores.dtype)
