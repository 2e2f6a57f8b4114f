"""Every metric of a job, fed frame by frame: raw, stable and truth seen through the same optical flow."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from vidlab.flow import DisFlow, FarnebackFlow, occluded, to_gray
from vidlab.metrics.clip import ClipMetrics, PairMotion
from vidlab.metrics.summary import ClipSummary
from vidlab.metrics.warping_error import motion_boundary
from vidlab.params import EvaluateParams
from vidlab.types import BoolMask, Float32Array, Frame

Gray: TypeAlias = NDArray[np.uint8]
Flow: TypeAlias = Callable[[Gray, Gray], Float32Array]

FLOW_PRESET = "fast"  # the flow that the consistency ("MC") is defined with: DIS FAST at full size
FLOW_SCALE = 1.0


@dataclass(frozen=True, slots=True)
class Prediction:
    """What is measured of one frame.

    Attributes:
        mask: bool (H, W), union of the wanted classes.
        probs: float32 (H, W), [0, 1], the most probable class's probability; None where there is none.
    """

    mask: BoolMask
    probs: Float32Array | None


def judging_flow(params: EvaluateParams) -> Flow:
    """Return the optical flow that judges: uint8 (H, W) from and to, float32 (H, W, 2)."""
    if params.judge_flow == "dis":
        return DisFlow(preset=FLOW_PRESET, scale=params.judge_scale)
    return FarnebackFlow(scale=params.judge_scale)


def pair_motion(flow: Flow, gray: Gray, previous: Gray) -> PairMotion:
    """Estimate both ways how a frame, uint8 (H, W), moved since the one before."""
    to_prev, from_prev = flow(gray, previous), flow(previous, gray)
    hidden = occluded(to_prev, from_prev)
    return PairMotion(to_prev, hidden, ~hidden & ~motion_boundary(to_prev))


class Measuring:
    """The metrics of several versions of the masks of one clip, such as raw and stable, and of its truth."""

    def __init__(self, versions: tuple[str, ...], *, params: EvaluateParams, judged: bool) -> None:
        """Choose what is measured.

        Args:
            versions: Names of the versions.
            params: How masks are judged.
            judged: Whether the judging flow is estimated, which takes longer than all the rest; without it
                flicker, excess flicker, jitter and the proxy stay undefined.
        """
        self._metrics = {name: ClipMetrics(params) for name in versions}
        self._truth = ClipMetrics(params)
        self._has_truth = False
        self._flow = DisFlow(preset=FLOW_PRESET, scale=FLOW_SCALE)
        self._judge = judging_flow(params) if judged else None
        self._previous: Gray | None = None

    def update(
        self, frame: Frame | None, predictions: dict[str, Prediction], *, target: BoolMask | None
    ) -> None:
        """Take one frame: its picture (None where there is no video), each version's masks, and the truth."""
        motion, judge = self._moved(frame)
        image = None if frame is None or self._judge is None else frame.image
        for name, metrics in self._metrics.items():
            found = predictions[name]
            metrics.update(
                found.mask, probs=found.probs, target=target, image=image, motion=motion, judge=judge
            )
        if target is not None:
            self._has_truth = True
            self._truth.update(target, probs=None, target=target, image=image, motion=motion, judge=judge)

    def compute(self) -> dict[str, ClipSummary]:
        """Return the summary of each version."""
        return {name: metrics.compute() for name, metrics in self._metrics.items()}

    def truth(self) -> ClipSummary | None:
        """Return what the truth itself measures, as a yardstick; None if there was none."""
        return self._truth.compute() if self._has_truth else None

    def _moved(self, frame: Frame | None) -> tuple[PairMotion | None, PairMotion | None]:
        if frame is None:
            return None, None
        gray, previous = to_gray(frame.image), self._previous
        self._previous = gray
        if previous is None:
            return None, None
        judge = None if self._judge is None else pair_motion(self._judge, gray, previous)
        return pair_motion(self._flow, gray, previous), judge
