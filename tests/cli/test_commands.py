"""Commands on a tiny clip: exit codes, one-line errors, and nothing left behind."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from tiny_clip import N_FRAMES, make_clip

from vidlab import cli
from vidlab.masks.png import write_mask_png


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    return make_clip(tmp_path_factory.mktemp("clip"))


def run(capsys, *words: object) -> tuple[int, str, str]:
    code = cli.main([str(word) for word in words])
    got = capsys.readouterr()
    return code, got.out, got.err


def listing(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def test_stabilize_prints_a_table_and_where_results_are(capsys, clip, tmp_path):
    out = tmp_path / "out"
    code, text, err = run(
        capsys,
        "stabilize",
        clip.video,
        "--masks",
        clip.masks,
        "--method",
        "median",
        "--truth",
        clip.truth,
        "--out",
        out,
    )
    assert (code, err) == (0, "")
    assert "raw against stable (median), 12 frames" in text
    assert "truth: region J" in text
    assert f"{out / 'overlay.mp4'}" in text
    said = json.loads((out / "params.json").read_text())
    assert said["command"][:2] == ["vidlab", "stabilize"]
    with (out / "curves.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == N_FRAMES
    assert float(rows[0]["raw_j"]) == 1.0
    assert rows[0]["raw_iou_prev"] == ""


def test_set_reaches_the_method(capsys, clip, tmp_path):
    words = ("stabilize", clip.video, "--masks", clip.masks, "--method", "exponential", "--set", "alpha=0.3")
    assert run(capsys, *words, "--out", tmp_path / "out")[0] == 0
    assert json.loads((tmp_path / "out" / "params.json").read_text())["params"]["alpha"] == 0.3


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("stabilize", "none.mp4", "--masks", "{masks}"), "none.mp4"),
        (("stabilize", "{video}", "--masks", "none"), "none"),
        (("stabilize", "{video}", "--masks", "{masks}", "--truth", "none"), "none"),
        (("stabilize", "{video}", "--masks", "{small}"), "masks must be as large as the video, got 4×6"),
        (("stabilize", "{video}", "--masks", "{text}"), "text.json"),
        (("stabilize", "{text}", "--masks", "{masks}"), "text.json"),
        (("stabilize", "{video}", "--model", "maskrcnn_demo", "--weights", "none.pt"), "none.pt"),
        (("segment", "{video}", "--model", "maskrcnn_demo", "--device", "cuda:77"), "cuda:77"),
        (("segment", "none.mp4"), "none.mp4"),
    ],
)
def test_trouble_with_files_exits_1_with_one_sentence_and_nothing_left(
    capsys, clip, tmp_path, monkeypatch, words, sentence
):
    inputs = tmp_path / "inputs"
    (inputs / "small").mkdir(parents=True)
    (inputs / "text.json").write_text("not json")
    for index in range(N_FRAMES):
        write_mask_png(inputs / "small" / f"{index:05d}.png", np.ones((6, 4), bool))
    names = {
        "video": clip.video,
        "masks": clip.masks,
        "small": inputs / "small",
        "text": inputs / "text.json",
    }
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    code, out, err = run(capsys, *(word.format(**names) for word in words), "--out", work / "deep" / "out")
    assert code == 1
    assert out == ""
    assert err.startswith("vidlab: ")
    assert sentence in err
    assert err.count("\n") == 1
    assert listing(work) == []


def test_full_folder_is_refused_without_force(capsys, clip, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("mine")
    words = ("stabilize", clip.video, "--masks", clip.masks, "--method", "none", "--out", tmp_path / "out")
    code, _, err = run(capsys, *words)
    assert code == 1
    assert "is not empty; choose another folder or add --force" in err
    assert listing(tmp_path) == ["out", "out/mine.txt"]
    assert run(capsys, *words, "--force")[0] == 0
    assert not (tmp_path / "out" / "mine.txt").exists()
    assert (tmp_path / "out" / "metrics.json").is_file()
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


SLOW_RUN = """
import signal, sys, time
from vidlab import cli
from vidlab.jobs import writing

signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell may have switched it off
write = writing.StableWriter.write
writing.StableWriter.write = lambda *args, **options: (write(*args, **options), time.sleep(0.2))
sys.exit(cli.main([*sys.argv[1:], "--method", "none"]))
"""


def start(clip, out: Path) -> subprocess.Popen[str]:
    """Start a run in a process of its own and wait until it writes frames."""
    words = ["stabilize", str(clip.video), "--masks", str(clip.masks), "--out", str(out), "--force"]
    process = subprocess.Popen(
        [sys.executable, "-c", SLOW_RUN, *words], stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
    )
    while process.poll() is None and not list(out.parent.glob(".out.partial-*/masks/00001.png")):
        time.sleep(0.02)
    return process


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_interrupted_process_keeps_the_old_result_and_nothing_else(clip, tmp_path, number, code):
    out = tmp_path / "out"
    out.mkdir()
    (out / "old.txt").touch()
    process = start(clip, out)
    os.kill(process.pid, number)
    err = process.communicate(timeout=60)[1]
    assert process.returncode == code
    assert listing(tmp_path) == ["out", "out/old.txt"]
    assert "Traceback" not in err


def test_killed_process_leaves_no_result_under_the_final_name(clip, tmp_path):
    process = start(clip, tmp_path / "out")
    process.kill()
    process.communicate(timeout=60)
    assert not (tmp_path / "out").exists()


def test_unexpected_errors_are_one_sentence_too(capsys, monkeypatch, clip, tmp_path):
    from vidlab import jobs

    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("the floor is lava\nand more")

    monkeypatch.setattr(jobs, "stabilize", fail)
    words = ("stabilize", clip.video, "--masks", clip.masks, "--out", tmp_path / "out")
    code, _, err = run(capsys, *words)
    assert code == 1
    assert err == "vidlab: unexpected RuntimeError: the floor is lava; run again with --debug to see where\n"
