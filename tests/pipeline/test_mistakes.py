"""Careless clocks are fooled by what they are said to be fooled by, and honest ones are not."""

import threading

import pytest

from vidlab.pipeline import Step
from vidlab.pipeline.latency import report
from vidlab.pipeline.mistakes import (
    Misread,
    Watched,
    count_lazily,
    count_submitted,
    time_submitting,
    watch_overlapped,
)


def test_work_that_was_handed_over_is_timed_to_its_end_by_the_honest_clock():
    """The work waits for an event that is set only after the careless clock has stopped."""
    seen = []
    found = time_submitting(seen.append, ["a", "b", "c"])
    assert seen == ["a", "a", "b", "c"]  # one to warm up
    assert 0 < found.careless <= found.honest


@pytest.mark.parametrize("count", [count_submitted, count_lazily])
def test_all_items_are_done_when_the_honest_count_ends(count):
    done = []
    found = count(done.append, [1, 2, 3])
    assert done[-3:] == [1, 2, 3]
    assert found.careless >= found.honest > 0


def test_lazy_pipeline_has_done_nothing_when_the_careless_clock_stops():
    asked = threading.Event()
    found = count_lazily(lambda item: asked.wait(0.02), [1, 2])
    assert found.careless > 10 * found.honest  # building a map does not run it


def test_factor_is_at_least_one_either_way():
    assert Misread("ms", 2.0, 8.0, "").factor == Misread("ms", 8.0, 2.0, "").factor == 4
    assert Misread("ms", 0.0, 1.0, "").factor == float("inf")


def test_age_of_a_result_counts_from_its_decoding_to_its_taking():
    def pause(_):
        threading.Event().wait(0.01)

    watched = watch_overlapped(
        range(8),
        [Step("next", lambda item: item + 1)],
        queue_size=2,
        consume=pause,
    )
    assert len(watched.waits_ms) == watched.report.n_shown == 8
    assert len(watched.gaps_ms) == 7
    found = watched.latency
    # behind a slow consumer results lie in the queue: taking one is quick, and what is taken is old
    assert found.honest > 20
    assert found.careless < found.honest


def test_means_over_a_window_hide_ups_and_downs():
    watched = Watched(
        (), (10.0, 30.0) * 6, report([0.0] * 4, [0.01, 0.04, 0.05, 0.08], n_frames=4, budget_ms=None)
    )
    found = watched.jitter(window=4)
    assert found.careless == 0
    assert found.honest == pytest.approx(20)
