"""`vidlab tune`, and `vidlab stabilize --params`."""

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import tiny_clip
from PIL import Image

from vidlab import cli
from vidlab.jobs.method_file import read_method

pytest.importorskip("optuna", reason="tuning needs the extra vidlab[tuning]")

FILES = {"best.json", "front.csv", "front.png", "tuning.json", "study.db"}
QUICK = ("--trials", "6", "--workers", "1", "--search", "memory,weak_vote")


@pytest.fixture(scope="module")
def clip(tmp_path_factory) -> tiny_clip.Clip:
    return tiny_clip.make_clip(tmp_path_factory.mktemp("clip"))


def run(capsys, *words: object) -> tuple[int, str, str]:
    code = cli.main([str(word) for word in words])
    got = capsys.readouterr()
    return code, got.out, got.err


def tune(clip: tiny_clip.Clip, out: Path, *more: object) -> list[object]:
    return ["tune", clip.video, "--masks", clip.masks, "--truth", clip.truth, "--out", out, *QUICK, *more]


def trials_of(out: Path) -> list[dict]:
    return json.loads((out / "tuning.json").read_text("utf-8"))["trials"]


def test_a_clip_is_tuned_and_the_files_say_how(capsys, tmp_path, clip):
    out = tmp_path / "tuned"
    code, text, _ = run(capsys, *tune(clip, out))
    assert code == 0
    assert {path.name for path in out.iterdir()} == FILES
    assert list(tmp_path.iterdir()) == [out]
    assert "searched on its first half, reported on its second" in text
    assert "clip, second half" in text
    record = json.loads((out / "tuning.json").read_text("utf-8"))
    assert record["decided_by"] == "truth"
    assert record["searched"] == {"flow_fusion_two_pass": ["memory", "weak_vote"]}
    assert len(record["trials"]) == 6
    assert record["trials"][0]["settings"] == {"memory": 0.85, "weak_vote": 0.02}  # the defaults
    assert record["held_out"]["score"]["n"] == 6  # frames
    with (out / "front.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert {int(row["trial"]) for row in rows} == {t["number"] for t in record["trials"] if t["on_front"]}
    assert sum("knee" in row["mark"] for row in rows) == 1
    with Image.open(out / "front.png") as picture:
        assert picture.size == (1050, 690)


def test_stabilize_takes_what_tune_wrote_and_a_setting_wins(capsys, tmp_path, clip):
    assert run(capsys, *tune(clip, tmp_path / "tuned", "--methods", "flow_fusion"))[0] == 0
    best = tmp_path / "tuned" / "best.json"
    words = ["stabilize", clip.video, "--masks", clip.masks]
    assert run(capsys, *words, "--params", best, "--out", tmp_path / "a")[0] == 0
    made = json.loads((tmp_path / "a" / "params.json").read_text("utf-8"))
    assert made["method"] == "flow_fusion"
    assert made["params"] == read_method(best).model_dump(mode="json")
    assert run(capsys, *words, "--params", best, "--set", "memory=0.3", "--out", tmp_path / "b")[0] == 0
    made = json.loads((tmp_path / "b" / "params.json").read_text("utf-8"))
    assert made["params"] == read_method(best).model_dump(mode="json") | {"memory": 0.3}
    code, _, err = run(capsys, *words, "--params", best, "--method", "median", "--out", tmp_path / "c")
    assert code == 2
    assert "got --method median and flow_fusion in" in err
    (tmp_path / "bad.json").write_text("{}")
    code, _, err = run(capsys, *words, "--params", tmp_path / "bad.json", "--out", tmp_path / "c")
    assert code == 1
    assert err.count("\n") == 1
    assert not (tmp_path / "c").exists()


def test_without_truth_the_worth_of_the_proxy_is_said(capsys, tmp_path, clip):
    code, text, _ = run(
        capsys, "tune", clip.video, "--masks", clip.probs, "--probs", "--out", tmp_path / "out", *QUICK
    )
    assert code == 0
    assert "rank correlation with J & F is" in text
    record = json.loads((tmp_path / "out" / "tuning.json").read_text("utf-8"))
    assert record["decided_by"] == "proxy"
    assert record["proxy_rank_correlation"]["n_real"] > 0


def test_clips_of_a_folder_are_left_out_one_by_one(capsys, tmp_path, clip):
    for name in ("one", "two"):
        shutil.copytree(clip.masks, tmp_path / "masks" / name)
        shutil.copytree(clip.truth, tmp_path / "clips" / name / "truth")
        shutil.copy(clip.video, tmp_path / "clips" / f"{name}.mp4")
        frames = tmp_path / "clips" / name / "frames"
        frames.mkdir()
        for index in range(tiny_clip.N_FRAMES):
            Image.fromarray(tiny_clip.image(index)).save(frames / f"{index:05d}.png")
    out = tmp_path / "out"
    words = ["tune", tmp_path / "clips", "--masks", tmp_path / "masks", "--truth", tmp_path / "clips"]
    code, text, err = run(capsys, *words, "--out", out, *QUICK)
    assert (code, err.count("vidlab:")) == (0, 0)
    assert "each was left out of a search of its own" in text
    record = json.loads((out / "tuning.json").read_text("utf-8"))
    assert (
        record["clips"].keys()
        == record["folds"].keys()
        == record["held_out"]["clips"].keys()
        == {"one", "two"}
    )
    assert record["trials"][0]["clips"].keys() == {"one", "two"}


@pytest.mark.parametrize(
    ("more", "code", "sentence"),
    [
        (("--search", "magic"), 2, "unknown tunable 'magic'; choose from:"),
        (("--methods", "magic"), 2, "unknown method 'magic'"),
        (("--trials", "0"), 2, "trials must lie in [1, 100000], got 0"),
        (("--masks", "no_such"), 1, "no_such"),
        (("--truth", "no_such"), 1, "no_such"),
        (("--memory-mb", "0.05"), 1, "must fit into 0.05 MB, got 12 frames"),
        (("--max-frames", "7"), 1, "must hold at least 8 frames"),
    ],
)
def test_what_is_wrong_is_told_in_one_line_and_leaves_nothing(capsys, tmp_path, clip, more, code, sentence):
    got, out, err = run(capsys, *tune(clip, tmp_path / "out"), *more)
    assert got == code
    assert out == ""
    assert sentence in err
    assert err.count("vidlab: ") == 1
    assert err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_a_result_is_not_replaced_unasked(capsys, tmp_path, clip):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("keep")
    code, _, err = run(capsys, *tune(clip, tmp_path / "out"))
    assert code == 1
    assert "is not empty" in err
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["mine.txt"]


# ── kill and resume ─────────────────────────────────────────────────────────────────────────────────────────
def n_finished(database: Path) -> int:
    import sqlite3

    try:
        with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as known:
            return known.execute("select count(*) from trials where state = 'COMPLETE'").fetchone()[0]
    except sqlite3.Error:
        return 0


def test_a_killed_run_is_gone_on_with_and_loses_no_finished_trial(capsys, tmp_path, clip):
    out = tmp_path / "out"
    words = [str(word) for word in tune(clip, out, "--trials", "400")]
    process = subprocess.Popen(
        [sys.executable, "-m", "vidlab", *words],
        stderr=subprocess.DEVNULL,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    database = tmp_path / ".out.resume" / "study.db"
    for _ in range(600):
        if n_finished(database) >= 4 or process.poll() is not None:
            break
        time.sleep(0.1)
    process.send_signal(signal.SIGKILL)
    process.wait()
    before = n_finished(database)
    assert before >= 4
    assert not out.exists()

    code, _, err = run(capsys, *tune(clip, out, "--search", "memory"), "--resume")
    assert code == 1
    assert "was begun with names" in err
    assert n_finished(database) == before

    goal = str(before + 3)  # another budget is no other request
    code, _, err = run(capsys, *tune(clip, out, "--trials", goal), "--resume")
    assert code == 0
    assert "going on with the trials that are finished" in err
    assert len(trials_of(out)) == before + 3
    assert {path.name for path in tmp_path.iterdir()} == {"out"}
    numbers = [trial["number"] for trial in trials_of(out)]
    assert numbers == sorted(set(numbers))
    assert np.isfinite([trial["score"] for trial in trials_of(out)]).all()


def test_resume_without_anything_to_go_on_with_starts(capsys, tmp_path, clip):
    code, _, err = run(capsys, *tune(clip, tmp_path / "out"), "--resume")
    assert code == 0
    assert "there is nothing to go on with; starting with the first trial" in err
    before = (tmp_path / "out" / "tuning.json").read_bytes()
    code, text, err = run(capsys, *tune(clip, tmp_path / "out"), "--resume")
    assert (code, text) == (0, "")
    assert "is complete; nothing was done" in err
    assert (tmp_path / "out" / "tuning.json").read_bytes() == before
    code, _, err = run(capsys, *tune(clip, tmp_path / "out", "--search", "memory"), "--resume")
    assert code == 1
    assert "is not empty" in err
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_finished_search_is_extended_by_a_larger_budget(capsys, tmp_path, clip):
    out = tmp_path / "out"
    assert run(capsys, *tune(clip, out))[0] == 0
    before = trials_of(out)
    code, _, err = run(capsys, *tune(clip, out, "--trials", "8"), "--resume")
    assert (code, "going on with the trials of" in err) == (0, True)
    after = trials_of(out)
    assert [{**trial, "on_front": None} for trial in after[: len(before)]] == [
        {**trial, "on_front": None} for trial in before
    ]
    assert (len(before), len(after)) == (6, 8)
    assert {path.name for path in out.iterdir()} == FILES
