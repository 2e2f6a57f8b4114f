"""A clip for the sliders that takes no time: masks are squares whose size says what made them."""

from collections.abc import Callable, Iterable, Iterator

import numpy as np

from vidlab.errors import ParameterError
from vidlab.metrics.clip import ClipMetrics
from vidlab.metrics.summary import ClipSummary
from vidlab.params import EvaluateParams, ExponentialParams, MethodParams
from vidlab.types import BoolMask

SIZE_HW = (24, 32)


def never() -> bool:
    return False


class FakeRehearsal:
    """As `Rehearsal`; `exponential` gives squares as wide as 10 · alpha, others fail.

    Attributes:
        runs, previews, judged: What was asked, in order.
        during: Called before every frame of a run or judgment.
    """

    def __init__(self, n_frames: int = 12, *, with_truth: bool = True) -> None:
        self.n_frames = n_frames
        rng = np.random.default_rng(3)
        self.images = list(rng.integers(0, 255, (n_frames, *SIZE_HW, 3), np.uint8))
        self.raw = [square(2 + index % 3) for index in range(n_frames)]
        self.truth = [square(4)] * n_frames if with_truth else None
        self.runs: list[MethodParams] = []
        self.previews: list[tuple[MethodParams, int]] = []
        self.n_judged = 0
        self.during: Callable[[], None] = lambda: None

    def run(self, params: MethodParams, *, stop: Callable[[], bool] = never) -> Iterator[BoolMask]:
        self.runs.append(params)
        for index in range(self.n_frames):
            self.during()
            if stop():
                return
            yield stable(params, index)

    def preview(self, params: MethodParams, index: int, *, stop: Callable[[], bool] = never) -> BoolMask:
        self.previews.append((params, index))
        return stable(params, index)

    def judge(self, masks: Iterable[BoolMask], *, stop: Callable[[], bool] = never) -> ClipSummary:
        self.n_judged += 1
        metrics = ClipMetrics(EvaluateParams(davis_t=False))
        for index, mask in enumerate(masks):
            self.during()
            if stop():
                break
            target = None if self.truth is None else self.truth[index]
            metrics.update(mask, probs=None, target=target, image=None, motion=None, judge=None)
        return metrics.compute()


def stable(params: MethodParams, index: int) -> BoolMask:
    if not isinstance(params, ExponentialParams):
        raise ParameterError(f"the fake knows exponential, got\n{type(params).__name__}")
    return square(round(10 * params.alpha) + index % 2)


def square(side: int) -> BoolMask:
    mask = np.zeros(SIZE_HW, bool)
    mask[4 : 4 + side, 6 : 6 + side] = True
    return mask
