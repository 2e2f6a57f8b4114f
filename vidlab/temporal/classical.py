"""Which classical filter a method's parameters describe."""

from collections.abc import Callable
from functools import partial

import numpy as np

from vidlab.errors import ParameterError
from vidlab.flow import FlowEstimator, flow_of
from vidlab.params import (
    ExponentialParams,
    FilterParams,
    FlowFusionParams,
    GaussianParams,
    MedianParams,
    MovingAverageParams,
)
from vidlab.temporal.combine import Combine, WeightedMean, gaussian_weights
from vidlab.temporal.compensated import FollowingExponential, FollowingWindowFilter
from vidlab.temporal.filters import Exponential, WindowFilter
from vidlab.temporal.medians import Median
from vidlab.temporal.protocol import Stabilizer


def create_filter(params: FilterParams, *, flow: FlowEstimator | None = None) -> Stabilizer:
    """Build a filter, with or without motion compensation.

    Args:
        params: The filter with its tunables.
        flow: Estimates the motion, if it is followed; None builds the one that the tunables name.

    Raises:
        ParameterError: No filter takes parameters of this type.
    """
    match params:
        case MovingAverageParams(window=window):
            return _window_filter(partial(WeightedMean, np.ones(window)), window, params, flow)
        case MedianParams(window=window):
            return _window_filter(Median, window, params, flow)
        case GaussianParams(window=window, sigma=sigma):
            return _window_filter(
                partial(WeightedMean, gaussian_weights(window, sigma)), window, params, flow
            )
        case ExponentialParams(alpha=alpha, follow_motion=True):
            return FollowingExponential(
                alpha=alpha, flow=flow or flow_of(params), cut_similarity=_cut_similarity()
            )
        case ExponentialParams(alpha=alpha):
            return Exponential(alpha=alpha)
        case _:
            raise ParameterError(f"params must be those of a filter, got {type(params).__name__}")


def _window_filter(
    combine: Callable[[], Combine], window: int, params: FilterParams, flow: FlowEstimator | None
) -> Stabilizer:
    if not params.follow_motion:
        return WindowFilter(combine, window=window)
    return FollowingWindowFilter(
        combine(), window=window, flow=flow or flow_of(params), cut_similarity=_cut_similarity()
    )


def _cut_similarity() -> float:
    """Return where a shot ends for the other methods: filters have no number of their own for it."""
    return FlowFusionParams().cut_similarity
