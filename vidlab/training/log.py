"""Curves for TensorBoard, where it is installed; the CSV files are written in any case."""

import importlib
from collections.abc import Callable
from pathlib import Path

from vidlab.training.course import Row

FOLDER = "tensorboard"


def open_log(folder: Path) -> Callable[[Row, int], None]:
    """Return what writes the row of an epoch into `folder/tensorboard/`, or without TensorBoard nothing."""
    try:
        writer = importlib.import_module("torch.utils.tensorboard").SummaryWriter(folder / FOLDER)
    except ImportError:
        return lambda row, epoch: None

    def write(row: Row, epoch: int) -> None:
        for name, value in row.items():
            writer.add_scalar(name.replace(" ", "/"), value, epoch)
        writer.flush()

    return write
