"""Losses and scores against numbers worked by hand, and against another library's."""

import math

import numpy as np
import pytest
import torch

from vidlab.params import FitParams
from vidlab.training import losses
from vidlab.training.losses import IGNORE, loss_of
from vidlab.training.scores import ScoreCount

# Two pixels, two classes: of the first pixel's class the network is sure by p = 0.8, of the second's by 0.6.
LOGIT_8, LOGIT_6 = math.log(4.0), math.log(1.5)
SCORES = torch.tensor([[[[LOGIT_8, 0.0]], [[0.0, LOGIT_6]]]])  # softmax: 0.8 | 0.4 and 0.2 | 0.6
TARGET = torch.tensor([[[0, 1]]])


def drawn(*, seed=0, n_classes=4):
    generator = torch.Generator().manual_seed(seed)
    scores = torch.randn(3, n_classes, 6, 5, generator=generator, requires_grad=True)
    target = torch.randint(0, n_classes, (3, 6, 5), generator=generator)
    target[torch.rand(target.shape, generator=generator) < 0.2] = IGNORE
    return scores, target


def test_cross_entropy_by_hand():
    expected = -(math.log(0.8) + math.log(0.6)) / 2
    assert losses.cross_entropy(SCORES, TARGET).item() == pytest.approx(expected, rel=1e-6)


def test_dice_by_hand_with_one_pixel_of_smoothing():
    first = (2 * 0.8 + 1) / (0.8 + 0.4 + 1 + 1)
    second = (2 * 0.6 + 1) / (0.2 + 0.6 + 1 + 1)
    expected = 1 - (first + second) / 2
    assert losses.dice(SCORES, TARGET).item() == pytest.approx(expected, rel=1e-6)


def test_reference_by_hand_is_dice_of_sigmoids_plus_binary_cross_entropy():
    scores = torch.tensor([[[[LOGIT_8, -LOGIT_8]], [[-LOGIT_6, LOGIT_6]]]])  # 0.8 | 0.2 and 0.4 | 0.6
    first, second = (2 * 0.8 + 1) / (1.0 + 1 + 1), (2 * 0.6 + 1) / (1.0 + 1 + 1)
    binary = -(2 * math.log(0.8) + 2 * math.log(0.6)) / 4
    expected = 0.3 * (1 - (first + second) / 2) + binary
    assert losses.reference(scores, TARGET, dice_weight=0.3).item() == pytest.approx(expected, rel=1e-6)


def test_dice_is_summed_over_the_batch_before_it_is_divided():
    full = torch.tensor([[[[99.0, 99.0]], [[-99.0, -99.0]]]])
    pictures = torch.cat([full, full])
    target = torch.tensor([[[0, 0]], [[1, 1]]])  # the first is right, the second is wrong
    pooled = 1 - ((2 * 2 + 1) / (4 + 2 + 1) + 1 / (0 + 2 + 1)) / 2
    apart = (losses.dice(full, target[:1]) + losses.dice(full, target[1:])) / 2
    assert losses.dice(pictures, target).item() == pytest.approx(pooled)
    assert abs(apart.item() - pooled) > 0.02


def test_a_class_that_nobody_shows_costs_nothing():
    scores = torch.tensor([[[[99.0]], [[-99.0]], [[-99.0]]]])
    assert losses.dice(scores, torch.zeros(1, 1, 1, dtype=torch.long)).item() == pytest.approx(0, abs=1e-6)


def test_focal_by_hand_and_without_focus_is_cross_entropy():
    expected = -(0.2**2 * math.log(0.8) + 0.4**2 * math.log(0.6)) / 2
    assert losses.focal(SCORES, TARGET, gamma=2).item() == pytest.approx(expected, rel=1e-5)
    scores, target = drawn()
    plain = losses.cross_entropy(scores, target)
    assert losses.focal(scores, target, gamma=0).item() == pytest.approx(plain.item(), rel=1e-6)


@pytest.mark.parametrize("name", ["cross_entropy", "reference", "dice", "focal"])
class TestEveryLoss:
    def loss(self, name):
        return loss_of(FitParams(loss=name), epoch=0)

    def test_ignored_pixels_have_no_say(self, name):
        scores, target = drawn()
        other = torch.where((target == IGNORE).unsqueeze(1), scores + 5, scores).detach()
        assert self.loss(name)(other, target).item() == pytest.approx(
            self.loss(name)(scores, target).item(), rel=1e-5
        )
        (gradient,) = torch.autograd.grad(self.loss(name)(scores, target), scores)
        assert gradient.movedim(1, -1)[target == IGNORE].abs().max() == 0

    def test_nothing_that_counts_is_no_loss(self, name):
        scores, target = drawn()
        value = self.loss(name)(scores, torch.full_like(target, IGNORE))
        assert value.item() == pytest.approx(0, abs=1e-6)

    def test_a_step_down_the_gradient_makes_it_smaller(self, name):
        scores, target = drawn()
        before = self.loss(name)(scores, target)
        (gradient,) = torch.autograd.grad(before, scores)
        assert self.loss(name)(scores - 0.1 * gradient / gradient.norm(), target) < before

    def test_a_perfect_answer_costs_almost_nothing(self, name):
        _, target = drawn()
        target = target.where(target != IGNORE, 0)
        scores = 40 * torch.nn.functional.one_hot(target, 4).movedim(-1, 1).float() - 20
        assert self.loss(name)(scores, target).item() < 1e-6


def test_cross_entropy_comes_first_then_dice():
    params = FitParams(loss="ce_then_dice", ce_epochs=2)
    scores, target = drawn()
    values = [loss_of(params, epoch=epoch)(scores, target).item() for epoch in range(4)]
    early, late = losses.cross_entropy(scores, target).item(), losses.dice(scores, target).item()
    assert values == [early, early, late, late]


def test_losses_are_those_of_another_library():
    smp = pytest.importorskip("segmentation_models_pytorch")
    scores, _ = drawn()
    target = torch.arange(90).reshape(3, 6, 5) % 4  # all shown: where one is not, the other takes no Dice
    theirs = smp.losses.DiceLoss("multiclass", smooth=0.5)  # it adds it to half of both sums
    assert losses.dice(scores, target).item() == pytest.approx(theirs(scores, target).item(), rel=1e-5)
    one = scores[:, :1].detach()  # theirs is of sigmoids: equal where two scores are x and 0
    two = torch.cat([torch.zeros_like(one), one], dim=1)
    binary = smp.losses.FocalLoss("binary", gamma=2.0)(one, target % 2)
    assert losses.focal(two, target % 2, gamma=2).item() == pytest.approx(binary.item(), rel=1e-5)


def test_scores_pool_all_pictures_and_leave_out_ignored_pixels():
    pred, target = drawn(seed=3)[1], drawn(seed=4)[1]
    pred = pred.where(pred != IGNORE, 0)
    count = ScoreCount(4, shown=(1, 2, 3), device="cpu")
    for one, truth in zip(pred, target, strict=True):
        count.update(one[None], truth[None])
    scores = count.compute()
    counted = (target != IGNORE).numpy()
    for index in range(4):
        a, b = (pred == index).numpy()[counted], (target == index).numpy()[counted]
        assert scores.dice[index] == pytest.approx(2 * (a & b).sum() / (a.sum() + b.sum()))
        assert scores.iou[index] == pytest.approx((a & b).sum() / (a | b).sum())
    assert scores.mean_dice == pytest.approx(scores.dice[1:].mean())
    assert scores.miou == pytest.approx(scores.iou[1:].mean())


def test_a_class_that_nobody_shows_has_no_score():
    count = ScoreCount(3, shown=(1, 2), device="cpu")
    count.update(torch.tensor([[[0, 1]]]), torch.tensor([[[0, 1]]]))
    scores = count.compute()
    assert np.isnan(scores.dice[2])
    assert scores.mean_dice == 1.0
    assert np.isnan(ScoreCount(3, shown=(1, 2), device="cpu").compute().mean_dice)
