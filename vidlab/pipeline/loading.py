"""Batches of clips from worker processes: what cannot be read is left out and listed, and nothing hangs."""

import logging
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from vidlab.errors import StallError
from vidlab.pipeline.clip_batch import ClipBatch
from vidlab.pipeline.torch_loader import (
    Clips,
    LoaderSetting,
    StartMethod,
    effective_setting,
    guarded,
    make_loader,
)
from vidlab.video.dataset import LostClip

logger = logging.getLogger(__name__)

# Deaths of workers in one epoch after which it ends: each costs a clip or more, and a machine that kills so
# many is out of memory, which no skipping mends.
MAX_DEATHS = 8


class ClipLoader:
    """Batches of clips, one epoch per loop; what went wrong in the last one is in `lost` and `losses`.

    A worker that dies or hangs does not end the epoch: the batches it may have been at are loaded one by one
    in a process of their own, the one that kills it again is left out, and all workers start again.

    Attributes:
        lost: Clips that were left out in the last epoch, or in the running one so far.
        n_deaths: Workers that died or hung in it.
        setting: How it works; `pin_memory` is off where there is no CUDA.
    """

    def __init__(
        self,
        dataset: Clips,
        *,
        setting: LoaderSetting,
        shuffle_seed: int | None,
        start_method: StartMethod,
        timeout_s: float,
    ) -> None:
        """Set the loader up; nothing starts before the first loop.

        Args:
            dataset: The clips.
            setting: How it works.
            shuffle_seed: Seed of the order, another one in every epoch; None keeps the order of the data set.
            start_method: How workers start.
            timeout_s: Time after which a silent worker counts as hung.

        Raises:
            MissingExtraError: torch is not installed.
        """
        self.setting = effective_setting(setting)
        self.lost: list[LostClip] = []
        self.n_deaths = 0
        self._dataset, self._start_method, self._timeout_s = dataset, start_method, timeout_s
        self._shuffle_seed, self._epoch = shuffle_seed, 0

    def __iter__(self) -> Iterator[ClipBatch]:
        """Load every clip once; at the end, losses are logged, a line for each file."""
        self.lost, self.n_deaths = [], 0
        batches = self._batches()
        self._epoch += 1
        yield from self._load(batches)
        for sentence in self.losses:
            logger.warning("%s", sentence)

    def __len__(self) -> int:
        return -(-len(self._dataset) // self.setting.batch_size)

    @property
    def losses(self) -> tuple[str, ...]:
        """One sentence for each file of which clips were left out, the worst first."""
        counts = Counter(clip.path for clip in self.lost)
        reasons = {clip.path: clip.reason for clip in reversed(self.lost)}
        return tuple(f"{n} clip{'s' * (n > 1)} left out: {reasons[path]}" for path, n in counts.most_common())

    def _batches(self) -> list[list[int]]:
        order = np.arange(len(self._dataset))
        if self._shuffle_seed is not None:
            order = np.random.default_rng([self._shuffle_seed, self._epoch]).permutation(order)
        size = self.setting.batch_size
        return [order[first : first + size].tolist() for first in range(0, len(order), size)]

    def _load(self, batches: list[list[int]]) -> Iterator[ClipBatch]:
        """Yield batches in order, starting again behind whatever kills a worker."""
        done, suspects = 0, 0
        while done < len(batches):
            careful = suspects > 0
            stop = done + suspects if careful else len(batches)
            setting = replace(self.setting, num_workers=1, prefetch_factor=1) if careful else self.setting
            loader = make_loader(
                self._dataset,
                batches[done:stop],
                setting=setting,
                start_method=self._start_method,
                timeout_s=self._timeout_s,
            )
            try:
                for batch in guarded(iter(loader)):
                    done, suspects = done + 1, max(0, suspects - 1)
                    self.lost.extend(batch.lost)
                    if len(batch):
                        yield batch
            except (RuntimeError, ConnectionError, EOFError, FileNotFoundError) as error:
                reason = self._death(error)
                if careful:  # one batch at a time: it was this one
                    self._give_up(batches[done], reason)
                    done, suspects = done + 1, max(0, suspects - 1)
                else:
                    suspects = min(self.setting.queued_batches, len(batches) - done)

    def _death(self, error: Exception) -> str:
        """Say what happened to a worker; what is no death of a worker is raised again."""
        text = str(error)
        hung = text.startswith("DataLoader timed out")
        # One that dies while it hands a batch over is seen as a broken connection; what a data set raises in
        # a worker comes with the words "Caught ... in DataLoader worker".
        broken = not isinstance(error, RuntimeError) and not text.startswith("Caught")
        died = text.startswith("DataLoader worker (pid") or broken
        if not self.setting.num_workers or not (hung or died):
            raise error
        self.n_deaths += 1
        reason = f"hung for {self._timeout_s:g} s" if hung else "died"
        if self.n_deaths > MAX_DEATHS:
            raise StallError(
                f"workers must live through an epoch, got {self.n_deaths} that died or hung; the last one "
                f"{reason}: is there enough memory, also in /dev/shm?"
            ) from error
        logger.warning("a worker %s; its batches are loaded again, one by one", reason)
        return reason

    def _give_up(self, batch: list[int], reason: str) -> None:
        for index in batch:
            path, start = place_of(self._dataset, index)
            sentence = f"{path or 'a clip'} was in a batch at which a worker {reason} twice"
            self.lost.append(LostClip(index, path, start, sentence))


def place_of(dataset: Any, index: int) -> tuple[str, int]:
    """Return path and first frame of a clip, empty and 0 where the data set cannot say."""
    locate = getattr(dataset, "locate", None)
    if locate is None:
        return "", 0
    video, start = locate(index)
    return str(video.path), start
