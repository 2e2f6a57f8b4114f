"""What a network is shown, in which order: drawn from seed and epoch alone, so that it can be drawn again."""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset, Sampler

from vidlab.params import AugmentParams, FitParams, TrainDataParams
from vidlab.training.augment import Augment, Sample, without_variation
from vidlab.training.pictures import Pictures

Draw = tuple[int, int]  # which picture, and the seed of its variation
WHOLE = -1  # in place of a seed: the whole picture, as it is
SEED_LIMIT = 2**62


class Crops(Dataset[Sample]):
    """Samples by picture and seed: the same two give the same sample, in whichever process."""

    def __init__(self, pictures: Pictures, *, augment: AugmentParams) -> None:
        """Say which pictures, and how they are varied."""
        self._pictures, self._augment, self._input_px = pictures, Augment(augment), augment.input_px

    def __getitem__(self, draw: Draw) -> Sample:
        """Return a varied picture and its classes; see `Augment`."""
        index, seed = draw
        image, labels = self._pictures.read(index)
        if seed == WHOLE:
            return without_variation(image, labels, input_px=self._input_px)
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(seed)  # of the CPU alone: torch's own seeds GPUs too, slowly
            return self._augment(image, labels)


class Order(Sampler[list[Draw]]):
    """The batches of an epoch, from one of them on; drawn from seed and epoch alone.

    A last batch that is not full is left out: batch normalization would take its few pictures for all there
    are. Only if there is no other it is shown.
    """

    def __init__(self, pictures: Sequence[int], *, repeats: int, batch: int, seed: int) -> None:
        """Say what an epoch holds.

        Args:
            pictures: Places of the pictures.
            repeats: Times that each is shown.
            batch: Pictures per batch.
            seed: Of order and variation.
        """
        self._places = np.repeat(np.asarray(pictures, np.int64), repeats)
        self._batch, self._seed = min(batch, len(self._places)), seed
        self._epoch, self._first = 0, 0

    @property
    def n_batches(self) -> int:
        """Batches of an epoch."""
        return len(self._places) // self._batch

    def begin(self, epoch: int, *, first: int = 0) -> None:
        """Set the epoch that is drawn next, and the batch from which on."""
        self._epoch, self._first = epoch, first

    def __len__(self) -> int:
        return self.n_batches - self._first

    def __iter__(self) -> Iterator[list[Draw]]:
        """Yield batches of draws."""
        rng = np.random.default_rng([self._seed, 1, self._epoch])
        places = rng.permutation(self._places).tolist()
        seeds = rng.integers(SEED_LIMIT, size=len(places)).tolist()
        for start in range(self._first * self._batch, self.n_batches * self._batch, self._batch):
            stop = start + self._batch
            yield list(zip(places[start:stop], seeds[start:stop], strict=True))


class Loaders:
    """The loaders of a training: varied crops in an order of their own, and whole pictures to judge by.

    Attributes:
        order: What `train` goes through; `begin` sets the epoch.
        train: Batches of pictures, uint8 (N, 3, S, S), and classes, uint8 (N, S, S).
        valid: The same, every validation picture once and whole.
    """

    def __init__(
        self,
        crops: Crops,
        *,
        train: Sequence[int],
        valid: Sequence[int],
        data: TrainDataParams,
        fit: FitParams,
        pin: bool,
    ) -> None:
        """Say what is loaded.

        Args:
            crops: The samples.
            train: Places of the pictures that teach.
            valid: Places of those that judge.
            data: Repeats and workers.
            fit: Size of a batch, and seed.
            pin: Load into memory from which a GPU copies by itself.
        """
        batch = fit.train_batch
        self.order = Order(train, repeats=data.repeats, batch=batch, seed=fit.seed)
        judged = [[(place, WHOLE) for place in valid[i : i + batch]] for i in range(0, len(valid), batch)]
        self.train = _loader(crops, self.order, workers=data.workers, pin=pin)
        self.valid = _loader(crops, judged, workers=data.workers, pin=pin)


def room_mb(data: TrainDataParams) -> float:
    """Return what each process may keep of decoded pictures: with workers, each loader has its own."""
    return data.cache_mb / max(1, 2 * data.workers)


def _loader(
    crops: Crops, batches: Order | list[list[Draw]], *, workers: int, pin: bool
) -> "DataLoader[Sample]":
    return DataLoader(
        crops, batch_sampler=batches, num_workers=workers, pin_memory=pin, persistent_workers=workers > 0
    )
