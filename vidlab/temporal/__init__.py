"""Masks over time: filters, and the stabilizer that follows motion."""

from typing import TYPE_CHECKING

from vidlab.errors import ParameterError
from vidlab.params import (
    FilterParams,
    FlowFusionParams,
    FlowFusionTwoPassParams,
    MethodParams,
    NoneParams,
)
from vidlab.temporal.protocol import ClassState, Evidence, Stabilizer, StableFrame

if TYPE_CHECKING:
    from collections.abc import Callable

    from vidlab.flow import FlowEstimator

__all__ = ["ClassState", "Evidence", "Stabilizer", "StableFrame", "create_stabilizer"]


def create_stabilizer(
    params: MethodParams,
    *,
    flow: "FlowEstimator | None" = None,
    heed: "Callable[[], None] | None" = None,
) -> Stabilizer:
    """Build the stabilizer that a method's parameters describe.

    Args:
        params: The method with its tunables.
        flow: Estimates the motion in place of a flow of its own, such as one that remembers; None builds the
            one that the tunables name. Nobody else may use it meanwhile.
        heed: Called between frames where one `step` works on many; it may raise to end that, and the
            stabilizer is of no use then until `reset`.

    Raises:
        ParameterError: No method takes parameters of this type.
    """
    from vidlab.temporal.classical import create_filter
    from vidlab.temporal.filters import Unfiltered
    from vidlab.temporal.flow_fusion import FlowFusion, carry_on

    heed = heed or carry_on
    match params:
        case NoneParams():
            return Unfiltered()
        case FilterParams():
            return create_filter(params, flow=flow)
        case FlowFusionTwoPassParams():
            return FlowFusion(params, look_ahead=params.look_ahead, chunk=params.chunk, flow=flow, heed=heed)
        case FlowFusionParams():
            return FlowFusion(params, look_ahead=params.lag, chunk=1, flow=flow, heed=heed)
        case _:
            raise ParameterError(f"params must be those of a method, got {type(params).__name__}")
