"""`vidlab profile`: what it prints, in which words, and how it fails."""

import json

import numpy as np
import pytest
from conftest import REAL, needs_real

from vidlab import cli
from vidlab.video import VideoWriter

QUICK = ("--max-frames", "4", "--seconds", "1", "--warmup-items", "1")


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    with VideoWriter(path, size_hw=(48, 64), fps=25.0, crf=20, preset="ultrafast") as writer:
        for index in range(6):
            writer.write(np.full((48, 64, 3), 40 * index, np.uint8), pts_s=index / 25)
    return path


def run(capsys, *words: object) -> tuple[int, str, str]:
    code = cli.main(["profile", *map(str, words)])
    got = capsys.readouterr()
    return code, got.out, got.err


def test_everything_is_said(capsys, clip, tmp_path):
    pytest.importorskip("torchvision")
    out = tmp_path / "out"
    words = ("--model", "maskrcnn_demo", "--weights", "random", "--device", "cpu", "--out", out)
    code, text, _ = run(capsys, clip, *words, *QUICK)
    assert code == 0
    for said in (
        "clip.mp4: 64×48 h264, maskrcnn_demo with weights random (timing only), on cpu",
        "4 frames in each run, 2 interleaved rounds; 1 warm-up call of",
        "median ms",
        "timeline, sequential",
        "timeline, overlapped",
        "bounds the pipeline",
        "times as fast at most",
        "overlap did make it",
        "next thing to try\n- ",
        f"timeline  {out / 'timeline.png'}",
    ):
        assert said in text
    speeds = [line for line in text.splitlines() if "model only" in line]
    assert len(speeds) == 2
    assert all("end to end" in line for line in speeds)


def test_json_holds_the_same_as_the_file(capsys, clip, tmp_path):
    code, text, _ = run(capsys, clip, "--model", "none", "--json", "--out", tmp_path / "out", *QUICK)
    assert code == 0
    said, written = json.loads(text), json.loads((tmp_path / "out" / "profile.json").read_text())
    assert {name: written[name] for name in said} == said
    assert list(said["stages"]) == ["decode", "preprocess"]
    assert said["reached_speedup"] == said["elapsed_s"]["sequential"] / said["elapsed_s"]["overlapped"]


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (("none.mp4",), 1, "none.mp4"),
        (("{clip}", "--device", "cuda:77"), 1, "cuda:77"),
        (("{clip}", "--weights", "none.pt", "--device", "cpu"), 1, "none.pt"),
        (("{clip}", "--model", "none", "--batch-frames", "50"), 1, "at least one item of 50 frames"),
        (("{clip}", "--model", "oracle"), 2, "unknown model 'oracle'"),
        (("{clip}", "--max-frames", "1"), 2, "max_frames must lie in [2, 10000], got 1"),
        (("{clip}", "--seconds", "0"), 2, "seconds must lie in (0, 3600], got 0"),
        (("{clip}", "--queue-size", "0"), 2, "queue_size must lie in [1, 256], got 0"),
        ((), 2, "required: VIDEO"),
    ],
)
def test_trouble_is_one_sentence_and_leaves_nothing(
    capsys, clip, tmp_path, monkeypatch, words, code, sentence
):
    monkeypatch.chdir(tmp_path)
    got, out, err = run(capsys, *(word.format(clip=clip) for word in words), "--out", "out")
    assert (got, out) == (code, "")
    assert err.startswith("vidlab: ")
    assert sentence in err
    assert err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


@needs_real
@pytest.mark.parametrize("name", ["no_moov", "audio_only"])
def test_files_without_frames_are_one_sentence(capsys, name):
    files = sorted((REAL / "nasty").glob(f"*{name.replace('_', '*')}*"))
    if not files:
        pytest.skip(f"no file named {name} among the real ones")
    code, out, err = run(capsys, files[0], "--model", "none")
    assert (code, out) == (1, "")
    assert err.count("\n") == 1
