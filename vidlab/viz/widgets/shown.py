"""What the panel shows, and what it is asked for: plain values that pass between person, worker and page."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from vidlab.jobs.worst import WorstFrame
from vidlab.metrics.overlap import count_px, iou
from vidlab.metrics.summary import ClipSummary
from vidlab.params import MethodParams
from vidlab.types import BoolMask, UInt8Image

Stop = Callable[[], bool]
Part = Literal["clip", "frame", "curves", "table", "status", "tuned"]


def never() -> bool:
    """Do not stop."""
    return False


class Rehearsing(Protocol):
    """What the panel asks of a clip: what `vidlab.jobs.rehearsal.Rehearsal` is."""

    n_frames: int
    images: Sequence[UInt8Image]
    raw: Sequence[BoolMask]
    truth: Sequence[BoolMask] | None

    def run(self, params: MethodParams, *, stop: Stop = ...) -> Iterator[BoolMask]:
        """Yield the stable masks, frame after frame."""

    def preview(self, params: MethodParams, index: int, *, stop: Stop = ...) -> BoolMask:
        """Return the stable mask of one frame, nearly as `run` gives it."""

    def judge(self, masks: Iterable[BoolMask], *, stop: Stop = ...) -> ClipSummary:
        """Measure masks, one for each frame."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What a person wants to see.

    Attributes:
        clip: Name of the clip.
        masks: Name of its masks.
        params: The method and its tunables.
        index: The frame, from 0; beyond the clip it is the last.
        n_tunings: How often "tune for me" was asked; a wish with one more starts a search.
    """

    clip: str
    masks: str
    params: MethodParams
    index: int = 0
    n_tunings: int = 0


@dataclass(frozen=True, slots=True)
class ShownFrame:
    """One frame.

    Attributes:
        index: Which.
        image: uint8 (h, w, 3), RGB.
        raw: bool (h, w), before.
        stable: bool (h, w), after.
        truth: bool (h, w), None without truth.
        is_exact: `stable` is that of the whole clip's run, not of a short one around the frame.
    """

    index: int
    image: UInt8Image = field(repr=False)
    raw: BoolMask = field(repr=False)
    stable: BoolMask = field(repr=False)
    truth: BoolMask | None = field(repr=False)
    is_exact: bool


@dataclass(frozen=True, slots=True)
class MaskCurves:
    """Overlap of neighboring frames, and area, of the frames so far.

    Attributes:
        iou_prev: float64 (T,), IoU with the frame before; NaN in the first frame, and where none is yet.
        area_px: float64 (T,), pixels; NaN where none is yet.
    """

    iou_prev: NDArray[np.float64]
    area_px: NDArray[np.float64]

    @classmethod
    def empty(cls, n_frames: int) -> "MaskCurves":
        """No frame yet, of so many."""
        return cls(np.full(n_frames, np.nan), np.full(n_frames, np.nan))

    @classmethod
    def of(cls, masks: Sequence[BoolMask]) -> "MaskCurves":
        """The curves of a whole clip's masks, bool (h, w) each.

        >>> MaskCurves.of([np.eye(2, dtype=bool), np.ones((2, 2), bool)])
        MaskCurves(iou_prev=array([nan, 0.5]), area_px=array([2., 4.]))
        """
        curves, before = cls.empty(len(masks)), None
        for index, mask in enumerate(masks):
            curves.put(index, mask, before=before)
            before = mask
        return curves

    def put(self, index: int, mask: BoolMask, *, before: BoolMask | None) -> None:
        """Enter the values of one frame, bool (h, w), in place."""
        self.area_px[index] = count_px(mask)
        if before is not None:
            self.iou_prev[index] = iou(mask, before)

    def copy(self) -> "MaskCurves":
        """Return the curves as they are now."""
        return MaskCurves(self.iou_prev.copy(), self.area_px.copy())


@dataclass(frozen=True, slots=True)
class Shown:
    """All that the panel shows at one moment; what is None is not known yet.

    Attributes:
        wish: What it answers.
        n_frames: Frames of the clip, 0 before it is open.
        frame: The current frame.
        raw_curves: Curves before.
        curves: Curves after, as far as they are.
        n_done: Frames of the whole run so far.
        raw: Metrics before.
        stable: Metrics after.
        worst: The worst frames after, each with what it shows.
        status: One line: what is being done, or what went wrong.
        failed: Something went wrong.
        tuned: What "tune for me" found last.
    """

    wish: Wish | None = None
    n_frames: int = 0
    frame: ShownFrame | None = None
    raw_curves: MaskCurves | None = None
    curves: MaskCurves | None = None
    n_done: int = 0
    raw: ClipSummary | None = None
    stable: ClipSummary | None = None
    worst: tuple[tuple[WorstFrame, ShownFrame], ...] = ()
    status: str = ""
    failed: bool = False
    tuned: MethodParams | None = None
