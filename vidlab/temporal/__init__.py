"""Masks over time: filters, and the stabilizer that follows motion."""

from vidlab.errors import ParameterError
from vidlab.params import (
    FilterParams,
    FlowFusionParams,
    FlowFusionTwoPassParams,
    MethodParams,
    NoneParams,
)
from vidlab.temporal.protocol import ClassState, Evidence, Stabilizer, StableFrame

__all__ = ["ClassState", "Evidence", "Stabilizer", "StableFrame", "create_stabilizer"]


def create_stabilizer(params: MethodParams) -> Stabilizer:
    """Build the stabilizer that a method's parameters describe.

    Raises:
        ParameterError: No method takes parameters of this type.
    """
    from vidlab.temporal.classical import create_filter
    from vidlab.temporal.filters import Unfiltered
    from vidlab.temporal.flow_fusion import FlowFusion

    match params:
        case NoneParams():
            return Unfiltered()
        case FilterParams():
            return create_filter(params)
        case FlowFusionTwoPassParams():
            return FlowFusion(params, look_ahead=params.look_ahead, chunk=params.chunk)
        case FlowFusionParams():
            return FlowFusion(params, look_ahead=params.lag, chunk=1)
        case _:
            raise ParameterError(f"params must be those of a method, got {type(params).__name__}")
