"""What to try next: gains follow from the arithmetic, and say what they rest on."""

import pytest

from vidlab.profiling import Change, Effect, StageCost, judge, standard_changes, suggest
from vidlab.profiling.cores import StageMeter, available_cores


def verdict(decode_s: float, infer_s: float, *, n_cores: float = 4, n_items: int = 1000):
    stages = [StageCost("decode", (decode_s,)), StageCost("infer", (infer_s,))]
    return judge(stages, n_items=n_items, queue_size=2, n_cores=n_cores)


def test_gain_is_bounded_by_the_next_slowest_stage():
    change = Change("a tenth of the time", {"infer": Effect(0.1)}, "measured: 10 %")
    (found,) = suggest(verdict(1.0, 4.0), [change])
    assert found.gain == pytest.approx(4, rel=0.01)
    assert found.ceiling == pytest.approx(4, rel=0.01)
    assert (
        str(found) == "a tenth of the time: 4.00 times as fast (measured: 10 %; never more than 4.00 times)"
    )


def test_a_faster_stage_that_does_not_bound_gains_nothing():
    (found,) = suggest(verdict(1.0, 4.0), [Change("x", {"decode": Effect(0.5)}, "assumed: half")])
    assert found.gain == pytest.approx(1, rel=0.001)


def test_what_was_tried_comes_before_what_is_assumed_unless_it_gains_nothing():
    changes = [
        Change("assumed", {"infer": Effect(0.25)}, "assumed: a quarter"),
        Change("tried", {"infer": Effect(0.5)}, "measured: 50 %"),
        Change("in vain", {"infer": Effect(0.99)}, "measured: 99 %"),
    ]
    assert [one.change.title for one in suggest(verdict(1.0, 4.0), changes)] == [
        "tried",
        "assumed",
        "in vain",
    ]


def test_second_thread_helps_only_while_cores_are_free():
    change = Change("second thread", {"infer": Effect(0.5, cores_share=2)}, "assumed")
    (many,) = suggest(verdict(0.1, 4.0, n_cores=4), [change])
    (one,) = suggest(verdict(0.1, 4.0, n_cores=1), [change])
    assert many.gain == pytest.approx(2, rel=0.01)
    assert one.gain == pytest.approx(1, rel=0.01)


def test_moving_work_to_the_networks_device_can_make_it_worse():
    stages = [StageCost("preprocess", (3.0,)), StageCost("infer", (4.0,), cores=0.1, device="cuda")]
    busy = judge(stages, n_items=500, queue_size=2, n_cores=4)
    (found,) = suggest(busy, [Change("x", {"preprocess": Effect(0.5, device="cuda")}, "assumed")])
    assert found.gain == pytest.approx(4 / 5.5, rel=0.01)


def test_more_cores_help_where_they_bound():
    (found,) = suggest(verdict(2.0, 2.0, n_cores=1), [Change("cores", {}, "assumed", n_cores=2)])
    assert found.gain == pytest.approx(2, rel=0.01)


def test_nothing_left_has_no_ceiling():
    both = Change("x", {"decode": Effect(0.5), "infer": Effect(0.5)}, "assumed")
    (found,) = suggest(verdict(1.0, 2.0), [both])
    assert found.ceiling is None
    assert "never" not in str(found)


def test_standard_changes_fit_the_stages_and_the_device():
    on_cpu = [change.title for change in standard_changes(verdict(1.0, 4.0), device="cpu")]
    assert "infer on a GPU" in on_cpu
    assert not any("GPU's" in title or title == "decode on the GPU" for title in on_cpu)
    on_gpu = [change.title for change in standard_changes(verdict(1.0, 4.0), device="cuda")]
    assert "decode on the GPU" in on_gpu
    assert "infer on a GPU" not in on_gpu
    crowded = [change.title for change in standard_changes(verdict(1.0, 1.0, n_cores=1), device="cpu")]
    assert "take twice the cores" in crowded
    assert "take twice the cores" not in on_cpu


def test_measured_shares_replace_assumptions():
    shares = {"smaller input": 0.4, "bfloat16": 1.7}
    changes = standard_changes(verdict(1.0, 4.0), device="cpu", measured=shares)
    by_title = {change.title: change for change in changes}
    smaller = by_title["give the network half the width and height"]
    assert (smaller.effects["infer"].time_share, smaller.basis) == (
        0.4,
        "measured: 40 % of the time per frame",
    )
    assert by_title["run the network in bfloat16 (autocast)"].effects["infer"].time_share == 1.7
    assert "take twice the frames per call" not in by_title


def test_meter_counts_cores_that_are_wanted_meanwhile(monkeypatch):
    from vidlab.profiling import cores as module

    waited = iter([0.0, 0.0, 0.0, 3.0])
    monkeypatch.setattr(module, "waited_for_cores_s", lambda: next(waited))
    clock, cores = iter([0.0, 2.0, 10.0, 14.0]), iter([0.0, 3.0, 3.0, 6.0])
    meter = StageMeter(
        "infer", synchronize=lambda: None, clock=lambda: next(clock), core_clock=lambda: next(cores)
    )
    for _ in range(2):
        with meter.item():
            pass
    cost = meter.cost(n_cores=4)
    assert cost.samples_s == (2.0, 4.0)
    assert cost.cores == pytest.approx(1.5)
    assert meter.cost(n_cores=1).cores == 1.0
    assert meter.timing(n_warmup=3, warmup_s=9.0).warmup_text == "3 warm-up calls of 9 s left out"


def test_meter_waits_for_the_device_at_both_ends():
    waited = []
    meter = StageMeter("infer", synchronize=lambda: waited.append(1), device="cuda")
    with pytest.raises(RuntimeError, match="no"), meter.item():
        raise RuntimeError("no")
    with meter.item():
        pass
    assert len(waited) == 3
    assert len(meter.cost(n_cores=2).samples_s) == 1


def test_waiting_for_a_core_is_added_up_over_threads_and_told_as_crowding(tmp_path, monkeypatch):
    from vidlab.profiling import cores

    for thread, waited_ns in (("1", 2_000_000_000), ("2", 500_000_000)):
        (tmp_path / thread).mkdir()
        (tmp_path / thread / "schedstat").write_text(f"7 {waited_ns} 3\n")
    (tmp_path / "3").mkdir()
    (tmp_path / "3" / "schedstat").write_text("")
    assert cores.waited_for_cores_s(tmp_path) == 2.5
    assert cores.waited_for_cores_s(tmp_path / "none") == 0
    waited, busy = iter([0.0, 3.0]), iter([0.0, 1.0])
    monkeypatch.setattr(cores, "waited_for_cores_s", lambda: next(waited))
    meter = StageMeter("infer", synchronize=lambda: None, clock=lambda: 0.0, core_clock=lambda: next(busy))
    assert meter.crowding == 0
    with meter.item():
        pass
    assert meter.crowding == 0.75


def test_a_containers_quota_counts(tmp_path):
    quota = tmp_path / "cpu.max"
    quota.write_text("50000 100000\n")
    assert available_cores(quota) == 0.5
    quota.write_text("max 100000\n")
    assert available_cores(quota) == available_cores(tmp_path / "none") >= 1
