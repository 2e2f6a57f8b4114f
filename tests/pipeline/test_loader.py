"""Batches of clips: each clip once, in any number of workers, past files and workers that fail."""

import gc
import itertools
import logging
import multiprocessing
import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
import torch
from clip_folder import make_folder
from gpu import require_gpu

from vidlab.errors import ShapeError, StallError
from vidlab.params import ClipParams
from vidlab.pipeline import loading
from vidlab.pipeline.clip_batch import ClipBatch, collate
from vidlab.pipeline.loading import ClipLoader
from vidlab.pipeline.torch_loader import LoaderSetting, effective_setting
from vidlab.video.dataset import Clip, LostClip, open_clips
from vidlab.video.ucf101 import list_folder

CLIPS = ClipParams(clip_frames=3, clip_stride=1, clip_size=16)
TIMEOUT_S = 60.0


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    root = tmp_path_factory.mktemp("clips")
    make_folder(root)
    return root


def setting(workers: int, *, batch: int = 3, prefetch: int = 2) -> LoaderSetting:
    return LoaderSetting(workers, prefetch, batch, pin_memory=False)


def loader_of(dataset, *, how: LoaderSetting, seed=None, start="fork", timeout_s=TIMEOUT_S) -> ClipLoader:
    return ClipLoader(dataset, setting=how, shuffle_seed=seed, start_method=start, timeout_s=timeout_s)


def numbers(batches) -> list[int]:
    return list(itertools.chain.from_iterable(batch.indices.tolist() for batch in batches))


@pytest.mark.parametrize(
    ("workers", "start"),
    [(0, "fork"), (1, "fork"), (3, "fork"), pytest.param(1, "spawn", marks=pytest.mark.slow)],
)
def test_every_clip_comes_once_in_order_with_its_label_and_pixels(root, workers, start):
    dataset = open_clips(list_folder(root), clips=CLIPS, layout="thwc", cache=None)
    loader = loader_of(dataset, how=setting(workers), start=start)
    batches = list(loader)
    assert [len(batch) for batch in batches] == [3] * 5 + [1]
    assert len(loader) == len(batches)
    assert numbers(batches) == list(range(16))
    for batch in batches:
        assert batch.clips.dtype == torch.uint8
        assert batch.clips.shape[1:] == (3, 16, 16, 3)
        for row, index in enumerate(batch.indices.tolist()):
            assert batch.labels[row] == index // 8
            assert np.array_equal(batch.clips[row].numpy(), dataset[index].frames)
    assert (loader.lost, loader.losses, loader.n_deaths) == ([], (), 0)


def test_workers_open_their_own_files_even_if_the_parent_has_read(root):
    dataset = open_clips(list_folder(root), clips=CLIPS, layout="thwc", cache=None)
    first = dataset[0].frames  # opened before the fork: a decoder with threads would hang here
    batches = list(loader_of(dataset, how=setting(2)))
    assert np.array_equal(batches[0].clips[0].numpy(), first)
    assert len(dataset.open_paths) == 1


def test_shuffling_is_repeatable_and_differs_between_epochs(root):
    dataset = open_clips(list_folder(root), clips=CLIPS, layout="thwc", cache=None)
    one, other = (loader_of(dataset, how=setting(workers), seed=7) for workers in (0, 2))
    epochs = [numbers(one), numbers(one)]
    assert [sorted(epoch) for epoch in epochs] == [list(range(16))] * 2
    assert epochs[0] != epochs[1] != list(range(16))
    assert [numbers(other), numbers(other)] == epochs


# ── what fails does not end an epoch ────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("workers", [0, 2])
def test_corrupt_file_in_the_middle_of_an_epoch_is_left_out_counted_and_listed(tmp_path, caplog, workers):
    paths = make_folder(tmp_path)
    dataset = open_clips(list_folder(tmp_path), clips=CLIPS, layout="thwc", cache=None)
    paths[1].write_bytes(paths[1].read_bytes()[:400])
    with caplog.at_level(logging.WARNING):
        loader = loader_of(dataset, how=setting(workers))
        batches = list(loader)
    assert numbers(batches) == [0, 1, 2, 3, *range(8, 16)]
    assert [clip.index for clip in loader.lost] == [4, 5, 6, 7]
    (sentence,) = loader.losses
    assert sentence.startswith("4 clips left out: ")
    assert str(paths[1]) in sentence
    assert caplog.text.count("4 clips left out") == 1
    assert [len(batch.lost) for batch in batches] == [0, 2, 2, 0, 0, 0]


def test_batch_of_lost_clips_alone_is_passed_over(tmp_path):
    paths = make_folder(tmp_path)
    dataset = open_clips(list_folder(tmp_path), clips=CLIPS, layout="thwc", cache=None)
    paths[0].write_bytes(b"gone")
    loader = loader_of(dataset, how=setting(0, batch=2))
    assert numbers(loader) == list(range(4, 16))
    assert len(loader.lost) == 4


@dataclass
class Faulty:
    """Clips that are numbers, some of which do harm to the process that loads them."""

    n: int
    bad: frozenset[int]
    how: Literal["kill", "hang", "raise", "once"]
    flag: Path | None = None

    def __len__(self) -> int:
        return self.n

    def __getitem__(self, index: int) -> Clip | LostClip:
        if index in self.bad:
            if self.how == "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            if self.how == "hang":
                time.sleep(600)
            if self.how == "raise":
                raise KeyError("a mistake in a transform")
            if self.flag is not None and not self.flag.exists():
                self.flag.touch()
                os.kill(os.getpid(), signal.SIGKILL)
        return Clip(np.full((2, 4, 4, 3), index, np.uint8), index % 2, index, "film", index)


def test_killed_worker_costs_its_batch_and_no_other_clip(caplog):
    loader = loader_of(Faulty(20, frozenset({9}), "kill"), how=setting(2, batch=2))
    assert numbers(loader) == [index for index in range(20) if index not in (8, 9)]
    assert [clip.index for clip in loader.lost] == [8, 9]
    assert "a worker died twice" in loader.losses[0]
    assert loader.n_deaths == 2


def test_worker_that_dies_once_costs_nothing(tmp_path):
    loader = loader_of(Faulty(20, frozenset({9}), "once", tmp_path / "flag"), how=setting(3, batch=2))
    assert numbers(loader) == list(range(20))
    assert loader.lost == []
    assert loader.n_deaths == 1


@pytest.mark.slow
def test_hung_worker_is_given_up_after_the_timeout():
    loader = loader_of(Faulty(8, frozenset({5}), "hang"), how=setting(1, batch=1), timeout_s=1.0)
    assert numbers(loader) == [0, 1, 2, 3, 4, 6, 7]
    assert "hung for 1 s twice" in loader.losses[0]


def test_death_while_the_consumer_works_does_not_raise_in_the_consumer():
    loader = loader_of(Faulty(12, frozenset({4}), "kill"), how=setting(1, batch=1, prefetch=4))
    seen = []
    for batch in loader:
        if not seen:
            until = time.monotonic() + 1.0  # the worker runs ahead and dies meanwhile
            while time.monotonic() < until:
                sum(range(1000))
        seen.extend(batch.indices.tolist())
    assert seen == [index for index in range(12) if index != 4]


def test_machine_that_kills_every_worker_ends_the_epoch_in_a_sentence(monkeypatch):
    monkeypatch.setattr(loading, "MAX_DEATHS", 2)
    loader = loader_of(Faulty(8, frozenset(range(8)), "kill"), how=setting(1, batch=1))
    with pytest.raises(
        StallError, match=r"must live through an epoch, got 3 that died or hung; the last one died"
    ):
        list(loader)


@pytest.mark.parametrize("workers", [0, 2])
def test_mistake_in_the_data_set_is_raised_not_skipped(workers):
    with pytest.raises(KeyError, match="a mistake in a transform"):
        list(loader_of(Faulty(8, frozenset({3}), "raise"), how=setting(workers)))


def test_consumer_that_stops_early_leaves_no_worker_behind():
    gc.collect()  # tracebacks of other tests hold workers of theirs
    before = set(multiprocessing.active_children())
    batches = iter(loader_of(Faulty(40, frozenset(), "kill"), how=setting(2, batch=1)))
    next(batches)
    assert len(set(multiprocessing.active_children()) - before) == 2
    batches.close()
    assert set(multiprocessing.active_children()) <= before


# ── batches and settings ────────────────────────────────────────────────────────────────────────────────────
def test_clips_of_two_shapes_are_refused_with_advice():
    items = [Clip(np.zeros((2, 4, width, 3), np.uint8), 0, 0, "a", 0) for width in (4, 5)]
    with pytest.raises(ShapeError, match=r"got \(2, 4, 4, 3\) and \(2, 4, 5, 3\); give a clip_size"):
        collate(items)


def test_size_of_a_batch_is_that_of_its_tensors():
    batch = collate([Clip(np.zeros((2, 4, 4, 3), np.uint8), 1, 5, "a", 0), LostClip(6, "b", 0, "gone")])
    assert isinstance(batch, ClipBatch)
    assert (len(batch), batch.n_bytes, len(batch.lost)) == (1, 2 * 4 * 4 * 3 + 8 + 8, 1)
    empty = collate([LostClip(6, "b", 0, "gone")])
    assert (len(empty), empty.clips.shape, empty.indices.tolist()) == (0, (0,), [])


def test_pinning_without_cuda_is_left_off_and_said(caplog, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert not effective_setting(LoaderSetting(2, 2, 4, pin_memory=True)).pin_memory
    assert "pin_memory does nothing here: torch sees no CUDA GPU" in caplog.text


def test_pinning_with_cuda_is_kept(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert effective_setting(LoaderSetting(2, 2, 4, pin_memory=True)).pin_memory


def test_prefetching_without_workers_is_none():
    assert effective_setting(LoaderSetting(0, 4, 4, pin_memory=False)).prefetch_factor == 0
    assert LoaderSetting(3, 4, 4, pin_memory=False).queued_batches == 12


@pytest.mark.gpu
def test_pinned_batches_come_from_the_loader(root):
    require_gpu()
    dataset = open_clips(list_folder(root), clips=CLIPS, layout="thwc", cache=None)
    for batch in loader_of(dataset, how=LoaderSetting(2, 2, 3, pin_memory=True)):
        assert batch.clips.is_pinned()
        assert batch.labels.is_pinned()
