"""The worker behind the sliders: the last wish wins, whatever came before, and nothing hangs.

Time is simulated: work and pauses advance a clock, and a person's changes happen at set moments of it.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vidlab.viz.widgets.latest import Latest

REST_S = 0.1
STEPS = 5  # of the whole work
BAD = "bad"  # wishes of this key fail


@dataclass(frozen=True)
class Want:
    key: str
    look: int = 0


@dataclass
class Simulation:
    """Time, a person, and work in one thread: everything happens in a known order."""

    changes: list[tuple[float, Want]]
    quick_s: float = 0.03
    step_s: float = 0.04
    now: float = 0.0
    looked: list[tuple[float, Want]] = field(default_factory=list)
    begun: list[str] = field(default_factory=list)
    finished: list[str] = field(default_factory=list)
    errors: list[Want] = field(default_factory=list)
    wanted: list[tuple[float, Want]] = field(default_factory=list)
    newest: list[tuple[Want, Want]] = field(default_factory=list)
    state: dict[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.latest: Latest[Want] = Latest(self, rest_s=REST_S, clock=self)
        self.changes = sorted(self.changes, key=lambda change: change[0])

    def run(self) -> "Simulation":
        self.latest.serve()
        return self

    # the clock
    def now_s(self) -> float:
        return self.now

    def wait(self, news: threading.Condition, *, timeout_s: float | None) -> None:
        if timeout_s is None and not self.changes:
            self.latest.close()  # nobody will ever change anything again
        elif timeout_s is None or (self.changes and self.changes[0][0] <= self.now + timeout_s):
            self.advance(max(self.changes[0][0] - self.now, 0.0))
        else:
            self.advance(timeout_s)

    def advance(self, seconds: float) -> None:
        """Let time pass; the person acts when their moments come."""
        end = self.now + seconds
        while self.changes and self.changes[0][0] <= end:
            at, want = self.changes.pop(0)
            self.now = max(at, self.now)
            self.wanted.append((self.now, want))
            self.latest.wish(want)
        self.now = end

    # the work
    def same(self, wish: Want, other: Want) -> bool:
        return wish.key == other.key

    def quick(self, wish: Want, *, stop: Callable[[], bool]) -> None:
        self.newest.append((wish, self.wanted[-1][1]))
        self.advance(self.quick_s)
        self.state.pop("failed", None)
        if wish.key == BAD:
            raise ValueError("no")
        self.looked.append((self.now, wish))
        self.state["look"] = wish

    def whole(self, wish: Want, *, stop: Callable[[], bool]) -> None:
        if self.state.get("whole") == wish.key:
            return
        self.state.pop("whole", None)
        self.begun.append(wish.key)
        for _ in range(STEPS):
            self.advance(self.step_s)
            if stop():
                return
        self.finished.append(wish.key)
        self.state["whole"] = wish.key

    def failed(self, wish: Want, error: Exception) -> None:
        self.errors.append(wish)
        self.state = {"failed": wish}


def at(*changes: tuple[float, str, int]) -> Simulation:
    return Simulation([(moment, Want(key, look)) for moment, key, look in changes]).run()


def test_wish_is_answered_quickly_and_then_as_a_whole() -> None:
    done = at((1.0, "a", 3))
    assert done.looked == [(1.03, Want("a", 3))]
    assert done.finished == ["a"]
    assert done.now == pytest.approx(1.0 + REST_S + STEPS * 0.04)  # the pause counts from the change


def test_whole_waits_until_the_changes_rest() -> None:
    done = at((0.0, "a", 0), (0.06, "b", 0), (0.12, "c", 0))
    assert [want.key for _, want in done.looked] == ["a", "b", "c"]
    assert done.begun == ["c"]


def test_what_came_and_went_during_a_quick_answer_is_never_answered() -> None:
    done = at((0.0, "a", 0), (0.01, "b", 0), (0.02, "c", 0))
    assert [want.key for _, want in done.looked] == ["a", "c"]


def test_change_stops_the_whole_of_the_one_before() -> None:
    done = at((0.0, "a", 0), (0.2, "b", 0))
    assert done.begun == ["a", "b"]
    assert done.finished == ["b"]


def test_looking_elsewhere_is_answered_at_once_and_the_whole_goes_on() -> None:
    done = at((0.0, "a", 0), (0.15, "a", 7))
    assert done.begun == done.finished == ["a"]
    moment, want = done.looked[-1]
    assert want == Want("a", 7)
    assert moment < 0.15 + 0.04 + 0.031  # the step at hand, and its own time


def test_playing_does_not_keep_the_whole_from_beginning() -> None:
    done = at(*((0.05 * n, "a", n) for n in range(100)))
    assert done.finished == ["a"]
    assert done.state == {"look": Want("a", 99), "whole": "a"}


def test_return_to_the_first_wish_begins_its_whole_anew() -> None:
    done = at((0.0, "a", 0), (0.2, "b", 0), (0.3, "a", 0))
    assert done.begun == ["a", "a"]
    assert done.finished == ["a"]


def test_failure_is_reported_and_the_next_wish_served() -> None:
    done = at((0.0, BAD, 0), (1.0, "b", 0))
    assert done.errors == [Want(BAD)]
    assert done.begun == done.finished == ["b"]


def test_work_cut_short_stays_so_even_if_its_wish_comes_back_at_once() -> None:
    answers: list[bool] = []
    done = Simulation([(0.0, Want("a")), (0.15, Want("b")), (0.19, Want("a"))])

    def whole(wish: Want, *, stop: Callable[[], bool]) -> None:
        for _ in range(6):
            done.advance(0.02)
            answers.append(stop())

    done.whole = whole  # type: ignore[method-assign]
    done.run()
    first = answers[:6]
    assert first == sorted(first)
    assert True in first
    assert answers[-1] is False  # and the second time it was let through


def test_quick_answer_is_told_of_a_newer_wish_but_not_of_its_own() -> None:
    told: list[tuple[str, bool]] = []
    done = Simulation([(0.0, Want("a")), (0.01, Want("b"))])

    def quick(wish: Want, *, stop: Callable[[], bool]) -> None:
        told.append((wish.key, stop()))
        done.advance(0.03)
        told.append((wish.key, stop()))

    done.quick = quick  # type: ignore[method-assign]
    done.run()
    assert told == [("a", False), ("a", True), ("b", False), ("b", False)]


keys = st.sampled_from(["a", "b", "c", BAD])
moments = st.floats(0, 2, allow_nan=False).map(lambda value: round(value, 3))
change_lists = st.lists(st.tuples(moments, st.builds(Want, keys, st.integers(0, 3))), min_size=1, max_size=25)


@settings(deadline=None, max_examples=300)
@given(change_lists, st.sampled_from([0.0, 0.01, 0.2]), st.sampled_from([0.001, 0.04, 0.3]))
def test_what_is_shown_in_the_end_is_what_was_wished_last(
    changes: list[tuple[float, Want]], quick_s: float, step_s: float
) -> None:
    done = Simulation(changes, quick_s=quick_s, step_s=step_s).run()
    last = done.wanted[-1][1]
    assert len(done.wanted) == len(changes)
    assert done.state == ({"failed": last} if last.key == BAD else {"look": last, "whole": last.key})


@settings(deadline=None, max_examples=150)
@given(change_lists)
def test_every_quick_answer_begins_with_the_newest_wish(changes: list[tuple[float, Want]]) -> None:
    for begun, newest in Simulation(changes).run().newest:
        assert begun == newest


# ── in a thread ─────────────────────────────────────────────────────────────────────────────────────────────
class Counting:
    """Work that takes no time, or as long as a gate is shut."""

    def __init__(self) -> None:
        self.last: list[int] = []
        self.wholes: list[int] = []
        self.gate = threading.Event()
        self.inside = threading.Event()
        self.gate.set()

    def same(self, wish: int, other: int) -> bool:
        return wish == other

    def quick(self, wish: int, *, stop: Callable[[], bool]) -> None:
        self.last.append(wish)

    def whole(self, wish: int, *, stop: Callable[[], bool]) -> None:
        self.inside.set()
        while not self.gate.wait(0.001):
            if stop():
                return
        self.wholes.append(wish)

    def failed(self, wish: int, error: Exception) -> None:
        raise AssertionError(error)


@pytest.fixture
def counting():
    work = Counting()
    latest: Latest[int] = Latest(work, rest_s=0.0)
    latest.start()
    yield work, latest
    latest.close()


def test_many_threads_may_wish(counting) -> None:
    work, latest = counting
    threads = [
        threading.Thread(target=lambda n=n: [latest.wish(100 * n + k) for k in range(50)]) for n in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    latest.wish(-1)
    assert latest.settle(30)
    assert (work.last[-1], work.wholes[-1]) == (-1, -1)


def test_close_ends_work_under_way_and_whoever_waits(counting) -> None:
    work, latest = counting
    work.gate.clear()
    latest.wish(1)
    assert work.inside.wait(30)
    assert latest.settle(0.01) is False
    waiter = threading.Thread(target=latest.settle, args=(1000,))
    waiter.start()
    latest.close()
    waiter.join(30)
    assert not waiter.is_alive()
    assert work.wholes == []
    assert not any(thread.name == "vidlab-latest" and thread.is_alive() for thread in threading.enumerate())


def test_close_may_be_called_twice_and_wishes_after_it_are_ignored(counting) -> None:
    work, latest = counting
    latest.close()
    latest.close()
    latest.wish(1)
    assert latest.settle(0.01) is False
    assert work.last == []


def test_work_that_asks_from_another_thread_does_no_quick_work_there() -> None:
    where: list[str] = []
    latest: Latest[Want]

    class Asking(Counting):
        def same(self, wish: Want, other: Want) -> bool:  # type: ignore[override]
            return wish.key == other.key

        def quick(self, wish: Want, *, stop: Callable[[], bool]) -> None:  # type: ignore[override]
            where.append(threading.current_thread().name)

        def whole(self, wish: Want, *, stop: Callable[[], bool]) -> None:  # type: ignore[override]
            if wish.look == 0:
                latest.wish(Want("a", 1))
                helper = threading.Thread(target=stop, name="helper")
                helper.start()
                helper.join()

    latest = Latest(Asking(), rest_s=0.0)  # type: ignore[arg-type]
    latest.start()
    latest.wish(Want("a"))
    assert latest.settle(30)
    latest.close()
    assert where == ["vidlab-latest"] * 2
