"""The training loop. A run that is killed and gone on with gives the same losses as one that was not.

What is drawn (order, variation, dropout) is drawn from seed, epoch and step, not from the generators' past;
so a run goes on after any step, and the number of loaders does not matter. On a CPU the same threads give
the same bits; a GPU adds up in an order of its own.
"""

import logging
import math
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from vidlab.errors import OutputError, TrainingError
from vidlab.models.smp import AnySize
from vidlab.params import FitParams
from vidlab.training.augment import normalized
from vidlab.training.course import LAST, Course, Row, Store
from vidlab.training.crops import Loaders
from vidlab.training.log import epoch_log
from vidlab.training.losses import loss_of
from vidlab.training.scores import ScoreCount

Watch = Callable[[int, int, Course], None]
"""Told after every step how many are done, of how many, and what is known so far."""
logger = logging.getLogger(__name__)
LAYOUT = torch.channels_last  # of tensors: convolutions are faster so, by a seventh on a CPU
LATEST = 50  # steps after which losses are looked at: each look waits for a GPU
STEPS_APART = 1_000_003  # so that no two steps of near seeds draw alike


@dataclass(frozen=True, slots=True)
class Lesson:
    """What is trained.

    Attributes:
        network: The network; changed in place.
        names: Name of each class; the first is left out of means if it is `background`.
        loaders: What it is shown.
        device: `cpu`, `cuda`, `cuda:N` or `mps`; `cuda` takes all GPUs there are.
        params: How long, and towards what.
        store: Where weights and curves go.
    """

    network: AnySize
    names: tuple[str, ...]
    loaders: Loaders
    device: str
    params: FitParams
    store: Store

    @property
    def shown(self) -> tuple[int, ...]:
        """Classes that means are over."""
        first = 1 if self.names[0].lower() == "background" else 0
        return tuple(range(first, len(self.names)))


class Fit:
    """One training, from its beginning or from where it was killed.

    Attributes:
        course: How far it is.
    """

    def __init__(self, lesson: Lesson) -> None:
        """Take up what the store holds, or begin.

        Raises:
            OutputError: What it holds is damaged, or of another network.
        """
        self._lesson, self._params = lesson, lesson.params
        network = lesson.network.to(lesson.device).to(memory_format=LAYOUT)
        n_gpus = torch.cuda.device_count() if lesson.device == "cuda" else 0
        self._network: nn.Module = nn.DataParallel(network) if n_gpus > 1 else network
        params = self._params
        self._optimizer = torch.optim.AdamW(
            network.parameters(), lr=params.lr, weight_decay=params.weight_decay
        )
        self._kind = lesson.device.partition(":")[0]
        self._dtype = _dtype_of(params.precision, self._kind)
        self._scaler = torch.amp.GradScaler(self._kind, enabled=self._dtype == torch.float16)
        self.course = Course()
        self._latest: list[Tensor] = []
        self._load()

    @property
    def n_steps(self) -> int:
        """Steps of all epochs."""
        return self._params.epochs * self._lesson.loaders.order.n_batches

    def run(self, watch: Watch) -> Course:
        """Train to the end.

        Raises:
            TrainingError: The loss is no number any more.
            SourceError: A picture cannot be read.
        """
        gpus = list(range(torch.cuda.device_count())) if self._kind == "cuda" else []
        with torch.random.fork_rng(devices=gpus), epoch_log(self._lesson.store.folder) as log:
            for row in self.course.rows:
                log(row)
            while not self.course.is_over:
                self._epoch(watch)
                log(self.course.rows[-1])
        return self.course

    def _epoch(self, watch: Watch) -> None:
        course, loaders = self.course, self._lesson.loaders
        start_s = saved_s = time.monotonic()
        loaders.order.begin(course.epoch, first=course.step)
        loss_fn = loss_of(self._params, epoch=course.epoch)
        self._network.train()
        for images, targets in loaders.train:
            number = course.epoch * loaders.order.n_batches + course.step
            torch.manual_seed(self._params.seed * STEPS_APART + number)
            rate = learning_rate(number, n_steps=self.n_steps, params=self._params)
            loss = self._loss(images, targets, loss_fn)
            self._update(loss, rate=rate)
            course.step += 1
            if len(self._latest) >= LATEST:
                self._settle()
            if time.monotonic() - saved_s >= 60 * self._params.save_minutes:
                self._save()
                saved_s = time.monotonic()
            watch(number + 1, self.n_steps, course)
        self._settle()
        self._close_epoch(seconds=time.monotonic() - start_s)

    def _loss(self, images: Tensor, targets: Tensor, loss_fn: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
        return loss_fn(self._scores(images), self._there(targets).long())

    def _scores(self, images: Tensor) -> Tensor:
        mixed = self._dtype != torch.float32
        there = normalized(self._there(images)).contiguous(memory_format=LAYOUT)
        with torch.autocast(self._kind, dtype=self._dtype if mixed else None, enabled=mixed):
            scores: Tensor = self._network(there)["out"]
        return scores.float()

    def _there(self, batch: Tensor) -> Tensor:
        return batch.to(self._lesson.device, non_blocking=True)

    def _update(self, loss: Tensor, *, rate: float) -> None:
        for group in self._optimizer.param_groups:
            group["lr"] = rate
        self._optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(self._scaler.scale(loss))
        self._scaler.step(self._optimizer)
        self._scaler.update()
        self._latest.append(loss.detach())

    def _settle(self) -> None:
        """Read the latest losses: only now a GPU has to be waited for."""
        if not self._latest:
            return
        losses = torch.stack(self._latest).tolist()
        self._latest.clear()
        for loss in losses:
            if not math.isfinite(loss):
                step = len(self.course.losses) + 1
                raise TrainingError(
                    f"the loss must stay a number, got {loss} at step {step}; take a smaller --lr"
                )
            self.course.losses.append(loss)

    def _close_epoch(self, *, seconds: float) -> None:
        course, params, n_batches = self.course, self._params, self._lesson.loaders.order.n_batches
        rate = learning_rate((course.epoch + 1) * n_batches - 1, n_steps=self.n_steps, params=params)
        mean_loss = sum(course.losses[-n_batches:]) / n_batches
        measured = self._judge(epoch=course.epoch)
        row: Row = {"epoch": course.epoch + 1, "lr": rate, "train_loss": mean_loss, **measured}
        course.rows.append({**row, "seconds": seconds})
        course.epoch, course.step = course.epoch + 1, 0
        dice = 0.0 if math.isnan(measured["dice"]) else measured["dice"]  # nobody shows a class
        if dice > course.best_dice:
            course.best_epoch, course.best_dice = course.epoch, dice
            self._lesson.store.keep_best(self._lesson.network.network.state_dict(), row=row)
        late = course.epoch - course.best_epoch
        course.is_over = course.epoch >= params.epochs or 0 < params.patience <= late
        self._save()
        logger.info(
            "epoch %d of %d: loss %.4f, validation loss %.4f, Dice %.4f%s, mIoU %.4f, %.0f s",
            course.epoch, params.epochs, mean_loss, row["valid_loss"], row["dice"],
            " (best)" if course.best_epoch == course.epoch else "", row["miou"], seconds,
        )  # fmt: skip

    def _judge(self, *, epoch: int) -> Row:
        """Measure on the validation pictures, whole and each once."""
        lesson = self._lesson
        count = ScoreCount(len(lesson.names), shown=lesson.shown, device=lesson.device)
        loss_fn, losses, n_pictures = loss_of(self._params, epoch=epoch), 0.0, 0
        self._network.eval()
        with torch.inference_mode():
            for images, targets in lesson.loaders.valid:
                scores, there = self._scores(images), self._there(targets).long()
                losses += loss_fn(scores, there).item() * len(images)
                n_pictures += len(images)
                count.update(scores.argmax(dim=1), there)
        scored = count.compute()
        each = {f"dice {name}": float(dice) for name, dice in zip(lesson.names, scored.dice, strict=True)}
        return {"valid_loss": losses / n_pictures, "dice": scored.mean_dice, "miou": scored.miou, **each}

    def _save(self) -> None:
        self._settle()
        store = self._lesson.store
        store.keep_last(
            self._lesson.network.network.state_dict(),
            self.course,
            optimizer=self._optimizer.state_dict(),
            scaler=self._scaler.state_dict(),
        )
        store.write_curves(self.course)

    def _load(self) -> None:
        found = self._lesson.store.load_last()
        if found is None:
            return
        state, self.course, others = found
        try:
            self._lesson.network.network.load_state_dict(state)
            self._optimizer.load_state_dict(others["optimizer"])
            self._scaler.load_state_dict(others["scaler"])
        except (RuntimeError, ValueError, LookupError) as error:
            logger.debug("the state does not fit", exc_info=error)
            folder = self._lesson.store.folder
            raise OutputError(
                f"{folder / LAST} must be of the network that is trained, got another one's; take --force to "
                "start over"
            ) from None


def learning_rate(step: int, *, n_steps: int, params: FitParams) -> float:
    """Return the learning rate of a step, from 0: a line up, then half a cosine down (Loshchilov and Hutter).

    >>> params = FitParams(lr=1.0, warmup=0.2)
    >>> [round(learning_rate(step, n_steps=10, params=params), 3) for step in (0, 1, 2, 6, 9)]
    [0.5, 1.0, 1.0, 0.5, 0.038]
    """
    n_rising = round(params.warmup * n_steps)
    if step < n_rising:
        return params.lr * (step + 1) / n_rising
    if params.schedule == "constant":
        return params.lr
    return params.lr * 0.5 * (1 + math.cos(math.pi * (step - n_rising) / max(1, n_steps - n_rising)))


def _dtype_of(precision: str, kind: str) -> torch.dtype:
    if precision == "auto" and kind == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16
    return torch.float32 if precision == "auto" else getattr(torch, precision)
