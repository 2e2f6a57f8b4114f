"""Overlap against what it could give, computed from spans made by hand, and bars drawn of repeats."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from vidlab.params import ScheduleParams
from vidlab.pipeline.compare import Sleeper, batches_of
from vidlab.pipeline.trial import CORES, HEADER, Trial, trial_rows, try_overlap, window_of
from vidlab.profiling import Span
from vidlab.types import Frame
from vidlab.viz.bars import plot_spread_bars
from vidlab.viz.timeline import plot_gantt


def spans(costs_s, n_items):
    """One stage after the other."""
    now_s = 0.0
    for item in range(n_items):
        for stage, cost_s in costs_s.items():
            yield Span(stage, item, now_s, now_s + cost_s)
            now_s += cost_s


def a_trial(*, stage_cores, n_cores=2.0, costs_s=None):
    before = tuple(spans(costs_s or {"decode": 0.1, "infer": 0.3}, 10))
    after = tuple(Span(span.stage, span.item, span.start_s * 0.75, span.end_s * 0.75) for span in before)
    return Trial(before, after, n_cores, stage_cores, queue_size=2)


def test_slowest_stage_bounds_what_does_not_share_cores():
    trial = a_trial(stage_cores=0)
    assert trial.bound_by == "infer"
    assert trial.most_speedup == pytest.approx(4 / 3)
    assert trial.predicted_s == pytest.approx(0.1 + 10 * 0.3)
    assert trial.speedup == pytest.approx(4 / 3)


def test_one_core_bounds_what_shares_it():
    trial = a_trial(stage_cores=1, n_cores=1.0)
    assert trial.bound_by == CORES
    assert trial.most_speedup == pytest.approx(1)
    assert trial.predicted_s == pytest.approx(4.0)


def test_rows_have_a_cell_for_every_column():
    (row,) = trial_rows({"mine": a_trial(stage_cores=0)})
    assert len(row) == len(HEADER)
    assert row[:3] == ("mine", "decode 100.0, infer 300.0", "4.00")
    assert row[7:] == ("infer", "400", "300")


def test_sleeping_pipeline_is_run_both_ways_and_can_be_read_again():
    sleeper = Sleeper((1, 1, 2))
    assert [step.name for step in sleeper.steps] == ["preprocess", "infer"]
    trial = try_overlap(
        sleeper, sleeper.steps, params=ScheduleParams(patience_s=5), n_frames=5, n_cores=2.0, stage_cores=0
    )
    assert [cost.name for cost in trial.costs] == ["decode", "preprocess", "infer"]
    assert all(len(cost.samples_s) == 5 for cost in trial.costs)
    assert {span.item for span in trial.overlapped} == set(range(5))


def test_window_is_cut_from_the_middle():
    run = [Span("a", 0, 0.0, 4.0), Span("b", 0, 4.0, 6.0), Span("a", 1, 5.5, 9.0), Span("b", 1, 9.0, 10.0)]
    assert window_of(run, length_s=2.0) == [Span("b", 0, 4.0, 6.0), Span("a", 1, 5.5, 6.0)]
    assert window_of(run, length_s=99.0) == run


def test_rows_of_a_window_stand_in_the_order_of_the_pipeline():
    run = [Span("infer", 0, 0.0, 4.0), Span("preprocess", 1, 1.0, 2.0), Span("decode", 2, 2.0, 3.0)]
    axes = Figure().add_subplot()
    plot_gantt(axes, run, title="t")
    assert [text.get_text() for text in axes.get_yticklabels()] == ["decode", "preprocess", "infer"]


def test_frames_become_whole_batches():
    frames = [Frame(np.full((2, 3, 3), index, np.uint8), index, index / 25) for index in range(5)]
    batches = list(batches_of(iter(frames), size=2, n_batches=9))
    assert [batch.shape for batch in batches] == [(2, 2, 3, 3)] * 2
    assert batches[1][1].max() == 3


def test_bars_have_medians_whiskers_and_a_legend(tmp_path):
    axes = Figure().add_subplot()
    groups = {"opencv": {"batch 1": [1.0, 2.0, 4.0], "batch 8": [3.0]}, "device": {"batch 1": [5.0, 5.0]}}
    plot_spread_bars(axes, groups, xlabel="ms", title="t", reference=1.0)
    assert [text.get_text() for text in axes.get_yticklabels()] == ["opencv", "device"]
    assert sorted(round(patch.get_width(), 1) for patch in axes.patches) == [2.0, 3.0, 5.0]
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["batch 1", "batch 8"]
    axes.figure.savefig(tmp_path / "bars.png")
