"""What a stopped run leaves, and what --resume makes of it: whole, damaged, foreign, of another request."""

import hashlib
import logging
import os
import pickle
from collections.abc import Iterator
from pathlib import Path

import pytest
from test_resume import assert_same_results
from tiny_clip import DOG, N_FRAMES, make_clip

from vidlab.errors import OutputError, SourceError
from vidlab.jobs import MaskFile, Network, stabilize, stabilizing
from vidlab.jobs.resume import MAGIC
from vidlab.jobs.unfinished import resumable_folder
from vidlab.params import SegmentParams, method_params

LEFT = [".out.partial-resumable", ".out.resume"]


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    return make_clip(tmp_path_factory.mktemp("clip"))


@pytest.fixture(autouse=True)
def often(monkeypatch):
    monkeypatch.setattr(stabilizing, "CHECKPOINT_FRAMES", 3)


def job(clip, out: Path, *, masks=None, method: str = "exponential", **options):
    return stabilize(
        clip.video,
        masks_from=masks or MaskFile(clip.detections),
        out=out,
        method=method_params(method),
        **options,
    )


def stop_after(n_frames: int):
    """A progress that is interrupted, as by Ctrl-C, once so many frames are done."""

    def progress(done: int, total: int | None) -> None:
        if done == n_frames:
            raise KeyboardInterrupt

    return progress


def listing(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def interrupted(clip, out: Path, *, after: int = 8, **options) -> None:
    with pytest.raises(KeyboardInterrupt):
        job(clip, out, progress=stop_after(after), **options)


def test_interrupted_run_goes_on_where_it_was(clip, tmp_path, caplog):
    caplog.set_level(logging.INFO, "vidlab")
    job(clip, tmp_path / "whole")
    interrupted(clip, tmp_path / "out")
    assert listing(tmp_path) == [*LEFT, "whole"]
    assert "the same command with --resume goes on with it" in caplog.text
    told: list[int] = []
    job(clip, tmp_path / "out", resume=True, progress=lambda done, total: told.append(done))
    assert told == [6, *range(7, N_FRAMES + 1)]  # the last multiple of 3 was put away
    assert "going on after 6 frames" in caplog.text
    assert listing(tmp_path) == ["out", "whole"]
    assert_same_results(tmp_path / "whole", tmp_path / "out")


def test_network_sees_the_same_batches_again(clip, tmp_path):
    options = {"masks": Network("maskrcnn_demo"), "segment": SegmentParams(batch_size=4, device="cpu")}
    job(clip, tmp_path / "whole", **options)
    interrupted(clip, tmp_path / "out", **options)
    job(clip, tmp_path / "out", resume=True, **options)
    assert_same_results(tmp_path / "whole", tmp_path / "out")


def test_run_interrupted_before_anything_was_put_away_leaves_nothing(clip, tmp_path):
    interrupted(clip, tmp_path / "out", after=2)
    assert listing(tmp_path) == []


def test_without_resume_a_leftover_does_not_matter(clip, tmp_path, caplog):
    interrupted(clip, tmp_path / "out")
    caplog.set_level(logging.INFO, "vidlab")
    told: list[int] = []
    job(clip, tmp_path / "out", method="none", progress=lambda done, total: told.append(done))
    assert told[0] == 1
    assert listing(tmp_path) == ["out"]
    assert "--resume would have gone on" in caplog.text


def test_nothing_to_go_on_with_starts_at_the_first_frame(clip, tmp_path, caplog):
    caplog.set_level(logging.INFO, "vidlab")
    assert job(clip, tmp_path / "out", resume=True).n_frames == N_FRAMES
    assert "there is nothing to go on with" in caplog.text


def test_finished_run_is_returned_as_it_is(clip, tmp_path, caplog):
    first = job(clip, tmp_path / "out", truth=clip.truth)
    before = {path: (path.stat().st_mtime_ns, path.stat().st_ino) for path in tmp_path.rglob("*")}
    caplog.set_level(logging.INFO, "vidlab")
    again = job(clip, tmp_path / "out", truth=clip.truth, resume=True)
    assert "is complete; nothing was done" in caplog.text
    after = {path: (path.stat().st_mtime_ns, path.stat().st_ino) for path in tmp_path.rglob("*")}
    assert before == after
    assert (again.change, again.n_frames, again.losses) == (first.change, first.n_frames, first.losses)
    for one, other in ((first.raw, again.raw), (first.stable, again.stable), (first.truth, again.truth)):
        assert one.model_dump(exclude={"curves"}) == other.model_dump(exclude={"curves"})
    assert list(again.stable.curves.j) == pytest.approx(list(first.stable.curves.j), rel=1e-8)


def test_finished_result_of_another_request_is_not_replaced(clip, tmp_path):
    job(clip, tmp_path / "out")
    with pytest.raises(OutputError, match="is not empty; choose another folder or add --force"):
        job(clip, tmp_path / "out", method="none", resume=True)
    assert listing(tmp_path) == ["out"]
    job(clip, tmp_path / "out", method="none", resume=True, force=True)
    assert 'method": "none"' in (tmp_path / "out" / "params.json").read_text()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"method": "none"}, 'was begun with method "exponential", got "none"; repeat the first command'),
        ({"class_ids": (DOG,)}, "was begun with classes null, got"),
        ({"save_frames": True}, "was begun with save_frames false, got true"),
    ],
)
def test_another_request_is_refused_and_nothing_is_lost(clip, tmp_path, options, words):
    interrupted(clip, tmp_path / "out")
    with pytest.raises(OutputError, match=words):
        job(clip, tmp_path / "out", resume=True, **options)
    assert job(clip, tmp_path / "out", resume=True).n_frames == N_FRAMES


def test_changed_input_is_refused(clip, tmp_path):
    own = make_clip(tmp_path)
    interrupted(own, tmp_path / "out")
    own.detections.write_text(own.detections.read_text() + " ")
    with pytest.raises(OutputError, match=r"was begun with masks\.content"):
        job(own, tmp_path / "out", resume=True)


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


class Evil:
    def __reduce__(self):
        return (os.system, ("touch evil",))


def with_foreign_state(folder: Path) -> None:
    content = pickle.dumps(Evil())
    (folder / LEFT[1] / "state").write_bytes(MAGIC + hashlib.sha256(content).digest() + content)


DAMAGES = {
    "cut state": lambda at: (at / LEFT[1] / "state").write_bytes(b"vidlab state 1\nabc"),
    "empty state": lambda at: (at / LEFT[1] / "state").write_bytes(b""),
    "changed state": lambda at: flip(at / LEFT[1] / "state"),
    "foreign state": with_foreign_state,
    "no request": lambda at: (at / LEFT[1] / "request.json").unlink(),
    "odd request": lambda at: (at / LEFT[1] / "request.json").write_text("[]"),
    "changed overlay": lambda at: flip(at / LEFT[1] / "overlay-00000.mp4"),
    "no overlay": lambda at: (at / LEFT[1] / "overlay-00001.mp4").unlink(),
    "changed instances": lambda at: flip(at / LEFT[1] / "instances-00001.json"),
    "changed mask": lambda at: flip(at / LEFT[0] / "masks" / "00003.png"),
    "no raw mask": lambda at: (at / LEFT[0] / "raw" / "00000.png").unlink(),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_leftover_is_refused_in_a_sentence(clip, tmp_path, monkeypatch, damage):
    monkeypatch.chdir(tmp_path)
    interrupted(clip, tmp_path / "out")
    DAMAGES[damage](tmp_path)
    with pytest.raises(OutputError) as caught:
        job(clip, tmp_path / "out", resume=True)
    assert "leave --resume out to start over" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert job(clip, tmp_path / "out").n_frames == N_FRAMES
    assert listing(tmp_path) == ["out"]


def test_what_lies_around_in_a_leftover_is_not_published(clip, tmp_path):
    job(clip, tmp_path / "whole")
    interrupted(clip, tmp_path / "out")
    (tmp_path / LEFT[0] / "masks" / "00099.png").touch()
    (tmp_path / LEFT[0] / "plots").mkdir()
    (tmp_path / LEFT[0] / "mine.txt").touch()
    (tmp_path / LEFT[1] / "overlay-00007.mp4").touch()
    job(clip, tmp_path / "out", resume=True)
    assert_same_results(tmp_path / "whole", tmp_path / "out")


def test_file_in_the_way_of_a_leftover_is_replaced(clip, tmp_path):
    (tmp_path / LEFT[0]).touch()
    (tmp_path / LEFT[1]).touch()
    assert job(clip, tmp_path / "out", resume=True).n_frames == N_FRAMES
    assert listing(tmp_path) == ["out"]


def test_wrong_input_of_a_new_run_leaves_nothing_but_keeps_an_old_leftover(clip, tmp_path):
    masks = MaskFile(tmp_path / "none")
    with pytest.raises(SourceError):
        job(clip, tmp_path / "out", masks=masks)
    assert listing(tmp_path) == []
    interrupted(clip, tmp_path / "out")
    with pytest.raises(SourceError):
        job(clip, tmp_path / "out", masks=masks)
    assert listing(tmp_path) == LEFT
    assert job(clip, tmp_path / "out", resume=True).n_frames == N_FRAMES


def test_two_runs_never_write_one_result(tmp_path):
    def enter() -> Iterator[None]:
        with resumable_folder(tmp_path / "out", force=False, resume=False, inputs=[]) as folders:
            folders.start_over()
            yield

    first = enter()
    next(first)
    with pytest.raises(OutputError, match="out is being written by another run; wait for it"):
        next(enter())
    assert list(first) == []
    assert listing(tmp_path) == ["out"]
