"""`vidlab export`: what it writes and prints, how it fails, and that its files do what the network does."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT

pytest.importorskip("torchvision")
pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

from vidlab import cli
from vidlab.jobs.export_frames import read_frames
from vidlab.masks.png import read_mask_png
from vidlab.models.onnx_card import read_card
from vidlab.models.onnx_runtime import open_session
from vidlab.params import ExportParams
from vidlab.synthetic import iter_scene, random_scene
from vidlab.video import VideoWriter

SIZE_HW, N_FRAMES = (90, 160), 6
QUICK = ("--check-frames", "2", "--calibration-frames", "4")


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    scene = random_scene(5_000_000, size_hw=SIZE_HW, n_frames=N_FRAMES, n_objects=3)
    with VideoWriter(path, size_hw=SIZE_HW, fps=25.0, crf=10, preset="ultrafast") as writer:
        for index, frame in enumerate(iter_scene(scene)):
            writer.write(frame.image, pts_s=index / 25)
    return path


def run(capsys, *words: object) -> tuple[int, str, str]:
    code = cli.main([str(word) for word in words])
    got = capsys.readouterr()
    return code, got.out, got.err


@pytest.fixture(scope="module")
def demo_file(clip, tmp_path_factory):
    file = tmp_path_factory.mktemp("onnx") / "demo.onnx"
    assert cli.main(["export", "maskrcnn_demo", "--onnx", str(file), "--frames", str(clip), *QUICK]) == 0
    return file


def card_of(file: Path):
    return read_card(open_session(file, device="cpu", threads=1).metadata, source=file.name)


def test_everything_is_said(capsys, clip, tmp_path):
    file = tmp_path / "deep" / "demo.onnx"
    code, text, err = run(capsys, "export", "maskrcnn_demo", "--onnx", file, "--frames", clip, *QUICK)
    assert (code, err) == (0, "")
    assert text.startswith("maskrcnn_demo, weights maskrcnn_demo.pt (")
    for said in (
        "frames of any size",
        "against torch: score off by ",
        " masks; same class at 100.00 % of the pixels (2 frames of clip.mp4, ",
        "tolerance 0.001",
        "ran on   cpu (ONNX Runtime ",
        f"network  {file}",
    ):
        assert said in text
    assert [path.name for path in file.parent.iterdir()] == ["demo.onnx"]


def test_segmenting_by_the_file_gives_what_the_network_gives(capsys, clip, demo_file, tmp_path):
    ways = {"torch": ("maskrcnn_demo",), "onnx": ("onnx", "--weights", demo_file)}
    for name, words in ways.items():
        out = tmp_path / name
        assert run(capsys, "segment", clip, "--model", *words, "--device", "cpu", "--out", out)[0] == 0
    found = {name: json.loads((tmp_path / name / "instances.json").read_text()) for name in ways}
    assert len(found["torch"]) == len(found["onnx"]) > N_FRAMES
    for one, other in zip(found["torch"], found["onnx"], strict=True):
        assert (one["image_id"], one["category_id"]) == (other["image_id"], other["category_id"])
        assert one["score"] == pytest.approx(other["score"], abs=1e-4)
    for index in range(N_FRAMES):
        masks = [
            read_mask_png(tmp_path / name / "masks" / f"{index:05}.png", size_hw=SIZE_HW) for name in ways
        ]
        assert (masks[0] != masks[1]).mean() < 1e-3
    said = json.loads((tmp_path / "onnx" / "params.json").read_text())["network"]
    assert said["device"].startswith("cpu (ONNX Runtime ")
    assert said["weights"].startswith("demo.onnx (")
    assert said["weights_file"]["content"].startswith("sha256:")


def test_what_runs_a_file_is_printed(capsys, clip, demo_file, tmp_path):
    words = ("--model", "onnx", "--weights", demo_file, "--threads", "2", "--out", tmp_path / "out")
    code, text, _ = run(capsys, "segment", clip, *words)
    assert code == 0
    assert "6 frames on cpu (ONNX Runtime " in text
    assert "CPUExecutionProvider, 2 threads): " in text


def test_profile_and_stream_take_a_file(capsys, clip, demo_file):
    words = (clip, "--model", "onnx", "--weights", demo_file, "--device", "cpu")
    quick = ("--max-frames", "4", "--seconds", "1", "--warmup-items", "1")
    code, text, err = run(capsys, "profile", *words, *quick)
    assert (code, err) == (0, "")
    assert "onnx with weights demo.onnx (" in text
    code, text, _ = run(capsys, "stream", *words, "--max-frames", "3", "--policy", "block")
    assert code == 0


def test_quantizing_measures_what_it_costs(capsys, clip, demo_file, tmp_path):
    file = tmp_path / "small.onnx"
    words = ("onnx", "--weights", demo_file, "--frames", clip, "--quantize", "static", "--onnx", file)
    code, text, err = run(capsys, "export", *words, *QUICK)
    assert (code, err) == (0, "")
    assert "against the file it was made from: score off by 0 at most, 0 in the mean; IoU 1.0000" in text
    assert "8-bit, static, 4 frames, 3." in text
    assert "against float32: score off by " in text
    assert file.stat().st_size < demo_file.stat().st_size / 3
    assert card_of(file).quantized == "8-bit, static, 4 frames"
    assert [path.name for path in tmp_path.iterdir()] == ["small.onnx"]


def test_dynamic_quantization_needs_no_calibration(capsys, clip, demo_file, tmp_path):
    words = ("onnx", "--weights", demo_file, "--frames", clip, "--quantize", "dynamic")
    code, text, _ = run(capsys, "export", *words, "--onnx", tmp_path / "small.onnx", "--check-frames", "2")
    assert code == 0
    assert "8-bit, dynamic, 3." in text


def test_random_weights_are_compared_at_any_score(capsys, clip, tmp_path):
    words = ("maskrcnn_demo", "--weights", "random", "--drop-below", "0.9", "--frames", clip, *QUICK)
    code, text, _ = run(capsys, "export", *words, "--onnx", tmp_path / "random.onnx")
    assert code == 0
    assert "weights random (timing only)" in text
    assert "nothing was found above the lowest score: detections of any score were compared" in text
    assert card_of(tmp_path / "random.onnx").score_floor == 0.9


def test_size_and_names_are_in_the_file(capsys, tmp_path):
    file = tmp_path / "unet.onnx"
    words = ("smp_unet", "--weights", "random", "--encoder", "resnet18", "--class-names", "dog,lane marking")
    code, text, _ = run(capsys, "export", *words, "--size", "64x96", "--check-frames", "1", "--onnx", file)
    assert code == 0
    assert "frames of 64x96 size" in text
    assert "probability off by " in text
    card = card_of(file)
    assert (card.input_size, card.class_ids, card.class_names) == (
        (64, 96),
        (None, 18, 201),
        {201: "lane marking"},
    )


def test_a_file_that_differs_too_much_is_not_kept(capsys, clip, tmp_path):
    words = ("--tolerance", "1e-12", "--frames", clip, *QUICK)
    code, text, err = run(capsys, "export", "maskrcnn_demo", "--onnx", tmp_path / "demo.onnx", *words)
    assert (code, text) == (1, "")
    assert "must do what the network does, within 1e-12 of its scores" in err
    assert "nothing was written" in err
    assert not list(tmp_path.iterdir())


def test_a_file_that_is_there_stays_unless_it_may_be_replaced(capsys, tmp_path):
    file = tmp_path / "demo.onnx"
    file.write_text("mine")
    code, _, err = run(capsys, "export", "maskrcnn_demo", "--onnx", file)
    assert code == 1
    assert err == f"vidlab: {file} is already there; choose another name or add --force\n"
    assert file.read_text() == "mine"


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (("deeplab",), 2, "unknown model 'deeplab'; choose from: "),
        (("maskrcnn_demo", "--size", "480"), 2, "size must have another form, got '480'"),
        (("maskrcnn_demo", "--opset", "9"), 2, "opset must lie in [16, 20], got 9"),
        (
            ("maskrcnn_demo", "--quantize", "int4"),
            2,
            "quantize must be one of none, static, dynamic, got int4",
        ),
        (("maskrcnn_demo", "--frames", "nowhere.mp4"), 1, "must exist, got nowhere.mp4"),
        (("onnx",), 1, "model 'onnx' must have a file, got weights none"),
        (("smp_unet",), 1, "smp_unet has no weights of its own"),
        (("smp_pspnet", "--weights", "random", "--encoder", "resnet18"), 2, "add --size HxW"),
    ],
)
def test_mistakes_are_one_line(capsys, tmp_path, words, code, sentence):
    got, text, err = run(capsys, "export", *words, "--onnx", tmp_path / "out.onnx")
    assert (got, text) == (code, "")
    assert sentence in err.splitlines()[-1]
    assert not list(tmp_path.iterdir())


def test_missing_extra_is_one_line(capsys, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "onnx", None)
    code, _, err = run(
        capsys, "export", "maskrcnn_demo", "--onnx", tmp_path / "x.onnx", "--check-frames", "1"
    )
    assert code == 1
    assert err == "vidlab: writing ONNX files needs extra packages; run: pip install 'vidlab[onnx]'\n"


def test_frames_to_check_are_not_those_to_calibrate(clip):
    params = ExportParams(quantize="static", check_frames=2, calibration_frames=3, size="45x80")
    frames = read_frames(clip, params=params)
    assert (len(frames.checked), len(frames.calibration)) == (2, 3)
    assert {image.shape for image in (*frames.checked, *frames.calibration)} == {(45, 80, 3)}
    assert not any(np.array_equal(a, b) for a in frames.checked for b in frames.calibration)
    drawn = read_frames(None, params=ExportParams(check_frames=3))
    assert (len(drawn.checked), drawn.source) == (3, "drawn scenes")
    few = read_frames(clip, params=ExportParams(quantize="static", check_frames=100))
    assert (len(few.checked), len(few.calibration)) == (N_FRAMES, N_FRAMES)


def test_sample_scene_is_a_source_of_frames():
    sample = ROOT / "data" / "sample" / "video.mp4"
    if not sample.is_file():
        pytest.skip("data/sample is not here")
    frames = read_frames(sample, params=ExportParams(check_frames=2))
    assert len(frames.checked) == 2
    assert not np.array_equal(*frames.checked)
