"""How each network of the registry is built from torchvision's parts."""

from collections.abc import Mapping
from pathlib import Path

import torch
from torchvision.models import WeightsEnum
from torchvision.models.detection import (
    MaskRCNN_ResNet50_FPN_Weights,
)
from torchvision.models.detection import (
    maskrcnn_resnet50_fpn as torchvision_maskrcnn,
)
from torchvision.models.segmentation import (
    DeepLabV3_ResNet50_Weights,
    LRASPP_MobileNet_V3_Large_Weights,
)
from torchvision.models.segmentation import (
    deeplabv3_resnet50 as torchvision_deeplab,
)
from torchvision.models.segmentation import (
    lraspp_mobilenet_v3_large as torchvision_lraspp,
)

from vidlab.classes import COCO_NAMES
from vidlab.models.demo import DEMO_CLASS_IDS, DEMO_WEIGHTS, build_demo
from vidlab.models.detector import InstanceSegmenter
from vidlab.models.semantic import SemanticSegmenter
from vidlab.models.weights import Published, load_weights

COCO_LABELS = 90  # torchvision's labels are COCO's ids; those that COCO leaves out are never trained
VOC_LABELS = 21  # with background
RANDOM_SEED = 0  # random weights are for timing: the same ones every time


def _published(weights: WeightsEnum) -> Published:
    return Published(str(weights), weights.url)


OWN_WEIGHTS: Mapping[str, Published | Path] = {
    "maskrcnn_resnet50_fpn": _published(MaskRCNN_ResNet50_FPN_Weights.COCO_V1),
    "deeplabv3_resnet50": _published(DeepLabV3_ResNet50_Weights.COCO_WITH_VOC_LABELS_V1),
    "lraspp_mobilenet_v3_large": _published(LRASPP_MobileNet_V3_Large_Weights.COCO_WITH_VOC_LABELS_V1),
    "maskrcnn_demo": DEMO_WEIGHTS,
}


def maskrcnn_resnet50_fpn(*, weights: str | None, device: str, score_floor: float) -> InstanceSegmenter:
    """Build torchvision's Mask R-CNN (He et al., ICCV 2017) for the COCO classes; see `registry.create`."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(RANDOM_SEED)
        network = torchvision_maskrcnn(
            weights=None, weights_backbone=None, num_classes=COCO_LABELS + 1, box_score_thresh=score_floor
        )
    label = load_weights(network, weights, own=OWN_WEIGHTS["maskrcnn_resnet50_fpn"])
    ids = tuple(label_id if label_id in COCO_NAMES else 0 for label_id in range(1, COCO_LABELS + 1))
    return InstanceSegmenter(
        network,
        name="maskrcnn_resnet50_fpn",
        weights=label,
        label_ids=ids,
        device=device,
        score_floor=score_floor,
    )


def deeplabv3_resnet50(*, weights: str | None, device: str) -> SemanticSegmenter:
    """Build torchvision's DeepLabV3 (Chen et al., 2017) for the VOC classes; see `registry.create`."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(RANDOM_SEED)
        network = torchvision_deeplab(
            weights=None, weights_backbone=None, num_classes=VOC_LABELS, aux_loss=True
        )
    label = load_weights(network, weights, own=OWN_WEIGHTS["deeplabv3_resnet50"])
    return SemanticSegmenter(network, name="deeplabv3_resnet50", weights=label, device=device)


def lraspp_mobilenet_v3_large(*, weights: str | None, device: str) -> SemanticSegmenter:
    """Build torchvision's LRASPP (Howard et al., ICCV 2019) for the VOC classes; see `registry.create`."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(RANDOM_SEED)
        network = torchvision_lraspp(weights=None, weights_backbone=None, num_classes=VOC_LABELS)
    label = load_weights(network, weights, own=OWN_WEIGHTS["lraspp_mobilenet_v3_large"])
    return SemanticSegmenter(network, name="lraspp_mobilenet_v3_large", weights=label, device=device)


def maskrcnn_demo(*, weights: str | None, device: str, score_floor: float) -> InstanceSegmenter:
    """Build the small Mask R-CNN of `scripts/train_demo.py`; see `registry.create`."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(RANDOM_SEED)
        network = build_demo(n_labels=len(DEMO_CLASS_IDS), score_floor=score_floor)
    label = load_weights(network, weights, own=OWN_WEIGHTS["maskrcnn_demo"])
    return InstanceSegmenter(
        network,
        name="maskrcnn_demo",
        weights=label,
        label_ids=DEMO_CLASS_IDS,
        device=device,
        score_floor=score_floor,
    )
