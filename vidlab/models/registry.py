"""The networks by name. Importing this costs nothing; torch loads when a network is created."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from vidlab.errors import ParameterError
from vidlab.heap import keep_freed_memory
from vidlab.models.device import require_device, require_torch, resolve_device
from vidlab.models.protocol import Kind, StagedSegmenter
from vidlab.models.request import NetworkRequest
from vidlab.params import EvidenceParams, NetworkParams

Builder = Callable[[NetworkRequest], StagedSegmenter]


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """One entry of the registry.

    Attributes:
        description: One line for lists.
        kind: What it returns, `instances` or `probs`; None where its file decides.
        build: Makes it.
        origin: Where its own weights come from: `published` are downloaded, `here` come with a clone; None
            where it has none, and `create` needs a file.
        runs_by: The library that runs it.
    """

    description: str
    kind: Kind | None
    build: Builder
    origin: str | None = None
    runs_by: Literal["torch", "onnxruntime"] = "torch"


def create(
    name: str, *, weights: str | None, device: str, score_floor: float, options: NetworkParams | None = None
) -> StagedSegmenter:
    """Build a network and fill it with weights.

    Args:
        name: One of `MODELS`.
        weights: A file with a state dict, `random` (timing only), or None for the model's own.
        device: `cpu`, `cuda`, `cuda:N` or `mps`; `resolve_device_of` turns `auto` into one of these. An
            `onnx` network takes `tensorrt` and `tensorrt:N`, too.
        score_floor: Detections below this score are left out, [0, 1]; soft probabilities have no floor.
        options: Encoder, names of classes, size of the input; None takes the defaults of `NetworkParams`.

    Raises:
        ParameterError: The name is unknown, the floor lies outside its range, or an option makes no sense.
        DeviceError: The device is not here.
        WeightsError: The weights cannot be had, or do not fit.
        MissingExtraError: torch, or what else the network needs, is not installed.
    """
    spec = find_spec(name)
    if not 0 <= score_floor <= 1:
        raise ParameterError(f"score_floor must lie in [0, 1], got {score_floor}")
    if spec.runs_by == "torch":
        require_torch()
        device = require_device(device)
    keep_freed_memory()
    return spec.build(NetworkRequest(name, weights, device, score_floor, options or NetworkParams()))


def find_spec(name: str) -> ModelSpec:
    """Return an entry of the registry.

    Raises:
        ParameterError: The name is unknown.
    """
    if name not in MODELS:
        raise ParameterError(f"unknown model {name!r}; choose from: {', '.join(MODELS)}")
    return MODELS[name]


def resolve_device_of(name: str, device: str) -> str:
    """Turn `auto` into the best device that is here for a network: of an `onnx` one, ONNX Runtime decides.

    Args:
        name: One of `MODELS`.
        device: `auto`, or what `create` takes.

    Raises:
        ParameterError: The name is unknown.
        DeviceError: The device that was asked for is not here.
        MissingExtraError: The library that runs the network is not installed.
    """
    if find_spec(name).runs_by == "torch":
        return resolve_device(device)
    from vidlab.models.onnx_runtime import best_device, providers_for

    device = best_device() if device == "auto" else device
    providers_for(device)
    return device


def has_weights(name: str) -> bool:
    """Whether a network's own weights are on this machine, so that `create` need not download them.

    Raises:
        ParameterError: The name is unknown.
        MissingExtraError: torch is not installed.
    """
    spec = find_spec(name)
    if spec.origin is None:
        return False
    require_torch()
    from vidlab.models import zoo
    from vidlab.models.weights import is_here

    return is_here(zoo.own_weights(name))


def create_for_timing(
    name: str, *, weights: str | None, device: str, options: NetworkParams | None = None
) -> StagedSegmenter:
    """Build a network whose speed is asked for: where its own weights are not here, random ones do.

    A detector keeps what `vidlab segment` keeps: fewer detections would look faster.

    Args:
        name: One of `MODELS`.
        weights: As in `create`; None takes the model's own if they are here, else random ones.
        device: As in `create`.
        options: As in `create`.

    Raises:
        ParameterError: The name is unknown, or an option makes no sense.
        DeviceError: The device is not here.
        WeightsError: The weights cannot be had, or do not fit.
        MissingExtraError: torch, or what else the network needs, is not installed.
    """
    if weights is None and not has_weights(name):
        weights = "random"
    floor = EvidenceParams().drop_below
    return create(name, weights=weights, device=device, score_floor=floor, options=options)


def _from_torchvision(request: NetworkRequest) -> StagedSegmenter:
    from vidlab.models import zoo

    return zoo.build(request)


def _demo(request: NetworkRequest) -> StagedSegmenter:
    from vidlab.models import zoo

    return zoo.build_demo_network(request)


def _from_smp(request: NetworkRequest) -> StagedSegmenter:
    from vidlab.models import smp

    return smp.build(request)


def _from_training(request: NetworkRequest) -> StagedSegmenter:
    from vidlab.models import unet

    return unet.build(request)


def _from_onnx(request: NetworkRequest) -> StagedSegmenter:
    from vidlab.models import onnx

    return onnx.open_onnx(request)


def _torchvision(description: str, kind: Kind) -> ModelSpec:
    return ModelSpec(description, kind, _from_torchvision, "published")


def _smp(description: str) -> ModelSpec:
    return ModelSpec(f"{description}, on any --encoder; needs --weights FILE", "probs", _from_smp)


# The names of torchvision's networks are torchvision's own, by which `zoo` builds them.
MODELS: dict[str, ModelSpec] = {
    "maskrcnn_resnet50_fpn": _torchvision(
        "Mask R-CNN, ResNet-50 with FPN, 80 COCO classes: the reference", "instances"
    ),
    "maskrcnn_resnet50_fpn_v2": _torchvision(
        "Mask R-CNN with the training and heads of 2021: better masks, slower", "instances"
    ),
    "deeplabv3_resnet50": _torchvision("DeepLabV3, ResNet-50, 20 VOC classes: soft probabilities", "probs"),
    "deeplabv3_resnet101": _torchvision("DeepLabV3, ResNet-101, 20 VOC classes: deeper and slower", "probs"),
    "deeplabv3_mobilenet_v3_large": _torchvision("DeepLabV3, MobileNetV3, 20 VOC classes: fast", "probs"),
    "fcn_resnet50": _torchvision("FCN, ResNet-50, 20 VOC classes: the plain ancestor", "probs"),
    "fcn_resnet101": _torchvision("FCN, ResNet-101, 20 VOC classes: deeper and slower", "probs"),
    "lraspp_mobilenet_v3_large": _torchvision("LRASPP, MobileNetV3: 20 VOC classes, the fastest", "probs"),
    "maskrcnn_demo": ModelSpec(
        "small Mask R-CNN, trained on this repository's synthetic scenes; needs no download",
        "instances",
        _demo,
        "here",
    ),
    "unet": ModelSpec(
        "what vidlab train made: the reference U-Net, or any below; needs --weights FILE",
        "probs",
        _from_training,
    ),
    "smp_unet": _smp("U-Net (2015)"),
    "smp_unetplusplus": _smp("U-Net++ (2018): nested skips"),
    "smp_manet": _smp("MA-Net (2020): attention in the skips"),
    "smp_linknet": _smp("LinkNet (2017): skips are added, light"),
    "smp_fpn": _smp("FPN (2017): feature pyramid"),
    "smp_pspnet": _smp("PSPNet (2017): pyramid pooling, coarse and fast"),
    "smp_pan": _smp("PAN (2018): pyramid attention, light"),
    "smp_deeplabv3": _smp("DeepLabV3 (2017)"),
    "smp_deeplabv3plus": _smp("DeepLabV3+ (2018): with a decoder, finer edges"),
    "smp_upernet": _smp("UPerNet (2018): pyramid pooling over a feature pyramid"),
    "smp_segformer": _smp("SegFormer (2021): its light decoder; encoders mit_b0 to mit_b5 are its own"),
    "onnx": ModelSpec(
        "any of these, or a network from elsewhere, in an ONNX file; needs --weights FILE.onnx",
        None,
        _from_onnx,
        runs_by="onnxruntime",
    ),
}
