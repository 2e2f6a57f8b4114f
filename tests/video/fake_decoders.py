"""Decoders that hang, crash and lie on purpose; importable by the worker's process."""

import ctypes
import os
import time
from collections.abc import Iterator, Sequence
from fractions import Fraction
from functools import partial

import numpy as np

from vidlab.errors import VideoError
from vidlab.types import Frame, VideoInfo

N_FRAMES = 12
SIZE_HW = (4, 6)
INFO = VideoInfo("fake.mp4", "fake", SIZE_HW, 10.0, N_FRAMES, 1.2, 0, Fraction(1, 1000))


def fake_frame(position: int) -> Frame:
    return Frame(np.full((*SIZE_HW, 3), 10 * position, np.uint8), position, position / 10)


class FakeIndex:
    times_s = np.arange(N_FRAMES) / 10


class FakeDecoder:
    """Twelve gray frames; `act` is done before the frame at which it goes wrong."""

    def __init__(self, *, goes_wrong_at: int | None, act: "Act") -> None:
        self.info, self.index = INFO, FakeIndex()
        self.losses: tuple[str, ...] = ()
        self._goes_wrong_at, self._act = goes_wrong_at, act

    def __len__(self) -> int:
        return N_FRAMES

    def __iter__(self) -> Iterator[Frame]:
        return self.iter_at(range(N_FRAMES))

    def iter_range(self, start: int, stop: int | None = None) -> Iterator[Frame]:
        return self.iter_at(range(start, N_FRAMES if stop is None else stop))

    def iter_at(self, positions: Sequence[int]) -> Iterator[Frame]:
        for position in positions:
            if position == self._goes_wrong_at:
                ACTS[self._act]()
            yield fake_frame(position)
        self.losses = ("a loss of its own",) if self._act == "tell a loss" else ()


Act = str


def sleep_for_ever() -> None:
    time.sleep(1000)


def hold_the_interpreter() -> None:
    ctypes.PyDLL(None).sleep(1000)  # unlike CDLL, it keeps the interpreter's lock: no signal handler runs


def exit_at_once() -> None:
    os._exit(7)


def crash() -> None:
    ctypes.string_at(0)


def fail() -> None:
    raise VideoError("fake.mp4 is beyond me")


def do_nothing() -> None:
    pass


ACTS = {
    "sleep": sleep_for_ever,
    "hold": hold_the_interpreter,
    "exit": exit_at_once,
    "crash": crash,
    "fail": fail,
    "nothing": do_nothing,
    "tell a loss": do_nothing,
}


def open_fake(*, goes_wrong_at: int | None, act: Act) -> FakeDecoder:
    return FakeDecoder(goes_wrong_at=goes_wrong_at, act=act)


def open_never(*, act: Act) -> FakeDecoder:
    ACTS[act]()
    raise AssertionError(act)


def wrong_at(position: int, act: Act) -> "partial[FakeDecoder]":
    return partial(open_fake, goes_wrong_at=position, act=act)


def good() -> "partial[FakeDecoder]":
    return partial(open_fake, goes_wrong_at=None, act="nothing")
