"""The optical flows by name."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from vidlab.errors import MissingExtraError, ParameterError
from vidlab.flow.block_matching import BlockMatchingFlow
from vidlab.flow.dis import DisFlow
from vidlab.flow.estimator import MIN_SIDE_PX, FlowEstimator
from vidlab.flow.farneback import FarnebackFlow
from vidlab.flow.horn_schunck import HornSchunckFlow
from vidlab.flow.lucas_kanade import LucasKanadeFlow
from vidlab.params import FLOW_MODELS, FilterParams, FlowName, FusionParams
from vidlab.schema import build


@dataclass(frozen=True, slots=True)
class FlowSpec:
    """One optical flow.

    Attributes:
        description: Method and paper, in one line.
        create: Builds it: `scale`, `preset` and `weights`, as `create_flow` takes them, and the tunables.
        needs_torch: It is a network, which takes weights.
    """

    description: str
    create: Callable[..., FlowEstimator]
    needs_torch: bool = False


def create_flow(
    name: str,
    *,
    scale: float,
    preset: str = "ultrafast",
    settings: Mapping[str, Any] | None = None,
    **network: Any,
) -> FlowEstimator:
    """Build an optical flow.

    Args:
        name: One of `FLOWS`.
        scale: Size at which flow is estimated, (0, 1]; smaller is faster and coarser. Pictures are not
            reduced below 120 pixels.
        preset: Effort of `dis`: `ultrafast`, `fast` or `medium`; others have no presets.
        settings: Tunables of this flow that differ from their defaults (`vidlab.params.FLOW_MODELS`).
        network: For networks: `weights`, `device` and `load`, as `vidlab.flow.raft.RaftFlow` takes them.

    Raises:
        ParameterError: Unknown name, preset or setting, or a value outside its range.
        WeightsError: A network's weights cannot be had.
        MissingExtraError: torch is not installed.

    >>> create_flow("horn_schunck", scale=0.5, settings={"levels": 1}).scale_for((480, 854))
    0.5
    """
    if name not in FLOWS:
        raise ParameterError(f"unknown flow {name!r}; choose from: {', '.join(FLOWS)}")
    spec, model = FLOWS[name], FLOW_MODELS[name]
    if settings and not model.model_fields:
        raise ParameterError(f"{name} must be set by preset and scale alone, got {', '.join(settings)}")
    options: dict[str, Any] = build(model, settings or {}).model_dump()
    if name == "dis":
        options["preset"] = preset
    if spec.needs_torch:
        options |= network
    elif network:
        raise ParameterError(f"{', '.join(network)} must go with a network, got the flow {name}")
    return spec.create(scale=scale, **options)


def flow_of(params: FilterParams | FusionParams) -> FlowEstimator:
    """Build the flow that the tunables of a stabilizing method name.

    Raises:
        WeightsError: A network's weights cannot be had.
        MissingExtraError: torch is not installed.
    """
    return create_flow(params.flow, scale=params.flow_scale, preset=params.flow_preset)


def _farneback(**options: Any) -> FlowEstimator:
    return FarnebackFlow(least_side_px=MIN_SIDE_PX, **options)  # as all the others; judging reduces further


def _raft(size: str) -> Callable[..., FlowEstimator]:
    def create(**options: Any) -> FlowEstimator:
        try:
            from vidlab.flow.raft import RaftFlow  # seconds: torch only when asked for
        except ModuleNotFoundError:
            raise MissingExtraError.for_feature("optical flow by RAFT", extra="models") from None
        return RaftFlow(size=size, **options)

    return create


FLOWS: dict[FlowName, FlowSpec] = {
    "dis": FlowSpec("dense inverse search, Kroeger et al. 2016", DisFlow),
    "farneback": FlowSpec("polynomial expansion, Farnebäck 2003", _farneback),
    "lucas_kanade": FlowSpec("points followed by their neighborhood, Lucas and Kanade 1981", LucasKanadeFlow),
    "horn_schunck": FlowSpec("smooth flow that keeps brightness, Horn and Schunck 1981", HornSchunckFlow),
    "block_matching": FlowSpec("blocks by normalized cross-correlation, Anandan 1989", BlockMatchingFlow),
    "raft_small": FlowSpec("network, Teed and Deng 2020, 1 M weights", _raft("raft_small"), True),
    "raft_large": FlowSpec("network, Teed and Deng 2020, 5 M weights", _raft("raft_large"), True),
}
