"""Curves for TensorBoard, where it is installed; the CSV files are written in any case."""

import importlib
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from vidlab.training.course import Row

FOLDER = "tensorboard"


@contextmanager
def epoch_log(folder: Path) -> Iterator[Callable[[Row], None]]:
    """Give what writes the row of an epoch into `folder/tensorboard/`, or without TensorBoard nothing.

    What is there is removed first: a training that goes on writes its earlier epochs again, so that nothing
    is missing or there twice, wherever it was killed.
    """
    try:
        new_writer = importlib.import_module("torch.utils.tensorboard").SummaryWriter
    except ImportError:
        yield lambda row: None
        return
    shutil.rmtree(folder / FOLDER, ignore_errors=True)
    with new_writer(folder / FOLDER) as writer:

        def write(row: Row) -> None:
            for name, value in row.items():
                if name != "epoch":
                    writer.add_scalar(name.replace(" ", "/", 1), value, int(row["epoch"]))
            writer.flush()

        yield write
