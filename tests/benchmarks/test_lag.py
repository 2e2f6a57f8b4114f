"""The lag curve shows every lag, its share of the offline gain, and whether the goal is held."""

import math
import sys

import pytest
from conftest import ROOT

sys.path.append(str(ROOT / "benchmarks"))

from contest_films import RAW, TRUTH
from lag import OFFLINE, draw, lags, name_of, rows_of, shares, table_of, verdict, versions
from leaderboard import contestants

from vidlab.params import FlowFusionParams


def results(gains):
    """One clip on which each method gains what is given, in points."""
    record = {"mc": 0.9, "excess_flicker": 0.0, "left_behind": 0.0, "gone": 0.0}
    clip = {name: {**record, "jf": 0.5 + gained / 100} for name, gained in gains.items()}
    return {"clip": {RAW: {**record, "jf": 0.5}, TRUTH: {**record, "jf": 1.0}, **clip}}


def growing(offline=10.0, *, at_four=9.0):
    gains = {name_of(lag): 5.0 + lag for lag in lags()} | {name_of(4): at_four, OFFLINE: offline}
    return rows_of(results(gains))


def test_every_lag_that_can_be_set_is_measured_once():
    for lag in lags():
        assert FlowFusionParams(lag=lag).lag == lag
    with pytest.raises(ValueError, match="lag"):
        FlowFusionParams(lag=lags().stop)
    entries = versions()
    assert [entry.settings.get("lag") for entry in entries] == [None, *lags(), None]
    assert len({entry.name for entry in entries}) == len(entries)


def test_records_are_shared_with_the_leaderboard():
    known = {name: entry.version for name, entry in contestants().items()}
    same = {entry.name: entry.version for entry in versions() if entry.name in known}
    assert same == {name: known[name] for name in same}
    assert {RAW, name_of(0), name_of(4), OFFLINE} <= same.keys()


def test_shares_are_of_the_offline_gain():
    rows = growing()
    assert rows[name_of(0)]["share"] == pytest.approx(0.5)
    assert rows[OFFLINE]["share"] == 1
    assert math.isnan(shares({name_of(0): 1.0, OFFLINE: -1.0})[name_of(0)])


@pytest.mark.parametrize(("at_four", "end"), [(9.0001, ": held"), (8.99, ": NOT held")])
def test_the_goal_is_held_or_not(at_four, end):
    said = verdict("drawn", growing(at_four=at_four))
    assert said.startswith("drawn: lag 4 has 90% of the offline gain; goal ≥ 90%")
    assert said.endswith(end)


def test_a_goal_without_an_offline_gain_is_not_held():
    assert verdict("drawn", growing(-1.0)).endswith("NOT held")


def test_table_and_figure_hold_every_group(tmp_path):
    groups = {"synthetic": growing(), "network": growing(12.0)}
    assert table_of(groups).row_count == len(lags()) + 1
    path = draw(groups, tmp_path)
    assert path.name == "lag.png"
    assert 5_000 < path.stat().st_size < 100_000
