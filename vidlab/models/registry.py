"""The networks by name. Importing this costs nothing; torch loads when a network is created."""

from collections.abc import Callable
from dataclasses import dataclass

from vidlab.errors import ParameterError
from vidlab.heap import keep_freed_memory
from vidlab.models.device import require_device, require_torch
from vidlab.models.protocol import Kind, StagedSegmenter
from vidlab.params import EvidenceParams

Builder = Callable[[str | None, str, float], StagedSegmenter]  # weights, device, score_floor


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """One entry of the registry.

    Attributes:
        description: One line for lists.
        kind: What it returns, `instances` or `probs`.
        build: Makes it from weights, resolved device and score floor.
    """

    description: str
    kind: Kind
    build: Builder


def create(name: str, *, weights: str | None, device: str, score_floor: float) -> StagedSegmenter:
    """Build a network and fill it with weights.

    Args:
        name: One of `MODELS`.
        weights: A file with a state dict, `random` (timing only), or None for the model's own.
        device: `cpu`, `cuda`, `cuda:N` or `mps`; `resolve_device` turns `auto` into one of these.
        score_floor: Detections below this score are left out, [0, 1]; soft probabilities have no floor.

    Raises:
        ParameterError: The name is unknown, or the floor lies outside its range.
        DeviceError: The device is not here.
        WeightsError: The weights cannot be had, or do not fit.
        MissingExtraError: torch is not installed.
    """
    if name not in MODELS:
        raise ParameterError(f"unknown model {name!r}; choose from: {', '.join(MODELS)}")
    if not 0 <= score_floor <= 1:
        raise ParameterError(f"score_floor must lie in [0, 1], got {score_floor}")
    require_torch()
    keep_freed_memory()
    return MODELS[name].build(weights, require_device(device), score_floor)


def has_weights(name: str) -> bool:
    """Whether a network's own weights are on this machine, so that `create` need not download them.

    Raises:
        ParameterError: The name is unknown.
        MissingExtraError: torch is not installed.
    """
    if name not in MODELS:
        raise ParameterError(f"unknown model {name!r}; choose from: {', '.join(MODELS)}")
    require_torch()
    from vidlab.models import zoo
    from vidlab.models.weights import is_here

    return is_here(zoo.OWN_WEIGHTS[name])


def create_for_timing(name: str, *, weights: str | None, device: str) -> StagedSegmenter:
    """Build a network whose speed is asked for: where its own weights are not here, random ones do.

    A detector keeps what `vidlab segment` keeps: fewer detections would look faster.

    Args:
        name: One of `MODELS`.
        weights: As in `create`; None takes the model's own if they are here, else random ones.
        device: As in `create`.

    Raises:
        ParameterError: The name is unknown.
        DeviceError: The device is not here.
        WeightsError: The weights cannot be had, or do not fit.
        MissingExtraError: torch is not installed.
    """
    if weights is None and not has_weights(name):
        weights = "random"
    return create(name, weights=weights, device=device, score_floor=EvidenceParams().drop_below)


def _maskrcnn_resnet50_fpn(weights: str | None, device: str, score_floor: float) -> StagedSegmenter:
    from vidlab.models import zoo

    return zoo.maskrcnn_resnet50_fpn(weights=weights, device=device, score_floor=score_floor)


def _deeplabv3_resnet50(weights: str | None, device: str, score_floor: float) -> StagedSegmenter:
    from vidlab.models import zoo

    return zoo.deeplabv3_resnet50(weights=weights, device=device)


def _lraspp_mobilenet_v3_large(weights: str | None, device: str, score_floor: float) -> StagedSegmenter:
    from vidlab.models import zoo

    return zoo.lraspp_mobilenet_v3_large(weights=weights, device=device)


def _maskrcnn_demo(weights: str | None, device: str, score_floor: float) -> StagedSegmenter:
    from vidlab.models import zoo

    return zoo.maskrcnn_demo(weights=weights, device=device, score_floor=score_floor)


MODELS: dict[str, ModelSpec] = {
    "maskrcnn_resnet50_fpn": ModelSpec(
        "Mask R-CNN, ResNet-50 with FPN, 80 COCO classes: the reference", "instances", _maskrcnn_resnet50_fpn
    ),
    "deeplabv3_resnet50": ModelSpec(
        "DeepLabV3, ResNet-50, 20 VOC classes: soft probabilities", "probs", _deeplabv3_resnet50
    ),
    "lraspp_mobilenet_v3_large": ModelSpec(
        "LRASPP, MobileNetV3: 20 VOC classes, the fastest", "probs", _lraspp_mobilenet_v3_large
    ),
    "maskrcnn_demo": ModelSpec(
        "small Mask R-CNN, trained on this repository's synthetic scenes; needs no download",
        "instances",
        _maskrcnn_demo,
    ),
}
