"""The leaderboard measures what it says, and measures anew only what has changed."""

import sys
from dataclasses import replace

import numpy as np
import pytest
from conftest import ROOT

sys.path.append(str(ROOT / "benchmarks"))

import contest
import versions
from claims import CLAIMS, FLOW_FUSION, GAUSSIAN
from contest_clips import synthetic_clip
from contest_films import gain, ours
from leaderboard import chosen, contestants, summarize
from leaderboard_figure import draw

from vidlab.errors import ParameterError
from vidlab.synthetic import suite


@pytest.fixture
def clip(tmp_path, monkeypatch):
    monkeypatch.setattr(contest, "CACHE", tmp_path)
    return synthetic_clip(suite(size_hw=(48, 64), n_frames=4, seed=3)[7])


def test_raw_is_the_base_line_and_the_truth_scores_full_marks(clip):
    found = contest.contest([clip], chosen(["raw"]))[clip.name]
    assert list(found) == ["truth", "raw"]
    assert (found["truth"]["jf"], found["truth"]["excess_flicker"]) == (1.0, 0.0)
    assert gain(found, "raw") == 0
    assert found["raw"]["n_frames"] == 4
    masks = [seen.evidence.raw.any(axis=0) for seen in clip.read()]
    truth = list(clip.read_truth())
    ious = [(m & t).sum() / max((m | t).sum(), 1) for m, t in zip(masks, truth, strict=True)]
    assert found["raw"]["j"] == pytest.approx(np.mean(ious))


def test_only_what_changed_is_measured_again(clip, monkeypatch):
    measured = []
    run = contest.run
    monkeypatch.setattr(
        contest, "run", lambda method, seen: measured.append(method.name) or run(method, seen)
    )
    monkeypatch.setattr(contest, "_judges_version", lambda: "the same judges")
    methods = [contestants()[name] for name in ("raw", "ema")]
    first = contest.contest([clip], methods)
    assert contest.contest([clip], methods) == first
    assert measured == ["raw", "ema"]
    contest.contest([clip], [methods[0], ours("ema", "exponential", "alpha=0.5")])
    contest.contest([replace(clip, version="other pixels")], methods)
    assert measured == ["raw", "ema", "ema", "raw", "ema"]


def test_only_our_stabilizers_are_told_who_is_who(clip):
    seen = list(clip.read())
    known = contestants()
    for name in ("raw", "prototype", "median"):
        told = list(known[name].told(seen))
        assert all(evidence is each.evidence for (_, evidence, _), each in zip(told, seen, strict=True))
        assert all(objects is None for _, _, objects in told)
    told = list(known["flow_fusion"].told(seen))
    assert all(evidence.class_ids == tuple(np.unique(ids.track_ids)) for _, evidence, ids in told)
    assert any(evidence.class_ids for _, evidence, _ in told)
    masks = [evidence.raw.any(axis=0) for _, evidence, _ in told]
    for mask, each in zip(masks, seen, strict=True):  # whoever they are, they cover what the class does
        assert np.array_equal(mask, each.evidence.raw.any(axis=0))


def test_a_version_knows_all_the_code_that_a_module_reaches():
    reached = versions.code_version("vidlab.temporal.flow_fusion")
    assert reached != versions.code_version("vidlab.temporal.filters")
    sources = versions._imports(versions.ast.parse("from vidlab.flow import warp\nimport numpy as np"))
    assert list(sources) == ["vidlab.flow", "vidlab.flow.warp", "numpy"]
    assert versions._source_of("numpy") is None
    assert versions._source_of("vidlab.flow").name == "__init__.py"
    assert versions._source_of("rivals").name == "rivals.py"


def test_means_worst_and_harmed_are_those_of_the_clips():
    def record(jf):
        numbers = dict.fromkeys(("j", "f", "f_2px", "mc", "excess_flicker", "headline", "ms"), 0.5)
        return {**numbers, "jf": jf, "delay": 2.0, "n_frames": 9.0}

    rows = summarize(
        {
            "a": {"raw": record(0.80), "x": record(0.90)},
            "b": {"raw": record(0.80), "x": record(0.79)},
            "c": {"raw": record(0.80), "x": record(0.797)},
        }
    )
    assert rows["x"]["gain"] == pytest.approx((10 - 1 - 0.3) / 3)
    assert (rows["x"]["worst"], rows["x"]["worse"]) == (pytest.approx(-1), 1)
    assert (rows["raw"]["gain"], rows["raw"]["worse"]) == (0, 0)


def test_methods_can_be_chosen_and_set():
    assert [method.name for method in chosen(None)] == list(contestants())
    (raw, set_here) = chosen(["flow_fusion:lag=2,memory=0.7"])
    assert raw.name == "raw"
    assert (set_here.settings["lag"], set_here.settings["memory"]) == (2, 0.7)
    with pytest.raises(ParameterError, match="unknown method 'magic'; choose from"):
        chosen(["magic"])


def test_claims_hold_exactly_from_their_numbers_on():
    iou, l1, cv, left = (claim.holds for claim in CLAIMS[FLOW_FUSION])
    assert (iou(0.78, 0.9251), iou(0.78, 0.9249)) == (True, False)
    assert (l1(0.05, 0.01), l1(0.05, 0.011)) == (True, False)
    assert (cv(1.09, 0.75), cv(1.09, 0.80)) == (True, False)
    assert (left(3, 0), left(3, 0.2)) == (True, False)
    (gaussian,) = (claim.holds for claim in CLAIMS[GAUSSIAN])
    assert (gaussian(0.930, 0.9556), gaussian(0.930, 0.9554)) == (True, False)


def test_the_figure_is_small_and_draws_any_subset(tmp_path):
    rows = {name: {"excess_flicker": 0.01 * i, "gain": 5.0 - i} for i, name in enumerate(contestants())}
    path = draw({"synthetic": rows}, tmp_path)
    assert path.name == "leaderboard.png"
    assert 5_000 < path.stat().st_size < 300_000
