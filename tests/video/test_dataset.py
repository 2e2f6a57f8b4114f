"""Clips by number: the right frames, labels and shapes, whatever is broken, in any process."""

import multiprocessing
import pickle
from pathlib import Path

import numpy as np
import pytest
from clip_folder import CLASSES, N_FRAMES, SIZE_HW, image, make_folder, write_video

from vidlab.errors import SourceError
from vidlab.params import ClipParams
from vidlab.video.dataset import Clip, ClipDataset, LostClip, no_progress, open_clips, square_from_middle
from vidlab.video.ucf101 import LabeledVideo, list_folder

CUT = ClipParams(clip_frames=3, clip_stride=2, clip_step=0, clip_size=0)
CODING_ERROR = 3  # gray levels that H.264 at crf 5 may be off on flat pictures


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    root = tmp_path_factory.mktemp("clips")
    make_folder(root)
    return root


def opened(root: Path, *, clips: ClipParams = CUT, **options: object) -> ClipDataset:
    return open_clips(list_folder(root), clips=clips, layout="thwc", cache=None, **options)


def test_clips_are_laid_out_without_overlap_and_hold_the_frames_of_their_stride(root):
    dataset = opened(root)
    assert len(dataset) == 4 * 2  # 12 frames: starts at 0 and 6, each spanning 5
    for index in range(len(dataset)):
        clip = dataset[index]
        video, start = index // 2, 6 * (index % 2)
        assert (clip.label, clip.index, clip.start) == (video // 2, index, start)
        assert clip.frames.shape == (3, *SIZE_HW, 3)
        assert clip.frames.dtype == np.uint8
        truth = np.stack([image(video, start + 2 * k) for k in range(3)])
        assert np.abs(clip.frames.astype(int) - truth).max() <= CODING_ERROR


@pytest.mark.parametrize(
    ("frames", "stride", "step", "n_clips"),
    [(12, 1, 0, 1), (1, 1, 0, 12), (4, 1, 1, 9), (6, 2, 5, 1), (2, 11, 1, 1)],
)
def test_number_of_clips_of_twelve_frames(root, frames, stride, step, n_clips):
    clips = ClipParams(clip_frames=frames, clip_stride=stride, clip_step=step, clip_size=0)
    dataset = opened(root, clips=clips)
    assert len(dataset) == 4 * n_clips
    last = dataset[n_clips - 1]
    assert last.start + (frames - 1) * stride < N_FRAMES


def test_any_order_gives_the_same_clips(root):
    dataset = opened(root, clips=CUT.model_copy(update={"clip_step": 1, "max_open": 1}))
    in_order = [dataset[index].frames for index in range(len(dataset))]
    for index in np.random.default_rng(0).permutation(len(dataset)):
        assert np.array_equal(dataset[int(index)].frames, in_order[index])


def test_layout_moves_the_channels(root):
    catalog = list_folder(root)
    first, second = (
        open_clips(catalog, clips=CUT, layout=layout, cache=None)[3].frames for layout in ("thwc", "tchw")
    )
    assert second.flags.c_contiguous
    assert np.array_equal(first, second.transpose(0, 2, 3, 1))


def test_transform_gets_the_square_and_replaces_the_frames(root):
    clips = CUT.model_copy(update={"clip_size": 16})
    dataset = opened(root, clips=clips, transform=lambda frames: frames.shape)
    assert dataset[0].frames == (3, 16, 16, 3)


def test_mistake_in_a_transform_is_not_taken_for_a_damaged_file(root):
    dataset = opened(root, transform=lambda frames: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        dataset[0]


def test_square_is_cut_from_the_middle_and_scaled():
    frames = np.zeros((2, 20, 60, 3), np.uint8)
    frames[:, :, 20:40] = 200
    square = square_from_middle(frames, size=10)
    assert square.shape == (2, 10, 10, 3)
    assert (square == 200).all()
    assert square_from_middle(frames, size=0) is frames


# ── damage ──────────────────────────────────────────────────────────────────────────────────────────────────
def test_video_that_cannot_be_opened_is_left_out_and_said(root, tmp_path, caplog):
    make_folder(tmp_path, per_class=1)
    broken = tmp_path / CLASSES[0] / "v_broken.mp4"
    broken.write_bytes(b"no video at all")
    short = write_video(tmp_path / CLASSES[1] / "v_short.mp4", number=3, n_frames=4)
    dataset = opened(tmp_path)
    assert {video.path for video in dataset.videos}.isdisjoint({broken, short})
    assert list(dataset.faults) == [broken]
    assert dataset.n_short == 1
    assert str(broken) in caplog.text
    assert len(dataset) == 2 * 2


def test_file_that_breaks_after_counting_gives_lost_clips_and_the_others_come(tmp_path):
    paths = make_folder(tmp_path, per_class=1)
    dataset = opened(tmp_path)
    data = paths[0].read_bytes()
    paths[0].write_bytes(data[: len(data) // 3])
    got = [dataset[index] for index in range(len(dataset))]
    assert [type(item) for item in got] == [LostClip, LostClip, Clip, Clip]
    assert str(paths[0]) in got[0].reason
    assert (got[1].index, got[1].start) == (1, 6)
    paths[0].write_bytes(data)  # the file is mended: nothing is remembered against it
    assert isinstance(dataset[0], Clip)


def test_folder_of_too_short_videos_is_refused(root):
    with pytest.raises(SourceError, match=r"^a video must hold at least 21 frames for a clip, got none$"):
        opened(root, clips=ClipParams(clip_frames=11, clip_stride=2))


def test_index_beyond_the_end_is_an_index_error(root):
    dataset = opened(root)
    assert dataset[-1].index == len(dataset) - 1
    with pytest.raises(IndexError, match=r"clip must lie in \[0, 8\), got 8"):
        dataset[8]


# ── files, and who holds them open ──────────────────────────────────────────────────────────────────────────
class Recorder:
    """A reader that notes what is opened and closed."""

    log: list[tuple[str, str]]

    def __init__(self, path: Path) -> None:
        self.path = path
        LOG.append(("open", path.stem))

    def read(self, indices):
        return np.zeros((len(indices), *SIZE_HW, 3), np.uint8)

    def close(self) -> None:
        LOG.append(("close", self.path.stem))


LOG: list[tuple[str, str]] = []


def recorded(n_videos: int, *, max_open: int) -> ClipDataset:
    videos = [(LabeledVideo(Path(f"{number}.mp4"), 0), 5) for number in range(n_videos)]
    clips = ClipParams(clip_frames=3, clip_stride=2, clip_size=0, max_open=max_open)
    LOG.clear()
    return ClipDataset(videos, clips=clips, layout="thwc", open_reader=Recorder)


def test_nothing_is_open_before_the_first_clip_and_the_longest_unused_is_closed():
    dataset = recorded(3, max_open=2)
    assert LOG == []
    for index in (0, 1, 0, 2, 1):
        dataset[index]
    assert LOG == [("open", "0"), ("open", "1"), ("open", "2"), ("close", "1"), ("open", "1"), ("close", "0")]
    dataset.close()
    assert dataset.open_paths == ()
    assert sorted(LOG[-2:]) == [("close", "1"), ("close", "2")]


def test_pickled_copy_has_nothing_open_and_reads_the_same(root):
    dataset = opened(root)
    before = dataset[5].frames
    copy = pickle.loads(pickle.dumps(dataset))
    assert (len(dataset.open_paths), copy.open_paths) == (1, ())
    assert np.array_equal(copy[5].frames, before)


def read_in_child(dataset: ClipDataset, queue) -> None:
    inherited = len(dataset.open_paths)
    queue.put((inherited, dataset[1].frames.tobytes(), len(dataset.open_paths)))


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_child_opens_its_own_file_even_if_the_parent_has_read(root, method):
    dataset = opened(root)
    before = dataset[1].frames
    context = multiprocessing.get_context(method)
    queue = context.Queue()
    child = context.Process(target=read_in_child, args=(dataset, queue))
    child.start()
    try:
        assert queue.get(timeout=60) == (0, before.tobytes(), 1)
        child.join(timeout=60)
        assert child.exitcode == 0
    finally:
        child.kill()
    assert np.array_equal(dataset[1].frames, before)


# ── the index of frame counts ───────────────────────────────────────────────────────────────────────────────
def test_counts_are_remembered_until_a_file_changes(root, tmp_path, monkeypatch):
    from vidlab.video import clip_index

    counted: list[Path] = []
    real = clip_index.read_stamps
    monkeypatch.setattr(clip_index, "read_stamps", lambda path: (counted.append(path), real(path))[1])
    paths, cache, told = make_folder(tmp_path / "videos"), tmp_path / "runs" / "index.json", []
    first = clip_index.count_frames(paths, cache=cache, progress=lambda *at: told.append(at))
    assert counted == paths
    assert told == [(done, 4) for done in range(5)]
    assert clip_index.count_frames(paths, cache=cache, progress=no_progress) == first
    assert counted == paths
    write_video(paths[1], number=1, n_frames=7)
    again = clip_index.count_frames(paths, cache=cache, progress=no_progress)
    assert counted == [*paths, paths[1]]
    assert again.counts == first.counts | {paths[1]: 7}
    assert [path.name for path in cache.parent.iterdir()] == ["index.json"]


@pytest.mark.parametrize(
    "text", ["not json", "[]", '{"version": 0, "videos": {}}', '{"version": 1, "videos": 3}']
)
def test_damaged_index_is_made_anew(root, tmp_path, text):
    from vidlab.video.clip_index import count_frames

    cache = tmp_path / "index.json"
    cache.write_text(text)
    paths = [video.path for video in list_folder(root).videos]
    assert set(count_frames(paths, cache=cache, progress=no_progress).counts.values()) == {N_FRAMES}
    assert '"version": 1' in cache.read_text()


def test_index_that_cannot_be_written_costs_a_warning(root, tmp_path, caplog):
    from vidlab.video.clip_index import count_frames

    (tmp_path / "file").touch()
    paths = [video.path for video in list_folder(root).videos]
    counted = count_frames(paths, cache=tmp_path / "file" / "index.json", progress=no_progress)
    assert len(counted.counts) == len(paths)
    assert "could not be remembered" in caplog.text
