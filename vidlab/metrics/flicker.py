"""Flicker beyond the truth's own: what motion does not explain in a prediction, less the same in the truth.

No optical flow is perfect, and no object is rigid: a true mask, warped along a flow, never quite meets its
successor. What is left over is not flicker. Measured on the same flow and the same occlusions, it cancels.
"""

import math
from dataclasses import dataclass

from vidlab.metrics.consistency import Consistency
from vidlab.metrics.running import RunningStats
from vidlab.types import BoolMask, Float32Array


@dataclass(frozen=True, slots=True)
class FrameFlicker:
    """One frame against the one before it, both moved along one flow; NaN where there is no pair.

    Attributes:
        instability: 1 − IoU of the prediction with its warped predecessor, [0, 1].
        target_instability: The same of the truth.
        excess: instability − target_instability, [−1, 1].
    """

    instability: float
    target_instability: float
    excess: float


class ExcessFlicker:
    """Excess flicker of a clip, one frame at a time; holds one mask and one true mask.

    Motion-compensated instability of the prediction minus that of the truth, as a mean over the pairs of
    frames that have both. 0: as calm as the truth, which the truth itself is exactly. Above 0: the share of
    the mask that comes and goes without cause. Below 0: calmer than the truth; where accuracy fell as well,
    the masks are over-smoothed.

    >>> import numpy as np
    >>> metric, still = ExcessFlicker(), np.zeros((1, 4, 2), np.float32)
    >>> truth = np.array([[True, True, True, True]])
    >>> first = metric.update(truth, target=truth, flow_to_prev=None, occluded=None)
    >>> half = truth & [True, True, False, False]
    >>> metric.update(half, target=truth, flow_to_prev=still, occluded=None).excess
    0.5
    """

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget everything; the next frame is the first of a clip."""
        self._pred, self._target = Consistency(), Consistency()
        self._excess = RunningStats()

    def update(
        self,
        mask: BoolMask,
        *,
        target: BoolMask | None,
        flow_to_prev: Float32Array | None,
        occluded: BoolMask | None,
    ) -> FrameFlicker:
        """Take the next frame.

        Args:
            mask: bool (H, W), the prediction.
            target: bool (H, W), the truth; None leaves this frame, and the pair it begins, without excess.
            flow_to_prev: float32 (H, W, 2), pixels; None where there is no flow (first frame).
            occluded: bool (H, W), pixels to leave out, or None.

        Raises:
            ShapeError: Another dtype, rank, or size.
        """
        pred = 1.0 - self._pred.update(mask, flow_to_prev=flow_to_prev, occluded=occluded)
        true = math.nan
        if target is None:
            self._target.forget()
        else:
            true = 1.0 - self._target.update(target, flow_to_prev=flow_to_prev, occluded=occluded)
        self._excess.update(pred - true)
        return FrameFlicker(pred, true, pred - true)

    def compute(self) -> FrameFlicker:
        """Return the means over the pairs so far, `excess` over those that have truth; NaN without any."""
        return FrameFlicker(1.0 - self._pred.compute(), 1.0 - self._target.compute(), self._excess.mean)
