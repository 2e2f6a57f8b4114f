"""The keyframe curve: every way has something to be compared with, and the goal is held or not."""

import sys

import numpy as np
import pytest
from conftest import ROOT

sys.path.append(str(ROOT / "benchmarks"))

from contest_clips import synthetic_clip
from keyframes import row_of, table_of, verdict
from keyframes_figure import STYLES, draw
from keyframes_ways import EVERY, RAW, Measured, Way, carry, measure, ways

from vidlab.flow import FlowMemory
from vidlab.params import KeyframeParams
from vidlab.synthetic import suite

N_FRAMES = 6


def clip():
    scenes = suite(size_hw=(60, 96), n_frames=N_FRAMES, seed=1)
    return synthetic_clip(next(scene for scene in scenes if scene.name == "yolo_like/1px"))


def found(changes: dict[str, float], *, way: str, n_calls: int) -> dict[str, dict[str, Measured]]:
    """Clips of four frames on which a way changes J&F by so many points."""
    return {
        name: {
            RAW: Measured([80.0] * 4, 4, 0, 0.0),
            way: Measured([80.0 + change] * 4, n_calls, 3, 10.0),
        }
        for name, change in changes.items()
    }


@pytest.mark.parametrize("quick", [True, False])
def test_every_way_is_measured_once_and_has_its_rival(quick):
    names = [way.name for way in ways(quick=quick)]
    assert len(set(names)) == len(names)
    assert {way.every_frame for way in ways(quick=quick)} <= set(names)


def test_curve_has_every_spacing_that_was_asked_for_and_all_that_is_drawn():
    entries = ways(quick=False)
    spacings = {way.params.keyframe_every for way in entries if way.family == "both sides"}
    assert {1, *spacings} >= {1, 2, 3, 4, 6, 8}
    assert spacings == set(EVERY)
    assert set(STYLES) <= {way.family for way in entries}


def test_row_is_the_mean_over_clips_and_names_the_worst():
    way = Way("both sides k=4", "both sides", KeyframeParams(keyframe_every=4))
    row = row_of(found({"good": 1.0, "bad": -4.0}, way=way.name, n_calls=1), way, seed=0)
    assert row["change"] == row["of_raw"] == pytest.approx(-1.5)
    assert (row["worst"], row["worst_clip"]) == (pytest.approx(-4.0), "bad")
    assert row["low"] == pytest.approx(-4.0)
    assert row["high"] == pytest.approx(1.0)
    assert (row["calls"], row["delay"], row["ms"], row["jf"]) == (0.25, 3, 10.0, pytest.approx(78.5))


@pytest.mark.parametrize(
    ("change", "n_calls", "end"),
    [(-0.9, 1, ": held"), (-1.1, 1, ": NOT held"), (0.0, 2, "no way has at most 25% of the calls")],
)
def test_the_goal_is_held_or_not(change, n_calls, end):
    way = Way("both sides k=4", "both sides", KeyframeParams(keyframe_every=4))
    row = row_of(found({"a": change, "b": change}, way=way.name, n_calls=n_calls), way, seed=0)
    rows = {RAW: {**row, "calls": 1.0, "change": 0.0}, way.name: row}
    assert verdict("drawn", rows).endswith(end)


def test_network_on_every_frame_changes_nothing_and_fewer_calls_are_counted():
    seen = list(clip().read())
    told, n_calls, delay, _ = carry(seen, KeyframeParams(), memory=FlowMemory(memory_mb=10))
    assert (n_calls, delay) == (N_FRAMES, 0)
    assert all(
        np.array_equal(a.evidence.raw, b.evidence.raw) and a.observation is b.observation
        for a, b in zip(told, seen, strict=True)
    )
    _, n_calls, delay, _ = carry(seen, KeyframeParams(keyframe_every=4), memory=FlowMemory(memory_mb=10))
    assert (n_calls, delay) == (2, 3)  # 0 and 4; a single frame that is left asks for no more


def test_a_clip_is_measured_and_drawn(tmp_path):
    entries = ways(quick=True)
    measured = {name: measure(clip(), entries) for name in ("one", "two")}
    assert all(len(one.curve) == N_FRAMES for one in measured["one"].values())
    rows = {way.name: row_of(measured, way, seed=0) for way in entries}
    assert rows[RAW]["change"] == 0
    assert table_of("drawn", rows, n_clips=2).row_count == len(entries)
    assert draw({"drawn": rows}, tmp_path).stat().st_size > 0
