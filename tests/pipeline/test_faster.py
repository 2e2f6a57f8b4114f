"""Faster forms of a network: each is the network again, and what it finds is compared."""

import json
import runpy
import sys

import numpy as np
import pytest
from conftest import ROOT
from gpu import require_gpu

pytest.importorskip("torchvision")
pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

import torch

from vidlab.errors import ShapeError
from vidlab.models import create
from vidlab.params import EvidenceParams, NetworkParams
from vidlab.pipeline.faster import FORMS, Material, make_form, to_float32
from vidlab.pipeline.faster_timing import HEADER, faster_rows, gain, latencies_ms, measure_forms
from vidlab.pipeline.variants import AS_IS, Variant
from vidlab.synthetic import iter_scene, random_scene
from vidlab.types import Frame
from vidlab.viz.faster import plot_speed_and_agreement

FLOOR = 0.05
RULES = EvidenceParams(drop_below=FLOOR)
SAME = {"channels_last", "batch of 4", "ONNX Runtime", "ONNX Runtime, one size"}
FEW = [form for form in FORMS if not form.compiled]


def scenes(n_frames=3, seed=5_000_000):
    return list(iter_scene(random_scene(seed, size_hw=(90, 160), n_frames=n_frames, n_objects=3)))


@pytest.fixture(scope="module")
def demo():
    return create("maskrcnn_demo", weights=None, device="cpu", score_floor=FLOOR)


@pytest.fixture(scope="module")
def measured(demo):
    before = {name: value.clone() for name, value in demo.network.state_dict().items()}
    frames = scenes()
    results = measure_forms(
        demo,
        [frame.image for frame in frames],
        calibration=[frame.image for frame in scenes(seed=6_000_000)],
        truth=[frame.instances for frame in frames],
        evidence=RULES,
        rounds=2,
        forms=FEW,
    )
    after = demo.network.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert demo.network.transform.min_size == (160,)
    return {one.name: one for one in results}


def test_every_form_is_measured_in_every_round(measured):
    assert list(measured) == [form.name for form in FEW]
    for one in measured.values():
        if one.skipped:
            continue
        assert len(one.alone_ms) == len(one.whole_ms) == 2
        assert all(0 < alone < whole for alone, whole in zip(one.alone_ms, one.whole_ms, strict=True))
        assert one.setup_s > 0
        assert one.agreement.n_frames == 3


def test_what_changes_no_number_gives_the_same_masks(measured):
    for name in SAME:
        assert measured[name].agreement.iou > 0.999, name
        assert measured[name].agreement.largest_off < 1e-3, name


def test_what_changes_numbers_is_seen(measured):
    for name in ("bfloat16 (autocast)", "half the size", "ONNX Runtime, 8-bit static"):
        assert 0.1 < measured[name].agreement.iou < 0.9999, name
    assert measured[AS_IS].agreement.iou == 1


def test_masks_are_compared_with_the_truth(measured):
    own = measured[AS_IS].truth.iou
    assert 0 < own < 1
    assert measured["ONNX Runtime"].truth.iou == pytest.approx(own, abs=1e-3)


def test_what_needs_a_gpu_is_skipped_with_a_reason(measured):
    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    assert measured["float16 (AMP)"].skipped == "needs a CUDA device"
    rows = {row[0]: row for row in faster_rows(list(measured.values()))}
    assert rows["float16 (AMP)"][1] == "skipped: needs a CUDA device"
    assert {len(row) for row in rows.values()} == {len(HEADER)}
    assert rows[AS_IS][2] == rows[AS_IS][4] == "1.00 ×"


def test_semantic_network_of_random_weights_is_compared_by_pixels():
    small = NetworkParams(input_short_px=64)
    network = create(
        "lraspp_mobilenet_v3_large", weights="random", device="cpu", score_floor=0, options=small
    )
    forms = [form for form in FEW if form.name in {AS_IS, *SAME, "half the size"}]
    images = [frame.image for frame in scenes(2)]
    results = measure_forms(
        network, images, calibration=images, truth=None, evidence=RULES, rounds=1, forms=forms
    )
    for one in results:
        assert not one.skipped
        assert one.truth is None
        assert one.agreement.pixels > 0.99 or one.name == "half the size"
    assert network.input_size == 64


def test_a_form_that_fails_is_told_and_the_others_go_on(demo):
    broken = Variant("no such precision", precision="float3")
    images = [frame.image for frame in scenes(1)]
    results = measure_forms(
        demo, images, calibration=images, truth=None, evidence=RULES, rounds=1, forms=[FORMS[0], broken]
    )
    assert not results[0].skipped
    assert "float3" in results[1].skipped


def test_no_pictures_are_refused(demo):
    with pytest.raises(ShapeError, match="at least one picture must be given, got none"):
        measure_forms(demo, [], calibration=[], truth=None, evidence=RULES, rounds=1)


def test_gain_is_the_median_of_the_ratios_in_each_round():
    assert gain([10, 30, 100], [5, 10, 100]) == 2


def test_floats_come_back_at_full_precision():
    half = torch.ones(2, dtype=torch.bfloat16)
    found = to_float32(([{"scores": half, "labels": torch.ones(2, dtype=torch.int64)}], (3, 4)))
    assert found[0][0]["scores"].dtype == torch.float32
    assert found[0][0]["labels"].dtype == torch.int64
    assert found[1] == (3, 4)


def test_latency_leaves_the_first_frame_out(demo):
    frames = [Frame(frame.image, index, index / 25) for index, frame in enumerate(scenes(4))]
    assert len(latencies_ms(frames, demo, n_frames=2)) == 2
    assert len(latencies_ms(frames, demo, n_frames=9)) == 3
    assert all(value > 0 for value in latencies_ms(frames, demo, n_frames=9))


def test_plot_names_every_measured_form(measured):
    from matplotlib.figure import Figure

    axes = plot_speed_and_agreement(Figure().subplots(), list(measured.values()), forms=FEW, title="t")
    named = {text.get_text() for text in axes.texts}
    assert named == {name for name, one in measured.items() if not one.skipped}
    assert axes.get_ylabel() == "IoU with its masks"
    assert "times as fast" in axes.get_xlabel()
    heights = {text.get_text(): text.xy[1] for text in axes.texts}
    assert heights["half the size"] == measured["half the size"].agreement.iou


def test_benchmark_writes_its_figures(monkeypatch, capsys, tmp_path):
    out = tmp_path / "networks.json"
    words = ["--quick", "--device", "cpu", "--size", "90", "160", "--json", str(out)]
    monkeypatch.setattr(sys, "argv", ["networks.py", *words])
    module = runpy.run_path(str(ROOT / "benchmarks" / "networks.py"), run_name="benchmark")
    module["main"].__globals__["FORMS"] = FORMS[:2]
    module["main"]()
    told = capsys.readouterr().out
    assert "maskrcnn_demo, weights maskrcnn_demo.pt (" in told
    assert "channels_last" in told
    said = json.loads(out.read_text())
    assert said["forms"]["as is"]["buys_whole"] == 1
    assert said["forms"]["channels_last"]["agreement"]["n_frames"] == 4
    assert "cores" in said["said"]


@pytest.mark.slow
def test_compiled_network_finds_the_same(demo, tmp_path):
    images = [frame.image for frame in scenes(1)]
    material = Material(demo, images, images, FLOOR, tmp_path)
    try:
        (found,) = make_form(Variant("torch.compile", compiled=True), material).segment(images)
    except RuntimeError as error:
        pytest.skip(f"torch.compile does not run here: {error}".partition("\n")[0])
    (expected,) = demo.segment(images)
    assert np.allclose(found.scores, expected.scores, atol=1e-3)


@pytest.mark.gpu
def test_forms_run_on_the_gpu():
    require_gpu()
    network = create("maskrcnn_demo", weights=None, device="cuda", score_floor=FLOOR)
    images = [frame.image for frame in scenes(2)]
    forms = [form for form in FEW if not form.onnx]
    results = measure_forms(
        network, images, calibration=images, truth=None, evidence=RULES, rounds=1, forms=forms
    )
    assert [one.name for one in results if one.skipped] == []
