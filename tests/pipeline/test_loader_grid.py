"""The loader grid: throughput on a simulated clock, memory as predicted, advice, and the known mistakes."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
from clip_folder import make_folder

from vidlab import cli
from vidlab.errors import ParameterError, SourceError
from vidlab.params import ClipParams, LoaderGridParams
from vidlab.pipeline import loader_grid, loader_mistakes
from vidlab.pipeline.loader_advice import recommend, words
from vidlab.pipeline.loader_grid import cycled, measure_grid, measure_round, read_through, settings_of
from vidlab.pipeline.loader_memory import QueueBytes, measure_tree, predict_queue
from vidlab.pipeline.loader_mistakes import RememberedClips, drop_from_memory, measure_mistakes
from vidlab.pipeline.loader_result import LoaderMeasurement, Round
from vidlab.pipeline.torch_loader import LoaderSetting
from vidlab.video.dataset import Clip, LostClip

BIG = (8, 64, 64, 3)  # a clip of 98 kB: pages and headers hardly count
HOW = {"start_method": "fork", "timeout_s": 60.0}


class Ticking:
    """Clips that take a second each on a clock of their own, the first one ten more, as if opening files."""

    def __init__(self, n: int, *, lost: frozenset[int] = frozenset(), shape=(2, 4, 4, 3)) -> None:
        self.n, self.lost, self.shape, self.now_s, self.opened = n, lost, shape, 0.0, False
        self.asked: list[int] = []

    def __len__(self) -> int:
        return self.n

    def __getitem__(self, index: int) -> Clip | LostClip:
        self.asked.append(index)
        self.now_s += 1.0 if self.opened else 11.0
        self.opened = True
        if index in self.lost:
            return LostClip(index, "film", 0, "gone")
        return Clip(np.full(self.shape, index % 256, np.uint8), 0, index, "film", 0)

    def close(self) -> None:
        self.opened = False


def setting(workers: int, *, prefetch: int = 2, batch: int = 4, pin: bool = False) -> LoaderSetting:
    return LoaderSetting(workers, prefetch if workers else 0, batch, pin)


# ── throughput ──────────────────────────────────────────────────────────────────────────────────────────────
def test_opening_counts_for_the_first_batch_and_not_for_the_throughput():
    clips = Ticking(40)
    run = measure_round(clips, setting(0), measured_batches=5, memory=False, clock=lambda: clips.now_s, **HOW)
    assert run.first_batch_s == 14.0
    assert run.clips_per_s == pytest.approx(1.0)
    assert run.waits_ms == pytest.approx([4000.0] * 5)
    assert (run.lost, run.batch_bytes, run.queue) == (0, 4 * (2 * 4 * 4 * 3 + 8 + 8), None)


def test_files_are_closed_before_every_round_so_that_all_start_alike():
    clips = Ticking(40)
    runs = [
        measure_round(clips, setting(0), measured_batches=2, memory=False, clock=lambda: clips.now_s, **HOW)
        for _ in range(2)
    ]
    assert [run.first_batch_s for run in runs] == [14.0, 14.0]


def test_lost_clips_are_counted_and_do_not_count_as_loaded():
    clips = Ticking(8, lost=frozenset({0, 1, 2, 3}))
    run = measure_round(
        clips, setting(0, batch=8), measured_batches=2, memory=False, clock=lambda: clips.now_s, **HOW
    )
    assert run.lost == 3 * 4
    assert run.clips_per_s == pytest.approx(0.5)


def test_clips_that_are_all_lost_are_an_error():
    clips = Ticking(4, lost=frozenset(range(4)))
    with pytest.raises(SourceError, match="got 12 that could not be read and no other"):
        measure_round(clips, setting(0), measured_batches=2, memory=False, **HOW)


def test_every_setting_has_the_same_clips_in_its_window():
    windows = [
        cycled(30, batch_size=4, batches=range(-warm_up, 6))[warm_up : warm_up + 5] for warm_up in (1, 4, 8)
    ]
    assert windows[0] == windows[1] == windows[2]
    assert len({index for batch in windows[0] for index in batch}) == 20


@pytest.mark.parametrize("n_clips", [1, 3, 10])
def test_batches_go_round_through_all_clips(n_clips):
    batches = cycled(n_clips, batch_size=2, batches=range(n_clips))
    taken = [index for batch in batches for index in batch]
    assert [taken.count(index) for index in range(n_clips)] == [2] * n_clips


def test_rounds_are_interleaved_and_settings_that_come_to_the_same_are_measured_once():
    clips, told = Ticking(40), []
    found = measure_grid(
        clips,
        [setting(0, batch=2), setting(0, batch=4), LoaderSetting(0, 7, 2, True)],
        clip_frames=2, measured_batches=2, rounds=3,
        progress=lambda *at: told.append(at), clock=lambda: clips.now_s, **HOW,
    )  # fmt: skip
    assert [each.setting for each in found] == [setting(0, batch=2), setting(0, batch=4)]
    assert [len(each.rounds) for each in found] == [3, 3]
    assert told == [(done, 6) for done in range(7)]
    assert [each.frames_per_s for each in found] == pytest.approx([2.0, 2.0])
    assert found[0].measured == QueueBytes(0, 0)


@pytest.mark.parametrize(
    ("grid", "cuda", "expected"),
    [
        (
            {"workers": "0,2", "prefetch": "1,4"},
            False,
            [(0, 0, 8, False), (2, 1, 8, False), (2, 4, 8, False)],
        ),
        ({"workers": "1", "batch_sizes": "4,8"}, False, [(1, 2, 4, False), (1, 2, 8, False)]),
        ({"workers": "1"}, True, [(1, 2, 8, False), (1, 2, 8, True)]),
        ({"workers": "1,1", "pin": "yes"}, False, [(1, 2, 8, True)]),
        ({"workers": "1", "pin": "no"}, True, [(1, 2, 8, False)]),
        ({"workers": "1", "prefetch": "0", "batch_sizes": "0"}, False, [(1, 1, 1, False)]),
    ],
)
def test_grid_lists_its_settings_once(grid, cuda, expected):
    settings = settings_of(LoaderGridParams(**grid), cuda=cuda)
    assert settings == [LoaderSetting(*each) for each in expected]


# ── memory ──────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize(("workers", "prefetch", "batch"), [(1, 1, 2), (1, 3, 4), (2, 2, 4)])
def test_full_queue_takes_the_memory_predicted(workers, prefetch, batch):
    how = setting(workers, prefetch=prefetch, batch=batch)
    run = measure_round(Ticking(40, shape=BIG), how, measured_batches=2, memory=True, **HOW)
    predicted = predict_queue(how, batch_bytes=run.batch_bytes)
    assert run.batch_bytes == batch * (np.prod(BIG) + 8 + 8)
    assert run.queue is not None
    assert run.queue.shared == pytest.approx(predicted.shared, rel=0.05)
    assert run.added_private > 0


def test_queue_is_gone_after_the_round():
    before = measure_tree(os.getpid())
    measure_round(Ticking(40, shape=BIG), setting(2), measured_batches=2, memory=True, **HOW)
    after = measure_tree(os.getpid())
    assert after.shared - before.shared < 2 * np.prod(BIG)  # at most what a traceback or a cycle holds


@pytest.mark.parametrize(
    ("how", "shared", "pinned"),
    [
        (LoaderSetting(0, 0, 8, False), 0, 0),
        (LoaderSetting(0, 0, 8, True), 0, 1024),
        (LoaderSetting(1, 2, 8, False), 3000, 0),
        (LoaderSetting(4, 2, 8, False), 9000, 0),
        (LoaderSetting(4, 2, 8, True), 1000, 9 * 1024),  # blocks of powers of two; one batch on its way
    ],
)
def test_prediction_by_hand(how, shared, pinned):
    assert predict_queue(how, batch_bytes=1000) == QueueBytes(shared, pinned)


def test_unnamed_shared_memory_is_counted_once():
    import torch

    before = measure_tree(os.getpid()).shared
    kept = torch.zeros(1 << 20, dtype=torch.uint8).share_memory_()
    kept[:] = 1
    assert measure_tree(os.getpid()).shared - before == pytest.approx(1 << 20, rel=0.02)


# ── advice ──────────────────────────────────────────────────────────────────────────────────────────────────
def measured(how: LoaderSetting, *speeds: float, batch_bytes: int = 1_000_000) -> LoaderMeasurement:
    queue = predict_queue(how, batch_bytes=batch_bytes)
    rounds = tuple(Round(0.1, speed, (1.0,), batch_bytes, 0, queue, 50_000_000, 0) for speed in speeds)
    return LoaderMeasurement(how, rounds, 16, queue)


def test_smallest_setting_within_the_margin_is_taken():
    found = [
        measured(setting(0), 10.5, 11, 12), measured(setting(1), 9.5, 10, 11),
        measured(setting(2), 19, 20, 21),
        measured(setting(2, prefetch=4), 18, 19.5, 20), measured(setting(4), 20, 20.5, 21),
    ]  # fmt: skip
    advice = recommend(found, within=0.05, n_cores=4)
    assert advice.chosen.setting == setting(2)
    assert advice.best.setting == setting(4)
    assert advice.sentences == (
        "take 2 workers, prefetch 2, batches of 4: 20.0 clips/s, 320 frames/s (19.0 to 21.0 in 3 rounds)",
        "the fastest, 4 workers, prefetch 2, batches of 4, gives 20.5 clips/s, 328 frames/s "
        "(20.0 to 21.0 in 3 rounds): 2.5 % more",
        "that is 1.82 times the 11.0 clips/s without workers",
        "their rounds overlap: this run cannot tell the two apart",
        "its full queue takes 5.0 MB of shared memory by arithmetic, 5.0 MB as measured, "
        "the workers themselves 50.0 MB",
    )


def test_workers_that_do_not_help_are_not_taken():
    advice = recommend([measured(setting(0), 10), measured(setting(2), 10.2)], within=0.05, n_cores=8)
    assert advice.chosen.setting == setting(0)
    assert "without workers nothing is prefetched" in advice.sentences[-1]


def test_no_margin_takes_the_fastest_and_full_cores_are_said():
    found = [measured(setting(0), 10), measured(setting(2), 10.2)]
    advice = recommend(found, within=0.0, n_cores=2)
    assert advice.chosen is advice.best is found[1]
    assert any("the workers fill all 2 cores" in sentence for sentence in advice.sentences)


def test_rounds_that_differ_much_are_said():
    quiet = recommend([measured(setting(0), 10, 10.5, 11)], within=0.05, n_cores=2)
    busy = recommend([measured(setting(0), 5, 10, 11)], within=0.05, n_cores=2)
    assert not any("take this with care" in sentence for sentence in quiet.sentences)
    assert any("rounds of one setting differ by up to 60 %" in sentence for sentence in busy.sentences)


def test_nothing_measured_gives_no_advice():
    with pytest.raises(ParameterError, match="at least one setting, got none"):
        recommend([], within=0.1, n_cores=1)


@pytest.mark.parametrize(
    ("how", "name"),
    [
        (setting(0, batch=1), "0 workers, batches of 1"),
        (setting(1), "1 worker, prefetch 2, batches of 4"),
        (setting(3, pin=True), "3 workers, prefetch 2, batches of 4, pinned"),
    ],
)
def test_names_of_settings(how, name):
    assert words(how) == name


# ── mistakes ────────────────────────────────────────────────────────────────────────────────────────────────
def test_remembered_clips_are_read_once():
    clips = Ticking(5)
    remembered = RememberedClips(clips)
    assert [remembered[2].index, remembered[2].index] == [2, 2]
    assert (clips.asked, len(remembered)) == ([2], 5)
    remembered.close()
    assert not clips.opened
    assert remembered[2].index == 2
    assert clips.asked == [2]


def test_files_are_read_through_and_dropped(tmp_path):
    for name in "ab":
        (tmp_path / name).write_bytes(b"x" * 3_000_000)
    paths = [tmp_path / "a", tmp_path / "b", tmp_path / "a"]
    assert read_through(paths) == 6_000_000
    assert drop_from_memory(paths) == hasattr(os, "posix_fadvise")
    assert (tmp_path / "a").stat().st_size == 3_000_000


def test_every_way_to_measure_is_there_and_says_whether_it_is_honest(tmp_path, monkeypatch):
    asked: list[tuple[int, type]] = []

    def measure(clips, how, *, measured_batches, **options):
        asked.append((how.num_workers, type(clips)))
        read = [clips[index] for index in range(4)]
        fast = isinstance(clips, RememberedClips) and how.num_workers > 0
        return Round(0.1, 1000.0 if fast else 10.0 * (1 + how.num_workers), (1.0,), len(read), 0, None, 0, 0)

    monkeypatch.setattr(loader_mistakes, "measure_round", measure)
    monkeypatch.setattr(
        loader_mistakes,
        "train",
        lambda clips, how, **options: (0.5, 90.0) if how.num_workers else (50.0, 140.0),
    )
    (tmp_path / "film").write_bytes(b"film")
    found = measure_mistakes(
        Ticking(12),
        workers=2,
        batch_size=2,
        prefetch_factor=1,
        n_batches=2,
        rounds=3,
        paths=[tmp_path / "film"],
        **HOW,
    )
    ratios = {each.name: (each.honest, each.ratio) for each in found}
    assert ratios["throughput of loading"] == (True, pytest.approx(3.0))
    assert ratios["epoch with a training step"] == (True, pytest.approx(140 / 90))
    assert ratios["wait for the next batch"] == (False, pytest.approx(100.0))
    assert ratios["lazy cache, filled by the first run"] == (False, pytest.approx(100.0))
    assert ratios["files not yet in memory"][0] is False
    assert (0, RememberedClips) in asked
    assert (2, RememberedClips) in asked


def test_step_that_outlasts_loading_hides_it_and_the_end_to_end_time_shows_it():
    waited, total = loader_mistakes.train(
        Ticking(40, shape=BIG), setting(1), n_batches=6, step_s=0.05, sleep=loader_grid.time.sleep, **HOW
    )
    assert 0 <= waited < total
    assert total >= 50.0


# ── job and command ─────────────────────────────────────────────────────────────────────────────────────────
@pytest.fixture(scope="module")
def root(tmp_path_factory):
    root = tmp_path_factory.mktemp("clips") / "films"
    make_folder(root)
    return root


WORDS = (
    "--clip-frames", "2", "--clip-stride", "1", "--clip-size", "16", "--workers", "0,1", "--prefetch", "1",
    "--batch-sizes", "2", "--measured-batches", "2", "--rounds", "1",
)  # fmt: skip


def test_command_prints_and_writes_the_grid(root, tmp_path, monkeypatch, capsys):
    (root / "Archery" / "v_zz.mp4").write_bytes(b"no video")
    monkeypatch.chdir(tmp_path)
    assert cli.main(["loaders", str(root), *WORDS, "--out", "out"]) == 0
    out = capsys.readouterr().out
    (root / "Archery" / "v_zz.mp4").unlink()
    assert "24 clips of 2 frames from 4 videos" in out
    assert "on this machine\n- take " in out
    assert "left out\n- " in out
    assert "v_zz.mp4" in out
    stored = json.loads((tmp_path / "out" / "loaders.json").read_text())
    assert [each["setting"]["num_workers"] for each in stored["measurements"]] == [0, 1]
    assert stored["command"][:2] == ["vidlab", "loaders"]
    assert (tmp_path / "out" / "loaders.csv").read_text().count("\n") == 3
    assert (tmp_path / "out" / "loaders.png").stat().st_size > 10_000
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "runs"]


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (("none",), 1, "videos must lie in a folder, got none; check the path"),
        (("{root}", "--part", "val"), 2, "unknown part 'val'; choose from: train, test"),
        (("{root}", "--part", "test"), 1, "a list of a split must be a readable text file"),
        (("{root}", "--workers", "two"), 2, "workers must have another form, got 'two'"),
        (("{root}", "--clip-frames", "99"), 1, "a video must hold at least 197 frames for a clip, got none"),
    ],
)
def test_wrong_commands_are_one_sentence(root, tmp_path, monkeypatch, capsys, words, code, sentence):
    monkeypatch.chdir(tmp_path)
    assert cli.main(["loaders", *(word.format(root=root) for word in words)]) == code
    err = capsys.readouterr().err
    assert sentence in err
    assert err.count("\n") == 1


def test_split_of_the_command_takes_its_videos_alone(root, tmp_path, monkeypatch):
    from vidlab.jobs.loaders import open_folder

    monkeypatch.chdir(tmp_path)
    lists = tmp_path / "lists"
    lists.mkdir()
    (lists / "classInd.txt").write_text("1 Archery\n2 Biking\n")
    (lists / "testlist02.txt").write_text("Biking/v_1.mp4\n")
    dataset = open_folder(root, clips=ClipParams(clip_frames=2), part="test", fold=2, splits=lists)
    assert [Path(video.path).parent.name for video in dataset.videos] == ["Biking"]
    assert dataset[0].label == 1
