"""The tracking job: files whole or not at all, identities in and out, judged by masks and by boxes."""

import json
import subprocess
import sys

import numpy as np
import pytest
from tiny_clip import DOG, MISSED, N_FRAMES, SIZE_HW, make_clip, true_mask

from vidlab.errors import MaskError, OutputError, ParameterError
from vidlab.jobs import MaskFile
from vidlab.jobs.tracking import TrackRules, track
from vidlab.jobs.tracking_files import BoxTruth, boxes_of, open_identity_truth, write_mot
from vidlab.masks.coco import CocoMasks, CocoResultsWriter
from vidlab.params import DeepSortParams, SourceParams, tracker_params
from vidlab.types import Instances
from vidlab.video import open_source

PATIENT = tracker_params("flow", ["cut_similarity=-1"])  # one large square in a tiny picture is no cut


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    return make_clip(tmp_path_factory.mktemp("clip"))


@pytest.fixture(scope="module")
def truth(tmp_path_factory):
    """The square's identity is 7 in every frame, as masks and as boxes."""
    folder = tmp_path_factory.mktemp("truth")
    with CocoResultsWriter(folder / "truth.json") as masks, (folder / "gt.txt").open("w") as boxes:
        for index in range(N_FRAMES):
            there = named(true_mask(index)[np.newaxis], [7])
            masks.append(there, image_id=index)
            write_mot(there, index=index, to=boxes)
    return folder


def named(masks: np.ndarray, ids: list[int]) -> Instances:
    n = len(ids)
    return Instances(masks, np.ones(n, np.float32), np.full(n, DOG, np.int64), np.array(ids, np.int64))


def run(clip, out, **changed):
    words = {"masks_from": MaskFile(clip.detections), "params": PATIENT, "class_ids": (DOG,), **changed}
    return track(clip.video, out=out, **words)


# ── results ─────────────────────────────────────────────────────────────────────────────────────────────────
def test_a_folder_holds_everything(clip, truth, tmp_path) -> None:
    told: list[int] = []
    result = run(
        clip, tmp_path / "out", truth=truth / "truth.json", progress=lambda done, total: told.append(done)
    )
    made = {path.name for path in (tmp_path / "out").iterdir()}
    assert made == {"tracks.txt", "instances.json", "overlay.mp4", "params.json", "metrics.json"}
    assert told == list(range(1, N_FRAMES + 1))
    assert (result.n_frames, result.n_tracks) == (N_FRAMES, 1)
    assert result.score is not None
    assert result.score.n_switches == 0
    assert result.score.hota == pytest.approx(1, abs=0.01)
    written = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert written["hota"] == result.score.hota
    params = json.loads((tmp_path / "out" / "params.json").read_text())
    assert params["tracker"] == "flow"
    assert params["tracker_params"]["cut_similarity"] == -1


def test_boxes_are_written_as_motchallenge_does(clip, tmp_path) -> None:
    run(clip, tmp_path / "tracks.txt")
    rows = [line.split(",") for line in (tmp_path / "tracks.txt").read_text().splitlines()]
    assert [int(row[0]) for row in rows] == list(range(1, N_FRAMES + 1))
    assert {row[1] for row in rows} == {"1"}
    ys, xs = true_mask(0).nonzero()
    x, y, width, height = (float(value) for value in rows[0][2:6])
    assert (x, y) == (xs.min() + 1, ys.min() + 1)
    assert (width, height) == (np.ptp(xs) + 1, np.ptp(ys) + 1)
    assert rows[0][7:] == ["-1", "-1", "-1"]
    assert float(rows[0][6]) == pytest.approx(0.9)


def test_masks_are_written_with_identities(clip, tmp_path) -> None:
    run(clip, tmp_path / "tracks.json")
    frames = list(CocoMasks(tmp_path / "tracks.json", size_hw=SIZE_HW))
    assert len(frames) == N_FRAMES
    assert {one for frame in frames for one in frame.track_ids.tolist()} == {1}
    assert all(np.array_equal(frame.masks[0], true_mask(index)) for index, frame in enumerate(frames))


def test_the_video_shows_every_frame(clip, tmp_path) -> None:
    run(clip, tmp_path / "tracks.mp4")
    frames = list(open_source(tmp_path / "tracks.mp4", fps=25))
    assert len(frames) == N_FRAMES
    assert frames[0].image.shape[1] >= 320
    assert all(np.ptp(frame.image.astype(int), axis=2).max() > 60 for frame in frames)  # something has color


@pytest.mark.parametrize("tracker", ["sort", "deepsort", "bytetrack"])
def test_every_tracker_follows_it(clip, truth, tmp_path, tracker: str) -> None:
    result = run(clip, tmp_path / "a.txt", tracker=tracker, params=None, truth=truth / "gt.txt")
    assert result.score is not None
    assert result.score.n_false == 0
    assert result.score.n_missed >= len(MISSED) - (tracker == "bytetrack") * len(MISSED)


def test_boxes_and_masks_judge_alike(clip, truth, tmp_path) -> None:
    by_masks = run(clip, tmp_path / "a.txt", truth=truth / "truth.json").score
    by_boxes = run(clip, tmp_path / "b.txt", truth=truth / "gt.txt").score
    assert by_masks == by_boxes


def test_given_identities_are_judged_as_they_are(clip, truth, tmp_path) -> None:
    run(clip, tmp_path / "tracks.json")
    words = {"masks_from": MaskFile(tmp_path / "tracks.json"), "tracker": "given", "params": None}
    again = run(clip, tmp_path / "again.json", truth=truth / "truth.json", **words)
    assert (tmp_path / "again.json").read_text() == (tmp_path / "tracks.json").read_text()
    assert again.score is not None
    assert again.score.idf1 == pytest.approx(1)


def test_looks_can_be_told_apart_by_a_network(clip, tmp_path) -> None:
    pytest.importorskip("torchvision")
    params = DeepSortParams(appearance="resnet18")
    result = run(clip, tmp_path / "a.txt", tracker="deepsort", params=params, looks_weights="random")
    assert result.weights is not None
    assert "random" in result.weights
    assert result.n_tracks == 1


def test_part_of_a_clip_is_judged_by_part_of_the_truth(clip, truth, tmp_path) -> None:
    rules = TrackRules(source=SourceParams(max_frames=5))
    result = run(clip, tmp_path / "a.txt", truth=truth / "truth.json", rules=rules)
    assert result.score is not None
    assert result.score.n_frames == result.n_frames == 5


# ── the truth's text ────────────────────────────────────────────────────────────────────────────────────────
def test_text_comes_back_as_it_was_written(truth) -> None:
    boxes = BoxTruth(truth / "gt.txt")
    assert boxes.last_index == N_FRAMES - 1
    for index in range(N_FRAMES):
        overlap, ids = boxes.compared(named(true_mask(index)[np.newaxis], [1]))
        assert ids.tolist() == [7]
        assert overlap.tolist() == [[1.0]]
    overlap, ids = boxes.compared(named(true_mask(0)[np.newaxis], [1]))  # after its end nobody is there
    assert overlap.shape == (0, 1)


def test_lines_that_do_not_count_are_left_out(tmp_path) -> None:
    path = tmp_path / "gt.txt"
    path.write_text("1,1,1,1,4,4,1,1,1\n1,2,9,9,4,4,0,3,1\n\n2,2,1,1,4,4\n")
    boxes = BoxTruth(path)
    nobody = Instances.empty((20, 20))
    assert boxes.compared(nobody)[1].tolist() == [1]
    assert boxes.compared(nobody)[1].tolist() == [2]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("1,1,1,1,4\n", "line 1: must be frame,id,x,y,w,h"),
        ("1,1,1,1,4,4\n1,b,1,1,4,4\n", "line 2: must be frame,id,x,y,w,h"),
        ("0,1,1,1,4,4\n", "frames from 1, got '0,1,1,1,4,4'"),
        ("1,1,1,1,nan,4\n", "line 1: must be"),
        ("1,1,1,1,-4,4\n", "line 1: must be"),
        ("1,3,1,1,4,4\n1,3,2,2,4,4\n", "line 2: an identity must be in a frame once, got 3 again"),
    ],
)
def test_a_damaged_text_is_named_with_its_line(tmp_path, text: str, said: str) -> None:
    (tmp_path / "gt.txt").write_text(text)
    with pytest.raises(MaskError, match=said):
        BoxTruth(tmp_path / "gt.txt")


def test_a_truth_of_another_kind_is_refused(tmp_path) -> None:
    with pytest.raises(MaskError, match=r"must be MOTChallenge's .txt or COCO's .json, got .*truth.npz"):
        open_identity_truth(tmp_path / "truth.npz", size_hw=SIZE_HW)
    with pytest.raises(MaskError, match="must be MOTChallenge's text, got: No such file"):
        open_identity_truth(tmp_path / "gt.txt", size_hw=SIZE_HW)


def test_boxes_are_half_open() -> None:
    assert boxes_of(true_mask(0)[np.newaxis]).tolist() == [[8, 12, 32, 36]]
    assert boxes_of(np.zeros((0, *SIZE_HW), bool)).shape == (0, 4)


# ── errors ──────────────────────────────────────────────────────────────────────────────────────────────────
def test_nothing_is_left_of_a_run_that_fails(clip, tmp_path) -> None:
    for out in (tmp_path / "a.txt", tmp_path / "folder", tmp_path / "a.mp4"):
        with pytest.raises(MaskError, match="must come with track_ids"):
            run(clip, out, tracker="given", params=None)
    assert list(tmp_path.iterdir()) == []


def test_a_truth_without_identities_is_none(clip, tmp_path) -> None:
    with pytest.raises(MaskError, match="must name a track_id for every object to be the truth"):
        run(clip, tmp_path / "a.txt", truth=clip.detections)


def test_a_truth_that_goes_on_is_of_another_video(clip, tmp_path) -> None:
    (tmp_path / "gt.txt").write_text(f"{N_FRAMES + 3},1,1,1,4,4\n")
    with pytest.raises(MaskError, match=f"must not outlast the video of {N_FRAMES} frames"):
        run(clip, tmp_path / "a.txt", truth=tmp_path / "gt.txt")
    assert not (tmp_path / "a.txt").exists()


def test_probabilities_are_no_detections(clip, tmp_path) -> None:
    with pytest.raises(MaskError, match="tracking needs detections, one mask for each object"):
        run(clip, tmp_path / "a.txt", masks_from=MaskFile(clip.probs, probs=True), class_ids=None)


def test_a_result_is_not_replaced_unasked(clip, tmp_path) -> None:
    (tmp_path / "a.txt").write_text("mine")
    with pytest.raises(OutputError, match="is already there"):
        run(clip, tmp_path / "a.txt")
    assert (tmp_path / "a.txt").read_text() == "mine"
    run(clip, tmp_path / "a.txt", force=True)
    assert (tmp_path / "a.txt").read_text() != "mine"


def test_a_result_does_not_replace_what_is_read(clip, tmp_path) -> None:
    with pytest.raises(OutputError, match="must not touch what is read"):
        run(clip, clip.detections, force=True)


def test_other_endings_are_refused(clip, tmp_path) -> None:
    with pytest.raises(ParameterError, match=r"must end in .txt, .json, .mp4 or be a folder"):
        run(clip, tmp_path / "a.csv")


def test_weights_for_nobody_are_refused(clip, tmp_path) -> None:
    with pytest.raises(ParameterError, match="weights that tell looks apart must come with a tracker"):
        run(clip, tmp_path / "a.txt", looks_weights="random")


# ── memory ──────────────────────────────────────────────────────────────────────────────────────────────────
SCRIPT = """
import resource, sys
from pathlib import Path
import numpy as np
from vidlab.jobs import MaskFile, track
from vidlab.masks.coco import CocoResultsWriter
from vidlab.types import Instances
from vidlab.video import VideoWriter

folder, n_frames = Path(sys.argv[1]), int(sys.argv[2])
noise = np.random.default_rng(3).integers(0, 255, (240, 720, 3), np.uint8)
one = np.ones(1, np.int64)
with (
    VideoWriter(folder / "clip.mp4", size_hw=(240, 320), fps=25, crf=35, preset="ultrafast") as video,
    CocoResultsWriter(folder / "found.json") as found,
):
    for index in range(n_frames):
        video.write(np.ascontiguousarray(noise[:, index % 400 : index % 400 + 320]), pts_s=index / 25)
        mask = np.zeros((1, 240, 320), bool)
        mask[0, 80:160, index % 200 : index % 200 + 60] = True
        found.append(Instances(mask, np.ones(1, np.float32), one, one), image_id=index)
masks = MaskFile(folder / "found.json")
track(folder / "clip.mp4", masks_from=masks, out=folder / "out", truth=folder / "found.json")
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""


@pytest.mark.slow
def test_memory_does_not_grow_with_length(tmp_path) -> None:
    def peak_mib(n_frames: int) -> int:
        folder = tmp_path / str(n_frames)
        folder.mkdir()
        words = [sys.executable, "-c", SCRIPT, str(folder), str(n_frames)]
        return int(subprocess.run(words, capture_output=True, text=True, check=True).stdout)

    frames_mib = 320 * 240 * 3 * 320 / 2**20  # what holding the frames that were added would cost
    assert peak_mib(400) - peak_mib(80) < frames_mib / 3
