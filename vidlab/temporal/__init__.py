"""Masks over time: filters, and the stabilizer that follows motion."""

import numpy as np

from vidlab.errors import ParameterError
from vidlab.params import (
    ExponentialParams,
    FlowFusionParams,
    FlowFusionTwoPassParams,
    GaussianParams,
    MedianParams,
    MethodParams,
    MovingAverageParams,
    NoneParams,
)
from vidlab.temporal.protocol import ClassState, Evidence, Stabilizer, StableFrame

__all__ = ["ClassState", "Evidence", "Stabilizer", "StableFrame", "create_stabilizer"]


def create_stabilizer(params: MethodParams) -> Stabilizer:
    """Build the stabilizer that a method's parameters describe.

    Raises:
        ParameterError: No method takes parameters of this type.
    """
    from vidlab.temporal import filters
    from vidlab.temporal.flow_fusion import FlowFusion

    match params:
        case NoneParams():
            return filters.Unfiltered()
        case MovingAverageParams(window=window):
            return filters.WindowFilter(window=window, combine=filters.weighted_mean(np.ones(window)))
        case MedianParams(window=window):
            return filters.WindowFilter(window=window, combine=filters.median)
        case GaussianParams(window=window, sigma=sigma):
            weights = filters.gaussian_weights(window, sigma)
            return filters.WindowFilter(window=window, combine=filters.weighted_mean(weights))
        case ExponentialParams(alpha=alpha):
            return filters.Exponential(alpha=alpha)
        case FlowFusionTwoPassParams():
            return FlowFusion(params, look_ahead=params.look_ahead, chunk=params.chunk)
        case FlowFusionParams():
            return FlowFusion(params, look_ahead=params.lag, chunk=1)
        case _:
            raise ParameterError(f"params must be those of a method, got {type(params).__name__}")
