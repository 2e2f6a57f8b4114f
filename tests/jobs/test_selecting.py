"""One object alone: how it is chosen, and that all that is written and measured is of it."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tiny_clip import DOG, MISSED, N_FRAMES, PERSON, SIZE_HW, make_clip, true_mask

from vidlab import cli
from vidlab.errors import MaskError, OutputError, ParameterError
from vidlab.jobs import MaskFile, Selection, stabilize
from vidlab.jobs.selecting import choose
from vidlab.params import METHODS, method_params
from vidlab.tracking import NOBODY
from vidlab.types import Instances

CORNER = np.zeros(SIZE_HW, bool)
CORNER[40:, 60:] = True


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    return make_clip(tmp_path_factory.mktemp("clip"))


def job(clip, out: Path, select: str | None, *, method: str = "flow_fusion", **options):
    return stabilize(
        clip.video,
        masks_from=options.pop("masks", MaskFile(clip.detections)),
        out=out,
        method=method_params(method),
        select=None if select is None else Selection.parse(select),
        **options,
    )


def masks_in(folder: Path) -> np.ndarray:
    return np.stack([np.asarray(Image.open(path)) > 0 for path in sorted(folder.glob("*.png"))])


# ── words ───────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("text", ["largest", "longest", "0,0@0", "320,240@12"])
def test_what_is_read_is_what_is_written(text):
    assert str(Selection.parse(text)) == text


@pytest.mark.parametrize(
    "text", ["", "biggest", "3,4", "3@4", "3,4@", "-1,2@3", "3.5,4@0", "1,2@3@4", "LARGEST"]
)
def test_other_words_are_refused_with_an_example(text):
    with pytest.raises(ParameterError, match=r"^select must be largest, longest or X,Y@T, such as .*, got '"):
        Selection.parse(text)


# ── the choice ──────────────────────────────────────────────────────────────────────────────────────────────
def tracked(*facts: tuple[int, slice, float]) -> Instances:
    """Detections of a frame: identity, columns, score."""
    masks = np.zeros((len(facts), 4, 20), bool)
    for mask, (_, columns, _) in zip(masks, facts, strict=True):
        mask[:, columns] = True
    return Instances(
        masks,
        np.array([score for *_, score in facts], np.float32),
        np.full(len(facts), DOG, np.int64),
        np.array([track_id for track_id, *_ in facts], np.int64),
    )


def chosen(text: str, *frames: Instances) -> int:
    return choose(Selection.parse(text), frames, min_score=0.25, size_hw=(4, 20))


def test_largest_sums_areas_and_longest_counts_frames():
    large, small = (1, slice(0, 9), 0.9), (2, slice(12, 14), 0.9)
    frames = [tracked(large, small), tracked(small), tracked(small)]
    assert chosen("largest", *frames) == chosen("longest", *frames[:1]) == 1
    assert chosen("longest", *frames) == 2


def test_parts_that_overlap_count_once_and_doubtful_ones_not_at_all():
    twice = tracked((1, slice(0, 5), 0.9), (1, slice(0, 5), 0.8), (2, slice(10, 16), 0.9))
    assert chosen("largest", twice) == 2
    doubtful = tracked((1, slice(0, 9), 0.1), (2, slice(12, 15), 0.9))
    assert chosen("largest", doubtful) == chosen("longest", doubtful, doubtful) == 2


def test_a_place_names_the_surest_that_covers_it():
    frame = tracked((1, slice(0, 9), 0.5), (2, slice(5, 15), 0.9), (NOBODY, slice(0, 20), 0.95))
    assert chosen("2,0@1", tracked(), frame) == 1
    assert chosen("7,3@1", tracked(), frame) == 2


def test_frames_after_the_place_are_not_read():
    def frames():
        yield tracked((1, slice(0, 9), 0.5))
        raise AssertionError("read too far")

    assert choose(Selection.parse("1,1@0"), frames(), min_score=0.25, size_hw=(4, 20)) == 1


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("19,0@0", r"select must name a place where an object is, got none at x 19, y 0 in frame 0"),
        ("1,1@1", r"select must name a frame of the clip, got 1,1@1 of 1 frames"),
        ("20,0@0", r"select must name a pixel of the 20×4 picture, got 20,0@0"),
        ("0,4@0", r"select must name a pixel of the 20×4 picture, got 0,4@0"),
    ],
)
def test_places_without_object_are_named(text, sentence):
    with pytest.raises((MaskError, ParameterError), match=sentence):
        chosen(text, tracked((1, slice(0, 9), 0.5)))


def test_a_clip_without_objects_has_none_to_choose():
    with pytest.raises(
        MaskError, match="select largest must have objects to choose from, got none in any frame"
    ):
        chosen("largest", tracked(), tracked((NOBODY, slice(0, 3), 0.1)))


# ── the job ─────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("method", METHODS)
def test_everything_is_of_the_one_object(clip, tmp_path, method):
    job(clip, tmp_path / "dog", "largest", method=method)
    raw, stable = (masks_in(tmp_path / "dog" / name) for name in ("raw", "masks"))
    truth = np.stack([true_mask(i) & (i not in MISSED) for i in range(N_FRAMES)])
    assert np.array_equal(raw, truth)
    assert not (stable & CORNER).any()
    entries = json.loads((tmp_path / "dog" / "instances.json").read_text())
    assert {(entry["category_id"], entry["track_id"]) for entry in entries} == {(DOG, 1)}
    assert json.loads((tmp_path / "dog" / "params.json").read_text())["select"] == "largest"
    metrics = json.loads((tmp_path / "dog" / "metrics.json").read_text())
    assert metrics["classes"] == {str(DOG): "dog"}


def test_a_place_chooses_another_object(clip, tmp_path):
    job(clip, tmp_path / "out", "70,44@1")
    assert not (masks_in(tmp_path / "out" / "masks") & ~CORNER).any()
    entries = json.loads((tmp_path / "out" / "instances.json").read_text())
    assert {entry["category_id"] for entry in entries} == {PERSON}


def test_without_a_wish_all_objects_are_there(clip, tmp_path):
    job(clip, tmp_path / "all", None)
    job(clip, tmp_path / "dog", "longest")
    everything, dog = (masks_in(tmp_path / name / "masks") for name in ("all", "dog"))
    assert np.array_equal(everything & ~CORNER, dog)
    assert json.loads((tmp_path / "all" / "params.json").read_text())["select"] is None


def test_wanted_classes_are_chosen_from(clip, tmp_path):
    job(clip, tmp_path / "out", "largest", class_ids=(PERSON,))
    assert not (masks_in(tmp_path / "out" / "masks") & ~CORNER).any()


def test_masks_that_tell_no_objects_apart_are_refused(clip, tmp_path):
    with pytest.raises(
        MaskError, match="select largest must have instances to choose from, got masks that tell"
    ):
        job(clip, tmp_path / "out", "largest", masks=MaskFile(clip.masks))
    assert not any(tmp_path.iterdir())


def test_a_result_of_another_object_is_not_taken_for_this_one(clip, tmp_path):
    job(clip, tmp_path / "out", "largest")
    again = job(clip, tmp_path / "out", "largest", resume=True)
    assert again.n_frames == N_FRAMES
    with pytest.raises(OutputError):
        job(clip, tmp_path / "out", "70,44@1", resume=True)


def test_a_killed_run_goes_on_with_the_same_object_only(clip, tmp_path, monkeypatch):
    monkeypatch.setattr("vidlab.jobs.stabilizing.CHECKPOINT_FRAMES", 3)

    def stop(done: int, total: int | None) -> None:
        if done == 8:
            raise SystemExit  # as a kill would, it leaves what is done

    job(clip, tmp_path / "whole", "longest", method="flow_fusion")
    with pytest.raises((SystemExit, OutputError)):
        job(clip, tmp_path / "out", "longest", method="flow_fusion", resume=True, progress=stop)
    with pytest.raises(OutputError, match='was begun with select "longest", got "largest"'):
        job(clip, tmp_path / "out", "largest", method="flow_fusion", resume=True)
    job(clip, tmp_path / "out", "longest", method="flow_fusion", resume=True)
    for name in ("masks", "raw"):
        assert np.array_equal(masks_in(tmp_path / "whole" / name), masks_in(tmp_path / "out" / name))
    whole, resumed = ((tmp_path / name / "instances.json").read_bytes() for name in ("whole", "out"))
    assert whole == resumed


# ── the command line ────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize(
    ("select", "code", "words"),
    [
        ("biggest", 2, "select must be largest, longest or X,Y@T"),
        ("200,0@0", 2, "select must name a pixel of the 80×48 picture"),
        ("0,0@0", 1, "got none at x 0, y 0 in frame 0"),
        ("0,0@99", 1, "select must name a frame of the clip, got 0,0@99 of 12 frames"),
    ],
)
def test_mistakes_are_one_line(clip, tmp_path, capsys, select, code, words):
    said = ["stabilize", str(clip.video), "--masks", str(clip.detections), "--out", str(tmp_path / "out")]
    assert cli.main([*said, "--select", select]) == code
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert words in error
    assert not (tmp_path / "out").exists()
