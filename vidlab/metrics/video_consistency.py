"""VC of VSPW: does the prediction stand still where the truth does?

Only pixels whose truth keeps its class are asked, so motion is left out rather than followed: moving borders
are not judged at all. A constant prediction, even an empty one, has a VC of 1; VC* asks for the right class.
"""

import math
from typing import Literal, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray

from vidlab.errors import ParameterError, ShapeError
from vidlab.metrics.class_consistency import IGNORE, Labels, require_labels
from vidlab.metrics.overlap import count_px
from vidlab.metrics.running import RunningStats
from vidlab.types import BoolMask

Compat = Literal["strict", "vspw"]


class WindowConsistency(NamedTuple):
    """One window's shares of the pixels whose truth kept its class, [0, 1]; NaN where there are none.

    Attributes:
        vc: Where the prediction kept its class too, right or wrong.
        vc_star: Where it kept its class and is right.
    """

    vc: float
    vc_star: float


UNDEFINED = WindowConsistency(math.nan, math.nan)


class VideoConsistency:
    """VC of n frames (VC8, VC16) and VC*, one frame at a time; memory does not grow with n or the clip.

    Miao et al., "VSPW: A Large-scale Dataset for Video Scene Parsing in the Wild", CVPR 2021: of the pixels
    whose true class stays the same for n frames in a row, the share whose predicted class does too. VC* is
    ours: the prediction must also equal the truth.

    The score of a data set pools the windows of all its videos: call `start_clip` between two videos, and
    `compute` once at the end.

    >>> metric = VideoConsistency(window=2, compat="strict")
    >>> truth, wrong = np.zeros((2, 2), bool), np.eye(2, dtype=bool)
    >>> [tuple(metric.update(pred, target=truth)) for pred in (wrong, wrong, truth)]
    [(nan, nan), (1.0, 0.5), (0.5, 0.5)]
    >>> metric.compute()
    {'vc': 0.75, 'vc_star': 0.5, 'n_windows': 2}
    """

    def __init__(self, *, window: int, compat: Compat) -> None:
        """Choose the length of the window and the rules.

        Args:
            window: Number of frames n, 2 or more (8 and 16 are published); more is harder.
            compat: `strict` counts every window, and no pixel whose truth is ignored (255); `vspw` drops the
                last window of each clip, as the VSPW code does (so clips of n frames or fewer have none), and
                takes 255 for a class like any other. Both leave out windows without a value.

        Raises:
            ParameterError: A shorter window, or an unknown `compat`.
        """
        if window < 2:
            raise ParameterError(f"window must be 2 frames or more, got {window}")
        if compat not in get_args(Compat):
            raise ParameterError(f"unknown compat {compat!r}; choose from: {', '.join(get_args(Compat))}")
        self._window = window
        self._compat = compat
        self.reset()

    def reset(self) -> None:
        """Forget everything."""
        self._vc, self._vc_star = RunningStats(), RunningStats()
        self.start_clip()

    def start_clip(self) -> None:
        """Let the next frame be the first of another clip, whose windows are pooled with those so far."""
        self._pred_runs, self._target_runs = _Runs(self._window), _Runs(self._window)
        self._held = UNDEFINED  # vspw only: counts once the clip goes on

    def update(self, pred: Labels, *, target: Labels) -> WindowConsistency:
        """Take the next frame.

        Args:
            pred: bool, uint8 or int64 (H, W), classes; copied.
            target: bool, uint8 or int64 (H, W), the true classes; copied.

        Returns:
            (VC, VC*) of the window that ends here; NaN before the window is full, and where the truth of no
            pixel stayed the same.

        Raises:
            ShapeError: Another dtype, rank, or two sizes.
        """
        require_labels(pred, "pred")
        require_labels(target, "target")
        if pred.shape != target.shape:
            raise ShapeError(f"labels must match, got pred {pred.shape} and target {target.shape}")
        self._target_runs.require_size(target.shape)
        judged = None if self._compat == "vspw" else np.asarray(target != IGNORE, np.bool_)
        calm_truth = self._target_runs.step(target, judged)
        value = _shares(calm_truth, self._pred_runs.step(pred, None), right=np.asarray(pred == target))
        counted = value
        if self._compat == "vspw":
            counted, self._held = self._held, value
        self._vc.update(counted.vc)
        self._vc_star.update(counted.vc_star)
        return value

    def compute(self) -> dict[str, float]:
        """Return the means `vc` and `vc_star` over all windows so far, NaN without one, and `n_windows`."""
        return {"vc": self._vc.mean, "vc_star": self._vc_star.mean, "n_windows": self._vc.n}


def _shares(calm_truth: BoolMask, calm_pred: BoolMask, *, right: BoolMask) -> WindowConsistency:
    n_calm = count_px(calm_truth)
    if not n_calm:
        return UNDEFINED
    calm = calm_truth & calm_pred
    # both classes stand still, so being right now is being right in the whole window
    return WindowConsistency(count_px(calm) / n_calm, count_px(calm & right) / n_calm)


class _Runs:
    """For how many frames each pixel has kept its class, counted up to the window's length."""

    def __init__(self, window: int) -> None:
        self._window = window
        self._labels: Labels | None = None
        self._lengths: NDArray[np.unsignedinteger] | None = None

    def require_size(self, size_hw: tuple[int, ...]) -> None:
        if self._labels is not None and self._labels.shape != size_hw:
            before = self._labels.shape
            raise ShapeError(f"labels must match, got {before} in the frame before and {size_hw} now")

    def step(self, labels: Labels, judged: BoolMask | None) -> BoolMask:
        """Take the next labels, return which pixels kept theirs for a whole window; `judged` ends runs."""
        if self._labels is None or self._lengths is None:
            lengths = np.zeros(labels.shape, np.min_scalar_type(self._window))
        else:
            lengths = np.minimum(self._lengths, self._window - 1) * (labels == self._labels)
        lengths += 1
        if judged is not None:
            lengths *= judged
        self._labels, self._lengths = labels.copy(), lengths
        return np.asarray(lengths == self._window, np.bool_)
