"""Every metric of one clip's class labels, fed one frame at a time."""

import math
from array import array
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vidlab.metrics.class_consistency import IGNORE, ClassConsistency
from vidlab.metrics.clip import VC_WINDOWS, PairMotion
from vidlab.metrics.labels import ClassOverlap
from vidlab.metrics.video_consistency import VideoConsistency

N_CLASSES = IGNORE  # every index that 8 bits leave; a class that nobody shows has no IoU


@dataclass(frozen=True, slots=True)
class LabelSummary:
    """What class labels of one clip are worth; None is undefined.

    Attributes:
        n_frames: Frames seen.
        iou: Class index → its IoU over all pixels of the clip, for every class that is there.
        miou: Their mean.
        pixel_accuracy: Share of the counted pixels whose class is right.
        tc: Mean over the pairs of the temporal consistency TC.
        vc8: Video consistency over windows of 8 frames.
        vc8_star: The same, where the labels must also be right.
        vc16: Video consistency over windows of 16 frames.
        vc16_star: The same, where the labels must also be right.
        miou_curve: Mean IoU of each frame.
        tc_curve: TC of each frame with the one before.
    """

    n_frames: int
    iou: dict[int, float]
    miou: float | None
    pixel_accuracy: float | None
    tc: float | None
    vc8: float | None
    vc8_star: float | None
    vc16: float | None
    vc16_star: float | None
    miou_curve: list[float | None]
    tc_curve: list[float | None]


class LabelMetrics:
    """Every metric of one clip's labels, one frame at a time; two numbers per frame are kept.

    >>> metrics, truth = LabelMetrics(), np.array([[0, 1, 1, 255]], np.uint8)
    >>> metrics.update(np.array([[0, 0, 1, 1]], np.uint8), target=truth, motion=None)
    >>> summary = metrics.compute()
    >>> summary.iou, summary.miou, summary.tc
    ({0: 0.5, 1: 0.5}, 0.5, None)
    """

    def __init__(self) -> None:
        self._overlap = ClassOverlap(n_classes=N_CLASSES, ignore_label=IGNORE)
        self._tc = ClassConsistency(n_classes=N_CLASSES, compat="strict")
        self._vc = {n: VideoConsistency(window=n, compat="strict") for n in VC_WINDOWS}
        self._miou_curve, self._tc_curve = array("d"), array("d")

    def update(
        self, labels: NDArray[np.uint8], *, target: NDArray[np.uint8] | None, motion: PairMotion | None
    ) -> None:
        """Take the next frame, uint8 (H, W); without truth or motion their metrics stay undefined.

        Raises:
            ShapeError: Two sizes.
            ParameterError: The labels say 255, "ignore", where the truth has a class.
        """
        miou = math.nan
        if target is not None:
            miou = self._overlap.update(labels, target=target)
            for metric in self._vc.values():
                metric.update(labels, target=target)
        flow = None if motion is None else motion.flow_to_prev
        hidden = None if motion is None else motion.occluded
        self._miou_curve.append(miou)
        self._tc_curve.append(self._tc.update(labels, flow_to_prev=flow, occluded=hidden))

    def compute(self) -> LabelSummary:
        """Return the metrics of all frames so far."""
        scores = self._overlap.compute()
        windows = {n: metric.compute() for n, metric in self._vc.items()}
        vc = {f"vc{n}": _known(window["vc"]) for n, window in windows.items()}
        vc |= {f"vc{n}_star": _known(window["vc_star"]) for n, window in windows.items()}
        return LabelSummary(
            n_frames=len(self._miou_curve),
            iou={int(index): float(scores.iou[index]) for index in np.flatnonzero(~np.isnan(scores.iou))},
            miou=_known(scores.miou),
            pixel_accuracy=_known(scores.pixel_accuracy),
            tc=_known(self._tc.compute()["tc"]),
            miou_curve=[_known(value) for value in self._miou_curve],
            tc_curve=[_known(value) for value in self._tc_curve],
            **vc,
        )


def _known(value: float) -> float | None:
    return None if math.isnan(value) else float(value)
