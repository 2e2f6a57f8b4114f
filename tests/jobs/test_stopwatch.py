import time

from vidlab.jobs.stopwatch import Stopwatch


def test_stages_sum_on_a_simulated_clock(monkeypatch):
    clock = iter([0.0, 1.0, 3.0, 10.0, 15.0, 20.0])
    monkeypatch.setattr(time, "perf_counter", lambda: next(clock))
    stopwatch = Stopwatch()  # starts at 0
    with stopwatch.stage("read"):  # 1..3
        pass
    with stopwatch.stage("read"):  # 10..15
        pass
    assert stopwatch.report(40) == {"read_s": 7.0, "total_s": 20.0, "frames_per_s": 2.0}


def test_iterating_passes_everything_through():
    stopwatch = Stopwatch()
    assert list(stopwatch.iterate("read", range(3))) == [0, 1, 2]
    assert set(stopwatch.seconds) == {"read"}
