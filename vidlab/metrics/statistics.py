"""One number per frame becomes three per clip: mean, recall and decay of DAVIS.

They are those of Perazzi et al., "A Benchmark Dataset and Evaluation Methodology for Video Object
Segmentation", CVPR 2016. The public davis2017-evaluation keeps the borders of the quarters in 8 bits, so that
its decay is NaN or wrong on most clips of more than 255 frames; `compat` asks for that on purpose.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from vidlab.errors import ParameterError, ShapeError

Compat = Literal["strict", "davis2017", "davis2017_numpy1"]
Values = Sequence[float] | NDArray[np.float64]

RECALL_ABOVE = 0.5  # as in DAVIS
N_UINT8 = 256  # the 8 bits of the official quarter borders


def require_compat(compat: str) -> None:
    """Check the name of a mode.

    Raises:
        ParameterError: It is not one of `Compat`.
    """
    if compat not in get_args(Compat):
        raise ParameterError(f"unknown compat '{compat}'; choose from: {', '.join(get_args(Compat))}")


def mean(values: Values) -> float:
    """Mean over the frames where the value is defined.

    Args:
        values: float (T,), any range; NaN is left out.

    Returns:
        Their mean; NaN if none is defined.

    Raises:
        ShapeError: Not one number per frame.

    >>> mean([0.5, math.nan, 1.0])
    0.75
    """
    defined = _defined(_one_axis(values))
    return float(defined.mean()) if defined.size else math.nan


def recall(values: Values) -> float:
    """Share of the frames whose value lies above 0.5 (exactly 0.5 does not).

    Args:
        values: float (T,), scores in [0, 1]; NaN is left out.

    Returns:
        [0, 1]; NaN if none is defined.

    Raises:
        ShapeError: Not one number per frame.

    >>> recall([0.4, 0.5, 0.6, 0.7])
    0.5
    """
    defined = _defined(_one_axis(values))
    return float((defined > RECALL_ABOVE).mean()) if defined.size else math.nan


def decay(values: Values, *, compat: Compat) -> float:
    """How much is lost over a clip: mean of its first quarter minus mean of its last.

    Neighbouring quarters share a frame: frame 1 + (n − 1)·k/4 of 1..n, rounded half up, is the border.

    Args:
        values: float (T,), scores in [0, 1]; NaN is left out.
        compat: `strict` is right for any length. `davis2017` is what the official code prints on NumPy 2: its
            borders are kept in 8 bits, and the end of a quarter, one past its border, wraps from 255 to 0.
            `davis2017_numpy1` is the same on NumPy 1, where that end does not wrap (right for 256 frames).
            All agree up to 255 frames.

    Returns:
        [-1, 1], below 0 if the scores rise; one frame: 0; a quarter without a defined value: NaN.

    Raises:
        ShapeError: Not one number per frame.
        ParameterError: An unknown mode.

    >>> decay([1.0, 0.75, 0.75, 0.5, 0.25], compat="strict")
    0.5
    >>> falling = np.linspace(1.0, 0.0, 500)
    >>> [round(decay(falling, compat=mode), 3) for mode in ("strict", "davis2017")]
    [0.749, 0.236]
    """
    require_compat(compat)
    scores = _one_axis(values)
    borders = [(k * (len(scores) - 1) + 2) // 4 for k in range(5)]
    if compat != "strict":
        borders = [border % N_UINT8 for border in borders]
    ends = [border + 1 for border in borders]
    if compat == "davis2017":
        ends = [end % N_UINT8 for end in ends]
    return mean(scores[borders[0] : ends[1]]) - mean(scores[borders[3] : ends[4]])


@dataclass(frozen=True, slots=True)
class SequenceStatistics:
    """What DAVIS says of a clip's scores; NaN where it is undefined.

    Attributes:
        mean: See `mean`; higher is better.
        recall: See `recall`; higher is better.
        decay: See `decay`; lower is better.
    """

    mean: float
    recall: float
    decay: float


def sequence_statistics(values: Values, *, compat: Compat) -> SequenceStatistics:
    """Mean, recall and decay of one score per frame.

    The official semi-supervised protocol leaves out the first and the last frame: pass `values[1:-1]`.

    Args:
        values: float (T,), scores in [0, 1]; NaN is left out.
        compat: How `decay` treats clips of more than 255 frames.

    Returns:
        All three; each NaN for no frames.

    Raises:
        ShapeError: Not one number per frame.
        ParameterError: An unknown mode.

    >>> sequence_statistics([1.0, 0.75, 0.75, 0.5, 0.5], compat="strict")
    SequenceStatistics(mean=0.7, recall=0.6, decay=0.375)
    """
    return SequenceStatistics(mean(values), recall(values), decay(values, compat=compat))


def _one_axis(values: Values) -> NDArray[np.float64]:
    scores = np.asarray(values, np.float64)
    if scores.ndim != 1:
        raise ShapeError(f"values must have one number per frame, got {scores.shape}")
    return scores


def _defined(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    return scores[~np.isnan(scores)]
