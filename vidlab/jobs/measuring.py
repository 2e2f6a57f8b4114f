"""Every metric of a job, fed frame by frame: raw and stable seen through the same optical flow."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vidlab.flow import DisFlow, occluded, to_gray
from vidlab.metrics.summary import ClipMetrics, ClipSummary
from vidlab.types import BoolMask, Float32Array, Frame, UInt8Image

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


class MotionBetweenFrames:
    """Flow and occlusion between each frame and its predecessor; holds one grey picture."""

    def __init__(self) -> None:
        self._flow = DisFlow(preset=FLOW_PRESET, scale=FLOW_SCALE)
        self.reset()

    def reset(self) -> None:
        """Forget the last frame."""
        self._previous: NDArray[np.uint8] | None = None

    def step(self, image: UInt8Image) -> tuple[Float32Array | None, BoolMask | None]:
        """Take the next frame; return flow to the previous frame and its occlusions, None for the first."""
        gray, previous = to_gray(image), self._previous
        self._previous = gray
        if previous is None:
            return None, None
        to_prev = self._flow(gray, previous)
        return to_prev, occluded(to_prev, self._flow(previous, gray))


class Measuring:
    """The metrics of several versions of the masks of one clip, such as raw and stable."""

    def __init__(self, versions: tuple[str, ...]) -> None:
        self._metrics = {name: ClipMetrics() for name in versions}
        self._motion = MotionBetweenFrames()

    def update(
        self, frame: Frame | None, predictions: dict[str, Prediction], *, target: BoolMask | None
    ) -> None:
        """Take one frame: its picture (None where there is no video), each version's masks, and the truth."""
        flow_to_prev, hidden = (None, None) if frame is None else self._motion.step(frame.image)
        for name, metrics in self._metrics.items():
            metrics.update(
                predictions[name].mask,
                probs=predictions[name].probs,
                target=target,
                flow_to_prev=flow_to_prev,
                occluded=hidden,
            )

    def compute(self) -> dict[str, ClipSummary]:
        """Return the summary of each version."""
        return {name: metrics.compute() for name, metrics in self._metrics.items()}
