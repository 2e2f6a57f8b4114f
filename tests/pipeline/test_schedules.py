"""Both schedules give the same results; whatever goes wrong arrives at the consumer, and no thread stays."""

import contextlib
import gc
import itertools
import threading
import time
import traceback

import pytest

from vidlab.errors import ParameterError, StallError
from vidlab.pipeline import Gather, Scatter, Step, overlapped, sequential, threads
from vidlab.profiling import Timeline

WAIT_S = 5.0  # bound of every wait; nothing here takes as long unless it hangs


@pytest.fixture(autouse=True)
def no_thread_left():
    before = set(threading.enumerate())
    yield
    deadline_s = time.monotonic() + WAIT_S
    left = set(threading.enumerate()) - before
    while left and time.monotonic() < deadline_s:
        time.sleep(0.005)
        left = set(threading.enumerate()) - before
    assert not left


def run(schedule, source, steps, timeline=None, **options):
    timeline = timeline or Timeline()
    if schedule is overlapped:
        options = {"queue_size": 2, "patience_s": WAIT_S} | options
    return schedule(source, steps, timeline=timeline, **options)


def bounded(work):
    """Run in a thread that is waited for in vain no longer than WAIT_S; return what it returned or raised."""
    answer = []

    def target():
        try:
            answer.append(work())
        except BaseException as error:
            answer.append(error)

    thread = threading.Thread(target=target, daemon=True)
    thread.start()
    thread.join(WAIT_S)
    assert answer, "it hangs"
    return answer[0]


def fails_at(number, error):
    def work(item):
        if item == number:
            raise error
        return item

    return work


both = pytest.mark.parametrize("schedule", [sequential, overlapped])
DOUBLE = Step("double", lambda item: 2 * item)
NEXT = Step("next", lambda item: item + 1)


@both
@pytest.mark.parametrize("n_items", [0, 1, 7])
def test_results_come_in_order(schedule, n_items):
    assert list(run(schedule, range(n_items), [DOUBLE, NEXT])) == [2 * item + 1 for item in range(n_items)]


@both
def test_no_steps_give_the_source(schedule):
    assert list(run(schedule, "abc", [])) == ["a", "b", "c"]


@both
def test_every_stage_of_every_item_is_on_the_timeline(schedule):
    timeline = Timeline()
    list(run(schedule, range(3), [DOUBLE, NEXT], timeline, source_name="read"))
    seen = sorted((span.stage, span.item) for span in timeline.spans)
    assert seen == [(stage, item) for stage in ("double", "next", "read") for item in range(3)]


@both
def test_an_item_leaves_a_stage_before_it_enters_the_next(schedule):
    timeline = Timeline()
    list(run(schedule, range(5), [DOUBLE, NEXT], timeline))
    for item in range(5):
        spans = {span.stage: span for span in timeline.spans if span.item == item}
        assert spans["decode"].end_s <= spans["double"].start_s
        assert spans["double"].end_s <= spans["next"].start_s


@both
def test_device_is_waited_for_at_both_ends_of_a_span(schedule):
    calls = []
    step = Step("gpu", lambda item: calls.append("work"), synchronize=lambda: calls.append("wait"))
    list(run(schedule, range(2), [step]))
    assert calls == ["wait", "work", "wait"] * 2


@both
def test_batches_are_gathered_worked_on_and_taken_apart(schedule):
    timeline = Timeline()
    steps = [DOUBLE, Gather(3), Step("sum", lambda batch: [sum(batch)] * len(batch)), Scatter(), NEXT]
    assert list(run(schedule, range(7), steps, timeline)) == [7, 7, 7, 25, 25, 25, 13]
    numbers = [span.item for span in timeline.spans if span.stage == "sum"]
    assert numbers == [0, 1, 2]
    assert [span.item for span in timeline.spans if span.stage == "next"] == list(range(7))


@both
def test_batches_at_the_end_are_taken_apart_by_the_consumer(schedule):
    assert list(run(schedule, range(5), [Gather(2)])) == [[0, 1], [2, 3], [4]]
    assert list(run(schedule, range(5), [Gather(2), Scatter()])) == list(range(5))


@both
def test_batch_without_room_is_refused(schedule):
    with pytest.raises(ParameterError, match="a batch must hold at least 1 item, got 0"):
        list(run(schedule, range(5), [Gather(0)]))


def test_queue_without_room_is_refused_at_the_call():
    with pytest.raises(ParameterError, match="queue_size must be at least 1, got 0"):
        overlapped([], [], timeline=Timeline(), queue_size=0)


def test_stages_work_at_the_same_time():
    """Each of two stages waits for the other to be at work: one after the other, both would wait in vain."""
    meeting = threading.Barrier(2, timeout=WAIT_S)

    def source():
        for item in range(4):
            if item:
                meeting.wait()
            yield item

    def work(item):
        if item < 3:
            meeting.wait()
        return item

    assert bounded(lambda: list(run(overlapped, source(), [Step("meet", work)]))) == [0, 1, 2, 3]


def test_parallel_step_and_those_after_it_run_in_the_consumers_thread():
    workers = {}

    def step(name, **options):
        return Step(
            name, lambda item: workers.setdefault(name, threading.current_thread()) and item, **options
        )

    steps = [step("prepare"), Gather(2), step("infer", parallel=True), Scatter(), step("finish")]
    assert list(run(overlapped, range(1, 6), steps)) == [1, 2, 3, 4, 5]
    me = threading.current_thread()
    assert {name: worker is me for name, worker in workers.items()} == {
        "prepare": False,
        "infer": True,
        "finish": True,
    }


@pytest.fixture
def torch_on_two_cores():
    torch = pytest.importorskip("torch")
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield torch
    torch.set_num_threads(before)


@pytest.mark.parametrize("parallel", [False, True])
def test_one_pool_of_threads_computes_beside_a_parallel_step(parallel, torch_on_two_cores):
    torch, allowed = torch_on_two_cores, 2
    steps = [
        Step("prepare", lambda item: torch.get_num_threads()),
        Step("infer", lambda before: (before, torch.get_num_threads()), parallel=parallel),
    ]
    assert list(run(overlapped, range(2), steps)) == [(1 if parallel else allowed, allowed)] * 2
    assert run_in_new_thread(torch.get_num_threads) == allowed


def run_in_new_thread(work):
    answer = []
    thread = threading.Thread(target=lambda: answer.append(work()))
    thread.start()
    thread.join()
    return answer[0]


def test_error_of_a_step_before_a_parallel_one_arrives():
    steps = [Step("prepare", fails_at(2, ValueError("no"))), Step("infer", lambda item: item, parallel=True)]
    results = run(overlapped, range(5), steps)
    assert [next(results), next(results)] == [0, 1]
    with pytest.raises(ValueError, match="no"):
        next(results)


def test_source_runs_no_further_ahead_than_the_queues_hold():
    read = []

    def source():
        for item in range(100):
            read.append(item)
            yield item

    with contextlib.closing(run(overlapped, source(), [DOUBLE], queue_size=2)) as results:
        next(results)
        time.sleep(0.1)  # as far as it will ever go
        # one taken; two queues of two; one in the hand of each of the two threads
        assert len(read) <= 1 + 2 * 2 + 2


@both
@pytest.mark.parametrize("error", [ValueError("bad frame"), KeyboardInterrupt(), SystemExit(3)])
@pytest.mark.parametrize("place", [0, 1, 2])
def test_error_of_a_step_arrives_after_the_results_before_it(schedule, error, place):
    steps = [Step(f"step {number}", lambda item: item) for number in range(3)]
    steps[place] = Step("bad", fails_at(3, error))

    def consume():
        for result in run(schedule, range(100), steps):
            got.append(result)

    got = []
    assert bounded(consume) is error
    assert got == [0, 1, 2]


@both
def test_error_of_the_source_arrives_after_the_results_before_it(schedule):
    def source():
        yield from range(3)
        raise OSError("the camera is gone")

    got = []

    def consume():
        for result in run(schedule, source(), [DOUBLE, NEXT]):
            got.append(result)

    assert str(bounded(consume)) == "the camera is gone"
    assert got == [1, 3, 5]


@both
def test_source_that_cannot_be_opened_says_so(schedule):
    class Missing:
        def __iter__(self):
            raise FileNotFoundError("no such clip")

    with pytest.raises(FileNotFoundError, match="no such clip"):
        list(run(schedule, Missing(), [DOUBLE]))


@both
def test_traceback_leads_to_the_line_that_raised(schedule):
    def deep(item):
        raise ValueError("deep")

    steps = [NEXT, Step("bad", lambda item: deep(item)), DOUBLE, NEXT]
    with pytest.raises(ValueError, match="deep") as caught:
        list(run(schedule, range(3), steps))
    names = [frame.name for frame in traceback.extract_tb(caught.value.__traceback__)]
    assert names[-1] == "deep"
    assert names.count("_pump") <= 1  # not once more for every thread that it passed


@both
def test_stop_iteration_of_a_step_does_not_pass_for_the_end(schedule):
    step = Step("bad", fails_at(2, StopIteration()))
    with pytest.raises(RuntimeError, match="StopIteration"):
        list(run(schedule, range(5), [step]))


class Endless:
    """A source that knows whether, and in which thread, it was closed."""

    def __init__(self):
        self.closed = threading.Event()
        self.read_by = self.closed_by = None

    def __iter__(self):
        self.read_by = threading.current_thread().name
        try:
            yield from itertools.count()
        finally:
            self.closed_by = threading.current_thread().name
            self.closed.set()


@both
def test_consumer_that_raises_ends_everything(schedule):
    source = Endless()

    def consume():
        for result in run(schedule, source, [DOUBLE, NEXT]):
            1 / (result - 5)

    with pytest.raises(ZeroDivisionError):
        consume()
    assert source.closed.wait(WAIT_S)
    assert source.closed_by == source.read_by


@both
def test_consumer_that_stops_early_ends_everything(schedule):
    source = Endless()
    results = run(schedule, source, [DOUBLE, NEXT])
    assert list(itertools.islice(results, 3)) == [1, 3, 5]
    results.close()
    assert source.closed.wait(WAIT_S)
    assert list(results) == []


@both
def test_forgotten_results_end_everything(schedule):
    source = Endless()
    results = run(schedule, source, [DOUBLE])
    next(results)
    del results
    gc.collect()
    assert source.closed.wait(WAIT_S)


@both
def test_results_that_nobody_asks_for_start_nothing(schedule):
    before = threading.active_count()
    source = Endless()
    results = run(schedule, source, [DOUBLE])
    assert threading.active_count() == before
    results.close()
    assert source.read_by is None


def test_interrupt_while_waiting_ends_everything(monkeypatch):
    """Ctrl-C hits the consumer while it waits; played by an interrupt out of the wait itself."""
    source, blocked = Endless(), threading.Event()
    step = Step("slow", lambda item: blocked.wait(WAIT_S))
    real = threading.Condition.wait_for

    def interrupted(self, *args):
        if threading.current_thread() is threading.main_thread():
            blocked.set()
            raise KeyboardInterrupt
        return real(self, *args)

    results = run(overlapped, source, [step])
    monkeypatch.setattr(threading.Condition, "wait_for", interrupted)
    with pytest.raises(KeyboardInterrupt):
        next(results)
    assert source.closed.wait(WAIT_S)


def test_stage_that_hangs_is_named_and_left_behind(monkeypatch, caplog):
    monkeypatch.setattr(threads, "STOP_WAIT_S", 0.05)
    release = threading.Event()
    step = Step("stuck", lambda item: release.wait(WAIT_S))
    results = run(overlapped, range(9), [NEXT, step, DOUBLE], patience_s=0.1)
    with pytest.raises(StallError, match=r"result within 0.1 s, got none; at work: stuck$"):
        next(results)
    assert "stage 'stuck' does not stop" in caplog.text
    release.set()  # the fixture sees that it ends with its item


def test_source_that_hangs_on_close_is_named_and_left_behind(monkeypatch, caplog):
    monkeypatch.setattr(threads, "STOP_WAIT_S", 0.05)
    release = threading.Event()

    def source():
        try:
            yield from itertools.count()
        finally:
            release.wait(WAIT_S)

    results = run(overlapped, source(), [NEXT])
    assert next(results) == 1
    results.close()
    assert "stage 'decode' does not stop" in caplog.text
    release.set()


def test_source_that_hangs_after_its_last_item_is_named():
    release = threading.Event()

    def source():
        yield 1
        release.wait(WAIT_S)

    results = run(overlapped, source(), [NEXT], patience_s=0.1)
    assert next(results) == 2
    threading.Timer(0.3, release.set).start()
    with pytest.raises(StallError, match=r"at work: decode$"):
        next(results)


def test_source_that_fails_on_close_does_not_hide_the_results(caplog):
    def source():
        try:
            yield from itertools.count()
        finally:
            raise OSError("close failed")

    results = run(overlapped, source(), [NEXT])
    assert next(results) == 1
    results.close()
    assert "stage 'decode' failed while it was closed: OSError: close failed" in caplog.text


def test_schedules_nest():
    """What reads ahead in a thread can be the source of another pipeline."""
    timeline = Timeline()
    inner = overlapped(range(5), [DOUBLE], timeline=timeline, queue_size=1)
    assert list(run(overlapped, inner, [NEXT], timeline, source_name="ahead")) == [1, 3, 5, 7, 9]


def test_many_short_pipelines_leave_nothing_behind():
    for stop_at in range(60):
        with contextlib.closing(run(overlapped, range(20), [NEXT, DOUBLE], queue_size=1)) as results:
            got = list(itertools.islice(results, stop_at % 25))
        assert got == [2 * (item + 1) for item in range(len(got))]
