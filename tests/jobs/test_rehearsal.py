"""A clip in memory gives what the jobs give that read it anew."""

import json
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import tiny_clip
from conftest import REAL, ROOT, needs_real

from vidlab import jobs
from vidlab.errors import MaskError, ParameterError, SourceError
from vidlab.jobs import MaskFile
from vidlab.jobs.rehearsal import Rehearsal
from vidlab.jobs.rehearsal_scale import scaled_params, shrink_masks
from vidlab.jobs.rehearsed import KeptProbs
from vidlab.jobs.truth import MaskFolder
from vidlab.metrics.overlap import iou
from vidlab.params import METHODS, EvaluateParams, FlowFusionParams, SourceParams, method_params

SAMPLE = ROOT / "data" / "sample"
DOG = 18
N_FRAMES = 24
CALM = EvaluateParams(davis_t=False)
SOURCES = {
    "instances": MaskFile(SAMPLE / "detections.json"),
    "probs": MaskFile(SAMPLE / "probs", probs=True),
}
WHERE_METHODS_LOOK = {
    "none": [],
    "median": ["follow_motion=true"],
    "flow_fusion": [],
    "flow_fusion_two_pass": [],
}


def open_sample(kind: str = "instances", **settings) -> Rehearsal:
    defaults = {
        "masks_from": SOURCES[kind],
        "class_ids": (DOG,),
        "truth": SAMPLE / "truth",
        "source": SourceParams(max_frames=N_FRAMES),
        "memory_mb": 500,
    }
    return Rehearsal.open(SAMPLE / "video.mp4", **(defaults | settings))


@pytest.fixture(scope="module")
def sample() -> Rehearsal:
    return open_sample()


# ── the same as the jobs ────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("kind", SOURCES)
@pytest.mark.parametrize(("method", "settings"), WHERE_METHODS_LOOK.items())
def test_masks_are_those_of_the_stabilizing_job(tmp_path, kind, method, settings):
    clip, params = open_sample(kind), method_params(method, settings)
    result = jobs.stabilize(
        SAMPLE / "video.mp4",
        masks_from=SOURCES[kind],
        out=tmp_path / "out",
        method=params,
        class_ids=(DOG,),
        source=SourceParams(max_frames=N_FRAMES),
    )
    for _ in range(2):  # with flows estimated, then remembered
        tried = list(clip.run(params))
        written = list(MaskFolder(result.folder / "masks", size_hw=None))
        assert all(np.array_equal(a, b) for a, b in zip(tried, written, strict=True))
    raw = list(MaskFolder(result.folder / "raw", size_hw=None))
    assert all(np.array_equal(a, b) for a, b in zip(clip.raw, raw, strict=True))


def test_metrics_are_those_of_the_evaluating_job(tmp_path, sample):
    params = method_params("flow_fusion")
    result = jobs.stabilize(
        SAMPLE / "video.mp4",
        masks_from=SOURCES["instances"],
        out=tmp_path / "out",
        method=params,
        class_ids=(DOG,),
        source=SourceParams(max_frames=N_FRAMES),
    )
    expected = jobs.evaluate(
        result.folder,
        truth=SAMPLE / "truth",
        video=SAMPLE / "video.mp4",
        source=SourceParams(max_frames=N_FRAMES),
        params=CALM,
    )
    assert expected.summary.headline is not None
    for _ in range(2):
        assert sample.measure(params).model_dump(mode="json") == expected.summary.model_dump(mode="json")


def test_metrics_do_not_depend_on_what_fits_into_the_memory(sample):
    small = open_sample(memory_mb=12)  # the frames, and hardly a flow
    assert small.measure(method_params("none")) == sample.measure(method_params("none"))


def test_without_truth_there_is_the_proxy():
    summary = open_sample(truth=None).measure(method_params("none"))
    assert summary.headline is None
    assert summary.excess_flicker is None
    assert 0 < summary.quality_proxy < 1


@needs_real
def test_a_real_sequence_gives_what_the_job_gives(tmp_path):
    folder = REAL / "sequences" / "blackswan"
    wanted = json.loads((folder / "sequence.json").read_text("utf-8"))["target_classes"]
    from vidlab.classes import class_ids

    masks, source = MaskFile(folder / "yolov8n_seg.json"), SourceParams(max_frames=8)
    settings = {"masks_from": masks, "class_ids": class_ids(wanted), "source": source}
    clip = Rehearsal.open(folder / "frames", **settings, memory_mb=500)
    params = method_params("flow_fusion_two_pass")
    result = jobs.stabilize(folder / "frames", **settings, out=tmp_path / "out", method=params)
    written = list(MaskFolder(result.folder / "masks", size_hw=None))
    assert all(np.array_equal(a, b) for a, b in zip(clip.run(params), written, strict=True))


# ── what is kept ────────────────────────────────────────────────────────────────────────────────────────────
def test_frames_masks_and_truth_are_in_step(sample):
    assert sample.n_frames == len(sample.images) == len(sample.raw) == len(sample.truth) == N_FRAMES
    assert sample.size_hw == sample.info.size_hw == sample.images[0].shape[:2] == sample.raw[0].shape
    assert sample.times_s == sorted(set(sample.times_s))
    truth = list(MaskFolder(SAMPLE / "truth", size_hw=None))
    assert np.array_equal(sample.truth[5], truth[5])
    assert [mask.sum() for mask in sample.truth[3:5]] == [truth[3].sum(), truth[4].sum()]
    assert np.array_equal(sample.truth[-1], truth[N_FRAMES - 1])


def test_probabilities_that_came_as_bytes_come_back_to_the_last_bit():
    exact = (np.arange(256, dtype=np.float32) / np.float32(255)).reshape(1, 16, 16)
    kept = KeptProbs.of(exact, (DOG,))
    assert kept.n_bytes == 256
    assert np.array_equal(kept.unpack().probs, exact)
    other = np.random.default_rng(0).random((2, 8, 8)).astype(np.float32)
    kept = KeptProbs.of(other, (DOG, 1))
    assert kept.n_bytes == 2 * other.size
    np.testing.assert_allclose(kept.unpack().probs, other, atol=1e-3)


def test_a_clip_that_is_too_large_says_what_to_do():
    advice = r"must fit into 2 MB, got 24 frames of about \d+ MB; take fewer frames \(--max-frames\)"
    with pytest.raises(SourceError, match=advice):
        open_sample(memory_mb=2)
    assert open_sample(memory_mb=2, source=SourceParams(max_frames=4)).n_frames == 4


def test_memory_is_bounded():
    bounded = open_sample(memory_mb=20)
    list(bounded.run(method_params("flow_fusion", ["flow_scale=1"])))
    bounded.measure(method_params("flow_fusion_two_pass"))
    held = sum(frame.n_bytes for frame in bounded._frames)
    assert held + bounded._flows.n_bytes + bounded._motions.n_bytes <= 20 << 20


def test_truth_of_another_length_is_refused(tmp_path):
    made = tiny_clip.make_clip(tmp_path)
    (made.truth / "00011.png").unlink()
    with pytest.raises(MaskError, match="every frame must have a mask, got 11"):
        Rehearsal.open(made.video, masks_from=MaskFile(made.masks), truth=made.truth, memory_mb=50)


@pytest.mark.parametrize("scale", [0, 1.5, -1])
def test_scale_is_checked(scale):
    with pytest.raises(ParameterError, match=r"scale must lie in \(0, 1\]"):
        open_sample(scale=scale)


# ── smaller ─────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("kind", SOURCES)
def test_a_smaller_clip_gives_about_the_same_masks(kind):
    full, half = open_sample(kind), open_sample(kind, scale=0.5)
    assert half.size_hw == (135, 240)
    for method in ("flow_fusion", "flow_fusion_two_pass"):
        pairs = zip(full.run(method_params(method)), half.run(method_params(method)), strict=True)
        overlaps = [iou(shrink_masks(a[np.newaxis], half.size_hw)[0], b) for a, b in pairs]
        assert np.mean(overlaps) > 0.93


def test_pixels_of_tunables_shrink_with_the_clip_and_off_stays_off():
    params = scaled_params(FlowFusionParams(motion_px=80, flow_scale=0.25), 0.5)
    assert (params.motion_px, params.flow_scale) == (40, 0.5)
    assert scaled_params(FlowFusionParams(flow_scale=0.8), 0.5).flow_scale == 1
    assert scaled_params(FlowFusionParams(motion_px=10000), 0.5).motion_px == 10000
    assert scaled_params(FlowFusionParams(), 1.0) == FlowFusionParams()


def test_shrinking_keeps_what_most_pixels_say():
    masks = np.zeros((1, 4, 4), bool)
    masks[0, :2, :3] = True  # half of what the right pixel covers
    assert shrink_masks(masks, (2, 2))[0].tolist() == [[True, True], [False, False]]
    assert shrink_masks(masks[:0], (2, 2)).shape == (0, 2, 2)


# ── trying ──────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("kind", SOURCES)
def test_a_preview_is_close_to_the_run(kind, method):
    clip, params = open_sample(kind, scale=0.5), method_params(method)
    wrong = {
        index: np.count_nonzero(clip.preview(params, index) ^ mask) / max(np.count_nonzero(mask), 1000)
        for index, mask in enumerate(clip.run(params))
        if index % 4 == 3
    }
    assert np.mean(list(wrong.values())) <= 0.03
    assert max(wrong.values()) <= 0.08


def test_a_preview_of_a_window_filter_is_exact(sample):
    params = method_params("gaussian", ["window=7"])
    run = list(sample.run(params))
    for index in (0, 2, 11, N_FRAMES - 1):
        assert np.array_equal(sample.preview(params, index), run[index])


def test_a_preview_outside_the_clip_is_refused(sample):
    with pytest.raises(ParameterError, match=r"index must lie in \[0, 24\), got 24"):
        sample.preview(method_params("none"), N_FRAMES)


def test_two_passes_stop_between_their_frames(sample):
    """All frames wait for the end here: only there is anything done that could be stopped."""
    params = method_params("flow_fusion_two_pass", ["chunk=120"])
    assert len(list(sample.run(params))) == sample.n_frames  # from here on identities are known
    asked = iter([False] * sample.n_frames + [False, True])
    assert list(sample.run(params, stop=lambda: next(asked, True))) == []
    assert next(asked, None) is None


def test_a_run_stops_when_told(sample):
    list(sample.run(method_params("none")))  # identities are known from here on
    asked = iter([False] * 6 + [True] * 1000)
    taken = list(sample.run(method_params("none"), stop=lambda: next(asked)))
    assert 0 < len(taken) < 7
    assert list(sample.run(method_params("flow_fusion_two_pass"), stop=lambda: True)) == []
    assert np.array_equal(
        sample.preview(method_params("flow_fusion_two_pass"), 3, stop=lambda: True), sample.raw[3]
    )
    assert sample.judge(sample.raw, stop=lambda: True).n_frames == 0


def test_metrics_follow_the_masks_one_by_one(sample):
    judging = sample.judging()
    for mask in sample.raw[:5]:
        judging.take(mask)
    assert judging.compute().n_frames == 5
    assert judging.compute().j_mean == sample.judge(sample.raw[:5]).j_mean


def test_a_part_is_a_clip_of_its_own(sample):
    part = sample.part(10, 20)
    assert part.n_frames == 10
    assert np.array_equal(part.truth[0], sample.truth[10])
    curves = sample.judge(sample.raw).curves
    of_part = part.judge(part.raw).curves
    assert of_part.j == curves.j[10:20]
    assert of_part.flicker == [None, *curves.flicker[11:20]]
    with pytest.raises(ParameterError, match=r"a part must lie in \[0, 24\), got \[20, 25\)"):
        sample.part(20, 25)


def test_threads_share_a_clip():
    shared = open_sample(memory_mb=30)  # less than all flows need
    tries = [method_params("flow_fusion", [f"memory={memory}"]) for memory in (0.5, 0.6, 0.7, 0.8)]
    alone = [open_sample().measure(params) for params in tries]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(shared.measure, tries)) == alone
