"""The benchmark of trackers measures every one of them, and its tables say what was measured."""

import io
import sys

import pytest
from conftest import ROOT

sys.path.append(str(ROOT / "benchmarks"))

import tracking as benchmark
from rich.console import Console

from vidlab.jobs.tracking_scenes import Scene
from vidlab.params import TRACKER_PARAMS
from vidlab.synthetic.crossings import PLOTS, crossing_clip
from vidlab.tracking import create_tracker


def said(table) -> str:
    console = Console(file=io.StringIO(), width=200)
    console.print(table)
    return console.file.getvalue()


@pytest.fixture(scope="module")
def made():
    """Two tiny clips, measured."""
    found = {}
    for plot in ("apart", "turn"):
        clip = crossing_clip(plot, looks="unlike", detector="exact", seed=3, size_hw=(96, 170), n_frames=20)
        scene = Scene.of(clip)
        found[scene.name] = benchmark.measure(
            scene, {name: (lambda n=name: create_tracker(n)) for name in NAMES}
        )
    return found


NAMES = list(benchmark.NAMES)


def test_every_tracker_but_the_given_one_enters() -> None:
    assert set(NAMES) == set(TRACKER_PARAMS) - {"given"}


def test_everything_is_measured_for_every_tracker(made) -> None:
    for record in made.values():
        assert 0 < record["raw headline"] <= 1
        for name in NAMES:
            assert record[name].keys() == {"score", "ms", "stable", "headline"}
    assert made["apart, unlike, exact"]["sort"]["score"].hota == pytest.approx(1, abs=0.01)


def test_tables_hold_a_row_for_every_tracker(made) -> None:
    for table in (
        benchmark.overall_table(made, NAMES),
        benchmark.split_table(made, NAMES, by=0, values=["apart", "turn"], title="by plot"),
        benchmark.stable_table(made),
    ):
        assert all(name in said(table) for name in NAMES)
    overall = said(benchmark.overall_table(made, NAMES)).splitlines()
    (yardstick,) = [line for line in overall if "sort " in line and "deepsort" not in line]
    assert yardstick.rstrip(" │").endswith("1.0")


def test_json_is_plain(made) -> None:
    plain = benchmark._plain(made)
    assert plain["turn, unlike, exact"]["flow"]["score"]["n_frames"] == 20
    assert set(PLOTS) >= {clip.split(", ")[0] for clip in plain}
