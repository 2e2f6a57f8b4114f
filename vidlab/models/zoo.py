"""How torchvision's networks are built: one table says in what they differ, torchvision does the rest."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import nn
from torchvision.models import get_model, get_model_weights

from vidlab.classes import COCO_NAMES
from vidlab.errors import ParameterError
from vidlab.models.building import same_chance, semantic_outputs, to_segmenter
from vidlab.models.demo import DEMO_CLASS_IDS, DEMO_WEIGHTS, build_demo
from vidlab.models.detector import InstanceSegmenter
from vidlab.models.outputs import N_VOC_OUTPUTS, VOC_OUTPUTS, to_outputs
from vidlab.models.protocol import StagedSegmenter
from vidlab.models.request import NetworkRequest
from vidlab.models.sizes import INPUT_SHORT_PX
from vidlab.models.weights import Found, Published, find_weights

N_COCO_LABELS = 91  # with background; labels are COCO's ids, and those that COCO leaves out are never trained
EXACT_VARIANCE = "bf2d0c1e"  # torchvision's first Mask R-CNN: its batch norms add nothing to the variance
AUXILIARY = "aux_classifier."  # a second head that only training needs, and inference would run for nothing


@dataclass(frozen=True, slots=True)
class Family:
    """What networks with one kind of head have in common.

    Attributes:
        head: Tensor of a state dict with one row for each output.
        n_outputs: How many the published weights have.
        detects: Returns instances, not a map for each class.
    """

    head: str
    n_outputs: int
    detects: bool = False


_MASK_RCNN = Family("roi_heads.box_predictor.cls_score.bias", N_COCO_LABELS, detects=True)
_CONVOLUTION = Family("classifier.4.bias", N_VOC_OUTPUTS)  # the head of DeepLabV3 and of FCN

FAMILIES: Mapping[str, Family] = {
    "maskrcnn_resnet50_fpn": _MASK_RCNN,
    "maskrcnn_resnet50_fpn_v2": _MASK_RCNN,
    "deeplabv3_resnet50": _CONVOLUTION,
    "deeplabv3_resnet101": _CONVOLUTION,
    "deeplabv3_mobilenet_v3_large": _CONVOLUTION,
    "fcn_resnet50": _CONVOLUTION,
    "fcn_resnet101": _CONVOLUTION,
    "lraspp_mobilenet_v3_large": Family("classifier.low_classifier.bias", N_VOC_OUTPUTS),
}


def own_weights(name: str) -> Published | Path:
    """Return where a network's own weights are: torchvision's best, or the demo network's file."""
    if name not in FAMILIES:
        return DEMO_WEIGHTS
    best = get_model_weights(name).DEFAULT
    return Published(str(best), best.url)


def build(request: NetworkRequest) -> StagedSegmenter:
    """Build one of torchvision's networks (see each one's paper there); see `registry.create`.

    A file may hold a network that was trained anew for other classes: their number is read from it.
    """
    family = FAMILIES[request.name]
    found = find_weights(request.weights, own=own_weights(request.name), model=request.name)
    head = found.state.get(family.head)
    n_outputs = family.n_outputs if head is None else len(head)
    options = _options(request, n_outputs=n_outputs, detects=family.detects)
    with same_chance():
        network: nn.Module = get_model(request.name, weights=None, weights_backbone=None, **options)
    found.fill(network, unused=AUXILIARY)
    if found.has_digest(EXACT_VARIANCE):
        _set_epsilon(network, 0.0)
    if family.detects:
        return _detector(network, found, request=request, n_outputs=n_outputs)
    outputs = semantic_outputs(found, request=request, n_outputs=n_outputs, default=VOC_OUTPUTS)
    return to_segmenter(network, found, request=request, outputs=outputs, input_short_px=INPUT_SHORT_PX)


def build_demo_network(request: NetworkRequest) -> InstanceSegmenter:
    """Build the small Mask R-CNN of `scripts/train_demo.py`; see `registry.create`."""
    found = find_weights(request.weights, own=DEMO_WEIGHTS, model=request.name)
    with same_chance():
        network = build_demo(n_labels=len(DEMO_CLASS_IDS), score_floor=request.score_floor)
    found.fill(network)
    _scale_detector(network, request)
    return _instances(network, found, request=request, label_ids=DEMO_CLASS_IDS)


def _options(request: NetworkRequest, *, n_outputs: int, detects: bool) -> dict[str, Any]:
    if not detects:
        return {"num_classes": n_outputs}
    return {"num_classes": n_outputs, "box_score_thresh": request.score_floor}


def _detector(
    network: nn.Module, found: Found, *, request: NetworkRequest, n_outputs: int
) -> InstanceSegmenter:
    _scale_detector(network, request)
    names = request.class_names or found.recipe.classes
    if not names and n_outputs == N_COCO_LABELS:
        ids = tuple(label if label in COCO_NAMES else None for label in range(1, N_COCO_LABELS))
        return _instances(network, found, request=request, label_ids=ids)
    source = request.name if found.file is None else found.file.name
    outputs = to_outputs(names, n_outputs=n_outputs, activation="softmax", source=source)
    if outputs.class_ids[0] is not None:
        raise ParameterError(f"the first output of {source} must be background, got the class {names[0]!r}")
    return _instances(network, found, request=request, label_ids=outputs.class_ids[1:], names=outputs.names)


def _set_epsilon(network: nn.Module, epsilon: float) -> None:
    """Set what batch norms add to the variance, as torchvision does when it loads such weights."""
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eps = epsilon


def _scale_detector(network: Any, request: NetworkRequest) -> None:
    """Set the size at which a detector sees pictures; the longer side's limit keeps its proportion."""
    short_px = request.options.input_short_px
    if short_px:
        transform = network.transform
        transform.max_size = round(transform.max_size * short_px / transform.min_size[-1])
        transform.min_size = (short_px,)


def _instances(
    network: nn.Module,
    found: Found,
    *,
    request: NetworkRequest,
    label_ids: tuple[int | None, ...],
    names: Mapping[int, str] | None = None,
) -> InstanceSegmenter:
    return InstanceSegmenter(
        network,
        name=request.name,
        weights=found.label,
        label_ids=label_ids,
        device=request.device,
        score_floor=request.score_floor,
        class_names=names,
    )
