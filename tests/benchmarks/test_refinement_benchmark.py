"""The benchmark of refinement compares like with like: same pictures, same smoother, same truth."""

import sys

import numpy as np
import pytest
from conftest import ROOT

sys.path.append(str(ROOT / "benchmarks"))

from refinement import (
    CAUSAL,
    METRICS,
    NONE,
    SMOOTHERS,
    Score,
    change,
    drawn_clips,
    kinds,
    measure_film,
    refine,
    summarize,
    table_of,
)

from vidlab.params import RefineParams


@pytest.fixture(scope="module")
def film():
    return list(drawn_clips(quick=True))


@pytest.fixture(scope="module")
def scores(film):
    exact, coarse = film[-1], next(clip for clip in film if clip.group == "soft, grid of 16 px")
    return measure_film([exact, coarse], [RefineParams(refine=name) for name in (NONE, "guided")])


def test_kinds_of_masks_share_their_pictures_and_their_truth(film):
    assert [clip.group for clip in film] == list(kinds())
    assert len({clip.name for clip in film}) == len({clip.version for clip in film}) == len(film)
    first, *others = ([seen.frame.image for seen in clip.read()] for clip in film)
    truth = list(film[0].read_truth())
    assert all(np.array_equal(first, other) for other in others)
    exact = [seen.evidence.raw.any(axis=0) for seen in film[-1].read()]
    assert np.array_equal(exact, truth)


def test_without_refinement_clips_are_what_they_were(film):
    seen = list(film[1].read())
    same, _ = refine(seen, RefineParams())
    for before, after in zip(seen, same, strict=True):
        assert after.observation is before.observation
        assert np.array_equal(after.evidence.probs, before.evidence.probs)


def test_every_version_is_judged_frame_by_frame(scores):
    for found in scores.values():
        assert set(found) == {(smoother, refiner) for smoother in SMOOTHERS for refiner in (NONE, "guided")}
        for score in found.values():
            assert set(score.curves) == set(METRICS)
            assert len(score.curves["j"]) == 6
            assert len(score.curves["headline"]) == 1


def test_exact_masks_score_one_and_coarse_ones_gain(scores):
    (exact, coarse) = scores.values()
    assert np.mean(exact[NONE, NONE].curves["f_1px"]) == 1
    assert exact[NONE, NONE].curves["excess"] == [pytest.approx(0)]
    before, after = (np.mean(coarse[NONE, refiner].curves["f_2px"]) for refiner in (NONE, "guided"))
    assert after > before


def score(*values, ms=(1.0, 2.0)):
    return Score({name: list(values) for name in METRICS}, ms)


def test_changes_are_paired_and_in_points():
    found = {
        "a": {(CAUSAL, NONE): score(0.5, 0.7), (CAUSAL, "guided"): score(0.6, 0.8)},
        "b": {(CAUSAL, NONE): score(0.1), (CAUSAL, "guided"): score(0.2)},
    }
    gained = change(found, (CAUSAL, "guided"), metric="f_2px")
    assert (gained.low, gained.mean, gained.high) == pytest.approx((10, 10, 10))
    rows = summarize(found)
    assert rows[CAUSAL, "guided"]["cost"] == pytest.approx(0.5)
    assert rows[CAUSAL, NONE]["j"] == pytest.approx(0.35)  # clips count alike, however long
    assert table_of("two clips", rows).row_count == 2
