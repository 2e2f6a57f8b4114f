"""Optical flow as files and in color, and measured against the exact flow of a drawn scene."""

import csv
import io
import json

import numpy as np
import pytest
from PIL import Image

from vidlab.errors import OutputError, ParameterError, SourceError, VideoError, VidlabError, WeightsError
from vidlab.flow import FLOWS, MotionEstimator, create_flow
from vidlab.jobs.flows import Truth, estimate_flows, open_flow
from vidlab.jobs.pickling import StatePickler, StateUnpickler
from vidlab.metrics.flow_error import FlowError
from vidlab.params import FlowParams, SourceParams
from vidlab.synthetic import iter_scene, random_scene
from vidlab.video import open_source, write_image
from vidlab.video.flow_files import list_flows, read_flow, write_flow

SIZE_HW, N_FRAMES = (64, 96), 5


@pytest.fixture(scope="module")
def scene(tmp_path_factory):
    """Frames 1 to 5 as Sintel names them; the true flow to the previous frame, and what that one hides."""
    folder = tmp_path_factory.mktemp("scene")
    for part in ("frames", "flow", "kitti", "occlusions"):
        (folder / part).mkdir()
    for frame in iter_scene(random_scene(3, size_hw=SIZE_HW, n_frames=N_FRAMES)):
        name = f"frame_{frame.index + 1:04d}"
        write_image(folder / "frames" / f"{name}.png", frame.image)
        if frame.index:
            write_flow(folder / "flow" / f"{name}.flo", frame.flow_to_prev)
            write_flow(folder / "kitti" / f"{name}.png", frame.flow_to_prev)
            marks = Image.fromarray(frame.occluded.astype(np.uint8) * 255)
            marks.save(folder / "occlusions" / f"{name}.png")
    return folder


def run(scene, out, *, sources=None, truth=None, force=False, max_frames=0, progress=None, **settings):
    params = FlowParams(**settings)
    return estimate_flows(
        sources or [scene / "frames"],
        out=out,
        flow=open_flow(params),
        params=params,
        truth=truth,
        source=SourceParams(max_frames=max_frames),
        force=force,
        **({} if progress is None else {"progress": progress}),
    )


def images(scene):
    return [frame.image for frame in open_source(scene / "frames", fps=25)]


# ── files ───────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize(("direction", "first"), [("next", 0), ("prev", 1)])
def test_flows_are_named_by_the_frame_on_whose_grid_they_are(scene, tmp_path, direction, first):
    result = run(scene, tmp_path / "out", direction=direction)
    files = list_flows(tmp_path / "out")
    assert [path.name for path in files] == [f"{k:05d}.flo" for k in range(first, first + N_FRAMES - 1)]
    assert (result.n_pairs, result.errors, result.weights) == (N_FRAMES - 1, None, None)
    here, there = (2, 3) if direction == "next" else (2, 1)
    shown, flow = images(scene), create_flow("dis", scale=1.0, preset="medium")
    assert np.array_equal(read_flow(tmp_path / "out" / "00002.flo").flow, flow(shown[here], shown[there]))


@pytest.mark.parametrize(("format", "suffix"), [("kitti", ".png"), ("npy", ".npy"), ("flo", ".flo")])
def test_every_format_of_files_holds_the_same_flow(scene, tmp_path, format, suffix):
    run(scene, tmp_path / "out", format=format)
    found = read_flow(tmp_path / "out" / f"00001{suffix}").flow
    shown = images(scene)
    expected = create_flow("dis", scale=1.0, preset="medium")(shown[1], shown[2])
    assert np.abs(found - expected).max() <= (1 / 128 if format == "kitti" else 0)


def test_pictures_in_color_and_a_video_are_made(scene, tmp_path):
    run(scene, tmp_path / "out", format="png", wheel_px=4)
    with Image.open(tmp_path / "out" / "00000.png") as picture:
        assert picture.mode == "RGB"
    result = run(scene, tmp_path / "flow.mp4")
    frames = list(open_source(tmp_path / "flow.mp4", fps=25))
    assert len(frames) == result.n_pairs == N_FRAMES - 1


def test_two_pictures_are_one_pair(scene, tmp_path):
    pair = [scene / "frames" / f"frame_{number:04d}.png" for number in (2, 1)]
    truth = Truth(scene / "flow" / "frame_0002.flo", scene / "occlusions" / "frame_0002.png")
    result = run(scene, tmp_path / "out", sources=pair, truth=truth)
    assert result.n_pairs == 1
    assert result.errors.n_px == SIZE_HW[0] * SIZE_HW[1]


def test_the_record_says_how_the_flows_were_made(scene, tmp_path):
    run(scene, tmp_path / "out", flow="farneback")
    record = json.loads((tmp_path / "out" / "flow.json").read_text("utf-8"))
    assert record["params"]["flow"] == "farneback"
    assert record["n_pairs"] == N_FRAMES - 1
    assert record["estimator"].startswith("('farneback', 21")
    assert record["errors"] is None
    assert record["ms_per_pair"] > 0


def test_progress_is_told_after_every_pair(scene, tmp_path):
    told = []
    run(scene, tmp_path / "out", progress=lambda done, total: told.append((done, total)), max_frames=4)
    assert told == [(1, 3), (2, 3), (3, 3)]


# ── truth ───────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("kind", ["flow", "kitti"])
def test_the_error_is_that_of_the_flows_against_the_truth(scene, tmp_path, kind):
    truth = Truth(scene / kind, scene / "occlusions")
    result = run(scene, tmp_path / "out", truth=truth, direction="prev")
    metric = FlowError()
    for frame in list(iter_scene(random_scene(3, size_hw=SIZE_HW, n_frames=N_FRAMES)))[1:]:
        found = read_flow(tmp_path / "out" / f"{frame.index:05d}.flo").flow
        metric.update(found, truth=frame.flow_to_prev, occluded=frame.occluded)
    whole = metric.compute()
    assert result.errors.epe == pytest.approx(whole.epe, abs=0.01)
    assert result.errors.matched == pytest.approx(whole.matched, abs=0.01)
    assert result.errors.unmatched == pytest.approx(whole.unmatched, abs=0.01)
    with (tmp_path / "out" / "errors.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["frame"]) for row in rows] == [1, 2, 3, 4]
    pixels = [int(row["n_px"]) for row in rows]
    assert np.average([float(row["epe"]) for row in rows], weights=pixels) == pytest.approx(result.errors.epe)


def test_invalid_pixels_do_not_count(scene, tmp_path):
    marks = tmp_path / "invalid"
    marks.mkdir()
    for number in range(N_FRAMES - 1):
        invalid = np.zeros(SIZE_HW, np.uint8)
        invalid[:16] = 255
        Image.fromarray(invalid).save(marks / f"{number}.png")
    truth = Truth(scene / "flow", invalid=marks)
    result = run(scene, tmp_path / "out", truth=truth, direction="prev")
    assert result.errors.n_px == (SIZE_HW[0] - 16) * SIZE_HW[1] * (N_FRAMES - 1)


def test_a_part_of_the_frames_needs_a_part_of_the_truth(scene, tmp_path):
    result = run(scene, tmp_path / "out", truth=Truth(scene / "flow"), direction="prev", max_frames=3)
    assert result.n_pairs == 2


# ── sentences, and nothing left ─────────────────────────────────────────────────────────────────────────────
def refused(scene, out, sentence, *, kind=SourceError, **how):
    before = sorted(out.parent.iterdir())
    with pytest.raises(kind, match=sentence):
        run(scene, out, **how)
    assert sorted(out.parent.iterdir()) == before


def test_truth_that_does_not_fit_is_refused_before_anything_is_written(scene, tmp_path):
    out = tmp_path / "out"
    one = Truth(scene / "flow" / "frame_0002.flo")
    refused(scene, out, "must hold one flow file for each of the 4 pairs, got 1", truth=one)
    refused(scene, out, "must hold one flow file .* 2 pairs, got 1", truth=one, max_frames=3)
    refused(scene, out, "a folder of flows must exist", truth=Truth(scene / "nowhere"))
    refused(scene, out, "one flow file for each of the 4 pairs, got 5", truth=Truth(scene / "frames"))
    fewer = Truth(scene / "flow", occlusions=scene / "frames" / "frame_0001.png")
    refused(scene, out, "must hold one occluded file .* got 1", truth=fewer)


def test_truth_of_another_size_or_kind_is_refused(scene, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    for number in range(4):
        write_flow(other / f"{number}.flo", np.zeros((8, 8, 2), np.float32))
    refused(scene, tmp_path / "out", r"must have one size, got 96×64 and 8×8 in .*0\.flo", truth=Truth(other))
    (other / "0.flo").write_bytes(b"text")
    refused(scene, tmp_path / "out", r"must begin with PIEH, got b'text'", truth=Truth(other))


def test_sources_that_are_none_are_refused(scene, tmp_path):
    frames, out = scene / "frames", tmp_path / "out"
    single = [frames / "frame_0001.png"]
    refused(scene, out, "must have two frames, got the picture", kind=ParameterError, sources=single)
    three = [single[0]] * 3
    refused(scene, out, "or two pictures, got 3 names", kind=ParameterError, sources=three)
    refused(scene, out, "a picture must be a file that exists", sources=[single[0], tmp_path / "no.png"])
    write_image(scene / "small.png", np.zeros((8, 8, 3), np.uint8))
    refused(scene, out, "must have one size, got 96×64 and 8×8", sources=[single[0], scene / "small.png"])
    refused(scene, out, "a flow must have two frames", kind=VideoError, max_frames=1)
    refused(scene, out.with_suffix(".flo"), "--out must name a folder", kind=ParameterError)


def test_results_that_are_there_are_kept_unless_forced(scene, tmp_path):
    for out in (tmp_path / "out", tmp_path / "flow.mp4"):
        run(scene, out)
        with pytest.raises(OutputError, match="--force"):
            run(scene, out)
        run(scene, out, force=True)
    with pytest.raises(OutputError, match="must not touch what is read"):
        run(scene, scene / "frames" / "out")


def test_settings_and_weights_go_where_they_belong(scene):
    plain = open_flow(FlowParams(flow="horn_schunck"), settings={"levels": "1", "median": "false"})
    assert plain.identity == ("horn_schunck", 20.0, 1, 4, 30, False)
    with pytest.raises(ParameterError, match="weights must go with a network, got the flow dis"):
        open_flow(FlowParams(), weights="random")


def test_a_network_without_weights_is_one_sentence(monkeypatch, tmp_path):
    torch = pytest.importorskip("torch")
    from vidlab.flow import raft

    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(torch.hub, "_hub_dir", None)
    monkeypatch.setitem(raft.BUILDERS, "raft_small", (raft.BUILDERS["raft_small"][0], Nowhere()))
    with pytest.raises(
        WeightsError, match=r"weights tiny-01234567\.pth must be in .* --weights FILE to vidlab"
    ):
        open_flow(FlowParams(flow="raft_small"))
    with pytest.raises(VidlabError, match="weights must be a file"):
        open_flow(FlowParams(flow="raft_small"), weights=str(tmp_path / "no.pth"))


class Nowhere:
    """Published weights that nobody serves."""

    url = "http://127.0.0.1:9/tiny-01234567.pth"


class NothingKept:
    """A store for states that hold nothing that only grows."""

    def keep(self, spill):
        raise AssertionError("nothing grows here")

    kept = keep


@pytest.mark.parametrize("name", FLOWS)
def test_a_motion_that_was_put_away_goes_on_as_if_it_never_was(name):
    """As `vidlab stabilize --resume` does it, with any flow."""
    network = {}
    if FLOWS[name].needs_torch:
        pytest.importorskip("torchvision")
        network = {"weights": "random", "settings": {"updates": 1}}
    flow = create_flow(name, scale=0.5, **network)
    motion, twin = (MotionEstimator(flow, cut_similarity=-1, both_ways=True) for _ in range(2))
    rng = np.random.default_rng(0)
    first, second = (rng.integers(0, 256, (128, 136, 3)).astype(np.uint8) for _ in range(2))
    motion.step(first)
    file = io.BytesIO()
    StatePickler(file, motion, NothingKept()).dump(motion)
    file.seek(0)
    again = StateUnpickler(file, twin, NothingKept()).load()
    expected, found = motion.step(second), again.step(second)
    assert np.array_equal(found.to_prev, expected.to_prev)
    assert np.array_equal(found.to_next, expected.to_next)
    assert len(file.getvalue()) < 300_000  # pictures, not networks
