"""The ablation takes out one step at a time, all of them, and says of each what the numbers say."""

import sys

import numpy as np
import pytest
from conftest import ROOT

sys.path.append(str(ROOT / "benchmarks"))

import contest
from ablation import ALL, HEARS_LESS, METHODS, OFFERED, rows_of, verdict_table, verdicts, versions
from contest_clips import synthetic_clip
from contest_films import RAW, TRUTH, clips_of, gain, row_of
from contest_methods import everything

from vidlab.params import method_params
from vidlab.schema import tunables
from vidlab.synthetic import suite
from vidlab.temporal.protocol import Evidence


def record(jf, *, mc=0.9, excess=0.01, left=0.0, gone=0.0):
    return {"jf": jf, "mc": mc, "excess_flicker": excess, "left_behind": left, "gone": gone}


def row(buys=0.0, *, dis=0.0, farneback=0.0):
    return {"buys": buys, "excess_dis": dis, "excess_farneback": farneback}


# ── steps ───────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("method", METHODS)
def test_every_step_of_the_parameters_is_taken_out_alone(method):
    whole = method_params(method).model_dump()
    entries = {entry.name: entry for entry in versions(method)}
    assert len(entries) == len(versions(method))
    assert list(entries)[:2] == [RAW, method]
    differing = [
        tuple(name for name, value in whole.items() if entry.settings[name] != value)
        for name, entry in entries.items()
        if name.startswith(f"{method} without ") and entry.hears is everything
    ]
    steps = [(t.name,) for t in tunables(type(method_params(method))) if t.off not in (None, t.default)]
    assert sorted(differing) == sorted(steps)
    assert len(entries) == 2 + len(HEARS_LESS) + len(steps) + len(OFFERED)
    for name, value in OFFERED.items():
        assert entries[f"{method} with {name} = {value}"].settings == {**whole, name: value}
        assert whole[name] != value


def test_some_steps_can_be_asked_for():
    names = [entry.name for entry in versions("flow_fusion", only=["neighbors", "carry"])]
    assert names == [
        RAW,
        "flow_fusion",
        "flow_fusion without step 2, carry",
        "flow_fusion with neighbors = 3",
    ]


def test_steps_of_the_evidence_change_what_a_method_hears_and_nothing_else():
    probs = np.full((1, 2, 2), 0.6, np.float32)
    strength = np.float32([0.3])
    evidence = Evidence((18,), probs, probs > 0.5, strength, np.ones((1, 2, 2), np.float32))
    deaf = {step: hears(evidence) for step, hears in HEARS_LESS.items()}
    scores, doubtful = deaf["step 1, scores"], deaf["step 1, doubtful detections"]
    assert (scores.strength.tolist(), scores.strength.dtype) == ([1.0], np.float32)
    assert scores.doubtful is evidence.doubtful
    assert (doubtful.doubtful, doubtful.strength is strength) == (None, True)
    assert evidence.strength.tolist() == [pytest.approx(0.3)]
    for step in deaf.values():
        assert step.probs is probs


def test_a_method_that_hears_less_is_another_method(tmp_path, monkeypatch):
    monkeypatch.setattr(contest, "CACHE", tmp_path)
    monkeypatch.setattr(contest, "_judges_version", lambda: "the same judges")
    entries = [e for e in versions("flow_fusion") if e.name == "flow_fusion" or "step 1" in e.name]
    assert len({entry.version for entry in entries}) == 1 + len(HEARS_LESS)
    (clip,) = [c for c in suite(size_hw=(48, 64), n_frames=5, seed=3) if c.name == "missed_mostly/3px"]
    made = {entry.name: contest.run(entry, list(synthetic_clip(clip).read())) for entry in entries}
    assert all(len(found.masks) == 5 for found in made.values())


def test_what_is_put_in_buys_what_it_adds():
    found = {RAW: record(0.5), "m": record(0.6), "m without x": record(0.58), "m with y = 3": record(0.63)}
    rows = rows_of({"clip": {TRUTH: record(1), **found}}, "m")
    assert rows["x"]["buys"] == pytest.approx(2)
    assert rows["with y = 3"]["buys"] == pytest.approx(3)


# ── rows ────────────────────────────────────────────────────────────────────────────────────────────────────
def test_a_row_is_mean_worst_and_what_exceeds_the_truth():
    results = {
        "a": {TRUTH: record(1, mc=0.95), RAW: record(0.80), "m": record(0.90, mc=0.93, left=3, gone=9)},
        "b": {TRUTH: record(1, mc=0.91), RAW: record(0.80), "m": record(0.78, mc=0.93, left=0, gone=0)},
    }
    found = row_of(results, "m")
    assert (found["gain"], found["worst"]) == (pytest.approx(4), pytest.approx(-2))
    assert found["worst_clip"] == "b"
    assert found["excess_dis"] == pytest.approx((0.02 - 0.02) / 2)
    assert found["excess_farneback"] == pytest.approx(0.01)
    assert found["ghosts"] == 3  # only clips that the object leaves
    assert row_of({"b": results["b"]}, "m")["ghosts"] is None
    assert gain(results["a"], "m") == pytest.approx(10)


def test_a_step_buys_what_is_lost_without_it():
    results = {
        "a": {
            TRUTH: record(1), RAW: record(0.5), "m": record(0.9), "m without x": record(0.7),
            "m without y": record(0.95), "mm without x": record(0.1),
        }
    }  # fmt: skip
    rows = rows_of(results, "m")
    assert list(rows) == [RAW, ALL, "x", "y"]
    assert (rows["x"]["buys"], rows["y"]["buys"]) == (pytest.approx(20), pytest.approx(-5))
    assert (rows[RAW]["buys"], rows[ALL]["buys"]) == (None, None)


@pytest.mark.parametrize(
    ("here", "there", "said"),
    [
        (row(2.0), row(0.0), "earns its place"),
        (row(2.0), row(-1.0), "buys here, harms there"),
        (row(0.0), row(0.0), "buys nothing"),
        (row(0.09), row(-0.09), "buys nothing"),
        (row(0.0), row(-1.0), "harms"),
        (row(0.0, dis=0.01), row(0.0), "buys calm only"),
        (row(0.0), row(0.0, farneback=0.01), "buys calm only"),
        (row(-1.0, dis=0.01), row(0.0), "buys calm, costs accuracy"),
    ],
)
def test_verdicts_follow_from_the_numbers(here, there, said):
    groups = {"a": {RAW: row(), ALL: row(), "x": here}, "b": {RAW: row(), ALL: row(), "x": there}}
    assert verdicts(groups) == {"x": said}
    assert verdict_table("m", groups).row_count == 1


# ── clips ───────────────────────────────────────────────────────────────────────────────────────────────────
def test_quick_is_a_part_of_the_suite():
    whole = clips_of("synthetic", n_frames=40, seed=7, quick=False)
    quick = clips_of("synthetic", n_frames=40, seed=7, quick=True)
    assert {clip.name for clip in quick} < {clip.name for clip in whole}
    assert len(quick) == 6
    other = clips_of("synthetic", n_frames=40, seed=3, quick=False)
    assert not {clip.version for clip in whole} & {clip.version for clip in other}
