"""The stabilizing methods by name, and how one is built from texts `name=value`."""

from collections.abc import Iterable

from vidlab.errors import ParameterError
from vidlab.params.filters import ExponentialParams, GaussianParams, MedianParams, MovingAverageParams
from vidlab.params.fusion import FlowFusionParams, FlowFusionTwoPassParams
from vidlab.params.method import MethodParams, NoneParams
from vidlab.schema import parse_settings

METHODS: dict[str, type[MethodParams]] = {
    "none": NoneParams,
    "moving_average": MovingAverageParams,
    "median": MedianParams,
    "gaussian": GaussianParams,
    "exponential": ExponentialParams,
    "flow_fusion": FlowFusionParams,
    "flow_fusion_two_pass": FlowFusionTwoPassParams,
}
DEFAULT_METHOD = "flow_fusion_two_pass"


def method_model(method: str) -> type[MethodParams]:
    """Return the parameter model of a method.

    Raises:
        ParameterError: The method is unknown.
    """
    if method not in METHODS:
        raise ParameterError(f"unknown method {method!r}; choose from: {', '.join(METHODS)}")
    return METHODS[method]


def method_params(method: str, settings: Iterable[str] = ()) -> MethodParams:
    """Build the parameters of a method from texts `name=value`.

    Raises:
        ParameterError: The method or a name is unknown, or a value lies outside its range.

    >>> method_params("gaussian", ["sigma=2"]).sigma
    2.0
    """
    return parse_settings(method_model(method), settings)
