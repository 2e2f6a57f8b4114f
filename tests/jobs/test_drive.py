from collections import deque
from collections.abc import Iterable, Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vidlab.errors import UsageError
from vidlab.jobs.drive import drive, rest, steps
from vidlab.temporal.protocol import ClassState, Evidence, StableFrame
from vidlab.types import Frame


def stable_of(image: np.ndarray) -> StableFrame:
    """A result that carries the frame's number as its area."""
    number = int(image[0, 0, 0])
    nothing = np.zeros((1, 1, 1), bool)
    state = ClassState(area_px=number, weight=1.0, threshold=0.5, confidence=1.0, miss_streak=0)
    return StableFrame((0,), nothing.astype(np.float32), nothing, (state,), None, False)


class Late:
    """Owes up to `delay` results; returns them in groups of `group`."""

    def __init__(self, *, delay: int, group: int = 1) -> None:
        self.delay, self._group = delay, group
        self.n_resets = 0

    def reset(self) -> None:
        self.n_resets += 1
        self._owed: deque[StableFrame] = deque()

    def step(self, image: np.ndarray, evidence: Evidence) -> Iterable[StableFrame]:
        self._owed.append(stable_of(image))
        if len(self._owed) <= self.delay:
            return []
        return [self._owed.popleft() for _ in range(min(self._group, len(self._owed)))]

    def flush(self) -> Iterable[StableFrame]:
        while self._owed:
            yield self._owed.popleft()


def feed(n_frames: int) -> Iterator[tuple[Frame, Evidence, str]]:
    nothing = np.zeros((1, 1, 1), bool)
    evidence = Evidence((0,), nothing.astype(np.float32), nothing, np.zeros(1, np.float32))
    for index in range(n_frames):
        yield Frame(np.full((1, 1, 3), index, np.uint8), index, index / 25), evidence, f"kept {index}"


@given(delay=st.integers(0, 9), group=st.integers(1, 5), n_frames=st.integers(0, 30))
def test_every_frame_meets_its_own_result_in_order(delay, group, n_frames):
    stabilizer = Late(delay=delay, group=group)
    got = [
        (frame.index, kept, stable.states[0].area_px)
        for frame, kept, stable in drive(stabilizer, feed(n_frames))
    ]
    assert got == [(index, f"kept {index}", index) for index in range(n_frames)]
    assert stabilizer.n_resets == 1


@given(delay=st.integers(0, 5), group=st.integers(1, 3), stops=st.sets(st.integers(0, 20)))
def test_a_drive_may_stop_after_any_step_and_go_on(delay, group, stops):
    whole = [(frame.index, kept) for frame, kept, _ in drive(Late(delay=delay, group=group), feed(21))]
    stabilizer, items, waiting = Late(delay=delay, group=group), feed(21), deque()
    stabilizer.reset()
    got = []
    for stop in [*sorted(stops), 21]:
        for results in steps(stabilizer, items, waiting=waiting):
            got += [(frame.index, kept) for frame, kept, _ in results]
            assert len(waiting) <= delay
            if len(got) + len(waiting) > stop:
                break
    got += [(frame.index, kept) for frame, kept, _ in rest(stabilizer, waiting=waiting)]
    assert got == whole


def test_results_come_as_soon_as_they_are_complete():
    stabilizer = Late(delay=3)
    taken: list[int] = []

    def watched() -> Iterator[tuple[Frame, Evidence, str]]:
        for item in feed(10):
            taken.append(item[0].index)
            yield item

    results = drive(stabilizer, watched())
    next(results)
    assert taken == [0, 1, 2, 3]
    next(results)
    assert taken == [0, 1, 2, 3, 4]


def test_holding_more_than_the_declared_delay_is_an_error():
    late = Late(delay=5)
    late.step = lambda image, evidence: []
    with pytest.raises(
        UsageError, match="delay 5 must owe at most so many results, got 6 owed after frame 5"
    ):
        list(drive(late, feed(10)))


def test_missing_results_are_an_error():
    forgetful = Late(delay=3)
    forgetful.flush = list
    with pytest.raises(UsageError, match="one result per frame, got 3 too few"):
        list(drive(forgetful, feed(5)))


def test_surplus_results_are_an_error():
    eager = Late(delay=0)
    eager.step = lambda image, evidence: [stable_of(image)] * 2
    with pytest.raises(UsageError, match="one too many"):
        list(drive(eager, feed(5)))
