"""The benchmark of training: both validations come from one run, and every loss is asked."""

import json
import sys
from typing import get_args

import pytest
from conftest import ROOT

sys.path.append(str(ROOT / "benchmarks"))

import training

from vidlab.params import LossName


@pytest.mark.slow
def test_the_quick_run_prints_and_writes_everything(tmp_path, monkeypatch, capsys):
    out = tmp_path / "found.json"
    words = [
        "training.py",
        "--quick",
        "--device",
        "cpu",
        "--folder",
        str(tmp_path / "runs"),
        "--json",
        str(out),
    ]
    monkeypatch.setattr(sys, "argv", words)
    training.main()
    found = json.loads(out.read_text())
    assert [row["n"] for row in found["leak"]] == [12, 9, 3]
    assert {row["loss"] for row in found["losses"]} == set(get_args(LossName))
    assert found["long"]["epochs"] == 2
    assert (tmp_path / "runs" / "quick.png").is_file()
    assert "0.95 at epoch 3" in capsys.readouterr().out


def test_sets_of_different_purposes_share_no_scene():
    sizes = (training.Size(), training.FULL)
    seeds = {training.TEACH, training.JUDGE, training.TEST}
    assert len(seeds) == 3
    assert all(max(size.scenes, size.judging) < 900_000 for size in sizes)


def test_a_run_changes_only_what_it_is_told(tmp_path):
    bench = training.Bench(training.QUICK, folder=tmp_path, device="cpu", seed=3)
    plain, other = bench.settings("small"), bench.settings("small", loss="dice")
    assert other.fit.model_copy(update={"loss": plain.fit.loss}) == plain.fit
    assert (other.data, other.augment, other.network) == (plain.data, plain.augment, plain.network)
    assert (plain.fit.seed, plain.augment.input_px) == (3, training.QUICK.px)
    assert bench.settings("reference").network.width == training.QUICK.width
