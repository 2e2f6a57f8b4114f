"""How near masks are to the truth: region J and boundary F of DAVIS, Dice.

J and F are those of Perazzi et al., "A Benchmark Dataset and Evaluation Methodology for Video Object
Segmentation", CVPR 2016, with the conventions of the public davis2017-evaluation.
"""

from array import array
from dataclasses import dataclass

from vidlab.metrics.boundary import boundary_scores, crop_to_both, davis_tolerance_px
from vidlab.metrics.overlap import dice, iou, require_pair
from vidlab.metrics.running import RunningStats
from vidlab.metrics.statistics import Compat, require_compat, sequence_statistics
from vidlab.types import BoolMask


def region_j(pred: BoolMask, target: BoolMask) -> float:
    """Region similarity J of DAVIS 2016: intersection over union.

    Args:
        pred: bool (H, W).
        target: bool (H, W), the truth.

    Returns:
        [0, 1]; empty union: 1.

    Raises:
        ShapeError: Another dtype, rank, or two sizes.

    >>> import numpy as np
    >>> region_j(np.eye(2, dtype=bool), np.ones((2, 2), bool))
    0.5
    """
    require_pair(pred, target, names=("pred", "target"))
    return iou(pred, target)


@dataclass(frozen=True, slots=True)
class FrameAccuracy:
    """One frame against the truth, all in [0, 1].

    Attributes:
        j: Region similarity, `region_j`.
        f: Boundary F at the DAVIS tolerance, 8 px at 480p: blind to a shake of less.
        dice: Dice coefficient.
        f_1px: Boundary F at 1 px, which sees what `f` forgives.
        f_2px: Boundary F at 2 px.
    """

    j: float
    f: float
    dice: float
    f_1px: float
    f_2px: float


class Accuracy:
    """J, F, J&F and Dice of a clip, one frame at a time, all frames in.

    Constant memory, but for two numbers per frame that the decay needs.

    >>> import numpy as np
    >>> metric = Accuracy()
    >>> frame = metric.update(np.eye(3, dtype=bool), target=np.eye(3, dtype=bool))
    >>> metric.compute()  # doctest: +NORMALIZE_WHITESPACE
    {'j': 1.0, 'f': 1.0, 'jf': 1.0, 'dice': 1.0, 'f_1px': 1.0, 'f_2px': 1.0,
     'j_recall': 1.0, 'j_decay': 0.0, 'f_recall': 1.0, 'f_decay': 0.0}
    """

    def __init__(self, *, compat: Compat = "strict") -> None:
        """Choose how `statistics.decay` treats clips of more than 255 frames.

        Raises:
            ParameterError: An unknown mode.
        """
        require_compat(compat)
        self._compat: Compat = compat
        self.reset()

    def reset(self) -> None:
        """Forget everything."""
        self._j, self._f = array("d"), array("d")
        self._means = {name: RunningStats() for name in ("dice", "f_1px", "f_2px")}

    def update(self, pred: BoolMask, *, target: BoolMask) -> FrameAccuracy:
        """Take the next frame, bool (H, W), with its truth, bool (H, W).

        Raises:
            ShapeError: Another dtype, rank, or two sizes.
        """
        pair = crop_to_both(pred, target)
        tolerances_px = (davis_tolerance_px((pred.shape[0], pred.shape[1])), 1, 2)
        f, f_1px, f_2px = (score.f for score in boundary_scores(*pair, tolerances_px=tolerances_px))
        frame = FrameAccuracy(j=region_j(*pair), f=f, dice=dice(*pair), f_1px=f_1px, f_2px=f_2px)
        self._j.append(frame.j)
        self._f.append(frame.f)
        for name, stats in self._means.items():
            stats.update(getattr(frame, name))
        return frame

    def compute(self) -> dict[str, float]:
        """Return means, recalls and decays over all frames so far; NaN before the first frame.

        `j`, `f`, `dice`, `f_1px`, `f_2px` are means; `jf` is (J + F) / 2; `j_recall`, `j_decay`, `f_recall`
        and `f_decay` are those of `statistics`.
        """
        j, f = (sequence_statistics(values, compat=self._compat) for values in (self._j, self._f))
        return {
            "j": j.mean,
            "f": f.mean,
            "jf": (j.mean + f.mean) / 2,
            **{name: stats.mean for name, stats in self._means.items()},
            "j_recall": j.recall,
            "j_decay": j.decay,
            "f_recall": f.recall,
            "f_decay": f.decay,
        }
