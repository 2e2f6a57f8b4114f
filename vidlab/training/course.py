"""How far a training is, and its files: the best and the last weights, and the curves."""

import csv
import logging
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch

from vidlab.errors import OutputError
from vidlab.models.checkpoint import Recipe, StateDict, save_checkpoint
from vidlab.models.sizes import MEAN, STD

BEST, LAST, EPOCHS, STEPS = "best.pt", "last.pt", "epochs.csv", "steps.csv"
Row = dict[str, float]
logger = logging.getLogger(__name__)


@dataclass
class Course:
    """How far a training is.

    Attributes:
        epoch: Epochs that are complete.
        step: Steps of the one that runs.
        losses: Loss of every step of all epochs.
        rows: Of every complete epoch what was measured, by name.
        best_epoch: The one with the best validation Dice, from 1; 0 before any.
        best_dice: That Dice; −1 before any.
        is_over: Nothing is left to do.
    """

    epoch: int = 0
    step: int = 0
    losses: list[float] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    best_epoch: int = 0
    best_dice: float = -1.0
    is_over: bool = False


class Store:
    """The folder of a training. Every file is written aside and renamed: there is always a whole one."""

    def __init__(self, folder: Path, *, recipe: Recipe, colors: Sequence[tuple[int, int, int]]) -> None:
        """Say where, and of what network.

        Args:
            folder: Must be there.
            recipe: What the weights say of their network.
            colors: RGB of each class, which the weights say too.
        """
        self.folder = folder
        self._recipe = recipe
        self._facts = {"colors": list(colors), "mean": MEAN, "std": STD}

    def keep_best(self, network: StateDict, *, row: Row) -> None:
        """Write the best weights so far, and what was measured with them."""
        part = self.folder / f"{BEST}.part"
        save_checkpoint(part, network, recipe=self._recipe, measured=dict(row), **self._facts)
        _finish(part)

    def keep_last(self, network: StateDict, course: Course, **others: Mapping[str, Any]) -> None:
        """Write all that is needed to go on; the weights in it can be used as the best ones can."""
        part = self.folder / f"{LAST}.part"
        going_on = {**others, "course": asdict(course)}
        save_checkpoint(part, network, recipe=self._recipe, going_on=going_on, **self._facts)
        _finish(part)

    def load_last(self) -> tuple[StateDict, Course, dict[str, Any]] | None:
        """Return weights, course and the others as `keep_last` wrote them; None if it never did.

        Raises:
            OutputError: The file is damaged.
        """
        file = self.folder / LAST
        if not file.is_file():
            return None
        try:
            content = torch.load(file, map_location="cpu", weights_only=True)
            others = content["network"]["going_on"]
            return content["model"], Course(**others.pop("course")), others
        except Exception as error:  # a corrupt file can raise anything from the unpickler
            logger.debug("torch could not load %s", file, exc_info=error)
            raise OutputError(f"{file} must be what a training left, got a damaged or another file") from None

    def write_curves(self, course: Course) -> None:
        """Write a row for every epoch, and one for every step."""
        names = list(dict.fromkeys(name for row in course.rows for name in row))
        _write_csv(
            self.folder / EPOCHS, names, ([_text(row.get(name)) for name in names] for row in course.rows)
        )
        steps = ([str(step), _text(loss)] for step, loss in enumerate(course.losses, start=1))
        _write_csv(self.folder / STEPS, ["step", "loss"], steps)


def _write_csv(path: Path, header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    part = path.with_name(f"{path.name}.part")
    with part.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows(rows)
    _finish(part)


def _finish(part: Path) -> None:
    """Give a file its name once it is on the disk."""
    with part.open("rb") as file:
        os.fsync(file.fileno())
    part.replace(part.with_suffix(""))


def _text(value: float | None) -> str:
    return "" if value is None or value != value else f"{value:.9g}"
