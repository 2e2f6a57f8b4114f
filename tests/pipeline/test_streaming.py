"""A stream on a clock that only moves when somebody works or sleeps: every time below is exact."""

import itertools
import threading

import numpy as np
import pytest

from vidlab.errors import ShapeError
from vidlab.params import StreamParams
from vidlab.pipeline import Step, overlapped
from vidlab.pipeline.latency import HEADER, latency_rows, report, report_offline, report_stream
from vidlab.pipeline.streaming import Stream
from vidlab.profiling import Span, Timeline
from vidlab.types import Frame

IMAGE = np.zeros((1, 1, 3), np.uint8)


class Time:
    """A clock in milliseconds inside, exact; seconds outside."""

    def __init__(self):
        self.now_ms = 5000
        self.slept_ms = []

    def __call__(self):
        return self.now_ms / 1000

    def sleep(self, seconds):
        self.slept_ms.append(round(1000 * seconds))
        self.pass_ms(round(1000 * seconds))

    def pass_ms(self, duration_ms):
        self.now_ms += duration_ms


def frames(n_frames, *, every_ms=40, start_ms=8330, time=None, decode_ms=0):
    """Frames at a rate; their first time stamp is not 0, as in real files."""
    for index in range(n_frames):
        if time is not None:
            time.pass_ms(decode_ms)
        yield Frame(IMAGE, index, (start_ms + index * every_ms) / 1000)


def run(source, time, *, work_ms, policy="latest", budget_ms=100.0, **options):
    """Stream it; work takes `work_ms`, or what it says for each frame index."""

    def work(frame):
        time.pass_ms(work_ms[frame.index] if isinstance(work_ms, dict) else work_ms)
        return frame.index

    params = StreamParams(policy=policy, budget_ms=budget_ms, **options)
    timeline = Timeline(time)
    stream = Stream(source, [Step("work", work)], params=params, timeline=timeline, sleep=time.sleep)
    shown = list(stream)
    due_s, done_s = [one.due_s for one in shown], [one.done_s for one in shown]
    return shown, report(due_s, done_s, n_frames=stream.n_frames, budget_ms=budget_ms), timeline


def latencies(shown):
    return [round(one.latency_ms) for one in shown]


@pytest.mark.parametrize("policy", ["latest", "block"])
def test_fast_pipeline_shows_every_frame_in_its_own_time(policy):
    time = Time()
    shown, report, _ = run(frames(5), time, work_ms=10, policy=policy)
    assert [one.result for one in shown] == [0, 1, 2, 3, 4]
    assert latencies(shown) == [10] * 5
    assert time.slept_ms == [30] * 4  # the rest of every 40 ms
    assert (report.n_dropped, report.n_late) == (0, 0)
    assert report.frames_per_s == pytest.approx(5 / 0.170)


def test_latest_skips_to_the_newest_frame_that_is_due():
    shown, report, _ = run(frames(8), Time(), work_ms=100)
    # frame 0 is done at 100: of 1 (due 40) and 2 (80) the newest is 2; at 200: 3 (120), 4 (160) and 5 (200)
    assert [one.place for one in shown] == [0, 2, 5, 7]
    assert latencies(shown) == [100, 120, 100, 120]
    assert (report.n_frames, report.n_shown, report.n_dropped) == (8, 4, 4)


def test_latest_never_lags_more_than_work_and_one_gap():
    shown, _, _ = run(frames(200), Time(), work_ms=130)
    assert max(latencies(shown[:-1])) <= 130 + 40  # after the last frame none is newer


def test_latest_shows_the_last_frame_that_is_left():
    shown, report, _ = run(frames(3), Time(), work_ms=500)
    assert [one.place for one in shown] == [0, 2]
    assert report.n_frames == 3


def test_block_takes_every_frame_and_falls_behind():
    shown, report, _ = run(frames(5), Time(), work_ms=100, policy="block")
    assert [one.place for one in shown] == [0, 1, 2, 3, 4]
    assert latencies(shown) == [100, 160, 220, 280, 340]  # 60 more every time: not hidden by reading later
    assert (report.n_dropped, report.n_late) == (0, 4)


def test_every_n_takes_each_nth_and_drops_the_others():
    shown, report, _ = run(frames(10), Time(), work_ms=100, policy="every_n", every=3)
    assert [one.place for one in shown] == [0, 3, 6, 9]
    assert latencies(shown) == [100] * 4  # 120 ms between them are enough
    assert report.n_dropped == 6


def test_every_n_counts_frames_after_the_last_shown_as_dropped():
    shown, report, _ = run(frames(9), Time(), work_ms=1, policy="every_n", every=4)
    assert [one.place for one in shown] == [0, 4, 8]
    _, report, _ = run(frames(11), Time(), work_ms=1, policy="every_n", every=4)
    assert (report.n_shown, report.n_frames) == (3, 11)


def test_one_slow_frame_is_caught_up_with():
    shown, _, _ = run(frames(8), Time(), work_ms=dict.fromkeys(range(8), 10) | {1: 130})
    assert [one.place for one in shown] == [0, 1, 4, 5, 6, 7]
    assert latencies(shown) == [10, 130, 20, 10, 10, 10]


def test_source_slower_than_its_own_clock_still_shows_frames():
    """Decoding takes longer than a frame's time: whatever comes is late, and must not be dropped for ever."""
    time = Time()
    shown, report, _ = run(frames(20, time=time, decode_ms=60), time, work_ms=10)
    assert report.n_shown > 5
    assert report.n_shown + report.n_dropped == 20
    assert min(latencies(shown[3:])) > 40  # time that decoding took is in the latency


def test_speed_brings_frames_faster():
    shown, _, _ = run(frames(5), Time(), work_ms=10, speed=2)
    gaps = {round(1000 * (b.due_s - a.due_s)) for a, b in itertools.pairwise(shown)}
    assert gaps == {20}


def test_uneven_time_stamps_are_followed():
    uneven = [Frame(IMAGE, index, pts) for index, pts in enumerate((1.0, 1.01, 1.5))]
    shown, _, _ = run(iter(uneven), Time(), work_ms=1)
    assert [round(1000 * (one.due_s - shown[0].due_s)) for one in shown] == [0, 10, 500]


@pytest.mark.parametrize("policy", ["latest", "block", "every_n"])
def test_nothing_comes_of_nothing(policy):
    shown, report, _ = run(frames(0), Time(), work_ms=1, policy=policy)
    assert shown == []
    assert latency_rows({"empty": report}) == [("empty", "0", "0", "0", "0", *["–"] * 6)]
    assert report.to_dict()["p50_ms"] is None


def test_spans_carry_the_place_in_the_source():
    _, _, timeline = run(frames(8), Time(), work_ms=100)
    assert [span.item for span in timeline.spans] == [0, 2, 5, 7]


@pytest.mark.parametrize("stop", ["close", "raise"])
def test_source_is_closed_when_the_stream_ends(stop):
    closed = threading.Event()

    def source():
        try:
            yield from frames(100)
        finally:
            closed.set()

    def work(frame):
        if stop == "raise" and frame.index == 2:
            raise ValueError("bad")
        return frame

    time = Time()
    stream = Stream(
        source(), [Step("work", work)], params=StreamParams(), timeline=Timeline(time), sleep=time.sleep
    )
    shown = iter(stream)
    next(shown)
    if stop == "close":
        shown.close()
    else:
        with pytest.raises(ValueError, match="bad"):
            list(shown)
    assert closed.is_set()


def test_reading_ahead_in_a_thread_changes_nothing_but_the_time():
    before = threading.active_count()
    ahead = overlapped(frames(8), [], timeline=Timeline(), queue_size=2, patience_s=5)
    shown, _, _ = run(ahead, Time(), work_ms=100)
    assert [one.place for one in shown] == [0, 2, 5, 7]
    assert threading.active_count() <= before


def test_stream_is_run_and_summed_up_at_once():
    time = Time()
    work = Step("work", lambda frame: time.pass_ms(100))
    params = StreamParams(policy="latest")
    stream = Stream(frames(8), [work], params=params, timeline=Timeline(time), sleep=time.sleep)
    found = report_stream(stream, budget_ms=110.0)
    assert found.latencies_ms.tolist() == pytest.approx([100, 120, 100, 120])
    assert (found.n_frames, found.n_dropped, found.n_late) == (8, 4, 2)


def test_percentiles_and_both_jitters_by_hand():
    # latencies 10, 20, 60 ms; results at 10, 60, 140: gaps 50 and 80, which differ by 30
    found = report([0.0, 0.04, 0.08], [0.01, 0.06, 0.14], n_frames=5, budget_ms=20.0)
    assert found.percentile_ms(50) == pytest.approx(20)
    assert found.percentile_ms(95) == pytest.approx(56)
    assert found.latency_sd_ms == pytest.approx(np.std([10, 20, 60]))
    assert found.interval_jitter_ms == pytest.approx(30)
    assert (found.n_late, found.n_dropped) == (1, 2)
    assert found.frames_per_s == pytest.approx(3 / 0.14)


def test_steady_results_have_no_jitter_however_late():
    found = report([0.0, 0.1, 0.2], [5.0, 5.1, 5.2], n_frames=3, budget_ms=None)
    assert found.latency_sd_ms == pytest.approx(0)
    assert found.interval_jitter_ms == pytest.approx(0)


def test_offline_latency_runs_from_the_first_stage_to_the_last():
    spans = [Span("decode", 0, 0.0, 0.01), Span("decode", 1, 0.01, 0.02)]
    spans += [Span("infer", 0, 0.01, 0.05), Span("infer", 1, 0.05, 0.09)]
    found = report_offline(spans)
    assert found.latencies_ms.tolist() == pytest.approx([50, 80])
    assert (found.n_late, found.n_frames) == (None, 2)
    assert found.frames_per_s == pytest.approx(2 / 0.09)


def test_rows_have_a_cell_for_every_column():
    rows = latency_rows({"a": report([0.0, 0.1], [0.05, 0.12], n_frames=2, budget_ms=30.0)})
    assert len(rows[0]) == len(HEADER)
    assert rows[0][:5] == ("a", "2", "2", "0", "1")


def test_times_of_different_length_are_refused():
    with pytest.raises(ShapeError, match=r"times must have one length, got \(1,\) due and \(2,\) done"):
        report([0.0], [0.0, 1.0], n_frames=2, budget_ms=None)
