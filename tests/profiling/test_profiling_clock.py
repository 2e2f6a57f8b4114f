"""Clocks on a device whose work finishes later than its call."""

import itertools

import pytest
from fake_device import FakeDevice, FakeEvent

from vidlab.errors import ParameterError
from vidlab.profiling import (
    EventSpans,
    Span,
    SpeedReport,
    Timeline,
    Timing,
    elapsed_s,
    measure,
    measure_both_ways,
    stage_timings,
    synchronizer,
)


def timing(*samples_s: float, n_warmup: int = 0, warmup_s: float = 0.0) -> Timing:
    return Timing(samples_s, n_warmup, warmup_s)


def test_work_that_finishes_later_is_measured_whole_and_the_other_clock_is_said_to_be_fooled():
    device = FakeDevice()
    both = measure_both_ways(
        lambda: device.work(0.031, launch_s=0.00002),
        synchronize=device.synchronize,
        clock=device.clock,
        n_warmup=2,
        n_repeats=5,
    )
    assert both.synchronized.median_s == pytest.approx(0.03102)
    assert both.unsynchronized.median_s == pytest.approx(0.00002)
    assert both.is_fooled
    assert str(both).startswith("measured 0.02 ms, synchronized 31.0 ms (n = 5)")
    assert "1,551 times faster than it is" in str(both)


def test_work_of_the_host_is_the_same_on_both_clocks():
    device = FakeDevice()
    both = measure_both_ways(
        lambda: device.work(0.0, launch_s=0.02),
        synchronize=device.synchronize,
        clock=device.clock,
        n_warmup=0,
        n_repeats=3,
    )
    assert not both.is_fooled
    assert "both clocks agree" in str(both)


def test_work_queued_before_the_measurement_is_not_counted():
    device = FakeDevice()
    device.work(7.0)
    timed = measure(
        lambda: device.work(0.5),
        synchronize=device.synchronize,
        clock=device.clock,
        n_warmup=0,
        n_repeats=1,
    )
    assert timed.samples_s == (pytest.approx(0.5),)


def test_warm_up_is_left_out_and_said():
    device = FakeDevice()
    costs = itertools.chain([2.0, 1.0], itertools.repeat(0.1))
    timed = measure(
        lambda: device.work(next(costs)),
        synchronize=device.synchronize,
        clock=device.clock,
        n_warmup=2,
        n_repeats=4,
    )
    assert timed.median_s == pytest.approx(0.1)
    assert (timed.n, timed.n_warmup) == (4, 2)
    assert timed.warmup_s == pytest.approx(3.0)
    assert "n = 4; 2 warm-up calls of 3 s left out" in str(timed)


def test_median_and_p95_of_a_worked_case():
    timed = timing(*(n / 1000 for n in range(1, 102)))
    assert timed.median_s == pytest.approx(0.051)
    assert timed.p95_s == pytest.approx(0.096)
    assert timed.mean_s == pytest.approx(0.051)


@pytest.mark.parametrize(("n_warmup", "n_repeats"), [(0, 0), (-1, 3)])
def test_measuring_nothing_is_an_error(n_warmup, n_repeats):
    with pytest.raises(ParameterError, match="repeats must be at least 1 after 0 or more, got"):
        measure(lambda: None, synchronize=lambda: None, n_warmup=n_warmup, n_repeats=n_repeats)
    with pytest.raises(ParameterError, match="at least one repeat, got none"):
        timing()


def test_cpu_needs_no_waiting_and_unknown_devices_are_named():
    assert synchronizer("cpu")() is None
    with pytest.raises(ParameterError, match="device must be cpu, cuda, cuda:N or mps, got 'tpu'"):
        synchronizer("tpu")


@pytest.mark.parametrize(("device", "waited_for"), [("cuda:1", ["cuda:1"]), ("mps", ["mps"])])
def test_devices_are_waited_for_through_torch(monkeypatch, device, waited_for):
    torch = pytest.importorskip("torch")
    seen: list[str] = []
    monkeypatch.setattr(torch.cuda, "synchronize", lambda name: seen.append(name))
    monkeypatch.setattr(torch.mps, "synchronize", lambda: seen.append("mps"))
    synchronizer(device)()
    assert seen == waited_for


def test_events_take_spans_of_the_device_without_waiting():
    device = FakeDevice()
    timeline = Timeline(device.clock)
    spans = EventSpans(timeline, make_event=lambda: FakeEvent(device), synchronize=device.synchronize)
    begin_s = device.now_s
    for item in range(2):
        with spans.span("infer", item):
            device.work(0.5, launch_s=0.001)
    assert device.now_s == pytest.approx(begin_s + 0.002)  # the host never waited
    assert timeline.spans == ()
    spans.collect()
    first, second = timeline.spans
    assert (first.stage, first.item) == ("infer", 0)
    # the device begins once the kernel was launched; the mark before it was passed while it was idle
    assert (first.start_s - begin_s, first.end_s - begin_s) == (pytest.approx(0), pytest.approx(0.501))
    assert (second.start_s - begin_s, second.end_s - begin_s) == (
        pytest.approx(0.501),
        pytest.approx(1.001),
    )
    spans.collect()
    assert len(timeline.spans) == 2


def test_work_that_raises_leaves_no_span():
    device = FakeDevice()
    timeline = Timeline(device.clock)
    spans = EventSpans(timeline, make_event=lambda: FakeEvent(device), synchronize=device.synchronize)
    with pytest.raises(RuntimeError, match="no"), spans.span("infer", 0):
        raise RuntimeError("no")
    spans.collect()
    assert timeline.spans == ()


SPANS = [
    Span("decode", 0, 0.0, 5.0),  # the first item opens the file
    Span("infer", 0, 5.0, 6.0),
    Span("decode", 1, 6.0, 7.0),
    Span("infer", 1, 7.0, 9.0),
    Span("decode", 2, 9.0, 10.0),
    Span("infer", 2, 10.0, 14.0),
]


def test_stages_are_timed_without_their_first_items():
    timed = stage_timings(reversed(SPANS), n_warmup=1)
    assert list(timed) == ["decode", "infer"]
    assert timed["decode"] == Timing((1.0, 1.0), 1, 5.0)
    assert timed["infer"] == Timing((2.0, 4.0), 1, 1.0)
    assert elapsed_s(SPANS, n_warmup=1) == 8.0
    assert elapsed_s(SPANS, n_warmup=0) == 14.0


def test_stages_with_nothing_but_warm_up_keep_it():
    assert stage_timings(SPANS[:2], n_warmup=3)["decode"] == Timing((5.0,), 0, 0.0)
    assert elapsed_s(SPANS[:2], n_warmup=3) == 6.0
    with pytest.raises(ParameterError, match="must hold spans"):
        elapsed_s([], n_warmup=0)


def test_model_and_whole_are_always_printed_together():
    report = SpeedReport(
        model=timing(0.02, 0.02),
        n_frames=40,
        end_to_end_s=2.0,
        item_frames=2,
        device="cuda",
        note="sequential",
    )
    for text in (str(report), f"{report}"):
        assert "model only 10.0 ms per frame (100.0 frames/s, n = 2 calls)" in text
        assert "end to end 50.0 ms per frame (20.0 frames/s, n = 40 frames, sequential)" in text
        assert "20 % of that (cuda, 2 frames per call)" in text
    numbers = report.to_dict()
    assert (numbers["model_ms_per_frame"], numbers["end_to_end_ms_per_frame"]) == (10.0, 50.0)


@pytest.mark.parametrize("missing", ["model", "end_to_end_s", "n_frames"])
def test_half_a_speed_cannot_be_made(missing):
    whole = {
        "model": timing(0.02),
        "n_frames": 40,
        "end_to_end_s": 2.0,
        "item_frames": 1,
        "device": "cpu",
        "note": "sequential",
    }
    with pytest.raises(TypeError, match=missing):
        SpeedReport(**{name: value for name, value in whole.items() if name != missing})
    if missing != "model":
        with pytest.raises(ParameterError, match="a speed must be of frames in a time"):
            SpeedReport(**{**whole, missing: 0})


@pytest.mark.gpu
def test_gpu_work_fools_the_clock_that_does_not_wait():
    import os

    torch = pytest.importorskip("torch")
    if not torch.cuda.is_available():
        if os.environ.get("REQUIRE_GPU") == "1":
            pytest.fail("REQUIRE_GPU=1, but torch sees no CUDA device")
        pytest.skip("torch sees no CUDA device")
    from vidlab.profiling import cuda_spans

    matrix = torch.randn(4096, 4096, device="cuda")
    both = measure_both_ways(
        lambda: [matrix @ matrix for _ in range(10)],
        synchronize=synchronizer("cuda"),
        n_warmup=3,
        n_repeats=5,
    )
    assert both.is_fooled
    timeline = Timeline()
    spans = cuda_spans(timeline, device="cuda")
    with spans.span("infer", 0):
        matrix @ matrix
    spans.collect()
    assert timeline.spans[0].elapsed_s > 0
