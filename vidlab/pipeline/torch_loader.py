"""Torch's own loader of batches: its settings, its workers, and how their death is noticed."""

import logging
import signal
import threading
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, Protocol

from vidlab.errors import MissingExtraError
from vidlab.pipeline.clip_batch import ClipBatch, collate
from vidlab.video.dataset import Clip, LostClip

logger = logging.getLogger(__name__)

StartMethod = Literal["fork", "spawn", "forkserver"]


class Clips(Protocol):
    """A data set of clips by number, as `vidlab.video.dataset.ClipDataset`."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> Clip | LostClip: ...


@dataclass(frozen=True, slots=True, order=True)
class LoaderSetting:
    """How a loader works; in the order of what it costs.

    Attributes:
        num_workers: Processes that load; 0 loads in the caller's.
        prefetch_factor: Batches that each worker keeps ready; 0 without workers.
        batch_size: Clips per batch.
        pin_memory: Batches are copied to page-locked memory; only where there is CUDA.
    """

    num_workers: int
    prefetch_factor: int
    batch_size: int
    pin_memory: bool

    @property
    def queued_batches(self) -> int:
        """Most batches that are ready or being made at any moment."""
        return self.num_workers * self.prefetch_factor


def effective_setting(setting: LoaderSetting) -> LoaderSetting:
    """Return a setting as it will work here: no prefetching without workers, no pinning without CUDA.

    Raises:
        MissingExtraError: torch is not installed.
    """
    if setting.pin_memory and not cuda_is_here():
        logger.warning("pin_memory does nothing here: torch sees no CUDA GPU; it is left off")
        setting = replace(setting, pin_memory=False)
    return setting if setting.num_workers else replace(setting, prefetch_factor=0)


def make_loader(
    dataset: Clips,
    batches: Sequence[Sequence[int]],
    *,
    setting: LoaderSetting,
    start_method: StartMethod,
    timeout_s: float,
) -> Any:
    """Return torch's own loader of these batches, in this order."""
    from torch.utils.data import DataLoader

    workers: dict[str, Any] = {}
    if setting.num_workers:
        workers = {
            "prefetch_factor": setting.prefetch_factor,
            "multiprocessing_context": start_method,
            "timeout": timeout_s,
            "worker_init_fn": start_worker,
        }
    return DataLoader(
        dataset,  # type: ignore[arg-type]  # has the two methods of a map-style data set; a base class adds none
        batch_sampler=batches,  # type: ignore[arg-type]
        num_workers=setting.num_workers,
        pin_memory=setting.pin_memory,
        collate_fn=collate,
        **workers,
    )


def start_worker(_number: int) -> None:
    """Prepare a worker: workers share the cores, and OpenCV's threads do not survive a fork."""
    import cv2

    cv2.setNumThreads(0)


def guarded(batches: Iterator[ClipBatch]) -> Generator[ClipBatch, None, None]:
    """Pass on what torch's loader gives; the death of a worker raises here, and nowhere else.

    Torch raises it from a signal handler in whatever the main thread does at that moment: in the middle of
    the consumer's work, where nobody expects it. So the handler is off but while the loader is waited for.
    (Called in another thread, nothing can be done about it.)
    """
    in_main = threading.current_thread() is threading.main_thread()
    handler = signal.getsignal(signal.SIGCHLD) if in_main else None
    try:
        while True:
            try:
                if callable(handler):
                    signal.signal(signal.SIGCHLD, handler)
                    handler(signal.SIGCHLD, None)  # for whoever died meanwhile
                batch = next(batches)
            except StopIteration:
                return
            finally:
                if in_main:
                    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            yield batch
    finally:
        # Not left to the garbage collector: a traceback may hold the iterator, and with it the workers.
        getattr(batches, "_shutdown_workers", lambda: None)()
        if in_main:
            signal.signal(signal.SIGCHLD, handler)


def cuda_is_here() -> bool:
    """Whether torch sees a CUDA GPU.

    Raises:
        MissingExtraError: torch is not installed.
    """
    try:
        import torch
    except ImportError:
        raise MissingExtraError.for_feature("loading clips in batches", extra="models") from None
    return bool(torch.cuda.is_available())
